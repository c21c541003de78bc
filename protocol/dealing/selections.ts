/**
 * One-hot tables of a small number h = h_0 + h_1 modulo 2^k, times a word (section 5 of docs/concepts/protocol.md):
 * first the bits of h are shared, then the word goes down a tree of as many levels: at each node, what the next bit of h
 * gates goes to the right, and the rest to the left. Cloud 0's shares are sums of its shares of the leaves, from the
 * leaves up, and cloud 1 is left with those that complete them.
 */
import { wordBytes } from "../bytes.ts"
import type { Round } from "../learning/operations.ts"
import { chooseBits, contiguous, gateWords } from "./gates.ts"
import type { DealingParty } from "./party.ts"

/** A table for each of n values. */
export interface Table {
  /** Cloud 1's share of the word at the root; cloud 0's is the sum of the leaves. */
  readonly root: number
  /** n words for each of 2^k leaves: cloud 0's shares, or where cloud 1's go. */
  readonly leaves: number
  /** Cloud 1's masks: n words for each node that is not a leaf. */
  readonly crossed: number
}

/** Bits of the lower of the two digits that are added. */
export const lowDigitBits = 4

/**
 * Shares of the bits of the sums of small numbers, a word each, of `bits` from 5 to 8. At cloud 0 `share` is random, at
 * cloud 1 it is where the result goes. Three rounds.
 */
export function* addNumbers(
  party: DealingParty,
  x: number,
  share: number,
  bits: number,
  n: number
): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const packed = packBits(party, x, bits, n)
  const each = planeBits(n)
  const digits = yield* party.choices("forward", bits * each, packed)
  const bit = (j: number) => contiguous(digits, j * each)
  const low = Array.from({ length: lowDigitBits }, (_, j) => bit(j))
  const received = party.zeros(n)
  yield* party.transfer(
    "forward",
    low,
    n,
    { messageBits: lowDigitBits + 1, use: 0 },
    (messages) => kernels.offerDigit(messages, x, share, 0, lowDigitBits, n),
    (got) => kernels.wordsOfBytes(received, got, 1, n)
  )
  const carry = ring.allocate(each / 8)
  kernels.bitOfWords(carry, received, lowDigitBits, n)
  const carries = yield* party.choices("forward", n, carry)
  const high = Array.from({ length: bits - lowDigitBits }, (_, j) => bit(lowDigitBits + j))
  yield* party.transfer(
    "forward",
    [...high, contiguous(carries)],
    n,
    { messageBits: bits - lowDigitBits, use: 0 },
    (messages) => kernels.offerDigit(messages, x, share, lowDigitBits, bits - lowDigitBits, n),
    (got) => {
      const upper = ring.allocate(n * wordBytes)
      kernels.wordsOfBytes(upper, got, 1, n)
      kernels.keepLow(share, received, lowDigitBits, n)
      kernels.addShifted(share, upper, lowDigitBits, n)
    }
  )
}

/** Bits of a plane of n values, which fills its words. */
export const planeBits = (n: number): number => Math.ceil(n / 64) * 64

/** The low bits of words, plane by plane. New memory. */
const packBits = ({ ring }: DealingParty, x: number, bits: number, n: number): number => {
  const each = planeBits(n) / 8
  const out = ring.allocate(bits * each)
  for (let j = 0; j < bits; j++) ring.kernels.bitOfWords(out + j * each, x, j, n)
  return out
}

/** Deals tables that share their numbers, whose bits are shared in words at `shared`. 1 + 2·bits rounds. */
export function* select(
  party: DealingParty,
  shared: number,
  bits: number,
  tables: ReadonlyArray<Table>,
  n: number
): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const size = 2 ** bits
  const leads = party.cloud === 0
  const plane = planeBits(n)
  const own = packBits(party, shared, bits, n)
  const { forward, reversed } = yield* chooseBits(party, bits * plane, own)
  const nodes = tables.map((table) => nodesOfTable(party, table, size, n))
  for (let level = 0; level < bits; level++) {
    const bit = bits - 1 - level
    const at = (level: number, node: number) => (2 ** level - 1 + node) * n * wordBytes
    const words = tables.flatMap(({ crossed }, t) =>
      Array.from({ length: 2 ** level }, (_, node) => ({
        x: nodes[t]! + at(level, node),
        bytes: wordBytes,
        product: nodes[t]! + at(level + 1, 2 * node + 1),
        crossed: crossed + at(level, node)
      }))
    )
    const choices = {
      forward: contiguous(forward, bit * plane),
      reversed: contiguous(reversed, bit * plane)
    }
    yield* gateWords(party, choices, own + (bit * plane) / 8, words, n)
    if (!leads) for (const { x, product } of words) kernels.subtract(product - n * wordBytes, x, product, n)
  }
  if (leads) return
  for (const [t, { leaves }] of tables.entries()) {
    const from = nodes[t]! + (size - 1) * n * wordBytes
    ring.memory.copyWithin(leaves, from, from + size * n * wordBytes)
  }
}

/** The shares of all nodes of a tree, level by level, n words each: at cloud 0 from the leaves, at cloud 1 the root's. */
const nodesOfTable = (
  { ring, cloud }: DealingParty,
  { root, leaves }: Table,
  size: number,
  n: number
): number => {
  const nodes = ring.allocate((2 * size - 1) * n * wordBytes)
  if (cloud === 1) {
    ring.memory.copyWithin(nodes, root, root + n * wordBytes)
    return nodes
  }
  const at = (node: number) => nodes + node * n * wordBytes
  ring.memory.copyWithin(at(size - 1), leaves, leaves + size * n * wordBytes)
  for (let node = size - 2; node >= 0; node--)
    ring.kernels.add(at(node), at(2 * node + 1), at(2 * node + 2), n)
  return nodes
}

/** Sums of the leaves of each value, which are cloud 0's shares of the roots. New memory. */
export const sumOfLeaves = ({ ring }: DealingParty, leaves: number, size: number, n: number): number => {
  const out = ring.allocate(n * wordBytes)
  ring.kernels.columnSums(out, leaves, size, n)
  return out
}

/** Words of masks that cloud 1 needs for a value's table. */
export const innerNodes = (bits: number): number => 2 ** bits - 1

/** Both clouds' words, which cloud 0 tells less its shares of the roots. New memory. One round. */
export function* rootsTold(party: DealingParty, own: number, ofLeaves: number, n: number): Round<number> {
  const { ring } = party
  const told = ring.allocate(n * wordBytes)
  if (party.cloud === 0) ring.kernels.subtract(told, own, ofLeaves, n)
  yield* party.tell(told, told, n * wordBytes)
  if (party.cloud === 1) ring.kernels.add(told, told, own, n)
  return told
}
