/**
 * The bits of r = r_0 + r_1, of which cloud 0 knows r_0 and cloud 1 r_1 (section 5 of docs/concepts/protocol.md): the
 * top bit, r≫s, and the blocks of r's bits s to 62 as one-hot words. Block by block, from the low end, one transfer among
 * the digits of cloud 1 and its share of the carry gives it its share of the next carry, and of the one-hot word.
 */
import { wordBytes } from "../bytes.ts"
import { nodesOf, topBytes } from "../computation/sizes.ts"
import { type Round, together } from "../learning/operations.ts"
import type { ChoiceBits, DealingParty, Place } from "./party.ts"
import { gather, type Piece, type Span, scatter, type Task } from "./pieces.ts"

/** Words of which bits are dealt. Addresses are those of cloud 0's shares, or of what is left at cloud 1. */
export interface SumTask extends Task {
  readonly place: Place
  /** This cloud's part of each r. */
  readonly r: number
  readonly shift: number
  /** ⌈shift/8⌉ bytes a value. */
  readonly top: number
  /** Words. */
  readonly shifted?: number | undefined
  /** 8 bytes a value and node. */
  readonly oneHot?: number | undefined
}

/** What makes sums one kind. */
export const kindOfSum = ({ shift, shifted, oneHot }: SumTask): string =>
  `${shift} ${shifted !== undefined} ${oneHot !== undefined}`

export interface Block {
  readonly low: number
  readonly width: number
}

const blockBits = 4
const oneHotBytes = 2

/** The blocks of a word, from the low end: those that a shift takes away, and those up to the top bit, which has none. */
export const blocksOf = (
  shift: number
): { readonly shiftedOut: number; readonly all: ReadonlyArray<Block> } => {
  const between = (from: number, end: number) =>
    Array.from({ length: Math.ceil((end - from) / blockBits) }, (_, i) => ({
      low: from + i * blockBits,
      width: Math.min(blockBits, end - from - i * blockBits)
    }))
  const low = between(0, shift)
  return { shiftedOut: low.length, all: [...low, ...between(shift, 63)] }
}

/** Bits of a message of a block: the carry, and of one that is dealt the one-hot word. */
export const blockMessageBits = ({ low }: Block, shift: number, oneHot: boolean): number =>
  oneHot && low >= shift ? 17 : 1

/** Bytes of one-hot words of no bits, a value: they are the same for all r. */
export const constantBytes = (shift: number): number => {
  const { shiftedOut, all } = blocksOf(shift)
  return nodesOf(shift) * wordBytes - (all.length - shiftedOut) * oneHotBytes
}

/** Uses of the choice bits of a word and its carries. */
export const sumUses = { block: 0, wrap: 1, top: 2, carry: 3 } as const

/** Cloud 0's random words for its values, of which there are two kinds for each. */
const drawn = (party: DealingParty, piece: Piece<SumTask>, kind: 0 | 1): number => {
  const { ring } = party
  const out = ring.allocate(piece.values * wordBytes)
  let at = out
  for (const { task, from, count } of piece.spans as ReadonlyArray<Span<SumTask>>) {
    party.fill(at, count, task.place, "carries", kind * task.values + from)
    at += count * wordBytes
  }
  return out
}

/** Deals the bits of a piece of sums of one kind. */
export function* dealSums(party: DealingParty, piece: Piece<SumTask>): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const n = piece.values
  const [{ task }] = piece.spans as readonly [Span<SumTask>]
  const { shift } = task
  const first = party.cloud === 0
  const r = gather(ring, piece, wordBytes, (each) => each.r)
  const carries = first ? drawn(party, piece, 0) : party.zeros(n)
  const packed = ring.allocate(Math.ceil(n / 64) * wordBytes)
  const words = oneHotWords(party, piece, task)
  const digits = yield* party.choices("forward", 64 * n, r)
  const bit = (j: number): ChoiceBits => ({ batch: digits, first: j, stride: 64 })
  const { shiftedOut, all } = blocksOf(shift)
  const carried: ChoiceBits[] = []
  for (const [j, block] of all.entries()) {
    const { low, width } = block
    const bits = [...Array.from({ length: width }, (_, i) => bit(low + i)), ...carried.slice(-1)]
    const messageBits = blockMessageBits(block, shift, words !== undefined)
    const place =
      words === undefined || low < shift ? 0 : words.at + ((low - shift) / blockBits) * oneHotBytes
    const stride = words?.stride ?? 0
    yield* party.transfer(
      "forward",
      bits,
      n,
      { messageBits, use: sumUses.block },
      (messages) => kernels.offerBlock(messages, r, low, width, carries, j, place, stride, n),
      (received) => kernels.takeBlock(received, carries, j, packed, place, stride, n)
    )
    carried.push({ batch: yield* party.choices("forward", n, packed), first: 0, stride: 1 })
  }
  yield* together(
    topAndShifted(party, piece, {
      r,
      carries,
      top: [bit(63), carried.at(-1)!],
      carry: carried[shiftedOut - 1]!
    }),
    constants(party, piece, words)
  )
  if (words !== undefined && !first) scatter(ring, piece, words.stride, words.at, (each) => each.oneHot!)
}

interface OneHotWords {
  readonly at: number
  /** Bytes of a value's. */
  readonly stride: number
  /** Bytes of its last ones that are the same for all r. */
  readonly constant: number
}

const oneHotWords = (
  party: DealingParty,
  piece: Piece<SumTask>,
  { shift, oneHot }: SumTask
): OneHotWords | undefined => {
  if (oneHot === undefined) return undefined
  const stride = nodesOf(shift) * wordBytes
  return {
    at: gather(party.ring, piece, stride, (task) => task.oneHot!),
    stride,
    constant: constantBytes(shift)
  }
}

/** One-hot words of blocks of no bits are 1: cloud 0 tells what completes its share. */
function* constants(
  party: DealingParty,
  { values }: Piece<SumTask>,
  words: OneHotWords | undefined
): Round<void> {
  if (words === undefined || words.constant === 0) return
  const { ring } = party
  const { at, stride, constant } = words
  const told = ring.allocate(values * constant)
  const each = (use: (word: number, told: number) => void) => {
    for (let i = 0, to = told; i < values; i++, to += constant) use(at + (i + 1) * stride - constant, to)
  }
  if (party.cloud === 0)
    each((word, to) => {
      ring.memory.copyWithin(to, word, word + constant)
      for (let j = 0; j < constant; j += oneHotBytes) ring.memory[to + j]! ^= 1
    })
  yield* party.tell(told, told, values * constant)
  if (party.cloud === 1) each((word, to) => ring.memory.copyWithin(word, to, to + constant))
}

/** From the carries: the top bit of r, what wraps around, and with the carry into bit s its upper bits. */
function* topAndShifted(
  party: DealingParty,
  piece: Piece<SumTask>,
  {
    r,
    carries,
    top,
    carry
  }: {
    readonly r: number
    readonly carries: number
    /** Choice bits of the top bit, and of the carry into it. */
    readonly top: ReadonlyArray<ChoiceBits>
    readonly carry: ChoiceBits
  }
): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const n = piece.values
  const [{ task }] = piece.spans as readonly [Span<SumTask>]
  const { shift } = task
  const { shiftedOut, all } = blocksOf(shift)
  const width = topBytes(shift)
  const tops = gather(ring, piece, width, (each) => each.top)
  const words = ring.allocate(n * wordBytes)
  kernels.wordsOfBytes(words, tops, width, n)
  const ofTop = party.transfer(
    "forward",
    top,
    n,
    { messageBits: 8 * width, use: sumUses.top },
    (messages) => kernels.offerTop(messages, r, carries, all.length, words, false, 8 * width, n),
    (received) => scatter(ring, piece, width, received, (each) => each.top)
  )
  if (task.shifted === undefined) {
    yield* together(ofTop)
    return
  }
  const wraps = party.cloud === 0 ? drawn(party, piece, 1) : ring.allocate(n * wordBytes)
  const shifted = gather(ring, piece, wordBytes, (each) => each.shifted!)
  const mask = ring.allocate(n * wordBytes)
  if (party.cloud === 0) kernels.shiftedMask(mask, shifted, r, wraps, shift, n)
  yield* together(
    ofTop,
    party.transfer(
      "forward",
      top,
      n,
      { messageBits: shift, use: sumUses.wrap },
      (messages) => kernels.offerTop(messages, r, carries, all.length, wraps, true, shift, n),
      (received) => kernels.wordsOfBytes(wraps, received, Math.ceil(shift / 8), n)
    ),
    party.transfer(
      "forward",
      [carry],
      n,
      { messageBits: 64, use: sumUses.carry },
      (messages) => kernels.offerCarry(messages, carries, shiftedOut, mask, n),
      (received) => kernels.wordsOfBytes(mask, received, wordBytes, n)
    )
  )
  if (party.cloud === 0) return
  kernels.shiftedShare(shifted, mask, r, wraps, shift, n)
  scatter(ring, piece, wordBytes, shifted, (each) => each.shifted!)
}
