import { describe, expect, it } from "vitest"
import { modPow } from "../../../protocol/bcp/exponentiation.ts"
import { generateSecretKey, publicKey, shortSecretKeyBits } from "../../../protocol/bcp/keys.ts"
import {
  type EqualLogarithms,
  proveEqualLogarithms,
  verifyEqualLogarithms
} from "../../../protocol/proofs/equal-logarithms.ts"
import { knownAnswers } from "../bcp/known-answers.ts"

const { parameters: pp } = knownAnswers(512)
const secret = generateSecretKey(pp, "short")
const context = new Uint8Array([1, 2, 3])
const bases = Array.from({ length: 9 }, () => modPow(pp.g, generateSecretKey(pp, "short"), pp.N2))

/** Powers of all bases under the secret, of which some are changed. */
const statement = (changes: Readonly<Record<number, (power: bigint) => bigint>> = {}): EqualLogarithms => ({
  context,
  publicKey: publicKey(pp, secret),
  bases,
  powers: bases.map((base, i) => (changes[i] ?? ((power) => power))(modPow(base, secret, pp.N2)))
})

const proofOf = (proved: EqualLogarithms, of = secret) =>
  proveEqualLogarithms(pp, proved, of, shortSecretKeyBits)
const holds = (proved: EqualLogarithms, proof = proofOf(proved)): boolean =>
  verifyEqualLogarithms(pp, proved, proof, shortSecretKeyBits)

describe("a proof of equal logarithms", () => {
  it("holds for powers under the secret of the public key, and is another each time", () => {
    const proved = statement()
    const [one, other] = [proofOf(proved), proofOf(proved)]
    expect(holds(proved, one)).toBe(true)
    expect(holds(proved, other)).toBe(true)
    expect(one).not.toEqual(other)
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

  it("is refused for what is no unit modulo N², and for lists of unequal length", () => {
    const proved = statement()
    const proof = proofOf(proved)
    for (const power of [0n, pp.N, pp.N2, pp.N2 + 1n, -1n])
      expect(holds({ ...proved, powers: proved.powers.with(3, power) }, proof)).toBe(false)
    expect(holds({ ...proved, powers: proved.powers.slice(1) }, proof)).toBe(false)
  })
})
