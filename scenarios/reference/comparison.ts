/**
 * Compares the decrypted model with the references, which are trained the same way in the clear: float64 for
 * the accuracy, fixed point for the weights. In a reproducible run the fixed-point reference replays the very
 * rounding of the clouds, so it must agree bit for bit; otherwise nobody knows the keys, the references draw
 * their own, and weights cannot be compared. A reference that does not fit, or fails, is left out; the run's
 * own result stays.
 */
import { randomBytes } from "node:crypto"
import {
  type Agreement,
  computationName,
  lossOf,
  planOf,
  planOfBatch,
  trainsOnCiphertexts
} from "../../actors/party/agreement.ts"
import { sizesOf } from "../../protocol/ciphertexts/plan.ts"
import { uploadedIntegers } from "../../protocol/ciphertexts/uploaded.ts"
import { classesOf } from "../../protocol/data/description.ts"
import type { JointTable } from "../../protocol/data/joint.ts"
import type { Curve } from "../../protocol/learning/evaluations.ts"
import { type Model, modelValues } from "../../protocol/learning/model.ts"
import { batchOrder } from "../../protocol/learning/order.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import { leavesRange, rangeText } from "../../protocol/learning/range.ts"
import { type Metrics, metricsOf } from "../../protocol/metrics/metrics.ts"
import { tallyOf } from "../../protocol/metrics/tally.ts"
import { RingMemoryExhausted } from "../../protocol/ring/ring.ts"
import { type SeededPurpose, seededKey } from "../../protocol/seeding.ts"
import type { JoinedData } from "../description/joined.ts"
import type { Alone, Reasons } from "../report/result.ts"
import { count, duration, size } from "../text/units.ts"
import { trainAlone } from "./alone.ts"
import { memoryLeft, needsOf, type ReferenceKind, ringLimit } from "./needs.ts"
import { beyondRange } from "./opened-model.ts"
import { maximumDeviation, type ReferenceRun, trainFixedReference, trainFloatReference } from "./reference.ts"
import { type Fit, fitOf, straysFurther } from "./rehearsal.ts"

export interface Comparison {
  /** Of the float64 reference on the held-out rows. */
  readonly referenceAccuracy: number | null
  /** All figures of the float64 reference there, if it has any. */
  readonly referenceMetrics?: Metrics | undefined
  /** Maximum difference of a weight to the fixed-point reference. */
  readonly maxWeightDeviation: number | null
  /** What each owner gets alone, where the reference could be tested. */
  readonly alone?: ReadonlyArray<Alone> | undefined
  /** How the fixed-point reference did on the validation rows, epoch by epoch, if there are any. */
  readonly curve?: Curve
  /** Why a figure is null. */
  readonly reasons: Reasons
  /** Why the run's result is not meaningful, if it is not. */
  readonly meaningless: ReadonlyArray<string>
  /** What is not certain to spoil it. */
  readonly warnings: ReadonlyArray<string>
}

/** What is compared, and whether it can be. */
export interface Compared {
  readonly agreement: Agreement
  /** The run's name. */
  readonly run: string
  readonly joined: JoinedData
  readonly model: Model
  /** Why no reference can be trained, such as data that are no longer those of the run. */
  readonly referenceLeftOut?: string | undefined
  /** Memory that a reference may take; by default what is left of the machine's. */
  readonly memoryBytes?: number | undefined
  /** Called with a line for each reference that is left out or takes long. */
  readonly note?: (text: string) => void
}

/** Nothing to compare with, for one reason. */
export const notCompared = (reason: string): Comparison => ({
  referenceAccuracy: null,
  maxWeightDeviation: null,
  reasons: { referenceAccuracy: reason, maxWeightDeviation: reason },
  meaningless: [],
  warnings: []
})

const onlyWithSeed = "only a run with a seed can be replayed"

const keyFrom =
  ({ seed }: Agreement) =>
  (purpose: SeededPurpose): Uint8Array =>
    seed === undefined ? new Uint8Array(randomBytes(16)) : seededKey(seed, purpose)

/** The keys of what a run with a seed draws, or others like them. */
export const drawsOf = (agreement: Agreement) => {
  const key = keyFrom(agreement)
  return { orderKey: key("order"), initialKeys: [key("initial0"), key("initial1")] as const }
}

/** What decides the rounding of a run. */
const roundingOf = (agreement: Agreement, plan: TrainingPlan, key: ReturnType<typeof keyFrom>) => {
  const { exponents, modulusBits } = agreement.security
  return trainsOnCiphertexts(agreement)
    ? { blinds: key("blinds"), sizes: sizesOf(plan, modulusBits, exponents) }
    : { keys: [key("dealer0"), key("dealer1")] as const }
}

/** The choices that a run with a seed makes, or others like them. */
export const choicesOf = (agreement: Agreement, { prepared: data, rows }: JoinedData) => {
  const plan = planOf(agreement, rows.uploaded)
  const draws = drawsOf(agreement)
  const { fractionalBits } = agreement.security
  const openedBelow = 2 ** uploadedIntegers(fractionalBits).valueBits
  return {
    ...{ data, plan, order: batchOrder(plan, draws.orderKey), ...draws, dealerKey: keyFrom(agreement) },
    ...(trainsOnCiphertexts(agreement) && { openedBelow })
  }
}

/** Trains the references on the joined data and compares. */
export const compareWithReferences = async (compared: Compared): Promise<Comparison> => {
  const { agreement, run, joined, model, referenceLeftOut } = compared
  // Then the model cannot be judged by the data either, only by its own numbers.
  if (referenceLeftOut !== undefined) {
    const plan = planOfBatch(agreement)
    const meaningless = leavesRange(model, plan) ? [beyondRange(plan.fractionalBits)] : []
    return { ...notCompared(referenceLeftOut), meaningless }
  }
  const { dealerKey, ...choices } = choicesOf(agreement, joined)
  const { plan, order } = choices
  const recent = joined.trainingRows(recentRows(choices))
  const standing: Standing = {
    strays: straysFurther(plan, model, joined.trainingRows(order(plan.steps))),
    fit: await fitOf(choices, model, recent)
  }
  const attempted = attempting(compared, plan)
  let training: JointTable | undefined
  const reference = (): ReferenceRun => {
    training ??= joined.training()
    return { ...choices, training }
  }
  const float = await attempted("float64", async () => {
    const trained = await trainFloatReference(reference())
    const finite = modelValues(trained.model).every(Number.isFinite)
    const heldOut = joined.heldOut()
    const loss = lossOf(agreement)
    const metrics =
      finite && heldOut.rows > 0
        ? metricsOf(agreement.data, loss, tallyOf(trained.model, heldOut))
        : undefined
    return { leftRangeIn: trained.leftRangeIn, finite, metrics }
  })
  // The owners' rows take the room of the joint table.
  training = undefined
  const alone =
    float.value?.metrics &&
    (await attempted("float64", () => trainAlone(agreement, joined, choices), "each owner's network alone"))
  const fixed = await attempted("fixed-point", async () => {
    const replay = { run: computationName(agreement, run), ...roundingOf(agreement, plan, dealerKey) }
    const trained = await trainFixedReference({ ...reference(), replay })
    return { deviation: maximumDeviation(model, trained.model), curve: trained.curve }
  })
  const referenceMetrics = float.value?.metrics
  const accuracy = referenceMetrics?.kind === "classes" ? referenceMetrics.accuracy : undefined
  const noAccuracy = classesOf(agreement.data) === undefined ? areNumbers : "no row is held out"
  const untested = float.value?.finite ? noAccuracy : notFinite
  return {
    referenceAccuracy: accuracy ?? null,
    referenceMetrics,
    alone: alone?.value,
    maxWeightDeviation: fixed.value?.deviation ?? null,
    ...(fixed.value !== undefined && fixed.value.curve.length > 0 && { curve: fixed.value.curve }),
    reasons: {
      ...(accuracy === undefined ? { referenceAccuracy: float.reason ?? untested } : {}),
      ...(fixed.reason === undefined ? {} : { maxWeightDeviation: fixed.reason })
    },
    ...verdict(plan, standing, float.value, agreement.seed !== undefined)
  }
}

/** Why there is no accuracy where numbers are predicted. */
export const areNumbers = "numbers are predicted, which are in no class"

/** The result of training a reference, or why there is none. */
type Attempt<A> =
  | { readonly value: A; readonly reason?: undefined }
  | { readonly value?: undefined; readonly reason: string }

/** A reference that takes longer is announced. */
const noticeableSeconds = 5

/** Trains a reference if it fits. If it fails, the run's own result is not lost. */
const attempting =
  ({ agreement, joined, memoryBytes = memoryLeft(), note }: Compared, plan: TrainingPlan) =>
  async <A>(
    kind: ReferenceKind,
    train: () => Promise<A>,
    what = `the ${kind} reference`
  ): Promise<Attempt<A>> => {
    if (kind === "fixed-point" && agreement.seed === undefined) return { reason: onlyWithSeed }
    const { bytes, ringBytes, seconds } = needsOf(kind, plan, joined.rows.heldOut)
    const leftOut = (why: string): Attempt<A> => {
      note?.(`${what} is left out: ${why}`)
      return { reason: `left out: ${why}` }
    }
    if (bytes > memoryBytes)
      return leftOut(`it takes about ${size(bytes)} of memory, and ${size(memoryBytes)} are left`)
    if (ringBytes > ringLimit)
      return leftOut(`it takes about ${size(ringBytes)} of one memory, which ends at ${size(ringLimit)}`)
    if (seconds > noticeableSeconds)
      note?.(`training ${what} takes about ${duration(seconds)} and ${size(bytes)} of memory`)
    try {
      return { value: await train() }
    } catch (error) {
      return leftOut(
        error instanceof RangeError || error instanceof RingMemoryExhausted
          ? `the machine had too little memory for it, about ${size(bytes)}`
          : `training it failed: ${error instanceof Error ? error.message : String(error)}`
      )
    }
  }

const notFinite = "its weights are no longer finite numbers, since the training diverges"
const remedy = "use a lower training.rate or a narrower data.scaleTo"

/** How a model stands at the end of its training. */
interface Standing {
  /** Whether a further step leaves the range. */
  readonly strays: boolean
  readonly fit: Fit
}

/** Enough to tell a training that diverges from a batch that is hard. */
const manyRows = 512

/** The rows of the last steps, ascending: as many steps as it takes to have many rows. */
const recentRows = ({ order, plan }: Pick<ReferenceRun, "order" | "plan">): Uint32Array => {
  const rows = new Set<number>()
  const enough = Math.min(manyRows, plan.stepsPerEpoch * plan.batch)
  for (let step = plan.steps; step > 0 && rows.size < enough; step--)
    for (const row of order(step)) rows.add(row)
  return Uint32Array.from(rows).sort()
}

/** What the numbers of the run and of its float64 reference say about the result. */
const verdict = (
  plan: TrainingPlan,
  { strays, fit }: Standing,
  float: { readonly leftRangeIn: number | undefined; readonly finite: boolean } | undefined,
  reproducible: boolean
): Pick<Comparison, "meaningless" | "warnings"> => {
  const range = rangeText(plan.fractionalBits)
  const left = float?.leftRangeIn
  if (left !== undefined && reproducible)
    return {
      meaningless: [
        `the training left the range of the fixed-point numbers (${range}) in step ${count(left)} of ${count(plan.steps)}, as its float64 reference shows; ${remedy}`
      ],
      warnings: []
    }
  if (strays)
    return {
      meaningless: [
        `the training left the range of the fixed-point numbers (${range}), or is about to: a further step from the model does; ${remedy}`
      ],
      warnings: []
    }
  if (fit.diverges)
    return {
      meaningless: [
        `the training diverged: its error on rows that it was trained on is ${fit.error.toPrecision(3)}, and was ${fit.first.toPrecision(3)} before it began; ${remedy}`
      ],
      warnings: []
    }
  if (float?.finite === false)
    return {
      meaningless: [`the float64 reference diverges, so there is nothing to compare with; ${remedy}`],
      warnings: []
    }
  return {
    meaningless: [],
    warnings: [
      ...(left === undefined
        ? []
        : [
            `the float64 reference, with weights and batches of its own, left the range of the fixed-point numbers (${range}) in step ${count(left)} of ${count(plan.steps)}; where the run did too, its model means nothing: ${remedy}`
          ])
    ]
  }
}
