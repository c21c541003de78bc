/** A training run undivided and in lanes, in one process: both clouds in lockstep, the dealer beside them, and all that they send written down. */
import { type CloudOperations, cloudOperations, rowsOf } from "../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import {
  type Cost,
  costOf,
  layerShapes,
  sliceCost,
  stepCost,
  updateCost
} from "../../../protocol/computation/cost.ts"
import { deal } from "../../../protocol/computation/dealer.ts"
import {
  addGradients,
  dealtUpdate,
  handedOut,
  noGradients,
  type Rows,
  sliceOf,
  takenIn
} from "../../../protocol/computation/lanes.ts"
import { layerWords } from "../../../protocol/computation/layer-words.ts"
import {
  type DealtValue,
  type GateMask,
  type LabelMask,
  labelMask,
  type MaskDifference,
  maskDifference
} from "../../../protocol/computation/masks.ts"
import { gatherRows } from "../../../protocol/computation/product.ts"
import type { Slice } from "../../../protocol/computation/slices.ts"
import { opensLabels, outputs } from "../../../protocol/learning/network.ts"
import { type Operation, operation, type Round, type Shape } from "../../../protocol/learning/operations.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { planOfStep, type TrainingPlan } from "../../../protocol/learning/plan.ts"
import { runPair } from "../../../protocol/learning/run.ts"
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
} from "../../../protocol/learning/step.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import type { Example } from "../learning/example.ts"
import { encoded, generators, orderKey } from "../learning/secure.ts"

export const run = "run-1"

/** What the clouds sent in one round of an operation on a matrix of this shape. */
export interface Opening {
  readonly step: number
  readonly operation: Operation
  readonly round: number
  readonly shape: Shape
  readonly slice: Slice | undefined
  /** By cloud. */
  readonly sent: Uint8Array[]
}

/** A message of the dealer. */
export interface Dealt {
  readonly step: number
  readonly slice: (Slice & { readonly rows: number }) | undefined
  readonly corrections: Corrections
}

/** What a part of a step took, and what the cost model says. */
export interface Exchange {
  readonly taken: Sizes
  readonly expected: Sizes
}

type Sizes = Pick<Cost, "rounds" | "bytesEachWay" | "dealtBytes">

export interface Transcript {
  /** The sum of the clouds' shares, in the order of a model's words. */
  readonly weights: ReadonlyArray<bigint>
  readonly openings: ReadonlyArray<Opening>
  readonly dealt: ReadonlyArray<Dealt>
  readonly exchanges: ReadonlyArray<Exchange>
}

type Note = (operation: Operation, round: number, shape: Shape, bytes: Uint8Array) => void

/** The same operations, with `note` told what each sends. */
const noted = (ops: CloudOperations, note: Note): CloudOperations => {
  function* through<A>(op: Operation, { rows, cols }: Shape, computation: Round<A>): Round<A> {
    let next = computation.next()
    for (let round = 0; !next.done; round++) {
      note(op, round, { rows, cols }, new Uint8Array(Buffer.concat(next.value.map((message) => message()))))
      next = computation.next(yield next.value)
    }
    return next.value
  }
  return {
    ...ops,
    open: (op, x, consumed) => through(op, x, ops.open(op, x, consumed)),
    openLabels: (op, y) => through(op, y, ops.openLabels(op, y)),
    rescale: (op, x, shift, factor, added) => through(op, x, ops.rescale(op, x, shift, factor, added)),
    rescaleRelu: (op, z, shift) => through(op, z, ops.rescaleRelu(op, z, shift)),
    rescaleGated: (op, x, shift, gate) => through(op, x, ops.rescaleGated(op, x, shift, gate))
  }
}

const parties = [0, 1] as const

/** Two clouds and the dealer of a run. */
class Company {
  readonly plan: TrainingPlan
  readonly openings: Opening[] = []
  readonly dealt: Dealt[] = []
  readonly exchanges: Exchange[] = []
  readonly #keys = generators(run)
  readonly #dealerRing: Ring
  readonly #masks: OpenedData<Shape, MaskDifference, LabelMask>
  /** Of the training matrices and the first weights, by cloud. */
  readonly #shares: readonly [Uint8Array, Uint8Array][]

  constructor(ring: Ring, given: Example, plan: TrainingPlan) {
    const { network, rows } = plan
    this.plan = plan
    this.#dealerRing = ring
    const { features, labels, layers } = encoded(ring, given, plan.fractionalBits)
    const matrices = [features, labels, ...layers.flatMap(({ weights, bias }) => [weights, bias])]
    // Any words do for cloud 0's: they are drawn from a stream that a run has no use for.
    this.#shares = matrices.map((x, i) => {
      const share = ring.matrix(x.rows, x.cols)
      this.#keys.cloud0.fill(ring, share.at, x.rows * x.cols, { step: 0, operation: i, kind: 15 })
      const ofCloud0 = ring.copyOut(share)
      ring.subtract(share, x, share)
      return [ofCloud0, ring.copyOut(share)]
    })
    const value = { rows, cols: outputs(network) }
    const inputs = { rows, cols: network.inputs }
    const labelled = operation("openLabels", network.layers.length)
    const rowWeights = { rows, cols: 1 }
    this.#masks = {
      inputs: maskDifference({ ring, keys: this.#keys, step: 0 }, operation("openInput", 0), inputs),
      ...(plan.rowWeights && {
        rowWeights: maskDifference(
          { ring, keys: this.#keys, step: 0 },
          operation("openRowWeights", 0),
          rowWeights
        )
      }),
      labels: opensLabels(network)
        ? { opened: true, value: labelMask({ ring, keys: this.#keys, step: 0 }, labelled, value) }
        : { opened: false, value }
    }
  }

  /** Rows of a cloud's share of the features (0) or labels (1). */
  data(ring: Ring, party: 0 | 1, which: 0 | 1, { from, end }: Rows): Matrix {
    const { network } = this.plan
    const cols = which === 0 ? network.inputs : outputs(network)
    return ring.from(end - from, cols, this.#shares[which]![party].subarray(from * cols * 8, end * cols * 8))
  }

  layers(ring: Ring, party: 0 | 1): ReadonlyArray<Layer<Matrix>> {
    return layerShapes(this.plan).map(({ weights, bias }, i) => {
      const first = {
        weights: ring.from(weights.rows, weights.cols, this.#shares[2 + 2 * i]![party]),
        bias: ring.from(1, bias.cols, this.#shares[3 + 2 * i]![party])
      }
      return atRest(first, this.plan, ({ rows, cols }) => ring.zeros(rows, cols))
    })
  }

  /** Runs a part of a step at both clouds. */
  both<A>(
    rings: readonly [Ring, Ring],
    step: number,
    program: (ops: CloudOperations, party: 0 | 1, ring: Ring) => Round<A>,
    { slice, message, expected }: { slice?: Slice | undefined; message?: Uint8Array; expected?: Cost } = {}
  ): readonly [A, A] {
    const openings = new Map<string, Opening>()
    const computations = parties.map((party) => {
      const ring = rings[party]
      const corrections =
        party === 1 && message !== undefined ? { corrections: Corrections.parse(step, message) } : {}
      const prg = [this.#keys.cloud0, this.#keys.cloud1][party]!
      const ops = cloudOperations({ ring, party, prg, step, ...(slice && { slice }), ...corrections })
      const note: Note = (op, round, shape, bytes) => {
        const opening = openings.get(`${op} ${round}`) ?? {
          step,
          operation: op,
          round,
          shape,
          slice,
          sent: []
        }
        opening.sent[party] = bytes
        openings.set(`${op} ${round}`, opening)
      }
      return program(noted(ops, note), party, ring)
    })
    const { results, rounds, bytesEachWay } = runPair(computations[0]!, computations[1]!)
    this.openings.push(...openings.values())
    const taken = { rounds, bytesEachWay, dealtBytes: message?.length ?? 0 }
    if (expected !== undefined) {
      const { rounds, bytesEachWay, dealtBytes } = expected
      this.exchanges.push({ taken, expected: { rounds, bytesEachWay, dealtBytes } })
    }
    return results
  }

  #batch(rows: Uint32Array): Batch<Shape, MaskDifference, LabelMask> {
    return gatherBatch<Shape, MaskDifference, LabelMask>(this.#masks, {
      value: ({ cols }) => ({ rows: rows.length, cols }),
      opened: (x) => gatherRows(this.#dealerRing, x, rows),
      labels: (y) => gatherRows(this.#dealerRing, y, rows)
    })
  }

  #deal(step: number, slice: Dealt["slice"], program: Parameters<typeof deal>[1]): Uint8Array {
    const message = deal({ ring: this.#dealerRing, keys: this.#keys, step }, program, slice && { slice })
    this.dealt.push({ step, slice, corrections: Corrections.parse(step, message) })
    return message
  }

  dealStep(step: number, rows: Uint32Array): Uint8Array {
    const shapes = layerShapes(this.plan)
    return this.#deal(step, undefined, (ops) =>
      trainingStep(ops, planOfStep(this.plan, step), shapes, this.#batch(rows))
    )
  }

  dealGradients(step: number, rows: Uint32Array, slice: Slice): Uint8Array {
    const shapes = layerShapes(this.plan)
    const weights = shapes.map((layer, i) =>
      maskDifference(
        { ring: this.#dealerRing, keys: this.#keys, step },
        operation("openWeights", i + 1),
        layer.weights
      )
    )
    return this.#deal(step, { first: slice.first, of: slice.of, rows: rows.length }, (ops) =>
      gradients<DealtValue, MaskDifference, GateMask, LabelMask>(
        ops,
        this.plan,
        shapes,
        weights,
        this.#batch(rows)
      )
    )
  }

  dealUpdate(step: number, rows: Uint32Array): Uint8Array {
    const shapes = layerShapes(this.plan)
    return this.#deal(step, undefined, (ops) =>
      dealtUpdate(ops, planOfStep(this.plan, step), shapes, this.#batch(rows).inputs)
    )
  }

  transcript(
    rings: readonly [Ring, Ring],
    layers: readonly [ReadonlyArray<Layer<Matrix>>, ReadonlyArray<Layer<Matrix>>]
  ): Transcript {
    const [words0, words1] = parties.map((party) =>
      layers[party].flatMap(({ weights, bias }) => [
        ...rings[party].words(weights),
        ...rings[party].words(bias)
      ])
    )
    const weights = words0!.map((word, i) => BigInt.asIntN(64, word + words1![i]!))
    const { openings, dealt, exchanges } = this
    return { weights, openings, dealt, exchanges }
  }
}

const twoRings = async (): Promise<[Ring, Ring]> => [await Ring.load(), await Ring.load()]

/** Trains on shares, one process a cloud. */
export const trainUndivided = async (given: Example, plan: TrainingPlan): Promise<Transcript> => {
  const company = new Company(await Ring.load(), given, plan)
  const rings = await twoRings()
  const all = { from: 0, end: plan.rows }
  const data = company.both(rings, 0, (ops, party, ring) =>
    openData(ops, plan, company.data(ring, party, 0, all), company.data(ring, party, 1, all))
  )
  const order = batchOrder(plan, orderKey)
  let layers = parties.map((party) => company.layers(rings[party], party))
  for (let step = 1; step <= plan.steps; step++) {
    const rows = order(step)
    const message = company.dealStep(step, rows)
    layers = [
      ...company.both(
        rings,
        step,
        (ops, party, ring) =>
          trainingStep(ops, planOfStep(plan, step), layers[party]!, rowsOf(ring, data[party], rows)),
        { message, expected: stepCost(plan) }
      )
    ]
  }
  return company.transcript(rings, [layers[0]!, layers[1]!])
}

/** Trains on shares in lanes that hold these rows, one process a lane and cloud. */
export const trainInLanes = async (
  given: Example,
  plan: TrainingPlan,
  lanes: ReadonlyArray<Rows>
): Promise<Transcript> => {
  const { network } = plan
  const company = new Company(await Ring.load(), given, plan)
  const members = await Promise.all(lanes.map(async (rows) => ({ rows, rings: await twoRings() })))
  const lead = members[0]!.rings
  const data = members.map(({ rows, rings }) =>
    company.both(
      rings,
      0,
      (ops, party, ring) =>
        openData(ops, plan, company.data(ring, party, 0, rows), company.data(ring, party, 1, rows)),
      { slice: { first: rows.from, of: plan.rows } }
    )
  )
  const order = batchOrder(plan, orderKey)
  let layers = parties.map((party) => company.layers(lead[party], party))
  for (let step = 1; step <= plan.steps; step++) {
    const batch = order(step)
    const weights = company.both(lead, step, (ops, party) => openWeights(ops, layers[party]!), {
      expected: costOf((ops) => openWeights(ops, layerShapes({ network })))
    })
    const sums = parties.map((party) => noGradients(lead[party], network))
    for (const [lane, { rows, rings }] of members.entries()) {
      const { rows: own, ...slice } = sliceOf(batch, rows)
      if (own.length === 0) continue
      const message = company.dealGradients(step, batch.slice(slice.first, slice.first + own.length), slice)
      const found = company.both(
        rings,
        step,
        (ops, party, ring) => {
          const handed = handedOut(lead[party], weights[party], layers[party]!)
          const taken = takenIn(ring, network, handed)
          return gradients(ops, plan, taken.layers, taken.weights, rowsOf(ring, data[lane]![party], own))
        },
        { slice, message, expected: sliceCost(plan, slice, own.length) }
      )
      for (const party of parties)
        addGradients(lead[party], sums[party]!, layerWords(rings[party], found[party]))
    }
    const message = company.dealUpdate(step, batch)
    layers = [
      ...company.both(
        lead,
        step,
        (ops, party) => update(ops, planOfStep(plan, step), layers[party]!, sums[party]!),
        {
          message,
          expected: updateCost(plan)
        }
      )
    ]
  }
  return company.transcript(lead, [layers[0]!, layers[1]!])
}
