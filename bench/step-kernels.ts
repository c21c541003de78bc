/**
 * What a training step costs each party in arithmetic alone: the dealer and both clouds run in one process, one after the
 * other, with nothing between them, and the processor time of each is taken apart. Beside it the floor: the matrix products
 * that the party cannot do without.
 */
import { type CloudOperations, cloudOperations, rowsOf } from "../protocol/computation/cloud.ts"
import { Corrections } from "../protocol/computation/corrections.ts"
import { deal } from "../protocol/computation/dealer.ts"
import type { OpenedLabels } from "../protocol/computation/labels.ts"
import { maskDifference } from "../protocol/computation/masks.ts"
import { gatherRows, type OpenedMatrix } from "../protocol/computation/product.ts"
import { biasShape, type Network, opensLabels, outputs, weightShape } from "../protocol/learning/network.ts"
import { type Message, operation, type Round } from "../protocol/learning/operations.ts"
import { type TrainingPlan, trainingPlan } from "../protocol/learning/plan.ts"
import { type Layer, type OpenedData, openData, trainingStep } from "../protocol/learning/step.ts"
import { Prg } from "../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../protocol/ring/ring.ts"
import { announceMachine, ownProcessorMs, type Spread, spreadOf, writeFigures } from "./measure.ts"
import { type MeasuredNetwork, productsOf, variantsOf } from "./networks.ts"

export interface StepKernels {
  readonly name: string
  readonly batch: number
  readonly multiplications: number
  /** Milliseconds of processor time a step. */
  readonly dealer: Spread
  readonly cloud0: Spread
  readonly cloud1: Spread
  /** What the first steps, which are not in these, took beyond the median: compiling. The clouds share what is compiled. */
  readonly first: { readonly dealer: number; readonly clouds: number }
  /** The matrix products alone, as many for the dealer as for a cloud. */
  readonly products: Spread
  readonly rounds: number
  readonly openedBytes: number
  readonly dealtBytes: number
}

const productFloor = async (network: Network, batch: number, repetitions: number): Promise<Spread> => {
  const ring = await Ring.load()
  const prepared = productsOf(network, batch).map(([x, y, form]) => {
    const rows = form === "leftTransposed" ? x.cols : x.rows
    const cols = form === "rightTransposed" ? y.rows : y.cols
    const [left, right, out] = [
      ring.zeros(x.rows, x.cols),
      ring.zeros(y.rows, y.cols),
      ring.zeros(rows, cols)
    ]
    return () => ring.product(out, left, right, form)
  })
  return spreadOf(
    Array.from({ length: repetitions }, () => {
      const start = ownProcessorMs()
      for (const multiply of prepared) multiply()
      return ownProcessorMs() - start
    })
  )
}

/** A cloud: its share of everything and the processor time it has spent on the step at hand. */
class Cloud {
  readonly ring: Ring
  readonly party: 0 | 1
  readonly prg: Prg
  spentMs = 0

  constructor(ring: Ring, party: 0 | 1, prg: Prg) {
    this.ring = ring
    this.party = party
    this.prg = prg
  }

  operations(step: number, corrections?: Uint8Array): CloudOperations {
    const { ring, party, prg } = this
    const own = { ring, party, prg, step }
    return corrections && party === 1
      ? cloudOperations({ ...own, corrections: Corrections.parse(step, corrections) })
      : cloudOperations(own)
  }

  timed<A>(work: () => A): A {
    const start = ownProcessorMs()
    const result = work()
    this.spentMs += ownProcessorMs() - start
    return result
  }
}

/** Runs both clouds in lockstep; rounds and bytes each way. */
const lockstep = <A>(clouds: readonly [Cloud, Cloud], program: (cloud: Cloud) => Round<A>) => {
  const [round0, round1] = [program(clouds[0]), program(clouds[1])]
  let next0 = clouds[0].timed(() => round0.next())
  let next1 = clouds[1].timed(() => round1.next())
  let [rounds, bytes] = [0, 0]
  while (!next0.done && !next1.done) {
    const copied = (sent: ReadonlyArray<Message>) => sent.map((message) => message().slice())
    const [sent0, sent1] = [copied(next0.value), copied(next1.value)]
    rounds++
    for (const message of sent0) bytes += message.length
    next0 = clouds[0].timed(() => round0.next(sent1))
    next1 = clouds[1].timed(() => round1.next(sent0))
  }
  if (!next0.done || !next1.done) throw new Error("one cloud ended before the other")
  return { results: [next0.value, next1.value] as const, rounds, bytes }
}

const batchRows = (plan: TrainingPlan, step: number): Uint32Array =>
  Uint32Array.from({ length: plan.batch }, (_, i) => (i * 7 + step * plan.batch) % plan.rows)

/** The step at a cloud: batch, step, new weights in the place of the old. */
function* cloudStep(
  cloud: Cloud,
  plan: TrainingPlan,
  step: number,
  corrections: Uint8Array,
  data: OpenedData<Matrix, OpenedMatrix, OpenedLabels>,
  layers: ReadonlyArray<Layer<Matrix>>
): Round<void> {
  const { ring } = cloud
  const mark = ring.mark()
  const batch = rowsOf(ring, data, batchRows(plan, step))
  const updated = yield* trainingStep(cloud.operations(step, corrections), plan, layers, batch)
  layers.forEach(({ weights, bias }, l) => {
    ring.copy(weights, updated[l]!.weights)
    ring.copy(bias, updated[l]!.bias)
  })
  ring.release(mark)
}

/** What one step took of each party's processor time, in milliseconds, and what went between them. */
export interface KernelStep {
  readonly dealer: number
  readonly cloud0: number
  readonly cloud1: number
  readonly rounds: number
  readonly openedBytes: number
  readonly dealtBytes: number
}

/** Steps of a network, one after the other without end. */
export async function* kernelSteps({
  network,
  rows,
  batch,
  rate,
  steps,
  loss = "squared-error"
}: MeasuredNetwork): AsyncGenerator<KernelStep, never> {
  const plan = trainingPlan({
    network,
    rows,
    batch,
    epochs: Math.ceil((steps * batch) / rows),
    learningRate: rate,
    loss,
    fractionalBits: 20
  })
  if (opensLabels(network)) throw new Error("these networks have an identity output")
  const keys = { cloud0: new Prg(new Uint8Array(16)), cloud1: new Prg(new Uint8Array(16).fill(1)) }
  const [ring0, ring1, dealerRing] = [await Ring.load(), await Ring.load(), await Ring.load()]
  const clouds = [new Cloud(ring0, 0, keys.cloud0), new Cloud(ring1, 1, keys.cloud1)] as const

  // Shares of zero are as good as any: every word the kernels see is masked.
  const inputs = { rows, cols: network.inputs }
  const opened = lockstep(clouds, (cloud) =>
    openData(
      cloud.operations(0),
      plan,
      cloud.ring.zeros(inputs.rows, inputs.cols),
      cloud.ring.zeros(rows, outputs(network))
    )
  ).results
  const layers = clouds.map(({ ring }) =>
    network.layers.map((_, l) => {
      const [weights, bias] = [weightShape(network, l + 1), biasShape(network, l + 1)]
      return { weights: ring.zeros(weights.rows, weights.cols), bias: ring.zeros(bias.rows, bias.cols) }
    })
  )
  const mask = maskDifference({ ring: dealerRing, keys, step: 0 }, operation("openInput", 0), inputs)
  const shapes = network.layers.map((_, l) => ({
    weights: weightShape(network, l + 1),
    bias: biasShape(network, l + 1)
  }))

  for (let step = 1; ; step++) {
    const start = ownProcessorMs()
    const corrections = deal({ ring: dealerRing, keys, step }, (ops) =>
      trainingStep(ops, plan, shapes, {
        inputs: gatherRows(dealerRing, mask, batchRows(plan, step)),
        labels: { opened: false, value: { rows: batch, cols: outputs(network) } }
      })
    )
    const dealer = ownProcessorMs() - start
    for (const cloud of clouds) cloud.spentMs = 0
    const { rounds, bytes } = lockstep(clouds, (cloud) =>
      cloudStep(cloud, plan, step, corrections, opened[cloud.party], layers[cloud.party]!)
    )
    const [cloud0, cloud1] = [clouds[0].spentMs, clouds[1].spentMs]
    yield { dealer, cloud0, cloud1, rounds, openedBytes: bytes, dealtBytes: corrections.length }
  }
}

/** Measures one network. */
export const stepKernels = async (measured: MeasuredNetwork): Promise<StepKernels> => {
  const { name, network, batch, steps } = measured
  const taken: Array<KernelStep> = []
  for await (const step of kernelSteps(measured)) if (taken.push(step) === steps) break
  const firstSteps = Math.floor(steps / 4)
  /** Median and spread after the first steps, and what those took beyond it. */
  const settled = (party: "dealer" | "cloud0" | "cloud1") => {
    const all = taken.map((step) => step[party])
    const spread = spreadOf(all.slice(firstSteps))
    return { spread, first: all.slice(0, firstSteps).reduce((sum, ms) => sum + ms - spread.median, 0) }
  }
  const [dealer, cloud0, cloud1] = [settled("dealer"), settled("cloud0"), settled("cloud1")]
  const multiplications = productsOf(network, batch).reduce(
    (sum, [x, y, form]) => sum + x.rows * x.cols * (form === "rightTransposed" ? y.rows : y.cols),
    0
  )
  const { rounds, openedBytes, dealtBytes } = taken.at(-1)!
  return {
    name,
    batch,
    multiplications,
    dealer: dealer.spread,
    cloud0: cloud0.spread,
    cloud1: cloud1.spread,
    first: { dealer: dealer.first, clouds: cloud0.first + cloud1.first },
    products: await productFloor(network, batch, steps),
    rounds,
    openedBytes,
    dealtBytes
  }
}

const line = (label: string, { median, least, most }: Spread, floor: number): string =>
  label.padEnd(12) +
  median.toFixed(2).padStart(10) +
  `${least.toFixed(2)}–${most.toFixed(2)}`.padStart(18) +
  floor.toFixed(2).padStart(12) +
  (median / floor).toFixed(2).padStart(8)

/** Measures both networks, with other losses too, prints the tables and writes `out/bench/step-kernels.json`. */
export const run = async (otherLosses: ReadonlyArray<string>): Promise<void> => {
  const machine = announceMachine()
  const results: StepKernels[] = []
  for (const example of variantsOf(otherLosses).flat()) {
    const result = await stepKernels(example)
    results.push(result)
    const { products, multiplications, rounds, openedBytes, dealtBytes } = result
    console.log(
      `\n${result.name}, batch ${result.batch}: ${rounds} rounds, ${openedBytes} bytes opened each way, ${dealtBytes} dealt`
    )
    console.log(
      `${(multiplications / 1e6).toFixed(1)} million multiplications, ${(multiplications / products.median / 1e6).toFixed(2)} thousand million a second alone`
    )
    console.log(
      `${"party".padEnd(12)}${"ms a step".padStart(10)}${"spread".padStart(18)}${"products ms".padStart(12)}${"×".padStart(8)}`
    )
    console.log(line("dealer", result.dealer, products.median))
    console.log(line("cloud 0", result.cloud0, products.median))
    console.log(line("cloud 1", result.cloud1, products.median))
  }
  writeFigures("step-kernels", { machine, results })
}
