/**
 * Audits the pads of the training in two ways. Each pad covers one content (`single-use.ts`), whatever it is. And
 * what travelled is the content combined with the pads that the ledger names, all of their bits (`expected.ts`): the
 * sum of both clouds' parts of a round, and each part of a dealing. From the first step in which something differs,
 * the values are no longer those that the audit computes; there it ends.
 */

import { labelsOperation } from "../computation/evaluating.ts"
import { gatherFixedRows } from "../computation/fixed.ts"
import type { FixedMatrix } from "../computation/fixed-point.ts"
import { keepState } from "../computation/layer-words.ts"
import {
  addSums,
  type EvaluatedData,
  type EvaluatedSums,
  evaluateRows,
  gatherEvaluated,
  revealSums
} from "../learning/evaluation.ts"
import { evaluationStep, slicesOf } from "../learning/evaluations.ts"
import { describeOperation } from "../learning/operations.ts"
import { type EvaluatingPlan, evaluates, planOfStep, type TrainingPlan } from "../learning/plan.ts"
import { type Layer, openData, openWeights, trainingStep } from "../learning/step.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { clearRows, expectedOf } from "./expected.ts"
import type { Expected } from "./expecting.ts"
import { explain } from "./explanation.ts"
import { bytesAt, type Line, type Placed, placed } from "./ledger.ts"
import type { Order } from "./order.ts"
import { describeStream, type Generators, type PadStream } from "./pads.ts"
import type { Finding } from "./recording.ts"
import { coveredBits, SingleUse } from "./single-use.ts"
import type { Travelled } from "./travelled.ts"

/** What the training starts from, in the clear, in the ring's memory. */
export interface ClearStart {
  readonly features: Matrix
  readonly labels: Matrix
  readonly layers: ReadonlyArray<Layer<Matrix>>
}

export interface AuditedTraining {
  readonly ring: Ring
  readonly plan: TrainingPlan
  readonly generators: Generators
  readonly order: Order
  readonly start: ClearStart
}

const described = ({ line: { stream, part, units, unitBytes }, at }: Placed, where: string): string => {
  const operation = stream === undefined ? "" : ` of ${describeOperation(stream.operation)}`
  const step = stream === undefined ? "" : `step ${stream.step}, `
  return `${step}${part}${operation}, bytes ${at} to ${at + units * unitBytes - 1} of ${where}`
}

/** Findings of a kind that are shown: those after them follow from the same fault. */
const mostFindings = 4

/** Pads with two contents. */
export const usedTwice = (travelled: ReadonlyArray<Travelled>): ReadonlyArray<Finding> => {
  const uses = new SingleUse()
  const twice = travelled.flatMap(({ lines, received, where, dealt }) =>
    placed(lines).flatMap((each) =>
      ([0, 1] as const).flatMap((receiver) => {
        const owner = dealt || receiver === 1 ? 0 : 1
        return received[receiver].flatMap((bytes) =>
          uses.enter(owner, each.line, bytesAt(bytes, each), where)
        )
      })
    )
  )
  return twice.slice(0, mostFindings)
}

/** Both clouds' parts together, unit by unit. */
const together = ({ combine, unitBytes }: Line, a: Uint8Array, b: Uint8Array): Uint8Array => {
  if (combine === "xor") return a.map((byte, i) => byte ^ b[i]!)
  let carry = 0
  return a.map((byte, i) => {
    if (i % unitBytes === 0) carry = 0
    const sum = byte + b[i]! + carry
    carry = sum >> 8
    return sum
  })
}

/** The bytes that are expected of a line. */
const expectedBytes = (line: Line, expected: Expected): Uint8Array => {
  const { stream, units, unitBytes, padAt, padStride } = line
  const out = new Uint8Array(units * unitBytes)
  const all = stream && expected.get(describeStream(stream))
  if (all === undefined) return out
  for (let unit = 0; unit < units; unit++)
    for (let byte = 0; byte < unitBytes; byte++)
      out[unit * unitBytes + byte] = all[padAt + unit * padStride + byte]! & coveredBits(line, unit, byte)
  return out
}

const firstDifference = (a: Uint8Array, b: Uint8Array): number => a.findIndex((byte, i) => byte !== b[i])

/** A finding, and whether it is known which pad took the place of the right one. */
interface Misfitted {
  readonly finding: Finding
  readonly explained: boolean
}

/** What of a step is not under the pads of the ledger. */
class Step {
  readonly #training: AuditedTraining
  readonly #expected: Expected
  readonly #streams: ReadonlyArray<PadStream>

  constructor(training: AuditedTraining, expected: Expected, streams: ReadonlyArray<PadStream>) {
    this.#training = training
    this.#expected = expected
    this.#streams = streams
  }

  misfits({ lines, received: [at0, at1], where, dealt }: Travelled): ReadonlyArray<Misfitted> {
    return placed(lines).flatMap((each) => {
      const [a, b] = [at0[0], at1[0]].map((bytes) => bytes && bytesAt(bytes, each))
      if (b === undefined || (a === undefined && !dealt)) return []
      const actual = a === undefined ? b : together(each.line, a, b)
      const expected = expectedBytes(each.line, this.#expected)
      return firstDifference(actual, expected) < 0
        ? []
        : this.#findings(each, { actual, expected, dealt }, where)
    })
  }

  #findings(
    each: Placed,
    bytes: { readonly actual: Uint8Array; readonly expected: Uint8Array; readonly dealt: boolean },
    where: string
  ): ReadonlyArray<Misfitted> {
    const { line } = each
    const at = described(each, where)
    if (line.stream === undefined) {
      const what = "bytes without a pad: a share in the place of another lane's value"
      return [{ finding: { coalition: "cloud1", what, where: at }, explained: true }]
    }
    const explained = explain({ line, ...bytes }, this.#training.generators, this.#streams)
    const name = describeStream(line.stream)
    const why =
      explained === undefined
        ? `is not the content under the ${name}${about(line)}`
        : `is under ${explained.what}, where the ledger has the ${name}`
    const owners = explained?.clouds ?? (bytes.dealt ? [0] : [0, 1])
    return owners.map((owner) => ({
      finding: {
        coalition: `cloud${1 - owner}`,
        what: bytes.dealt ? `a correction ${why}` : `what cloud${owner} sent ${why}`,
        where: at,
        remedy: "draw its pad at the place that the ledger names"
      },
      explained: explained !== undefined
    }))
  }
}

/** What else than a pad may be other than expected: the first product of a step is that of its rows. */
const about = ({ stream }: Line): string =>
  stream?.kind === "rounding" && describeOperation(stream.operation) === "forwardRescale of layer 1"
    ? "; the rows of the step may not be those that the key of the batch order gives"
    : ""

/** What is not under the pads that the ledger names, in the first step in which something is not. */
export const misfitting = (
  training: AuditedTraining,
  travelled: ReadonlyArray<Travelled>
): ReadonlyArray<Finding> => {
  const { ring, plan, generators, order, start } = training
  const steps = new Map<number, Array<Travelled>>()
  for (const each of travelled) steps.set(each.step, [...(steps.get(each.step) ?? []), each])
  const streams = new Map<string, PadStream>()
  for (const { lines } of travelled)
    for (const { stream } of lines) if (stream !== undefined) streams.set(describeStream(stream), stream)
  const of = (step: number, expected: Expected): ReadonlyArray<Finding> => {
    const checked = new Step(training, expected, [...streams.values()])
    const found = (steps.get(step) ?? []).flatMap((each) => checked.misfits(each))
    // Whatever else differs may follow from a pad that is another's.
    const explained = found.filter(({ explained }) => explained)
    return (explained.length > 0 ? explained : found).map(({ finding }) => finding).slice(0, mostFindings)
  }
  const { features, labels } = start
  const opened = expectedOf({ ring, generators, step: 0 }, function* (ops) {
    const data = yield* openData(ops, plan, features as FixedMatrix, labels as FixedMatrix)
    if (!evaluates(plan) || !plan.validation.classes) return { data, inputs: data.inputs, labels }
    const chosen = yield* ops.open(labelsOperation(plan), labels as FixedMatrix)
    return { data, inputs: data.inputs, labels, chosen }
  })
  const first = of(0, opened.expected)
  if (first.length > 0) return first
  const { data } = opened.value
  for (let step = 1; step <= plan.steps; step++) {
    const mark = ring.mark()
    const { value, expected } = expectedOf({ ring, generators, step }, (ops) =>
      trainingStep(ops, planOfStep(plan, step), start.layers, clearRows(ring, data, order(step)))
    )
    keepState(ring, start.layers, value)
    ring.release(mark)
    const found = of(step, expected)
    if (found.length > 0) return found
    if (!evaluates(plan) || step % plan.stepsPerEpoch > 0) continue
    for (const { slice, expected } of evaluated(training, plan, step, opened.value)) {
      const found = of(slice, expected)
      if (found.length > 0) return found
    }
  }
  return []
}

/** What is expected of each slice of the evaluation after a step. */
function* evaluated(
  { ring, generators, start }: AuditedTraining,
  plan: EvaluatingPlan,
  step: number,
  data: EvaluatedData<FixedMatrix, FixedMatrix>
): Generator<{ readonly slice: number; readonly expected: Expected }, void> {
  const mark = ring.mark()
  const first = evaluationStep(plan, step / plan.stepsPerEpoch)
  const slices = slicesOf(plan)
  let weights: ReadonlyArray<FixedMatrix> = []
  let sums: EvaluatedSums<FixedMatrix> | undefined
  for (const [i, { from, end }] of slices.entries()) {
    const rows = Uint32Array.from({ length: end - from }, (_, row) => plan.rows + from + row)
    const some = (x: FixedMatrix): FixedMatrix => gatherFixedRows(ring, x, rows)
    const { expected } = expectedOf({ ring, generators, step: first + i }, function* (ops) {
      if (i === 0) weights = yield* openWeights(ops, start.layers)
      const part = gatherEvaluated(data, { value: some, opened: some })
      const found = yield* evaluateRows(ops, plan, start.layers, weights, part)
      sums = sums === undefined ? found : addSums(ops, sums, found)
      if (i === slices.length - 1) yield* revealSums(ops, sums)
    })
    yield { slice: first + i, expected }
  }
  ring.release(mark)
}
