/**
 * Secure aggregation (Bonawitz et al., CCS 2017, without its recovery of users that drop out): each pair of users has
 * a key, which it draws together, and from it a mask that one of the two adds to its numbers and the other subtracts.
 * In the sum of all users' numbers the masks cancel; of what fewer than all send, they leave uniform numbers. Other
 * users see masked numbers; no other party sees even those.
 *
 * A mask serves one content. Its key follows from what the numbers depend on (`about`): those of the second pass from
 * a digest of all that was sent in the first, so users that were sent different things there have masks that don't
 * cancel, and learn nothing.
 */
import { createHash } from "node:crypto"
import { derive } from "../aead.ts"
import { bytesFrom, fromBytes, toBytes } from "../bcp/integers.ts"
import { concatenate } from "../bytes.ts"
import { CanonicalWriter } from "../canonical.ts"

/** Bytes of what each of two users contributes to the key of their masks, and of the key. */
export const secretBytes = 16

/** Bytes of each number of a vector, which is an integer modulo 256^bytes, big-endian. */
export type Layout = ReadonlyArray<number>

export const vectorBytes = (layout: Layout): number => layout.reduce((sum, bytes) => sum + bytes, 0)

export const toVector = (layout: Layout, numbers: ReadonlyArray<bigint>): Uint8Array =>
  concatenate(layout.map((bytes, i) => toBytes(BigInt.asUintN(8 * bytes, numbers[i]!), bytes)))

/** The numbers of a vector of the length of its layout, from 0 on. */
export const fromVector = (layout: Layout, vector: Uint8Array): ReadonlyArray<bigint> => {
  let at = 0
  return layout.map((bytes) => {
    at += bytes
    return fromBytes(vector.subarray(at - bytes, at))
  })
}

/** What the masks of two users in a pass follow from, beside their secrets. */
export interface MaskUse {
  readonly run: string
  readonly pass: 1 | 2
  /** The names of the two, in the order of the users. */
  readonly pair: readonly [string, string]
  /** A digest of all that the numbers of the pass depend on and all users know. */
  readonly about: Uint8Array
}

/** The key of the masks of two users, of whose secrets the first is that of the first of the pair. */
export const maskKey = (
  secrets: readonly [Uint8Array, Uint8Array],
  { run, pass, pair, about }: MaskUse
): Uint8Array =>
  derive(concatenate(secrets), about, `bicameral masks ${pass} ${pair.join(" ")} ${run}`, secretBytes)

/** A mask that a user adds to its numbers, or subtracts from them: a user adds those of its pairs with later ones. */
export interface Mask {
  readonly key: Uint8Array
  readonly sign: 1n | -1n
}

/** The numbers under all of the masks. */
export const masked = (
  layout: Layout,
  numbers: ReadonlyArray<bigint>,
  masks: ReadonlyArray<Mask>
): Uint8Array => {
  const sums = [...numbers]
  for (const { key, sign } of masks) {
    const mask = fromVector(layout, bytesFrom(key)(vectorBytes(layout)))
    mask.forEach((each, i) => {
      sums[i]! += sign * each
    })
  }
  return toVector(layout, sums)
}

/** The sums of the numbers of all vectors, each between −256^bytes / 2 and 256^bytes / 2. */
export const sumOf = (layout: Layout, vectors: ReadonlyArray<Uint8Array>): ReadonlyArray<bigint> => {
  const numbers = vectors.map((vector) => fromVector(layout, vector))
  return layout.map((bytes, i) =>
    BigInt.asIntN(
      8 * bytes,
      numbers.reduce((sum, each) => sum + each[i]!, 0n)
    )
  )
}

/** SHA-256 of some byte strings, in their order. */
export const digestOf = (what: string, strings: ReadonlyArray<Uint8Array>): Uint8Array => {
  const writer = new CanonicalWriter().string(what).u32(strings.length)
  for (const each of strings) writer.bytes(each)
  return new Uint8Array(createHash("sha256").update(writer.finish()).digest())
}
