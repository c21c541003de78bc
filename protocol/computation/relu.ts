/**
 * Rescale and ReLU in one (section 5 of docs/concepts/protocol.md): the word c opened for the truncation also serves
 * the comparison of c' = c − 2^62 with r, both shifted, whose outcome is the sign of the rescaled value. Four
 * rounds: c, and the three of the comparison.
 */
import type { Operation, Round } from "../learning/operations.ts"
import type { Matrix } from "../ring/ring.ts"
import { compare } from "./compare.ts"
import type { ComputingParty } from "./party.ts"
import type { Share } from "./product.ts"
import { finishGated, type GateShare, openRounded } from "./rescale.ts"
import { dealtLayout } from "./sizes.ts"
import { padWords, unpadded } from "./slices.ts"

export function* rescaleRelu(
  party: ComputingParty,
  op: Operation,
  z: Share,
  shift: number
): Round<{ readonly value: Matrix; readonly gate: GateShare }> {
  const { ring } = party
  const range = party.range(z)
  const opened = yield* openRounded(party, op, z, shift, 1)
  const c = padWords(ring, opened.at, range)
  const dealt = party.dealt(op, (values) => dealtLayout.rescaleRelu(values, shift), range)
  const { memory, at } = dealt
  const compared = { c, top: memory + at.top, oneHot: memory + at.oneHot, products: memory + at.products }
  const bits = yield* compare(party, op, compared, shift, range)
  const values = ring.matrix(1, range.padded)
  const gate = { bits, beta: memory + at.beta }
  finishGated(party, { out: values, c, dealt, gate, shift })
  return { value: unpadded(values.at, z, range), gate }
}

/** A share of a gate as words, 1 where it is open. `like` has its shape. Local. */
export const indicator = (party: ComputingParty, { bits, beta }: GateShare, like: Matrix): Matrix => {
  const { ring, leads } = party
  const range = party.range(like)
  const out = ring.zeros(1, range.padded).at
  // Nothing below, and one from the bound on.
  ring.kernels.clampGated(out, out, out, beta, beta, bits, bits, 0n, 1n, leads, range.padded)
  return unpadded(out, like, range)
}
