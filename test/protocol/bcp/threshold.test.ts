/**
 * The shared joint key: any t of n open what is under it, and the key shares of t − 1 are those of any other
 * key as well.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { combinePartials, partialDecrypt, Undecryptable } from "../../../protocol/bcp/decryption.ts"
import { Encryptor } from "../../../protocol/bcp/encryption.ts"
import { bitLength } from "../../../protocol/bcp/integers.ts"
import { generateSecretKey, joinSecretKeys, publicKey, secretKeyBits } from "../../../protocol/bcp/keys.ts"
import {
  coefficientBits,
  combinationOf,
  decryptionBits,
  keyShareBits,
  type Quorum,
  shareKey,
  sharesOneKey,
  valueAt
} from "../../../protocol/bcp/threshold.ts"
import { knownAnswers } from "./known-answers.ts"

const { parameters: pp } = knownAnswers(512)

const factorial = (n: number): bigint => (n < 2 ? 1n : BigInt(n) * factorial(n - 1))
const abs = (x: bigint): bigint => (x < 0n ? -x : x)

/** All sets of so many of these places. */
const setsOf = (places: ReadonlyArray<number>, size: number): ReadonlyArray<ReadonlyArray<number>> => {
  if (size === 0) return [[]]
  return places.flatMap((place, i) => setsOf(places.slice(i + 1), size - 1).map((rest) => [place, ...rest]))
}
const placesOf = ({ users }: Quorum) => Array.from({ length: users }, (_, i) => i + 1)

const quorums = (most: number): ReadonlyArray<Quorum> =>
  Array.from({ length: most }, (_, n) => n + 1).flatMap((users) =>
    Array.from({ length: Math.max(0, users - 2) }, (_, t) => ({ users, threshold: t + 2 }))
  )

/** A joint key of so many users, and its shares. */
const keysOf = (quorum: Quorum, mode: "short" | "full") => {
  const sum = joinSecretKeys(Array.from({ length: quorum.users }, () => generateSecretKey(pp, mode)))
  return { sum, jointKey: publicKey(pp, sum), shares: shareKey(quorum, secretKeyBits(pp, mode), sum) }
}

/** The polynomial Δ·Π (1 − x/j) over the places, as its coefficients. */
const vanishing = (users: number, places: ReadonlyArray<number>): ReadonlyArray<bigint> => {
  let scaled: ReadonlyArray<bigint> = [factorial(users)]
  for (const place of places) {
    const before = [0n, ...scaled]
    scaled = before.map((lower, k) => BigInt(place) * (scaled[k] ?? 0n) - lower)
  }
  const scale = places.reduce((product, place) => product * BigInt(place), 1n)
  for (const each of scaled) expect(each % scale).toBe(0n)
  return scaled.map((each) => each / scale)
}

describe("key shares", () => {
  it.each(quorums(5))("of any $threshold of $users users open what is under the joint key", (quorum) => {
    const { users, threshold } = quorum
    for (const mode of ["short", "full"] as const) {
      const { jointKey, shares } = keysOf(quorum, mode)
      fc.assert(
        fc.property(fc.bigInt(0n, pp.N - 1n), (m) => {
          const ciphertext = new Encryptor(pp, jointKey, "short").encrypt(m)
          const partials = shares.map((share) => partialDecrypt(pp, share, ciphertext.A))
          for (const places of setsOf(placesOf(quorum), threshold)) {
            const some = places.map((place) => partials[place - 1]!)
            expect(combinePartials(pp, ciphertext, some, combinationOf(users, places))).toBe(m)
            // The sign of a partial decryption is not proved.
            const turned = [pp.N2 - some[0]!, ...some.slice(1)]
            expect(combinePartials(pp, ciphertext, turned, combinationOf(users, places))).toBe(m)
          }
          for (const places of setsOf(placesOf(quorum), threshold - 1)) {
            const some = places.map((place) => partials[place - 1]!)
            expect(() => combinePartials(pp, ciphertext, some, combinationOf(users, places))).toThrow(
              Undecryptable
            )
          }
        }),
        { numRuns: mode === "short" ? 2 : 1 }
      )
    }
  })

  it.each(quorums(6))("of fewer than $threshold of $users users are those of any other key too", (quorum) => {
    const { users, threshold } = quorum
    const keyBits = 512
    const bits = coefficientBits(quorum, keyBits)
    const most = 1n << BigInt(keyBits + bitLength(BigInt(users)))
    const random = (below: bigint) => fc.bigInt(0n, below - 1n)
    fc.assert(
      fc.property(
        random(most),
        random(most),
        fc.array(random(1n << BigInt(bits)), { minLength: threshold - 1, maxLength: threshold - 1 }),
        (sum, other, drawn) => {
          const polynomial = [factorial(users) * sum, ...drawn]
          for (const places of setsOf(placesOf(quorum), threshold - 1)) {
            const h = vanishing(users, places)
            const alike = polynomial.map((each, k) => each + (other - sum) * h[k]!)
            // The other key, by the same shares.
            expect(alike[0]).toBe(factorial(users) * other)
            for (const place of places) expect(valueAt(alike, place)).toBe(valueAt(polynomial, place))
            // Its coefficients are allowed ones, but for less than 2^-128 of all polynomials: those within this
            // distance of the end of what is drawn from.
            const moved = h.slice(1).reduce((total, each) => total + abs((other - sum) * each), 0n)
            expect(moved << 128n).toBeLessThan(1n << BigInt(bits))
          }
        }
      ),
      { numRuns: 5 }
    )
  })

  it("are as long as stated, for the largest coefficients, from 3 users to 16", () => {
    for (const quorum of quorums(16))
      for (const keyBits of [512, 4094, 6142]) {
        const { users, threshold } = quorum
        const coefficient = (1n << BigInt(coefficientBits(quorum, keyBits))) - 1n
        const largest = [
          factorial(users) * BigInt(users) * ((1n << BigInt(keyBits)) - 1n),
          ...Array.from({ length: threshold - 1 }, () => coefficient)
        ]
        expect(bitLength(valueAt(largest, users))).toBeLessThanOrEqual(keyShareBits(quorum, keyBits))
      }
    // A power takes a third longer than with a secret key for three users, and half as long again for 16.
    expect(decryptionBits(pp, "short", undefined)).toBe(512)
    expect(decryptionBits(pp, "short", { users: 3, threshold: 2 })).toBeLessThan(660)
    expect(decryptionBits(pp, "short", { users: 16, threshold: 15 })).toBeLessThan(768)
  })

  it("of 16 users open with exponents that are longer than the modulus", () => {
    const quorum = { users: 16, threshold: 9 }
    const { jointKey, shares } = keysOf(quorum, "full")
    expect(keyShareBits(quorum, secretKeyBits(pp, "full"))).toBeGreaterThan(bitLength(pp.N2))
    const ciphertext = new Encryptor(pp, jointKey, "full").encrypt(42n)
    const places = [2, 3, 5, 7, 8, 11, 13, 15, 16]
    const partials = places.map((place) => partialDecrypt(pp, shares[place - 1]!, ciphertext.A))
    expect(combinePartials(pp, ciphertext, partials, combinationOf(16, places))).toBe(42n)
  })

  it.each(quorums(5))("have verification keys that fit the joint key: $threshold of $users", (quorum) => {
    const { threshold } = quorum
    const { jointKey, shares } = keysOf(quorum, "short")
    const keys = shares.map((share) => publicKey(pp, share))
    expect(sharesOneKey(pp, jointKey, keys, threshold)).toBe(true)
    for (const [i, key] of keys.entries()) {
      const changed = keys.with(i, (key * pp.g) % pp.N2)
      expect(sharesOneKey(pp, jointKey, changed, threshold)).toBe(false)
      // A sign is not seen, and changes nothing.
      expect(sharesOneKey(pp, jointKey, keys.with(i, pp.N2 - key), threshold)).toBe(true)
    }
    expect(sharesOneKey(pp, (jointKey * pp.g) % pp.N2, keys, threshold)).toBe(false)
    expect(sharesOneKey(pp, jointKey, keys.toReversed(), threshold)).toBe(false)
    // Shares of a polynomial that takes one more to find.
    const higher = shareKey({ ...quorum, threshold: threshold + 1 }, 512, 1n).map((share) =>
      publicKey(pp, share)
    )
    expect(sharesOneKey(pp, pp.g, higher, threshold)).toBe(false)
  })
})
