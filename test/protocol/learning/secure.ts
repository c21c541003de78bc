/** Both clouds and the dealer in one process, training an example as the actors do over the network. */
import { type CloudOperations, cloudOperations, rowsOf } from "../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import { batchShapes, layerShapes } from "../../../protocol/computation/cost.ts"
import { deal } from "../../../protocol/computation/dealer.ts"
import { fixedOperations, gatherFixedRows } from "../../../protocol/computation/fixed.ts"
import type { FixedMatrix } from "../../../protocol/computation/fixed-point.ts"
import {
  type DealerKeys,
  drawnIn,
  type GateMask,
  type LabelMask,
  labelMask,
  type MaskDifference,
  maskDifference
} from "../../../protocol/computation/masks.ts"
import { gatherRows } from "../../../protocol/computation/product.ts"
import {
  type FloatMatrix,
  floatMatrix,
  floatOperations,
  gatherFloatRows
} from "../../../protocol/learning/float.ts"
import { outputs } from "../../../protocol/learning/network.ts"
import { type Operations, operation, type Round, type Shape } from "../../../protocol/learning/operations.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { planOfStep, type TrainingPlan } from "../../../protocol/learning/plan.ts"
import { runLocally, runPair } from "../../../protocol/learning/run.ts"
import {
  atRest,
  gatherBatch,
  type Layer,
  type OpenedData,
  openData,
  predict,
  trainingStep
} from "../../../protocol/learning/step.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { type Example, floatLayers, uniform } from "./example.ts"

export const orderKey = new Uint8Array(16).fill(9)
/** k_0 and k_1. */
export const prgKeys = [new Uint8Array(16).fill(100), new Uint8Array(16).fill(101)] as const

export const generators = (run: string): DealerKeys => ({
  cloud0: Prg.ofRun(prgKeys[0], run),
  cloud1: Prg.ofRun(prgKeys[1], run)
})

/** Sum of rounds and bytes over a run, as counted on the way. */
export interface Measured {
  rounds: number
  bytesEachWay: number
  dealtBytes: number
}

/** Encodes an example into matrices of a ring. */
export const encoded = (
  ring: Ring,
  { network, features, labels, weights, biases, rows }: Example,
  f: number
) => {
  const encode = (values: Float64Array, cols: number): Matrix => {
    const x = ring.matrix(values.length / cols, cols)
    ring.encode(x, values, f)
    return x
  }
  return {
    features: encode(features, features.length / rows),
    labels: encode(labels, outputs(network)),
    layers: network.layers.map(
      ({ units }, l): Layer<Matrix> => ({
        weights: encode(weights[l]!, units),
        bias: encode(biases[l]!, units)
      })
    )
  }
}

export const wordsOf = (ring: Ring, layers: ReadonlyArray<Layer<Matrix>>): bigint[] =>
  layers.flatMap(({ weights, bias }) => [...ring.words(weights), ...ring.words(bias)])

const resting = (ring: Ring, plan: TrainingPlan, layer: Layer<Matrix>): Layer<Matrix> =>
  atRest(layer, plan, ({ rows, cols }) => ring.zeros(rows, cols))

/** Trains in the clear on words, with the rounding of that run if it is named, else rounding to the nearest. */
export const trainFixed = (ring: Ring, given: Example, plan: TrainingPlan, run?: string) => {
  const f = plan.fractionalBits
  const { features, labels, layers: initial } = encoded(ring, given, f)
  const keys = run === undefined ? undefined : generators(run)
  const operations = (step: number) => fixedOperations(ring, keys && drawnIn({ ring, keys, step }))
  const data = runLocally(openData(operations(0), plan, features, labels))
  const order = batchOrder(plan, orderKey)
  let layers: ReadonlyArray<Layer<Matrix>> = initial.map((layer) => resting(ring, plan, layer))
  for (let step = 1; step <= plan.steps; step++) {
    const gather = (x: FixedMatrix): FixedMatrix => gatherFixedRows(ring, x, order(step))
    layers = runLocally(
      trainingStep(
        operations(step),
        planOfStep(plan, step),
        layers,
        gatherBatch(data, { value: gather, opened: gather, labels: gather })
      )
    )
  }
  const predicted = runLocally(predict(operations(plan.steps + 1), plan, layers, features))
  return { weights: wordsOf(ring, layers), predicted: [...ring.words(predicted)] }
}

/** Trains in float64 on the same batches: the numbers of the layers before and after, times 2^f. */
export const trainFloat = (
  given: Example,
  plan: TrainingPlan,
  operations: Operations<FloatMatrix, FloatMatrix, FloatMatrix, FloatMatrix> = floatOperations
) => {
  const f = plan.fractionalBits
  const matrix = (values: Float64Array) =>
    floatMatrix({ rows: given.rows, cols: values.length / given.rows }, values, f)
  const order = batchOrder(plan, orderKey)
  const data = runLocally(openData(operations, plan, matrix(given.features), matrix(given.labels)))
  const numbers = (layers: ReadonlyArray<Layer<FloatMatrix>>) =>
    layers.flatMap(({ weights, bias }) => [...weights.data, ...bias.data])
  const zerosLike = (x: FloatMatrix) => ({ ...x, data: new Float64Array(x.data.length) })
  let layers: ReadonlyArray<Layer<FloatMatrix>> = floatLayers(given, f).map((layer) =>
    atRest(layer, plan, zerosLike)
  )
  const before = numbers(layers)
  for (let step = 1; step <= plan.steps; step++) {
    const gather = (x: FloatMatrix) => gatherFloatRows(x, order(step))
    const batch = gatherBatch(data, { value: gather, opened: gather, labels: gather })
    layers = runLocally(trainingStep(operations, planOfStep(plan, step), layers, batch))
  }
  return { before, after: numbers(layers) }
}

/** One cloud: its memory, its shares and its operations. */
class Cloud {
  readonly ring: Ring
  readonly party: 0 | 1
  readonly prg: Prg

  constructor(ring: Ring, party: 0 | 1, prg: Prg) {
    this.ring = ring
    this.party = party
    this.prg = prg
  }

  operations(step: number, corrections: Uint8Array): CloudOperations {
    const { ring, party, prg } = this
    const own = { ring, party, prg, step }
    return cloudOperations(party === 0 ? own : { ...own, corrections: Corrections.parse(step, corrections) })
  }
}

/** What the dealer has for the opened training matrices: their masks, and of labels that stay shared the shape. */
const dataMasks = (
  ring: Ring,
  keys: DealerKeys,
  plan: TrainingPlan
): OpenedData<Shape, MaskDifference, LabelMask> => {
  const { inputs, labels, rowWeights } = batchShapes(plan, plan.rows)
  const labelled = operation("openLabels", plan.network.layers.length)
  return {
    inputs: maskDifference({ ring, keys, step: 0 }, operation("openInput", 0), inputs),
    ...(rowWeights && {
      rowWeights: maskDifference({ ring, keys, step: 0 }, operation("openRowWeights", 0), rowWeights)
    }),
    labels: labels.opened
      ? { opened: true, value: labelMask({ ring, keys, step: 0 }, labelled, labels.value) }
      : labels
  }
}

/** Trains on shares and predicts the training rows; opens the results only at the end. */
export const trainSecurely = async (given: Example, plan: TrainingPlan, run: string) => {
  const { network } = plan
  const f = plan.fractionalBits
  const keys = generators(run)
  const dealerRing = await Ring.load()
  const clouds = [
    new Cloud(await Ring.load(), 0, keys.cloud0),
    new Cloud(await Ring.load(), 1, keys.cloud1)
  ] as const
  const measured = { rounds: 0, bytesEachWay: 0, dealtBytes: 0 }

  const next = uniform(31)
  const clear = encoded(dealerRing, given, f)
  /** Splits a matrix in two random shares, one in each cloud's memory. */
  const split = (x: Matrix): readonly [Matrix, Matrix] => {
    const words = dealerRing.words(x)
    const mask = words.map(
      () => BigInt(Math.floor(next() * 2 ** 32)) * 2n ** 32n + BigInt(Math.floor(next() * 2 ** 32))
    )
    return clouds.map(({ ring }, party) => {
      const share = ring.matrix(x.rows, x.cols)
      ring.words(share).set(party === 0 ? mask : words.map((word, i) => word - mask[i]!))
      return share
    }) as [Matrix, Matrix]
  }
  const features = split(clear.features)
  const labels = split(clear.labels)
  const shares = clear.layers.map(({ weights, bias }) => ({ weights: split(weights), bias: split(bias) }))

  const both = <A>(
    step: number,
    corrections: Uint8Array,
    program: (cloud: Cloud, operations: CloudOperations) => Round<A>
  ) => {
    measured.dealtBytes += corrections.length
    const [party0, party1] = clouds.map((cloud) => program(cloud, cloud.operations(step, corrections)))
    const ran = runPair(party0!, party1!)
    measured.rounds += ran.rounds
    measured.bytesEachWay += ran.bytesEachWay
    return ran.results
  }

  const none = new Uint8Array(0)
  // What is opened is consumed, and the features are predicted on at the end.
  const copied = ({ ring }: Cloud, x: Matrix): Matrix => ring.from(x.rows, x.cols, ring.copyOut(x))
  const data = both(0, none, (cloud, ops) =>
    openData(ops, plan, copied(cloud, features[cloud.party]), labels[cloud.party])
  )
  const setup = { ...measured }
  const order = batchOrder(plan, orderKey)
  const masks = dataMasks(dealerRing, keys, plan)

  let layers: [ReadonlyArray<Layer<Matrix>>, ReadonlyArray<Layer<Matrix>>] = [
    shares.map(({ weights, bias }) => resting(clouds[0].ring, plan, { weights: weights[0], bias: bias[0] })),
    shares.map(({ weights, bias }) => resting(clouds[1].ring, plan, { weights: weights[1], bias: bias[1] }))
  ]
  for (let step = 1; step <= plan.steps; step++) {
    const rows = order(step)
    const gather = {
      value: (): Shape => ({ rows: plan.batch, cols: outputs(network) }),
      opened: (x: MaskDifference) => gatherRows(dealerRing, x, rows),
      labels: (y: LabelMask) => gatherRows(dealerRing, y, rows)
    }
    const corrections = deal({ ring: dealerRing, keys, step }, (ops) =>
      trainingStep(ops, planOfStep(plan, step), layerShapes(plan), gatherBatch(masks, gather))
    )
    layers = [
      ...both(step, corrections, (cloud, ops) =>
        trainingStep(
          ops,
          planOfStep(plan, step),
          layers[cloud.party],
          rowsOf(cloud.ring, data[cloud.party], rows)
        )
      )
    ]
  }
  const trained = { ...measured }
  const corrections = deal({ ring: dealerRing, keys, step: plan.steps + 1 }, (ops) =>
    predict<Shape, MaskDifference, GateMask, LabelMask>(ops, plan, layerShapes({ network }), features[0])
  )
  const predicted = both(plan.steps + 1, corrections, ({ party }, ops) =>
    predict(ops, plan, layers[party], features[party])
  )
  const sum = (words: readonly [ReadonlyArray<bigint>, ReadonlyArray<bigint>]): bigint[] =>
    words[0].map((word, i) => BigInt.asUintN(64, word + words[1][i]!))
  return {
    weights: sum([wordsOf(clouds[0].ring, layers[0]), wordsOf(clouds[1].ring, layers[1])]),
    predicted: sum([[...clouds[0].ring.words(predicted[0])], [...clouds[1].ring.words(predicted[1])]]),
    measured: { setup, trained, all: measured }
  }
}
