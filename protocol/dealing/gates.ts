/**
 * Products of bits and words of which each cloud has a share: β = β_0 ⊕ β_1 times x = x_0 + x_1 is β·x_0, a transfer to
 * cloud 1 by its share of β, and β·x_1, one with the roles changed (section 5 of docs/concepts/protocol.md). The
 * reversed one goes first, so that the mask of the other can make cloud 0's share what it must be.
 */
import { wordBytes } from "../bytes.ts"
import { GROUP } from "../computation/sizes.ts"
import { type Round, together } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"
import type { Batch, ChoiceBits, DealingParty, Place } from "./party.ts"
import { gather, type Piece, type Span, scatter, type Task } from "./pieces.ts"

/** A number that is gated: its share at cloud 0 is given, the one at cloud 1 is what is left there. */
export interface Gated {
  /** This cloud's share of x, of `bytes` bytes; without it x is one. */
  readonly x?: number
  /** Of the product: cloud 0's share, or where cloud 1's goes. */
  readonly product: number
  readonly bytes: number
}

/** Bits, and numbers that each of them gates. */
export interface GateTask extends Task {
  readonly place: Place
  /** This cloud's share of the bits, packed. */
  readonly bits: number
  readonly numbers: ReadonlyArray<Gated>
}

/** What makes gates one kind. */
export const kindOfGate = ({ numbers }: GateTask): string =>
  numbers.map(({ x, bytes }) => `${bytes}${x === undefined ? "" : "x"}`).join(" ")

/** The choices that both clouds made to their shares of some bits. */
export interface BitChoices {
  readonly forward: ChoiceBits
  /** Absent where nothing but ones is gated. */
  readonly reversed: ChoiceBits | undefined
}

export const contiguous = (batch: Batch, first = 0): ChoiceBits => ({ batch, first, stride: 1 })

/** Makes choices to n bits of both clouds, packed at `own`. One round. */
export function* chooseBits(
  party: DealingParty,
  n: number,
  own: number
): Round<{ readonly forward: Batch; readonly reversed: Batch }> {
  const [forward, reversed] = yield* together(
    party.choices("forward", n, own),
    party.choices("reversed", n, own)
  )
  return { forward, reversed }
}

/** n words of a number that is gated. */
export interface GatedWords {
  /** This cloud's shares of x; without it x is one. */
  readonly x?: number | undefined
  readonly bytes: number
  /** Cloud 0's shares of the product; cloud 1's are written here. */
  readonly product: number
  /** At cloud 1: what masks its part of the product. */
  readonly crossed: number
}

/** Gates words by n bits, packed at `own`. Two rounds. The first use of the choices is `use`. */
export function* gateWords(
  party: DealingParty,
  { forward, reversed }: BitChoices,
  own: number,
  words: ReadonlyArray<GatedWords>,
  n: number,
  use = 0
): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const leads = party.cloud === 0
  // Cloud 0's masks are its shares less what it receives.
  const masks = words.map(({ product, crossed }) => (leads ? product : crossed))
  const bothWays = words.flatMap((each, i) => (each.x === undefined ? [] : [{ ...each, i, x: each.x }]))
  if (reversed !== undefined)
    yield* together(
      ...bothWays.map(({ x, bytes, crossed, product, i }) =>
        party.transfer(
          "reversed",
          [reversed],
          n,
          { messageBits: 8 * bytes, use: use + i },
          (messages) => kernels.offerGated(messages, x, crossed, own, bytes, n),
          (received) => {
            const mask = ring.allocate(n * wordBytes)
            kernels.wordsOfBytes(mask, received, bytes, n)
            kernels.subtract(mask, product, mask, n)
            masks[i] = mask
          }
        )
      )
    )
  yield* together(
    ...words.map(({ x, bytes, product, crossed }, i) =>
      party.transfer(
        "forward",
        [forward],
        n,
        { messageBits: 8 * bytes, use: use + i },
        (messages) => kernels.offerGated(messages, x ?? 0, masks[i]!, own, bytes, n),
        (received) => {
          kernels.wordsOfBytes(product, received, bytes, n)
          if (x !== undefined) kernels.add(product, product, crossed, n)
        }
      )
    )
  )
}

/** Copies `bytes` bytes a value to words. New memory. */
const widened = (
  ring: Ring,
  piece: Piece<GateTask>,
  bytes: number,
  at: (task: GateTask) => number
): number => {
  const narrow = gather(ring, piece, bytes, at, true)
  if (bytes === wordBytes) return narrow
  const out = ring.allocate(piece.values * wordBytes)
  ring.kernels.wordsOfBytes(out, narrow, bytes, piece.values)
  return out
}

/** Cloud 1's masks of the number with index `i` of those that go both ways. */
const crossedWords = (party: DealingParty, { spans, values }: Piece<GateTask>, i: number): number => {
  const out = party.zeros(values)
  if (party.cloud === 0) return out
  let at = out
  for (const { task, from, count } of spans) {
    party.fill(at, count, task.place, "crossed", i * task.values + from)
    at += Math.ceil(count / GROUP) * GROUP * wordBytes
  }
  return out
}

/** Deals a piece of gates of one kind, of whole groups. */
export function* dealGates(party: DealingParty, piece: Piece<GateTask>): Round<void> {
  const { ring } = party
  const n = piece.values
  const [{ task }] = piece.spans as readonly [Span<GateTask>]
  const bits = gatherBits(ring, piece)
  const words = task.numbers.map(
    ({ x, bytes }, i): GatedWords => ({
      x: x === undefined ? undefined : widened(ring, piece, bytes, (each) => each.numbers[i]!.x!),
      bytes,
      product: widened(ring, piece, bytes, (each) => each.numbers[i]!.product),
      crossed: x === undefined ? 0 : crossedWords(party, piece, i)
    })
  )
  const forward = party.choices("forward", n, bits)
  const crosses = words.some(({ x }) => x !== undefined)
  const batches = yield* together(forward, ...(crosses ? [party.choices("reversed", n, bits)] : []))
  const [ofForward, ofReversed] = batches as ReadonlyArray<Batch>
  const choices = { forward: contiguous(ofForward!), reversed: ofReversed && contiguous(ofReversed) }
  yield* gateWords(party, choices, bits, words, n)
  if (party.cloud === 0) return
  for (const [i, { bytes, product }] of words.entries()) {
    const out = ring.allocate(n * bytes + wordBytes)
    ring.kernels.bytesOfWords(out, product, bytes, n)
    scatter(ring, piece, bytes, out, (each) => each.numbers[i]!.product, true)
  }
}

/** The bits of all spans side by side, each from a word of its own; behind its last value a span has zeros. New memory. */
const gatherBits = (ring: Ring, { spans, values }: Piece<GateTask>): number => {
  const out = ring.allocate(values / 8)
  const { memory } = ring
  let to = out
  for (const { task, from, count } of spans) {
    const at = task.bits + from / 8
    const bytes = Math.ceil(count / 8)
    const end = to + Math.ceil(count / GROUP) * wordBytes
    memory.copyWithin(to, at, at + bytes)
    memory.fill(0, to + bytes, end)
    if (count % 8 > 0) memory[to + bytes - 1]! &= (1 << (count % 8)) - 1
    to = end
  }
  return out
}
