import { describe, expect, it } from "vitest"
import { modPow } from "../../../protocol/bcp/exponentiation.ts"
import { fromBytes, toBytes } from "../../../protocol/bcp/integers.ts"
import { generateSecretKey, publicKey, shortSecretKeyBits } from "../../../protocol/bcp/keys.ts"
import { elementBytes, encodeIntegers } from "../../../protocol/bcp/wire.ts"
import {
  challengeBytes,
  type EqualityProof,
  productOfPowers,
  proveEqualLogarithms,
  responseBytes,
  statementDigest,
  verifyEqualLogarithms
} from "../../../protocol/proofs/equal-logarithms.ts"
import { knownAnswers } from "../bcp/known-answers.ts"

const { parameters: pp } = knownAnswers(512)
const width = elementBytes(pp)
const secret = generateSecretKey(pp, "short")
const context = new Uint8Array([1, 2, 3])
const bases = Array.from({ length: 9 }, () => modPow(pp.g, generateSecretKey(pp, "short"), pp.N2))

interface Statement {
  readonly context: Uint8Array
  readonly publicKey: bigint
  readonly bases: ReadonlyArray<bigint>
  readonly powers: ReadonlyArray<bigint>
}

/** Powers of all bases under the secret, of which some are changed. */
const statement = (changes: Readonly<Record<number, (power: bigint) => bigint>> = {}): Statement => ({
  context,
  publicKey: publicKey(pp, secret),
  bases,
  powers: bases.map((base, i) => (changes[i] ?? ((power) => power))(modPow(base, secret, pp.N2)))
})

const digestOf = (proved: Statement) =>
  statementDigest(pp, {
    context: proved.context,
    publicKey: toBytes(proved.publicKey, width),
    bases: encodeIntegers(proved.bases, width),
    powers: encodeIntegers(proved.powers, width)
  })

/** Made in parts of four. */
const productOf = (digest: Uint8Array, elements: ReadonlyArray<bigint>): bigint | undefined => {
  let product = 1n
  for (let first = 0; first < elements.length; first += 4) {
    const part = productOfPowers(pp, digest, first, elements.slice(first, first + 4))
    if (part === undefined) return undefined
    product = (product * part) % pp.N2
  }
  return product
}

const proofOf = (proved: Statement, of = secret) => {
  const digest = digestOf(proved)
  const base = productOf(digest, proved.bases)!
  return proveEqualLogarithms(pp, { statement: digest, base }, of, shortSecretKeyBits)
}

const holds = (proved: Statement, proof = proofOf(proved)): boolean => {
  const digest = digestOf(proved)
  const base = productOf(digest, proved.bases)!
  const power = productOf(digest, proved.powers)!
  const batched = { statement: digest, publicKey: proved.publicKey, base, power }
  return verifyEqualLogarithms(pp, batched, proof, shortSecretKeyBits)
}

describe("a proof of equal logarithms", () => {
  it("holds for powers under the secret of the public key, and is another each time", () => {
    const proved = statement()
    const [one, other] = [proofOf(proved), proofOf(proved)]
    expect(holds(proved, one)).toBe(true)
    expect(holds(proved, other)).toBe(true)
    expect(one).not.toEqual(other)
  })

  it("is about the whole, however the products are cut", () => {
    const digest = digestOf(statement())
    expect(productOf(digest, bases)).toBe(productOfPowers(pp, digest, 0, bases))
  })

  it("holds where a power has the other sign, since what is opened are squares", () => {
    expect(holds(statement({ 2: (power) => pp.N2 - power }))).toBe(true)
  })

  it("does not hold where a power is planted, as one that adds to what is opened", () => {
    // (1 + N)^-5 adds 5 to the plaintext.
    const planted = (power: bigint) => (power * (1n + (pp.N2 - 5n * pp.N))) % pp.N2
    expect(holds(statement({ 4: planted }))).toBe(false)
    // Nor where two of them would make up for each other.
    const back = (power: bigint) => (power * (1n + 5n * pp.N)) % pp.N2
    expect(holds(statement({ 4: planted, 5: back }))).toBe(false)
  })

  it("does not hold under another secret, for another context, or for powers in another order", () => {
    const proved = statement()
    expect(holds(proved, proofOf(proved, secret + 1n))).toBe(false)
    const proof = proofOf(proved)
    expect(holds({ ...proved, context: new Uint8Array([1, 2, 4]) }, proof)).toBe(false)
    expect(holds({ ...proved, publicKey: publicKey(pp, secret + 1n) }, proof)).toBe(false)
    const turned = { ...proved, bases: bases.toReversed(), powers: proved.powers.toReversed() }
    expect(holds(turned, proof)).toBe(false)
    expect(holds(turned)).toBe(true)
  })

  it("does not hold where challenge or response is another, or longer than an honest one", () => {
    const proved = statement()
    const { challenge, response } = proofOf(proved)
    for (const changed of [
      { challenge: challenge + 1n, response },
      { challenge, response: response + 1n },
      { challenge, response: -response },
      { challenge: challenge + 2n ** 128n, response },
      { challenge, response: response + 2n ** 1000n }
    ])
      expect(holds(proved, changed)).toBe(false)
  })

  it("fits its bytes", () => {
    const proof: EqualityProof = proofOf(statement(), 2n ** BigInt(shortSecretKeyBits) - 1n)
    for (const [value, bytes] of [
      [proof.challenge, challengeBytes],
      [proof.response, responseBytes(shortSecretKeyBits)]
    ] as const)
      expect(fromBytes(toBytes(value, bytes))).toBe(value)
  })

  it("is about units modulo N² alone", () => {
    const digest = digestOf(statement())
    for (const element of [0n, pp.N, pp.N2, pp.N2 + 1n, -1n])
      expect(productOfPowers(pp, digest, 0, [...bases, element])).toBe(undefined)
    const proved = statement()
    expect(holds({ ...proved, publicKey: pp.N })).toBe(false)
  })
})
