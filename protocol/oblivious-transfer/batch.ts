/**
 * Batches of transfers whose choices are made, and what transfers take of them. A transfer among 2^w messages has w choice
 * bits, from any batches. Its pads are the fixed-key cipher of the sum of the keys under a tweak of its own: that of the
 * number of its first choice bit, counted over the instance, and of the use.
 */
import { wordBytes } from "../bytes.ts"
import type { Ring } from "../ring/ring.ts"
import { type BlockCipher, blockBytes, pieceBlocks } from "./block-cipher.ts"
import { PadReused } from "./errors.ts"
import type { TransferShape } from "./sizes.ts"

/** Transfers `first`, `first + stride`, … of a batch. */
interface Taken {
  readonly first: number
  readonly stride: number
  readonly count: number
}

const lastOf = ({ first, stride, count }: Taken): number => first + stride * (count - 1)

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))

/** Whether two may have a transfer in common: their ranges meet, and so do their remainders. */
const mayMeet = (one: Taken, other: Taken): boolean =>
  one.first <= lastOf(other) &&
  other.first <= lastOf(one) &&
  (one.first - other.first) % divisor(one.stride, other.stride) === 0

/** Transfers with their choices made: `Offered` at the sender, `Chosen` at the receiver. */
export class Batch {
  /** The number of its first transfer in the instance. */
  readonly number: number
  readonly transfers: number
  /** The cipher of its last extension, which was drawn when all its columns were fixed. */
  readonly cipher: BlockCipher
  /** Which extension of the instance that is. */
  readonly extension: number
  /** The keys in memory: both of each transfer at the sender, the chosen one at the receiver. */
  readonly keys: number
  readonly #taken = new Map<number, Array<Taken>>()

  constructor({ number, transfers, cipher, extension, keys }: BatchParts) {
    this.number = number
    this.transfers = transfers
    this.cipher = cipher
    this.extension = extension
    this.keys = keys
  }

  /** Takes the pads of transfers with these first choice bits. Throws `PadReused` if one of them may be taken. */
  take(taken: Taken, use: number): void {
    const before = this.#taken.get(use) ?? []
    if (before.some((other) => mayMeet(other, taken)))
      throw new PadReused({ transfer: this.number + taken.first, use })
    before.push(taken)
    this.#taken.set(use, before)
  }
}

export interface BatchParts {
  readonly number: number
  readonly transfers: number
  readonly cipher: BlockCipher
  readonly extension: number
  readonly keys: number
}

/** A batch at the sender. */
export class Offered extends Batch {}

/** A batch at the receiver. */
export class Chosen extends Batch {
  /** The choices in memory, packed. */
  readonly choices: number

  constructor(parts: BatchParts & { readonly choices: number }) {
    super(parts)
    this.choices = parts.choices
  }
}

/** One choice bit of each of some transfers: that of transfer i is bit `first` + i·`stride` of the batch. */
export interface ChoiceBits<Of extends Batch> {
  readonly batch: Of
  readonly first: number
  readonly stride: number
}

/** Choice bits of a transfer at most: one of 64 messages. */
export const mostChoiceBits = 6
/** Bits of a message at most. */
export const mostMessageBits = 512
/** The greatest u32 stands for the first hash, of rows to keys. */
const firstHash = 0xffff_ffff

/** The place of a tweak: what the pads are for, and, from bit 32 on, the block (zero here) and the direction. */
const placeOf = (direction: 0 | 1, use: number): bigint => BigInt(use) | (BigInt(direction) << 40n)

export const firstHashPlace = (direction: 0 | 1): bigint => placeOf(direction, firstHash)

/** Whether the bits of every transfer are different ones. */
const sameBit = <Of extends Batch>(one: ChoiceBits<Of>, other: ChoiceBits<Of>, count: number): boolean => {
  if (one.batch !== other.batch) return false
  const apart = other.first - one.first
  const drift = one.stride - other.stride
  if (drift === 0) return apart === 0
  const at = apart / drift
  return Number.isInteger(at) && at >= 0 && at < count
}

/** What the kernels need to make the pads of some transfers. */
export interface Pads {
  readonly cipher: BlockCipher
  /** The table of choice bits in memory. */
  readonly bits: number
  readonly choiceBits: number
  /** The number of the first batch's first transfer. */
  readonly number: bigint
  readonly place: bigint
  /** Blocks of a message. */
  readonly blocks: number
}

const check = <Of extends Batch>(
  bits: ReadonlyArray<ChoiceBits<Of>>,
  count: number,
  { messageBits, use }: TransferShape
): void => {
  const wrong = (what: string) => new RangeError(`oblivious transfer: ${what}`)
  if (!(count >= 1)) throw wrong(`${count} transfers`)
  if (bits.length < 1 || bits.length > mostChoiceBits) throw wrong(`${bits.length} choice bits`)
  if (!(messageBits >= 1 && messageBits <= mostMessageBits)) throw wrong(`messages of ${messageBits} bits`)
  if (!(use >= 0 && use < firstHash)) throw wrong(`use ${use}`)
  for (const { batch, first, stride } of bits)
    if (!(first >= 0 && stride >= 1 && first + stride * (count - 1) < batch.transfers))
      throw wrong(`${count} choice bits from ${first} by ${stride} of ${batch.transfers}`)
  for (const [j, one] of bits.entries())
    if (bits.slice(j + 1).some((other) => sameBit(one, other, count)))
      throw new PadReused({ transfer: one.batch.number + one.first, use })
}

/**
 * Takes the pads of `count` transfers, at least one. New memory of the ring. Throws `PadReused`, and `RangeError` where
 * the caller is wrong.
 */
export const takePads = <Of extends Batch>(
  ring: Ring,
  direction: 0 | 1,
  bits: ReadonlyArray<ChoiceBits<Of>>,
  count: number,
  shape: TransferShape
): Pads => {
  check(bits, count, shape)
  const [first] = bits as readonly [ChoiceBits<Of>]
  first.batch.take({ first: first.first, stride: first.stride, count }, shape.use)
  const table = ring.allocate(bits.length * blockBytes)
  const view = new DataView(ring.memory.buffer, table)
  for (const [j, { batch, first: from, stride }] of bits.entries())
    for (const [i, value] of [
      batch.keys,
      batch instanceof Chosen ? batch.choices : 0,
      from,
      stride
    ].entries())
      view.setUint32(j * blockBytes + i * 4, value, true)
  const newest = bits.reduce(
    (last, { batch }) => (batch.extension > last.extension ? batch : last),
    first.batch
  )
  return {
    cipher: newest.cipher,
    bits: table,
    choiceBits: bits.length,
    number: BigInt(first.batch.number),
    place: placeOf(direction, shape.use),
    blocks: Math.ceil(shape.messageBits / (8 * blockBytes))
  }
}

/** Calls `work` for transfers in pieces of so many blocks each, whole bytes of choices at a time. */
export const inPieces = (
  count: number,
  blocksEach: number,
  work: (from: number, count: number) => void
): void => {
  const piece = Math.floor(pieceBlocks / blocksEach / wordBytes) * wordBytes
  for (let from = 0; from < count; from += piece) work(from, Math.min(piece, count - from))
}
