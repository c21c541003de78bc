/**
 * Points of P-256 (NIST SP 800-186) by their x-coordinates, for the private join: ids become points, and each user
 * raises them to its secret. A point and its negative have one x-coordinate, and so have their powers: nothing is
 * lost. The curve has prime order: every x that OpenSSL finds on it is of a point that generates the whole group.
 */
import { createECDH, createHash } from "node:crypto"
import { Data } from "effect"
import { derive } from "../aead.ts"
import { digestBytes } from "../data/digest-order.ts"

/** Bytes of an x-coordinate, big-endian. */
export const pointBytes = 32

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const scalarBytes = 32

/** A point that somebody sent is none: the curve has no point with this x-coordinate. */
export class NoPoint extends Data.TaggedError("NoPoint")<{ readonly index: number }> {
  readonly retryable = false
  override get message(): string {
    return `number ${this.index} is the x-coordinate of no point of P-256`
  }
}

const fixed = (scalar: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(scalar.toString(16).padStart(2 * scalarBytes, "0"), "hex"))

const integer = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`)

/**
 * The secret exponent that follows from a key: 1 … order − 1, 32 bytes big-endian. From 384 bits, so that its
 * distribution is within 2^−128 of the uniform one.
 */
export const joinSecret = (key: Uint8Array): Uint8Array =>
  fixed((integer(derive(key, "bicameral private join", "secret", 48)) % (order - 1n)) + 1n)

/** The exponent of all users together: for a run whose keys one knows, such as one with a seed. */
export const jointSecret = (secrets: ReadonlyArray<Uint8Array>): Uint8Array =>
  fixed(secrets.reduce((product, secret) => (product * integer(secret)) % order, 1n))

/** The first byte of a compressed point whose y-coordinate is even. */
const evenY = 0x02

/** Raises points to one secret exponent. OpenSSL refuses what is not on the curve. */
export class Raiser {
  readonly #ecdh = createECDH("prime256v1")
  readonly #compressed = new Uint8Array(1 + pointBytes).fill(evenY, 0, 1)

  /** `secret`: 1 … order − 1, 32 bytes big-endian. */
  constructor(secret: Uint8Array) {
    this.#ecdh.setPrivateKey(secret)
  }

  /** The power of the point with this x-coordinate; undefined where the curve has none. */
  raise(x: Uint8Array): Uint8Array | undefined {
    this.#compressed.set(x, 1)
    try {
      return this.#ecdh.computeSecret(this.#compressed)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY") return undefined
      throw error
    }
  }

  /** The powers of the points of ids: x-coordinates, one after the other. */
  raiseIds(ids: ReadonlyArray<string>): Uint8Array {
    const points = new Uint8Array(ids.length * pointBytes)
    for (const [i, id] of ids.entries()) {
      let raised: Uint8Array | undefined
      for (let attempt = 0; raised === undefined; attempt++) raised = this.raise(candidate(id, attempt))
      points.set(raised, i * pointBytes)
    }
    return points
  }

  /** The powers of points. Throws `NoPoint`. */
  raiseAll(points: Uint8Array): Uint8Array {
    const powers = new Uint8Array(points.length)
    for (let at = 0; at < points.length; at += pointBytes) {
      const raised = this.raise(points.subarray(at, at + pointBytes))
      if (raised === undefined) throw new NoPoint({ index: at / pointBytes })
      powers.set(raised, at)
    }
    return powers
  }
}

/**
 * The x-coordinate that an id is tried at: SHA-256 of a name for this use, the number of the attempt and the id,
 * until the curve has a point there, as for every other x. The result is a random point to which nobody knows a
 * logarithm. A power of the generator, g^SHA-256(id), would not do: a user that gets it raised once would raise all
 * other ids by itself. That the number of attempts depends on the id shows to nobody: the owner of the id makes
 * them on its own machine, for its whole list, before anything of the list leaves it.
 */
const candidate = (id: string, attempt: number): Uint8Array =>
  createHash("sha256").update(`bicameral private join 1 ${attempt} `).update(id, "utf8").digest()

/** By which rows are joined, from the x-coordinates under all secrets: 16 bytes of each, one after the other. */
export const digestPoints = (points: Uint8Array): Uint8Array => {
  const count = points.length / pointBytes
  const digests = new Uint8Array(count * digestBytes)
  for (let i = 0; i < count; i++) {
    const point = points.subarray(i * pointBytes, (i + 1) * pointBytes)
    const digest = createHash("sha256").update("bicameral private join 1 row ").update(point).digest()
    digests.set(digest.subarray(0, digestBytes), i * digestBytes)
  }
  return digests
}

/**
 * The digests of ids in a run whose secrets one knows, 16 bytes each: what the users find out together. For
 * references and simulations.
 */
export const digestIdsUnder = (secrets: ReadonlyArray<Uint8Array>, ids: ReadonlyArray<string>): Uint8Array =>
  digestPoints(new Raiser(jointSecret(secrets)).raiseIds(ids))
