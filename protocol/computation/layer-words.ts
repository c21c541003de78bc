/**
 * Matrices as consecutive words: what a cloud stores of its shares of the layers, and what its lanes
 * exchange.
 */

import { concatenate, wordBytes } from "../bytes.ts"
import type { Shape } from "../learning/operations.ts"
import type { Gradient, Layer, Velocity } from "../learning/step.ts"
import type { Matrix, Ring } from "../ring/ring.ts"

/** The words of matrices, one after another: a copy. */
export const wordsOf = (ring: Ring, matrices: ReadonlyArray<Matrix>): Uint8Array =>
  concatenate(matrices.map((x) => ring.view(x)))

/**
 * Matrices of these shapes from consecutive words. New memory. Throws RangeError if the words do not fit the
 * shapes.
 */
export const matricesOf = (
  ring: Ring,
  shapes: ReadonlyArray<Shape>,
  words: Uint8Array
): ReadonlyArray<Matrix> => {
  let from = 0
  const matrices = shapes.map(({ rows, cols }) => {
    const bytes = rows * cols * wordBytes
    if (from + bytes > words.length)
      throw new RangeError(`${words.length} bytes are too few for the matrices`)
    const matrix = ring.matrix(rows, cols)
    ring.memory.set(words.subarray(from, from + bytes), matrix.at)
    from += bytes
    return matrix
  })
  if (from !== words.length) throw new RangeError(`${words.length} bytes where the matrices take ${from}`)
  return matrices
}

/** Layer by layer, in the order of a model's words. */
export const matricesIn = <V>(layers: ReadonlyArray<Velocity<V> | Gradient<V>>): ReadonlyArray<V> =>
  layers.flatMap(({ weights, bias }) => [weights, bias])

/** All that lasts from step to step: the layers, then the velocities. */
const stateIn = <V>(layers: ReadonlyArray<Layer<V>>): ReadonlyArray<V> => [
  ...matricesIn(layers),
  ...matricesIn(layers.flatMap(({ velocity }) => (velocity === undefined ? [] : [velocity])))
]

/** This cloud's shares of layers, or of their gradients, in the order of a model's words. */
export const layerWords = (ring: Ring, layers: ReadonlyArray<Layer<Matrix> | Gradient<Matrix>>): Uint8Array =>
  wordsOf(ring, matricesIn(layers))

/** This cloud's shares of all that lasts from step to step. */
export const stateWords = (ring: Ring, layers: ReadonlyArray<Layer<Matrix>>): Uint8Array =>
  wordsOf(ring, stateIn(layers))

/** Replaces what lasts from step to step by these words. */
export const loadState = (ring: Ring, layers: ReadonlyArray<Layer<Matrix>>, words: Uint8Array): void => {
  const mark = ring.mark()
  const own = stateIn(layers)
  matricesOf(ring, own, words).forEach((kept, i) => {
    ring.copy(own[i]!, kept)
  })
  ring.release(mark)
}

/** Replaces what lasts by what a step has made of it. */
export const keepState = (
  ring: Ring,
  layers: ReadonlyArray<Layer<Matrix>>,
  updated: ReadonlyArray<Layer<Matrix>>
): void => {
  const made = stateIn(updated)
  stateIn(layers).forEach((kept, i) => {
    ring.copy(kept, made[i]!)
  })
}
