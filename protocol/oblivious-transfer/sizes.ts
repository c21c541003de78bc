/** What oblivious transfer sends, to the byte. All of it follows from numbers that both clouds know. */
import { basePointBytes, pointBytes } from "./base.ts"
import { blockBytes } from "./block-cipher.ts"
import { treeCorrectionBytes, treesOf } from "./trees.ts"

/** What an instance is made with; both clouds have the same. */
export interface ExtensionShape {
  /** k: the small fields have 2^k elements. 1 to 8; 2 to 4 is best. */
  readonly fieldBits: number
  /** Random transfers that are made at once: a power of two, 128 at least. */
  readonly transfers: number
}

/** Throws `RangeError` where no instance can be made with it. */
export const demandShape = ({ fieldBits, transfers }: ExtensionShape): void => {
  if (!(Number.isInteger(fieldBits) && fieldBits >= 1 && fieldBits <= 8))
    throw new RangeError(`oblivious transfer: fields of 2^${fieldBits} elements`)
  if (!(transfers >= 128 && Number.isInteger(Math.log2(transfers))))
    throw new RangeError(`oblivious transfer: extensions of ${transfers} transfers`)
}

/** Fewer bytes are sent with larger fields, and more are drawn: 16·2^k/k of AES a transfer. Up to 4 that costs little. */
export const defaultExtension: ExtensionShape = { fieldBits: 4, transfers: 2 ** 17 }

/** Bits of one transfer: which message, how long. */
export interface TransferShape {
  /** 1 to 512. */
  readonly messageBits: number
  /** Tells transfers apart that have the same first choice bit. A u32 but the greatest. */
  readonly use: number
}

/** What a new instance sends: two rounds, each way. */
export const openingBytes = {
  sender: [basePointBytes, 0],
  receiver: [pointBytes, treeCorrectionBytes]
} as const

/** The columns of an extension, and the public key that is drawn after them. */
export const extensionBytes = ({ fieldBits, transfers }: ExtensionShape): number =>
  ((treesOf(fieldBits).length - 1) * transfers) / 8 + blockBytes

/** Transfers are taken in whole bytes of choice bits. */
export const taken = (n: number): number => Math.ceil(n / 8) * 8

/** The extensions that are made to take `n` transfers, where `before` have been taken. */
export const extensionsFor = ({ transfers }: ExtensionShape, before: number, n: number): number =>
  Math.ceil((before + taken(n)) / transfers) - Math.ceil(before / transfers)

/** What the receiver sends for `n` choices, where `before` transfers have been taken. */
export const choiceBytes = (shape: ExtensionShape, before: number, n: number): number =>
  extensionsFor(shape, before, n) * extensionBytes(shape) + taken(n) / 8

/** Bytes of a message in memory. */
export const messageBytes = ({ messageBits }: { readonly messageBits: number }): number =>
  Math.ceil(messageBits / 8)

/** What the sender sends for `count` transfers of one of 2^`choiceBits` messages each. */
export const transferBytes = (
  choiceBits: number,
  count: number,
  { messageBits }: { readonly messageBits: number }
): number => Math.ceil((count * 2 ** choiceBits * messageBits) / 8)
