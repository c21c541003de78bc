/**
 * The training of a small table by the program's own computation, both clouds and the dealer in one process and in
 * lockstep, in stages: each is one computation of the clouds, and what is dealt for it. For the coupling, which runs
 * a stage again and again.
 */
import { cloudOperations, rowsOf } from "../computation/cloud.ts"
import { Corrections } from "../computation/corrections.ts"
import { layerShapes } from "../computation/cost.ts"
import { type DealerOperations, deal } from "../computation/dealer.ts"
import type { OpenedLabels } from "../computation/labels.ts"
import { addGradients, dealtUpdate, handedOut, rowsOfLanes, sliceOf, takenIn } from "../computation/lanes.ts"
import { keepState, layerWords } from "../computation/layer-words.ts"
import {
  type DealtValue,
  type GateMask,
  type LabelMask,
  labelMask,
  type MaskDifference,
  maskDifference
} from "../computation/masks.ts"
import { gatherRows, type OpenedMatrix } from "../computation/product.ts"
import type { Slice } from "../computation/slices.ts"
import { opensLabels, outputs } from "../learning/network.ts"
import { operation, type Round, type Shape } from "../learning/operations.ts"
import { type BatchOrder, batchOrder } from "../learning/order.ts"
import { planOfStep, type TrainingPlan } from "../learning/plan.ts"
import {
  atRest,
  type Batch,
  gatherBatch,
  gradients,
  type Layer,
  type OpenedData,
  openData,
  openWeights,
  trainingStep,
  update
} from "../learning/step.ts"
import type { Prg } from "../ring/prg.ts"
import { type Matrix, Ring } from "../ring/ring.ts"
import { Computations, type StepLedger } from "./computations.ts"

const clouds = [0, 1] as const
type Both<A> = readonly [A, A]

/** A cloud's shares, as words: of the features and labels, row by row, and of the first layers. */
export interface Shares {
  readonly features: BigUint64Array
  readonly labels: BigUint64Array
  readonly layers: ReadonlyArray<{ readonly weights: BigUint64Array; readonly bias: BigUint64Array }>
}

export interface CoupledRun {
  readonly plan: TrainingPlan
  readonly lanes: number
  readonly orderKey: Uint8Array
  readonly prgs: Both<Prg>
  readonly shares: Both<Shares>
}

/** One computation of both clouds. It can be run again; its inputs stay. */
export interface Stage<A> {
  readonly name: string
  readonly ledger: StepLedger
  /** The memory that a run of it takes, to be released before it is run again. */
  readonly rings: ReadonlyArray<Ring>
  /** The corrections for cloud 1. */
  readonly deal?: () => Uint8Array
  readonly run: (cloud: 0 | 1, corrections: Uint8Array | undefined) => Round<A>
}

/** How a stage is carried out. */
export type CarryOut = <A>(stage: Stage<A>) => Both<A>

type Opened = OpenedData<Matrix, OpenedMatrix, OpenedLabels>
type Masks = OpenedData<Shape, MaskDifference, LabelMask>

/** A pair of processes, and the rows of the table that they hold. */
interface Lane {
  readonly rows: { readonly from: number; readonly end: number }
  readonly rings: Both<Ring>
  readonly opened: Both<Opened>
}

class CoupledTraining {
  readonly #run: CoupledRun
  readonly #dealer: Ring
  readonly #order: BatchOrder
  readonly #computations: Computations

  constructor(run: CoupledRun, dealer: Ring) {
    this.#run = run
    this.#dealer = dealer
    this.#order = batchOrder(run.plan, run.orderKey)
    this.#computations = new Computations(run.plan, this.#order)
  }

  async lanes(carryOut: CarryOut): Promise<ReadonlyArray<Lane>> {
    const { plan, lanes, shares, prgs } = this.#run
    const { network, rows: of } = plan
    const found: Array<Lane> = []
    for (const [lane, rows] of rowsOfLanes(of, lanes).entries()) {
      const rings = [await Ring.load(), await Ring.load()] as const
      const [ledger] = this.#computations.session(lane, lanes, plan.steps)
      const opened = carryOut({
        ...{ name: `the data of lane ${lane}`, ledger: ledger!, rings },
        run: (cloud) => {
          const [ring, share] = [rings[cloud], shares[cloud]]
          const count = rows.end - rows.from
          const part = (words: BigUint64Array, cols: number) =>
            matrixOf(ring, count, cols, words.subarray(rows.from * cols, rows.end * cols))
          const slice = { first: rows.from, of }
          const ops = cloudOperations({ ring, party: cloud, prg: prgs[cloud], step: 0, slice })
          return openData(
            ops,
            plan,
            part(share.features, network.inputs),
            part(share.labels, outputs(network))
          )
        }
      })
      found.push({ rows, rings, opened })
    }
    return found
  }

  /** The masks of the data, as the dealer has them once they are chosen. */
  masks(): Masks {
    const { network, rows, rowWeights } = this.#run.plan
    const context = { ring: this.#dealer, keys: this.#keys, step: 0 }
    const value = { rows, cols: outputs(network) }
    return {
      inputs: maskDifference(context, operation("openInput", 0), { rows, cols: network.inputs }),
      ...(rowWeights && {
        rowWeights: maskDifference(context, operation("openRowWeights", 0), { rows, cols: 1 })
      }),
      labels: opensLabels(network)
        ? { opened: true, value: labelMask(context, operation("openLabels", network.layers.length), value) }
        : { opened: false, value }
    }
  }

  get #keys() {
    const [cloud0, cloud1] = this.#run.prgs
    return { cloud0, cloud1 }
  }

  #masksOf(masks: Masks, rows: Uint32Array): Batch<Shape, MaskDifference, LabelMask> {
    return gatherBatch<Shape, MaskDifference, LabelMask>(masks, {
      value: ({ cols }) => ({ rows: rows.length, cols }),
      opened: (x) => gatherRows(this.#dealer, x, rows),
      labels: (y) => gatherRows(this.#dealer, y, rows)
    })
  }

  #deal(step: number, program: () => (ops: DealerOperations) => Round<unknown>, slice?: Slice): Uint8Array {
    const ring = this.#dealer
    const mark = ring.mark()
    const message = deal({ ring, keys: this.#keys, step }, program(), slice && { slice })
    ring.release(mark)
    return message
  }

  #operations(ring: Ring, cloud: 0 | 1, step: number, dealt: Uint8Array | undefined, slice?: Slice) {
    const corrections = cloud === 1 && dealt && { corrections: Corrections.parse(step, dealt) }
    return cloudOperations({
      ...{ ring, party: cloud, prg: this.#run.prgs[cloud], step },
      ...(slice && { slice }),
      ...corrections
    })
  }

  whole(carryOut: CarryOut, step: number, { rings, opened }: Lane, masks: Masks, layers: Both<Layers>) {
    const { plan } = this.#run
    const shapes = layerShapes(plan)
    const rows = this.#order(step)
    return carryOut({
      ...{ name: `step ${step}`, ledger: this.#computations.whole(step), rings },
      deal: () =>
        this.#deal(
          step,
          () => (ops) => trainingStep(ops, planOfStep(plan, step), shapes, this.#masksOf(masks, rows))
        ),
      run: (cloud, dealt) => {
        const ring = rings[cloud]
        const ops = this.#operations(ring, cloud, step, dealt)
        return trainingStep(ops, planOfStep(plan, step), layers[cloud], rowsOf(ring, opened[cloud], rows))
      }
    })
  }

  inLanes(
    carryOut: CarryOut,
    step: number,
    lanes: ReadonlyArray<Lane>,
    masks: Masks,
    layers: Both<Layers>
  ): Both<Layers> {
    const { plan } = this.#run
    const { rings } = lanes[0]!
    const shapes = layerShapes(plan)
    const weights = carryOut({
      ...{ name: `the weights of step ${step}`, ledger: this.#computations.weights(step), rings },
      run: (cloud) => openWeights(this.#operations(rings[cloud], cloud, step, undefined), layers[cloud])
    })
    const handed = clouds.map((cloud) => handedOut(rings[cloud], weights[cloud], layers[cloud]))
    const found = lanes.flatMap((lane, i) => {
      const words = this.#gradients(carryOut, step, lane, i, masks, handed)
      return words === undefined ? [] : [words]
    })
    return carryOut({
      ...{ name: `the update of step ${step}`, ledger: this.#computations.update(step), rings },
      deal: () =>
        this.#deal(step, () => {
          const { inputs } = this.#masksOf(masks, this.#order(step))
          return (ops) => dealtUpdate(ops, planOfStep(plan, step), shapes, inputs)
        }),
      run: (cloud, dealt) => {
        const ring = rings[cloud]
        const sum = shapes.map(({ weights, bias }) => ({
          weights: { ...ring.zeros(weights.rows, weights.cols), product: true as const },
          bias: ring.zeros(bias.rows, bias.cols)
        }))
        for (const words of found) addGradients(ring, sum, words[cloud])
        return update(this.#operations(ring, cloud, step, dealt), planOfStep(plan, step), layers[cloud], sum)
      }
    })
  }

  /** A lane's shares of the gradients, as words; none if no row of the batch is its own. */
  #gradients(
    carryOut: CarryOut,
    step: number,
    { rows, rings, opened }: Lane,
    lane: number,
    masks: Masks,
    handed: ReadonlyArray<Uint8Array>
  ): Both<Uint8Array> | undefined {
    const { plan } = this.#run
    const batch = this.#order(step)
    const slice = sliceOf(batch, rows)
    const [ledger] = this.#computations.gradients(step, rows)
    if (ledger === undefined) return undefined
    const shapes = layerShapes(plan)
    const own = batch.subarray(slice.first, slice.first + slice.rows.length)
    const marks = rings.map((ring) => ring.mark())
    const found = carryOut({
      ...{ name: `the gradients of lane ${lane} in step ${step}`, ledger, rings },
      deal: () =>
        this.#deal(
          step,
          () => {
            const context = { ring: this.#dealer, keys: this.#keys, step }
            const weights = shapes.map((layer, i) =>
              maskDifference(context, operation("openWeights", i + 1), layer.weights)
            )
            const inputs = this.#masksOf(masks, own)
            return (ops) =>
              gradients<DealtValue, MaskDifference, GateMask, LabelMask>(ops, plan, shapes, weights, inputs)
          },
          slice
        ),
      run: (cloud, dealt) => {
        const ring = rings[cloud]
        const taken = takenIn(ring, plan.network, handed[cloud]!)
        const ops = this.#operations(ring, cloud, step, dealt, slice)
        return gradients(ops, plan, taken.layers, taken.weights, rowsOf(ring, opened[cloud], slice.rows))
      }
    })
    const words = clouds.map((cloud) => layerWords(rings[cloud], found[cloud]))
    rings.forEach((ring, i) => {
      ring.release(marks[i]!)
    })
    return [words[0]!, words[1]!]
  }
}

type Layers = ReadonlyArray<Layer<Matrix>>

const matrixOf = (ring: Ring, rows: number, cols: number, words: BigUint64Array): Matrix => {
  const x = ring.matrix(rows, cols)
  ring.words(x).set(words)
  return x
}

/** Trains to the end of the plan, stage by stage. */
export const trainInStages = async (run: CoupledRun, carryOut: CarryOut): Promise<void> => {
  const training = new CoupledTraining(run, await Ring.load())
  const lanes = await training.lanes(carryOut)
  const masks = training.masks()
  const lead = lanes[0]!
  const layers = clouds.map((cloud) =>
    layerShapes(run.plan).map(({ weights, bias }, l) => {
      const share = run.shares[cloud].layers[l]!
      const ring = lead.rings[cloud]
      const first = {
        weights: matrixOf(ring, weights.rows, weights.cols, share.weights),
        bias: matrixOf(ring, bias.rows, bias.cols, share.bias)
      }
      return atRest(first, run.plan, ({ rows, cols }) => ring.zeros(rows, cols))
    })
  )
  const both = [layers[0]!, layers[1]!] as const
  for (let step = 1; step <= run.plan.steps; step++) {
    const marks = lead.rings.map((ring) => ring.mark())
    const updated =
      run.lanes === 1
        ? training.whole(carryOut, step, lead, masks, both)
        : training.inLanes(carryOut, step, lanes, masks, both)
    for (const cloud of clouds) keepState(lead.rings[cloud], both[cloud], updated[cloud])
    lead.rings.forEach((ring, i) => {
      ring.release(marks[i]!)
    })
  }
}
