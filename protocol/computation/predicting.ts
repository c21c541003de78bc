/**
 * The outputs of an opened model in the fixed-point numbers that it was trained in: the forward pass of the network
 * itself, each rescale rounded to the nearest. Nothing here is secret or random.
 */
import { type Model, rowsAtATime } from "../learning/model.ts"
import { biasShape, outputs, weightShape } from "../learning/network.ts"
import type { Shape } from "../learning/operations.ts"
import { runLocally } from "../learning/run.ts"
import { predict } from "../learning/step.ts"
import type { Ring } from "../ring/ring.ts"
import { fixedOperations } from "./fixed.ts"

/**
 * The outputs for each row, rows × outputs, as real numbers. `features` is rows × inputs, scaled as the model's data
 * description says. Throws `OutOfRange` for an input or a weight that the numbers can't hold.
 */
export const fixedScores = (ring: Ring, model: Model, features: Float64Array): Float64Array => {
  const { network, fractionalBits: f } = model
  const { inputs } = network
  const mark = ring.mark()
  const matrix = ({ rows, cols }: Shape, values: Float64Array) => {
    const out = ring.matrix(rows, cols)
    ring.encode(out, values, f)
    return out
  }
  const layers = model.layers.map(({ weights, bias }, i) => ({
    weights: matrix(weightShape(network, i + 1), Float64Array.from(weights.flat())),
    bias: matrix(biasShape(network, i + 1), Float64Array.from(bias))
  }))
  const plan = { network, fractionalBits: f }
  const found = new Float64Array((features.length / inputs) * outputs(network))
  for (let first = 0; first * inputs < features.length; first += rowsAtATime) {
    const ofRows = ring.mark()
    const some = features.subarray(first * inputs, (first + rowsAtATime) * inputs)
    const x = matrix({ rows: some.length / inputs, cols: inputs }, some)
    const values = ring.decode(runLocally(predict(fixedOperations(ring), plan, layers, x)), f)
    found.set(values, first * outputs(network))
    ring.release(ofRows)
  }
  ring.release(mark)
  return found
}
