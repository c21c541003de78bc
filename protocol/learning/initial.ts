/**
 * Initial weights that no party knows: each cloud draws its share from a key of its own, and the sum is the
 * matrix. Each share is uniform in ±√(3/fan-in), so the sum of the two has the variance 2/fan-in of He's
 * initialisation for ReLU; for another variance v/fan-in, in ±√(3v/(2·fan-in)). A cloud sees only its own
 * share, which bounds the sum and tells nothing else; biases start at zero.
 */
import { createCipheriv } from "node:crypto"
import { defaultInitialVariance, type Network, weightShape } from "./network.ts"

/**
 * One cloud's share of the weights of layer l, inputs × units, row-major, as 64-bit two's complement words
 * with f fractional bits. `key` is 16 bytes, used for nothing else.
 */
export const initialWeightsShare = (
  network: Network,
  layer: number,
  key: Uint8Array,
  fractionalBits: number
): BigUint64Array => {
  const { rows, cols } = weightShape(network, layer)
  const { initialVariance = defaultInitialVariance } = network
  const bound = Math.round(Math.sqrt((1.5 * initialVariance) / rows) * 2 ** fractionalBits)
  const nonce = new Uint8Array(16)
  new DataView(nonce.buffer).setUint32(0, layer, true)
  const stream = createCipheriv("aes-128-ctr", key, nonce).update(new Uint8Array(8 * rows * cols))
  const words = new DataView(stream.buffer, stream.byteOffset, stream.byteLength)
  return BigUint64Array.from({ length: rows * cols }, (_, i) => {
    // Uniform over 2·bound + 1 values but for 2^-30: the word has 64 bits, the bound below 30.
    const draw = Number(words.getBigUint64(8 * i, true) % BigInt(2 * bound + 1)) - bound
    return BigInt.asUintN(64, BigInt(draw))
  })
}

/**
 * The matrix two shares stand for, as real numbers: for the references of a reproducible run, which know both
 * keys.
 */
export const initialWeights = (
  network: Network,
  layer: number,
  keys: readonly [Uint8Array, Uint8Array],
  fractionalBits: number
): Float64Array => {
  const [share0, share1] = keys.map((key) => initialWeightsShare(network, layer, key, fractionalBits))
  return Float64Array.from(
    share0!,
    (word, i) => Number(BigInt.asIntN(64, word + share1![i]!)) / 2 ** fractionalBits
  )
}
