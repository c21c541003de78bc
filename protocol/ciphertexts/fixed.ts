/**
 * The fixed-point reference of a training on ciphertexts: that of a training on shares (`protocol/computation/fixed.ts`), whose
 * rescales round by C1's keys. Of ⌊(z − k)/2^s⌋ + ⌈k/2^s⌉ only the s low bits of −k matter. Everything is in the clear.
 */
import { fixedOperations } from "../computation/fixed.ts"
import type { Drawn, FixedMatrix } from "../computation/fixed-point.ts"
import type { Operations } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import type { Draws } from "./draws.ts"
import type { CiphertextSizes } from "./plan.ts"
import { gainOf, rescalesProduct } from "./rescaling.ts"

const notDrawn = (): never => {
  throw new RangeError("nothing but keys is drawn for a training on ciphertexts")
}

/** What rounds the rescales of a step. */
const keysOf = (ring: Ring, draws: Draws, { keyBits }: CiphertextSizes, step: number): Drawn => ({
  rounding: (op, shape, { factor, addends }) => {
    const gain = BigInt(gainOf(rescalesProduct(op), factor, addends))
    const { values } = draws.matrix(step, op, "key", shape, keyBits)
    const r = ring.matrix(shape.rows, shape.cols)
    ring.words(r).set(values.map((k) => BigInt.asUintN(64, -gain * k)))
    return r
  },
  leadingRounding: notDrawn,
  leadingPart: notDrawn,
  masks: notDrawn,
  leadingMask: notDrawn
})

/** The operations of a step in the clear, on words of the ring; with C1's draws bit for bit those of the clouds. */
export const fixedCiphertextOperations = (
  ring: Ring,
  draws: Draws,
  sizes: CiphertextSizes,
  step: number
): Operations<FixedMatrix, FixedMatrix, Matrix, FixedMatrix> =>
  fixedOperations(ring, keysOf(ring, draws, sizes, step))
