/**
 * The references of a scenario: the same plan trained on the joined table in the clear, in float64 and in
 * fixed point, to compare the secure run with. It takes every user's data and, for the bit-exact replay,
 * every key, so it serves the author of a reproducible scenario. No party of a run uses this.
 */
import { setImmediate } from "node:timers/promises"
import { Draws } from "../../protocol/ciphertexts/draws.ts"
import { fixedCiphertextOperations } from "../../protocol/ciphertexts/fixed.ts"
import type { CiphertextSizes } from "../../protocol/ciphertexts/plan.ts"
import { labelsOperation } from "../../protocol/computation/evaluating.ts"
import { fixedOperations, gatherFixedRows } from "../../protocol/computation/fixed.ts"
import type { FixedMatrix } from "../../protocol/computation/fixed-point.ts"
import { keepState } from "../../protocol/computation/layer-words.ts"
import { drawnIn } from "../../protocol/computation/masks.ts"
import type { Prepared } from "../../protocol/data/description.ts"
import type { JointTable } from "../../protocol/data/joint.ts"
import {
  type EvaluatedData,
  evaluateRows,
  gatherEvaluated,
  revealSums
} from "../../protocol/learning/evaluation.ts"
import {
  bestEpoch,
  type Curve,
  type Evaluated,
  endsAfter,
  evaluationStep,
  slicesOf
} from "../../protocol/learning/evaluations.ts"
import {
  type FloatMatrix,
  floatMatrix,
  floatOperations,
  floatValues,
  gatherFloatRows
} from "../../protocol/learning/float.ts"
import { initialWeights } from "../../protocol/learning/initial.ts"
import { type Model, modelOf, modelValues } from "../../protocol/learning/model.ts"
import { biasShape, outputs, weightShape } from "../../protocol/learning/network.ts"
import type { Operations, Shape } from "../../protocol/learning/operations.ts"
import type { BatchOrder } from "../../protocol/learning/order.ts"
import {
  type EvaluatingPlan,
  evaluates,
  planOfStep,
  type TrainingPlan
} from "../../protocol/learning/plan.ts"
import { watched } from "../../protocol/learning/range.ts"
import { runLocally } from "../../protocol/learning/run.ts"
import {
  atRest,
  gatherBatch,
  type Layer,
  openData,
  openWeights,
  trainingStep
} from "../../protocol/learning/step.ts"
import { Prg } from "../../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../../protocol/ring/ring.ts"

export interface ReferenceRun {
  readonly data: Prepared
  readonly plan: TrainingPlan
  /** Features scaled, labels one-hot; rows to validate on are the last. */
  readonly training: JointTable
  /** Steps to train, if fewer than the plan's. */
  readonly steps?: number
  /** The rows of a step in the training table. */
  readonly order: BatchOrder
  /** The keys of both clouds' shares of the initial weights, 16 bytes each. */
  readonly initialKeys: readonly [Uint8Array, Uint8Array]
  /**
   * The run whose rounding the fixed-point reference repeats; it rounds to the nearest if there is none.
   */
  readonly replay?: Replay
  /** What an opened word must be below, where that is less than the fixed-point numbers hold: on ciphertexts. */
  readonly openedBelow?: number
}

/** What decides the rounding of a run: k_0 and k_1 of one on shares, C1's key of all blinds of one on ciphertexts. */
export type Replay = { readonly run: string } & (
  | { readonly keys: readonly [Uint8Array, Uint8Array] }
  | { readonly blinds: Uint8Array; readonly sizes: CiphertextSizes }
)

/** How one of the references computes. In the clear a matrix is its own opening. */
interface Arithmetic<V, G> {
  readonly matrix: (shape: Shape, values: Float64Array) => V
  readonly values: (x: V) => Float64Array
  readonly gather: (x: V, rows: Uint32Array) => V
  readonly operations: (step: number) => Operations<V, V, G, V>
  /** The same for a slice of an evaluation. */
  readonly evaluating: (step: number) => Operations<V, V, G, V>
  /**
   * Called once all that lasts is there: gives what makes a step's layers last and drops the rest of the
   * step.
   */
  readonly settling: () => (lasting: Layers<V>, updated: Layers<V>) => Layers<V>
}

type Layers<V> = ReadonlyArray<Layer<V>>

/** The result of training. */
export interface Trained {
  readonly model: Model
  /** How it did on the validation rows, epoch by epoch; empty without any. */
  readonly curve: Curve
}

/** The result of training in float64. */
export interface FloatReference extends Trained {
  /** Its numbers may be infinite or NaN if the training diverges. */
  readonly model: Model
  /**
   * The first step with a number beyond the range of the fixed-point numbers; a secure run of the same
   * training wraps there.
   */
  readonly leftRangeIn: number | undefined
}

/** Trains in float64, with the learning rate that the fixed-point arithmetic achieves. */
export const trainFloatReference = async (run: ReferenceRun): Promise<FloatReference> => {
  const f = run.plan.fractionalBits
  let leftRangeIn: number | undefined
  const trained = await trainWith<FloatMatrix, FloatMatrix>(run, {
    matrix: (shape, values) => floatMatrix(shape, values, f),
    values: (x) => floatValues(x, f),
    gather: gatherFloatRows,
    operations: (step) =>
      leftRangeIn === undefined
        ? watched(() => {
            leftRangeIn ??= step
          }, run.openedBelow)
        : floatOperations,
    evaluating: () => floatOperations,
    settling: () => (_, updated) => updated
  })
  return { ...trained, leftRangeIn }
}

/** Trains in fixed point; with `replay` the result is bit for bit that of the secure run. */
export const trainFixedReference = async (run: ReferenceRun): Promise<Trained> => {
  const f = run.plan.fractionalBits
  const ring = await Ring.load()
  const operations = run.replay === undefined ? () => fixedOperations(ring) : replayed(ring, run.replay)
  return trainWith<FixedMatrix, Matrix>(run, {
    matrix: ({ rows, cols }, values) => {
      const x = ring.matrix(rows, cols)
      ring.encode(x, values, f)
      return x
    },
    values: (x) => ring.decode(x, f),
    gather: (x, rows) => gatherFixedRows(ring, x, rows),
    operations,
    evaluating: operations,
    settling: () => {
      const mark = ring.mark()
      return (lasting, updated) => {
        keepState(ring, lasting, updated)
        ring.release(mark)
        return lasting
      }
    }
  })
}

/** The operations of each step with the rounding of a run. */
const replayed = (ring: Ring, replay: Replay) => {
  if ("blinds" in replay) {
    const draws = Draws.ofRun(replay.blinds, replay.run)
    return (step: number) => fixedCiphertextOperations(ring, draws, replay.sizes, step)
  }
  const [key0, key1] = replay.keys
  const keys = { cloud0: Prg.ofRun(key0, replay.run), cloud1: Prg.ofRun(key1, replay.run) }
  return (step: number) => fixedOperations(ring, drawnIn({ ring, keys, step }))
}

/** Between turns: a signal is heard, and actors may share the process. */
const turnMs = 50

/** The whole plan, or as much of it as it takes until the loss on the validation rows no longer falls. */
const trainWith = async <V extends Shape, G>(
  run: ReferenceRun,
  arithmetic: Arithmetic<V, G>
): Promise<Trained> => {
  const { plan, training } = run
  const { network } = plan
  const { rows } = training
  const labels = arithmetic.matrix({ rows, cols: outputs(network) }, training.labels)
  const features = arithmetic.matrix({ rows, cols: network.inputs }, training.features)
  const data = runLocally(openData(arithmetic.operations(0), plan, features, labels))
  const evaluated = evaluates(plan) ? evaluatedIn(plan, arithmetic, data.inputs, labels) : undefined
  let layers: Layers<V> = network.layers.map((_, index) => initialLayer(run, index + 1, arithmetic))
  const settle = arithmetic.settling()
  const { order } = run
  const curve: Array<Evaluated> = []
  const numbers = () => layers.flatMap(({ weights, bias }) => [weights, bias].map(arithmetic.values))
  let best: ReadonlyArray<Float64Array> | undefined
  let turn = performance.now()
  for (let step = 1; step <= (run.steps ?? plan.steps); step++) {
    const chosen = order(step)
    const gather = (x: V): V => arithmetic.gather(x, chosen)
    const batch = gatherBatch(data, { value: gather, opened: gather, labels: gather })
    const updated = runLocally(
      trainingStep(arithmetic.operations(step), planOfStep(plan, step), layers, batch)
    )
    layers = settle(layers, updated)
    if (evaluates(plan) && evaluated !== undefined && step % plan.stepsPerEpoch === 0) {
      curve.push(evaluate({ plan, arithmetic, data: evaluated, settle }, layers, curve.length + 1))
      if (plan.validation.patience !== undefined && bestEpoch(curve) === curve.length) best = numbers()
      if (endsAfter(plan, curve)) break
    }
    if (performance.now() - turn < turnMs) continue
    await setImmediate()
    turn = performance.now()
  }
  const values = (best ?? numbers()).flatMap((part) => [...part])
  const { loss, fractionalBits } = plan
  const model = modelOf({ data: run.data, network, loss, fractionalBits }, Float64Array.from(values))
  return { model, curve }
}

/** The rows of all that are opened on which the model is validated. */
const evaluatedIn = <V extends Shape, G>(
  plan: EvaluatingPlan,
  { gather, operations }: Arithmetic<V, G>,
  inputs: V,
  labels: V
): EvaluatedData<V, V> => {
  const chosen = plan.validation.classes
    ? runLocally(operations(0).open(labelsOperation(plan), labels))
    : undefined
  const rows = Uint32Array.from({ length: plan.validation.rows }, (_, i) => plan.rows + i)
  const some = (x: V): V => gather(x, rows)
  return gatherEvaluated(
    { inputs, labels, ...(chosen !== undefined && { chosen }) },
    { value: some, opened: some }
  )
}

/** Evaluates the model after an epoch, slice by slice. */
const evaluate = <V extends Shape, G>(
  {
    plan,
    arithmetic: { evaluating, gather },
    data,
    settle
  }: {
    readonly plan: EvaluatingPlan
    readonly arithmetic: Arithmetic<V, G>
    readonly data: EvaluatedData<V, V>
    readonly settle: (lasting: Layers<V>, updated: Layers<V>) => Layers<V>
  },
  layers: Layers<V>,
  epoch: number
): Evaluated => {
  const first = evaluationStep(plan, epoch)
  let [error, right] = [0, 0]
  for (const [i, { from, end }] of slicesOf(plan).entries()) {
    const rows = Uint32Array.from({ length: end - from }, (_, row) => from + row)
    const some = (x: V): V => gather(x, rows)
    const weights = runLocally(openWeights(evaluating(first), layers))
    const ops = evaluating(first + i)
    const part = gatherEvaluated(data, { value: some, opened: some })
    const told = runLocally(revealSums(ops, runLocally(evaluateRows(ops, plan, layers, weights, part))))
    error += told.error
    right += told.right ?? 0
    settle(layers, layers)
  }
  return plan.validation.classes ? { error, right } : { error }
}

const initialLayer = <V extends Shape, G>(
  { plan, initialKeys }: ReferenceRun,
  layer: number,
  { matrix }: Arithmetic<V, G>
): Layer<V> => {
  const { network, fractionalBits } = plan
  const weights = initialWeights(network, layer, initialKeys, fractionalBits)
  const zeros = ({ rows, cols }: Shape) => matrix({ rows, cols }, new Float64Array(rows * cols))
  return atRest(
    { weights: matrix(weightShape(network, layer), weights), bias: zeros(biasShape(network, layer)) },
    plan,
    zeros
  )
}

/** The maximum difference between two models' weights and biases. Throws if the networks differ in size. */
export const maximumDeviation = (one: Model, other: Model): number => {
  const [ours, theirs] = [modelValues(one), modelValues(other)]
  if (ours.length !== theirs.length)
    throw new RangeError(`models of ${ours.length} and ${theirs.length} numbers cannot be compared`)
  return ours.reduce((greatest, value, i) => Math.max(greatest, Math.abs(value - theirs[i]!)), 0)
}
