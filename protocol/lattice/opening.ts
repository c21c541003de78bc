/** The owner of a key opens results: modulo 2^64, round((c_0 + c_1·s)/2^10) of each coefficient that is one. */
import { wordBytes } from "../bytes.ts"
import type { Matrix } from "../ring/ring.ts"
import { gatherResult, type Part, scatterPart } from "./layout.ts"
import { type Moduli, polynomialBytes, polynomialStride } from "./moduli.ts"
import { degree, openingPrimes, returnedBits } from "./parameters.ts"
import { type ProductsPlan, switchedBytes } from "./plan.ts"

/** Opens a result, as it was sent, into its part of a product. `secret`: address of the secret key. */
export const openResult = (
  moduli: Moduli,
  secret: number,
  plan: ProductsPlan,
  part: Part,
  received: Uint8Array,
  out: Matrix
): void => {
  const { ring, all } = moduli
  const { kernels } = ring
  const count = part.rows * part.cols
  const mark = ring.mark()
  const c1 = unpackSwitched(moduli, received.subarray(0, switchedBytes(degree)), degree)
  const c0 = unpackSwitched(moduli, received.subarray(switchedBytes(degree)), count)
  const [x, masked] = [ring.allocate(polynomialBytes), ring.allocate(polynomialBytes)]
  const elements = ring.allocate(openingPrimes * count * 4)
  for (let p = 0; p < openingPrimes; p++) {
    const modulus = all[p]!
    ring.bytes(x, polynomialBytes).fill(0)
    kernels.addWords(x, c1.high, modulus.upper.low, modulus.upper.high, degree, modulus.at)
    kernels.addSmall(x, c1.low, modulus.at)
    moduli.forward(modulus, x)
    kernels.multiplyTransforms(masked, x, secret + p * polynomialStride, modulus.at)
    moduli.back(modulus, masked, modulus.backForOpening, plan.blocks)
    gatherResult(ring, plan, part, elements + p * count * 4, masked)
  }
  const messages = ring.allocate(count * wordBytes)
  moduli.open(messages, c0.high, c0.low, elements, count * 4, count)
  scatterPart(ring, part, out, messages)
  ring.release(mark)
}

/** Numbers modulo 2^74 in memory: upper words, and the lower bits as u32. New memory. */
const unpackSwitched = ({ ring }: Moduli, received: Uint8Array, n: number) => {
  const high = ring.allocate(n * wordBytes)
  const low = ring.allocate(n * 4)
  const packed = ring.allocate(n * 4 + wordBytes)
  ring.memory.set(received.subarray(0, n * wordBytes), high)
  ring.memory.set(received.subarray(n * wordBytes, switchedBytes(n)), packed)
  ring.kernels.unpackFields(low, packed, returnedBits - 64, n)
  return { high, low }
}
