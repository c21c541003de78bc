/**
 * Base transfers on P-256: for each bit the receiver sends two points, its own key at the place of its choice and a random
 * point at the other; the sender sends one point, and takes Diffie and Hellman's secret with each. Of one of the two the
 * receiver knows no logarithm, so it has one secret; the two points have the same distribution, so the choice does not
 * show. (Bellare and Micali, CRYPTO 1989, in spirit. On Curve25519 it would: half of all coordinates are of the twist.)
 */
import { createECDH, createHash, ECDH } from "node:crypto"
import { derive } from "../aead.ts"
import { type ByteSource, concatenate, plainBytes } from "../bytes.ts"
import { crossing, type Round } from "../learning/operations.ts"
import { demandBytes, NotOnCurve } from "./errors.ts"
import { bitOf, deltaBits, seedBytes } from "./trees.ts"

const curve = "prime256v1"
const scalarBytes = 32
/** Bytes of a compressed point (SEC 1). */
export const pointBytes = 33
/** Bytes of the points of a receiver: two for each base transfer. */
export const basePointBytes = deltaBits * 2 * pointBytes

/** A key pair. Few strings of 32 bytes are no scalars: one in 2^32. */
const drawKey = (randomness: ByteSource): { readonly key: ECDH; readonly point: Uint8Array } => {
  const key = createECDH(curve)
  for (;;) {
    try {
      key.setPrivateKey(randomness(scalarBytes))
    } catch {
      continue
    }
    return { key, point: plainBytes(key.getPublicKey(null, "compressed")) }
  }
}

/** Whether the bytes are a point in its compressed form. */
const isPoint = (bytes: Uint8Array): boolean => {
  try {
    ECDH.convertKey(bytes, curve, undefined, undefined, "compressed")
    return true
  } catch {
    return false
  }
}

/** A point to which nobody knows a logarithm: the first coordinate drawn that has one, as every other has. */
const drawPoint = (randomness: ByteSource): Uint8Array => {
  for (;;) {
    const point = Uint8Array.from(randomness(pointBytes))
    point[0] = 2 | (point[0]! & 1)
    if (isPoint(point)) return point
  }
}

const pointAt = (points: Uint8Array, i: number) => points.subarray(i * pointBytes, (i + 1) * pointBytes)

/** The digest of all that was sent: keys belong to these points, so they are new if either side drew anew. */
const digestOf = (direction: number, points: Uint8Array, point: Uint8Array): Uint8Array =>
  createHash("sha256")
    .update(`bicameral oblivious transfer ${direction} `)
    .update(points)
    .update(point)
    .digest()

/** The key of point `i`. Throws `NotOnCurve`. */
const keyWith = (own: ECDH, theirs: Uint8Array, i: number, digest: Uint8Array, at: number): Uint8Array => {
  let secret: Uint8Array
  try {
    secret = own.computeSecret(theirs)
  } catch {
    throw new NotOnCurve({ index: at })
  }
  return derive(secret, digest, `bicameral oblivious transfer base ${i}`, seedBytes)
}

/** At the receiver: the key of each choice, of packed bits. One round. Throws `TransferRefused`, `NotOnCurve`. */
export function* chooseBaseKeys(
  direction: number,
  choices: Uint8Array,
  randomness: ByteSource
): Round<ReadonlyArray<Uint8Array>> {
  const keys = Array.from({ length: deltaBits }, () => drawKey(randomness))
  const points = concatenate(
    keys.flatMap(({ point }, i) =>
      bitOf(choices, i) === 0 ? [point, drawPoint(randomness)] : [drawPoint(randomness), point]
    )
  )
  const [answer] = yield [crossing(() => points, pointBytes)]
  const theirs = demandBytes(answer, "base point", pointBytes)
  const digest = digestOf(direction, points, theirs)
  return keys.map(({ key }, i) => keyWith(key, theirs, 2 * i + bitOf(choices, i), digest, 0))
}

/** At the sender: both keys of each transfer, and the digest. One round. Throws `TransferRefused`, `NotOnCurve`. */
export function* offerBaseKeys(direction: number, randomness: ByteSource) {
  const { key, point } = drawKey(randomness)
  const [answer]: ReadonlyArray<Uint8Array> = yield [crossing(() => point, basePointBytes)]
  const points = demandBytes(answer, "base points", basePointBytes)
  const digest = digestOf(direction, points, point)
  const keyAt = (i: number) => keyWith(key, pointAt(points, i), i, digest, i)
  const keys = Array.from({ length: deltaBits }, (_, i) => [keyAt(2 * i), keyAt(2 * i + 1)] as const)
  return { keys, digest }
}
