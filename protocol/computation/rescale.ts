/**
 * Division of a shared value by a power of two (truncation), exact up to one unit in the last place (section
 * 5 of docs/concepts/protocol.md), alone or followed by an earlier ReLU's gate. The opened value is x + 2^62 + r with
 * r uniform in the ring, so it reveals nothing. For a product, it is the sum of the upper bytes of both
 * clouds' parts, which costs at most another 64th of a unit.
 */
import { wordBytes } from "../bytes.ts"
import type { Added, Operation, Round } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { RescaleOutOfRange } from "./errors.ts"
import type { ComputingParty } from "./party.ts"
import type { Share } from "./product.ts"
import { blindedBytes, dealtLayout } from "./sizes.ts"
import { type Dealt, padWords, unpadded } from "./slices.ts"

/**
 * Added to what is blinded: 2^62, so that it is not negative; and where the t bits below its upper `bytes`
 * bytes are not opened 2^(t−1), so that the result is right in the mean: both clouds keep 2^t of theirs in
 * the mean, and c, with zeros there, is rounded down by half of that less.
 */
export const blindingOffset = (bytes: number): bigint =>
  (1n << 62n) + (bytes === wordBytes ? 0n : 1n << BigInt(63 - 8 * bytes))

/**
 * A gate as a cloud holds it: b' = d ⊕ β in the open, one bit a value, packed in words of 64; and this
 * cloud's share of β modulo 2^64, a word a value. Of a slice, for the whole groups that hold it.
 */
export interface GateShare {
  readonly bits: number
  readonly beta: number
}

/** Of what is dealt for a gated rescale. */
type GatedPart = keyof ReturnType<typeof dealtLayout.rescaleGated>["at"]

/** @throws RescaleOutOfRange */
export const checkRescale = (operation: Operation, shift: number, factor: number): void => {
  const sound = Number.isInteger(shift) && shift >= 1 && shift <= 62
  if (!sound || !Number.isSafeInteger(factor) || factor < 1) {
    throw new RescaleOutOfRange({ operation, shift, factor })
  }
}

/**
 * Opens c = factor·x + 2^62 + r, and multiples of what is added: one round. Of a product only the upper bytes,
 * so that c, with zeros below, is a little less. The words, in new memory.
 */
export function* openRounded(
  party: ComputingParty,
  op: Operation,
  x: Share,
  shift: number,
  factor: number,
  added: Added<Matrix> = []
): Round<Matrix> {
  checkRescale(op, shift, factor)
  const n = x.rows * x.cols
  const at = party.draw(op, "rounding", n, party.range(x).first)
  const bytes = blindedBytes(x, shift, added)
  const offset = party.leads ? blindingOffset(bytes) : 0n
  party.ring.kernels.blindRescale(at, x.at, at, BigInt(factor), offset, n)
  addMultiples(party.ring, at, added, n)
  yield* bytes === wordBytes ? party.reveal(op, at, n, "add") : party.revealTop(op, at, n, bytes)
  return { rows: x.rows, cols: x.cols, at }
}

/** Adds multiples of matrices to the n words at an address. */
export const addMultiples = (ring: Ring, at: number, added: Added<Matrix>, n: number): void => {
  for (const { of, factor } of added) {
    const times = BigInt(factor.by) << BigInt(8 * factor.zeroBytes)
    ring.kernels.blindRescale(at, of.at, at, times, 0n, n)
  }
}

/** A share of (factor·x + what is added) / 2^shift, of less than 2^62, of a product less what is not opened. */
export function* rescale(
  party: ComputingParty,
  op: Operation,
  x: Share,
  shift: number,
  factor: number,
  added: Added<Matrix> = []
): Round<Matrix> {
  const n = x.rows * x.cols
  const c = yield* openRounded(party, op, x, shift, factor, added)
  const { ring } = party
  const out = ring.matrix(x.rows, x.cols)
  const mark = ring.mark()
  const range = party.range(x)
  const { lead, padded } = range
  const layout = (values: number) => dealtLayout.rescale(values, shift)
  const { memory, at, parts } = party.dealt(op, layout, range)
  const top = memory + at.top + (lead * parts.top) / padded
  const shifted = memory + at.shifted + (lead * parts.shifted) / padded
  ring.kernels.finishRescale(out.at, c.at, top, shifted, shift, party.leads, n)
  ring.release(mark)
  return out
}

/** A share of d·x / 2^shift, d the gate. |x| < 2^62. */
export function* rescaleGated(
  party: ComputingParty,
  op: Operation,
  x: Share,
  shift: number,
  gate: GateShare
): Round<Matrix> {
  const c = yield* openRounded(party, op, x, shift, 1)
  const { ring } = party
  const range = party.range(x)
  const out = ring.matrix(1, range.padded)
  const mark = ring.mark()
  const layout = (values: number) => dealtLayout.rescaleGated(values, shift)
  const dealt = party.dealt(op, layout, range)
  finishGated(party, { out, c: padWords(ring, c.at, range), dealt, gate, shift })
  ring.release(mark)
  return unpadded(out.at, x, range)
}

/** A share of d·x / 2^shift from the opened c and what is dealt, all of whole groups as the gate. */
export const finishGated = (
  { ring, leads }: ComputingParty,
  {
    out,
    c,
    dealt: { memory, at },
    gate: { bits, beta },
    shift
  }: {
    readonly out: Matrix
    /** Address of the opened values. */
    readonly c: number
    readonly dealt: Pick<Dealt<GatedPart>, "memory" | "at">
    readonly gate: GateShare
    readonly shift: number
  }
): void =>
  ring.kernels.finishGated(
    out.at,
    c,
    memory + at.top,
    memory + at.gatedTop,
    memory + at.shifted,
    memory + at.gatedShifted,
    beta,
    bits,
    shift,
    leads,
    out.rows * out.cols
  )
