/**
 * Signs of numbers of which each cloud has a part (section 8 of docs/concepts/protocol.md): y = y_0 + y_1 modulo a power of
 * two, and both get a share of d = [y ≥ 0]. The carries go from block to block as where two clouds deal for themselves
 * (`protocol/dealing/sums.ts`): one transfer among the digits of C1 and its share of the carry.
 */
import { wordBytes } from "../bytes.ts"
import { type Batch, type ChoiceBits, slackBytes, type TransferringParty } from "../dealing/party.ts"
import type { Round } from "../learning/operations.ts"

const blockBits = 4

/** Blocks below the sign bit. */
export const blocksBelow = (
  signBit: number
): ReadonlyArray<{ readonly low: number; readonly width: number }> =>
  Array.from({ length: Math.ceil(signBit / blockBits) }, (_, i) => ({
    low: i * blockBits,
    width: Math.min(blockBits, signBit - i * blockBits)
  }))

/** A bit for each value, packed in words of 64. */
export const bitWords = (n: number): number => Math.ceil(n / 64)

/** Where a cloud's words are, and their digits as C1's choices. */
export interface ComparedWords {
  /** One u64 a value, of which the bits above the sign bit are not used. */
  readonly at: number
  readonly digits: Batch
  readonly signBit: number
  /** C0's masks of the carries, a word a value; at C1 zeros. */
  readonly carries: number
  readonly n: number
}

/**
 * Shares of [y ≥ 0], packed, in new memory. Rounds: twice as many as there are blocks, less one. New memory of the ring.
 */
export function* signShares(
  party: TransferringParty,
  { at, digits, signBit, carries, n }: ComparedWords
): Round<Uint8Array> {
  const { ring, cloud } = party
  const { kernels } = ring
  const packed = ring.allocate(bitWords(n) * wordBytes)
  const blocks = blocksBelow(signBit)
  let carried: ReadonlyArray<ChoiceBits> = []
  for (const [j, { low, width }] of blocks.entries()) {
    const own = Array.from({ length: width }, (_, i) => ({ batch: digits, first: low + i, stride: 64 }))
    yield* party.transfer(
      "forward",
      [...own, ...carried],
      n,
      { messageBits: 1, use: 0 },
      (messages) => kernels.offerBlock(messages, at, low, width, carries, j, 0, 0, n),
      (received) => kernels.takeBlock(received, carries, j, packed, 0, 0, n)
    )
    if (j === blocks.length - 1) break
    carried = [{ batch: yield* party.choices("forward", n, packed), first: 0, stride: 1 }]
  }
  const [signs, carry] = [bitWords(n), bitWords(n)].map((words) => ring.allocate(words * wordBytes))
  kernels.bitOfWords(signs!, at, signBit, n)
  kernels.bitOfWords(carry!, carries, blocks.length, n)
  kernels.xor(signs!, signs!, carry!, bitWords(n))
  const shares = ring.bytes(signs!, bitWords(n) * wordBytes).slice()
  return cloud === 0 ? shares.map((byte) => ~byte) : shares
}

/** Words in new memory, with room behind them. */
export const placed = ({ ring }: TransferringParty, bytes: Uint8Array): number => {
  const at = ring.allocate(bytes.length + slackBytes)
  ring.memory.fill(0, at, at + bytes.length + slackBytes)
  ring.memory.set(bytes, at)
  return at
}
