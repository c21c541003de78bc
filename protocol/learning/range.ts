/**
 * The range of the fixed-point numbers (section 5 of docs/protocol.md), and whether a training stays within it. Beyond it
 * a secure computation wraps and gives numbers that mean nothing, without any party noticing; the same training in
 * float64 does not wrap, so its magnitudes tell.
 */
import { type FloatMatrix, floatOperations } from "./float.ts"
import { type Operations, productBits } from "./operations.ts"
import { magnitudeBits } from "./plan.ts"

/** A value must be below this. */
export const valueLimit = (fractionalBits: number): number => 2 ** (magnitudeBits - fractionalBits)

/** A sum of products, such as that of a unit of a layer, must be below this. */
export const sumLimit = (fractionalBits: number): number => 2 ** (magnitudeBits - productBits(fractionalBits))

type FloatOperations = Operations<FloatMatrix, FloatMatrix, FloatMatrix, FloatMatrix>

/** The float64 operations; `beyond` is called for a matrix with a number that the fixed-point words could not hold, or with none. */
export const watched = (beyond: () => void): FloatOperations => {
  const limit = 2 ** magnitudeBits
  const look = ({ data }: FloatMatrix, factor = 1): void => {
    for (let i = 0; i < data.length; i++) {
      // What is not a number is not below anything.
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
    rescale: (op, x, shift, factor) => {
      look(x, factor)
      return floatOperations.rescale(op, x, shift, factor)
    },
    rescaleRelu: (op, z, shift) => {
      look(z)
      return floatOperations.rescaleRelu(op, z, shift)
    },
    rescaleGated: (op, x, shift, gate) => {
      look(x)
      return floatOperations.rescaleGated(op, x, shift, gate)
    }
  }
}
