/**
 * The range of the fixed-point numbers (section 5 of docs/concepts/protocol.md), and whether a training stays within
 * it. Beyond it a secure computation wraps and yields meaningless numbers without any party noticing; the
 * same training in float64 does not wrap, so its magnitudes tell.
 */
import { usualCells } from "../data/encoding.ts"
import { type FloatMatrix, floatMatrix, floatOperations, withMultiples } from "./float.ts"
import { floatLayers, type Model } from "./model.ts"
import type { Operations } from "./operations.ts"
import { magnitudeBits } from "./plan.ts"
import { runLocally } from "./run.ts"
import { productBits } from "./scales.ts"
import { predict } from "./step.ts"

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
 * hold, or with none.
 */
export const watched = (beyond: () => void): FloatOperations => {
  const limit = 2 ** magnitudeBits
  const look = ({ data }: FloatMatrix, factor = 1): void => {
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
      look(x)
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

/** Rows that stand for all that the public ranges allow. */
const rowsTried = 64

/**
 * Whether a model leaves the range for most rows that the public ranges allow: as far as can be known without
 * data, its training diverged. The rows are spread evenly, and the same each time.
 */
export const leavesRange = (model: Model, fractionalBits: number): boolean => {
  const { data, network } = model
  const usual = usualCells(data)
  const layers = floatLayers(model, fractionalBits)
  const plan = { network, fractionalBits }
  let beyond = 0
  for (let row = 1; row <= rowsTried; row++) {
    const features = Float64Array.from(
      usual.slice(0, network.inputs),
      ([low, high], column) => low + spread(row, column) * (high - low)
    )
    const x = floatMatrix({ rows: 1, cols: network.inputs }, features, fractionalBits)
    let left = false
    const operations = watched(() => {
      left = true
    })
    runLocally(predict(operations, plan, layers, x))
    if (left) beyond++
  }
  return beyond > rowsTried / 2
}

/** From 0 to 1: multiples of an irrational number for each column, which fill the interval evenly. */
const spread = (row: number, column: number): number => (row * (column + 1) * Math.SQRT2) % 1
