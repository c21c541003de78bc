/**
 * The range of the fixed-point numbers (section 5 of docs/concepts/protocol.md), and whether a training stays within
 * it. Beyond it a secure computation wraps, and no cloud notices; the same training in float64 does not wrap, so its
 * magnitudes tell. Without the data, the model tells in the end: what has wrapped is spread over all that a word holds.
 */
import { usualCells } from "../data/encoding.ts"
import { type FloatMatrix, floatMatrix, floatOperations, withMultiples } from "./float.ts"
import { floatLayers, type Model, modelValues, rowsAtATime } from "./model.ts"
import type { Operations } from "./operations.ts"
import { magnitudeBits, type StepPlan, type TrainingPlan } from "./plan.ts"
import { runLocally } from "./run.ts"
import { productBits } from "./scales.ts"
import { openData, predict, trainingStep } from "./step.ts"

/** A value must be below this. */
export const valueLimit = (fractionalBits: number): number => 2 ** (magnitudeBits - fractionalBits)

/** A sum of products, such as that of a unit of a layer, must be below this. */
export const sumLimit = (fractionalBits: number): number => 2 ** (magnitudeBits - productBits(fractionalBits))

/** The range, for people. */
export const rangeText = (fractionalBits: number): string =>
  `${fractionalBits} bits after the point, sums below 2^${Math.log2(sumLimit(fractionalBits))}`

type FloatOperations = Operations<FloatMatrix, FloatMatrix, FloatMatrix, FloatMatrix>

/**
 * The float64 operations; `beyond` is called for a matrix with a number that the fixed-point words could not
 * hold, or with none; `opened` is what an opened value must be below, where that is less.
 */
export const watched = (beyond: () => void, opened = 2 ** magnitudeBits): FloatOperations => {
  const look = ({ data }: FloatMatrix, factor = 1, limit = 2 ** magnitudeBits): void => {
    for (let i = 0; i < data.length; i++) {
      // NaN is not below anything.
      if (Math.abs(data[i]!) * factor < limit) continue
      beyond()
      return
    }
  }
  return {
    ...floatOperations,
    open: (op, x, consumed) => {
      look(x, 1, opened)
      return floatOperations.open(op, x, consumed)
    },
    rescale: (op, x, shift, factor, added = []) => {
      look(withMultiples(x, factor, added))
      return floatOperations.rescale(op, x, shift, factor, added)
    },
    rescaleRelu: (op, z, shift) => {
      look(z)
      return floatOperations.rescaleRelu(op, z, shift)
    },
    rescaleGated: (op, x, shift, gate) => {
      look(x)
      return floatOperations.rescaleGated(op, x, shift, gate)
    },
    exponentials: (layer, z, scale) => {
      look(z, scale.classes)
      return floatOperations.exponentials(layer, z, scale)
    },
    sigmoids: (layer, z, scale) => {
      look(z, 2)
      return floatOperations.sigmoids(layer, z, scale)
    }
  }
}

/** What of a plan says how a step is tried; a row that has a weight has that of one. */
type TriedPlan = StepPlan & Pick<TrainingPlan, "batch" | "rowWeights">

/** Rows that stand for all that the public ranges allow. */
const rowsTried = 64
/** A batch of rows that are all alike has a gradient this many times that of an ordinary one, or less. */
const alike = 16

/** A weight of this much moves a sum across its range within four units of an input: no training ends there. */
const weightLimit = (fractionalBits: number): number => sumLimit(fractionalBits) / 4

/**
 * Whether a model means nothing, as far as can be known without data, because its training left the range: where a
 * number of it is beyond what any training ends with, or where it leaves the range for most rows that the public ranges
 * allow, forwards or in a further step on a batch of rows like this one. The rows are spread evenly, and the same each
 * time.
 */
export const leavesRange = (model: Model, plan: TriedPlan): boolean =>
  modelValues(model).some((value) => !(Math.abs(value) < weightLimit(plan.fractionalBits))) ||
  leavesRangeInStep(model, plan)

const leavesRangeInStep = (model: Model, plan: TriedPlan): boolean => {
  const { network, fractionalBits, batch, rate } = plan
  const usual = usualCells(model.data)
  const layers = floatLayers(model, fractionalBits)
  const asBatch = { ...plan, rate: { ...rate, factor: (rate.factor * batch) / alike } }
  const ofLabel = usual.slice(network.inputs)
  const labels = ofLabel.map(([low, high]) => (plan.rowWeights ? 1 / ofLabel.length : (low + high) / 2))
  const matrix = (values: ArrayLike<number>) =>
    floatMatrix({ rows: 1, cols: values.length }, values, fractionalBits)
  let beyond = 0
  for (let row = 1; row <= rowsTried; row++) {
    const features = Float64Array.from(
      usual.slice(0, network.inputs),
      ([low, high], column) => low + spread(row, column) * (high - low)
    )
    let left = false
    const operations = watched(() => {
      left = true
    })
    const data = runLocally(openData(operations, plan, matrix(features), matrix(labels)))
    runLocally(trainingStep(operations, asBatch, layers, data))
    if (left) beyond++
  }
  return beyond > rowsTried / 2
}

/** Whether no row with features up to `most` leaves the range: all that a unit adds up counts by its magnitude. */
const staysWithin = ({ layers, fractionalBits }: Model, most: number): boolean => {
  if (!(most < valueLimit(fractionalBits))) return false
  const limit = sumLimit(fractionalBits)
  let fed = most
  for (const { weights, bias } of layers) {
    const sums = bias.map((of, unit) =>
      weights.reduce((sum, row) => sum + Math.abs(row[unit]!) * fed, Math.abs(of))
    )
    fed = Math.max(...sums)
    if (!(fed < limit)) return false
  }
  return true
}

/** The first row that takes a model out of the range of its numbers, if one does. `features` as of `scores`. */
export const rowBeyondRange = (model: Model, features: Float64Array): number | undefined => {
  const { network, fractionalBits } = model
  const { inputs } = network
  if (
    staysWithin(
      model,
      features.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    )
  )
    return undefined
  const layers = floatLayers(model, fractionalBits)
  const leaves = (first: number, rows: number): boolean => {
    let left = false
    const some = features.subarray(first * inputs, (first + rows) * inputs)
    const operations = watched(() => {
      left = true
    })
    const x = floatMatrix({ rows, cols: inputs }, some, fractionalBits)
    runLocally(predict(operations, { network, fractionalBits }, layers, x))
    return left
  }
  const rows = features.length / inputs
  for (let first = 0; first < rows; first += rowsAtATime) {
    const count = Math.min(rowsAtATime, rows - first)
    if (!leaves(first, count)) continue
    for (let row = first; row < first + count; row++) if (leaves(row, 1)) return row
  }
  return undefined
}

/** From 0 to 1: multiples of an irrational number for each column, which fill the interval evenly. */
const spread = (row: number, column: number): number => (row * (column + 1) * Math.SQRT2) % 1
