/**
 * Points of Curve25519 by their u-coordinates, for the private join: ids become points, and each user raises them to
 * its secret by X25519 (RFC 7748). A point and its negative have one coordinate, and so have their powers: nothing is
 * lost. A secret is a multiple of 8, so all powers lie in the subgroup of prime order.
 *
 * X25519 takes every u, since those that are not of the curve are of its twist. On which of the two a point lies,
 * its powers show. So ids become points of the curve alone; otherwise each power would tell a bit of its id.
 */
import { createHash, diffieHellman, type KeyObject } from "node:crypto"
import { Data } from "effect"
import { derive } from "../aead.ts"
import { digestBytes } from "../data/digest-order.ts"
import { JacobiSymbols } from "../ring/jacobi.ts"
import { keyBytes, privateKeyOf, publicKeyOf } from "../x25519.ts"

/** Bytes of a u-coordinate, little-endian. */
export const pointBytes = keyBytes

const prime = 2n ** 255n - 19n
/** v² = u³ + A·u² + u. */
const coefficientA = 486662n

/** A point that somebody sent is none: no point of the curve has this coordinate, or one of small order. */
export class NoPoint extends Data.TaggedError("NoPoint")<{ readonly index: number }> {
  readonly retryable = false
  override get message(): string {
    return `number ${this.index} is the coordinate of no point of Curve25519`
  }
}
/** The points of order 4 and 8; that of order 2 has u = 0. X25519 makes the neutral element of them. */
const smallOrder: ReadonlyArray<bigint> = [
  1n,
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn
]

let symbols: JacobiSymbols | undefined

/** Whether u, of 32 bytes, is the coordinate of a point of the curve, in its one form, and not of small order. */
const isPoint = (bytes: Uint8Array): boolean => {
  const words = new DataView(bytes.buffer, bytes.byteOffset, pointBytes)
  const word = (i: number) => words.getBigUint64(8 * i, true)
  const u = (((((word(3) << 64n) | word(2)) << 64n) | word(1)) << 64n) | word(0)
  if (u >= prime || smallOrder.includes(u)) return false
  symbols ??= new JacobiSymbols(prime)
  return symbols.of((u * (((u * (u + coefficientA)) % prime) + 1n)) % prime) === 1
}

/**
 * The point of an id, by its coordinate: the low 255 bits of SHA-256 of a name for this use, the number of the attempt
 * and the id, for the first attempt at which the curve has a point, as it has for every other one. It is a random
 * point to which nobody knows a logarithm. A power of the generator, g^SHA-256(id), would not do: a user that gets
 * it raised once would raise all other ids by itself. That the time depends on the id shows to nobody: the owner of
 * the id takes it on its own machine, for its whole list, before anything of the list leaves it.
 */
export const pointOf = (id: string): Uint8Array => {
  for (let attempt = 0; ; attempt++) {
    const u = createHash("sha256").update(`bicameral private join 2 ${attempt} `).update(id, "utf8").digest()
    u[pointBytes - 1]! &= 0x7f
    if (isPoint(u)) return u
  }
}

/** The secret of a user that follows from a key, 32 bytes: X25519 takes 251 bits of them. */
export const joinSecret = (key: Uint8Array): Uint8Array =>
  derive(key, "bicameral private join", "secret", keyBytes)

/** Raises points to one secret exponent. */
export class Raiser {
  readonly #privateKey: KeyObject

  /** `secret`: 32 bytes. */
  constructor(secret: Uint8Array) {
    this.#privateKey = privateKeyOf(secret)
  }

  #power(point: Uint8Array): Uint8Array {
    return diffieHellman({ privateKey: this.#privateKey, publicKey: publicKeyOf(point) })
  }

  /** The powers of the points of ids: coordinates, one after the other. */
  raiseIds(ids: ReadonlyArray<string>): Uint8Array {
    const powers = new Uint8Array(ids.length * pointBytes)
    for (const [i, id] of ids.entries()) powers.set(this.#power(pointOf(id)), i * pointBytes)
    return powers
  }

  /** The powers of points. Throws `NoPoint`. */
  raiseAll(points: Uint8Array): Uint8Array {
    const powers = new Uint8Array(points.length)
    for (let at = 0; at < points.length; at += pointBytes) {
      const point = points.subarray(at, at + pointBytes)
      if (!isPoint(point)) throw new NoPoint({ index: at / pointBytes })
      powers.set(this.#power(point), at)
    }
    return powers
  }
}

/** By which rows are joined, from the coordinates under all secrets: 16 bytes of each, one after the other. */
export const digestPoints = (points: Uint8Array): Uint8Array => {
  const count = points.length / pointBytes
  const digests = new Uint8Array(count * digestBytes)
  for (let i = 0; i < count; i++) {
    const point = points.subarray(i * pointBytes, (i + 1) * pointBytes)
    const digest = createHash("sha256").update("bicameral private join 2 row ").update(point).digest()
    digests.set(digest.subarray(0, digestBytes), i * digestBytes)
  }
  return digests
}

/**
 * The digests of ids in a run whose secrets one knows, 16 bytes each: what the users find out together. For
 * references and simulations. There is at least one secret.
 */
export const digestIdsUnder = (
  secrets: ReadonlyArray<Uint8Array>,
  ids: ReadonlyArray<string>
): Uint8Array => {
  const [first, ...others] = secrets.map((secret) => new Raiser(secret))
  return digestPoints(others.reduce((points, raiser) => raiser.raiseAll(points), first!.raiseIds(ids)))
}
