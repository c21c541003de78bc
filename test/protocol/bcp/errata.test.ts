/**
 * Where the paper (P. Li et al., ReBICTE 4(18), 2018) departs from Bresson, Catalano and Pointcheval: for each slip, what was
 * built, and that the letter of the paper would not work.
 */
import { describe, expect, it } from "vitest"
import { decrypt } from "../../../protocol/bcp/decryption.ts"
import { encryptWith } from "../../../protocol/bcp/encryption.ts"
import { inverse, residue } from "../../../protocol/bcp/integers.ts"
import { checkPublicKey } from "../../../protocol/bcp/keys.ts"
import { MasterDecryptor } from "../../../protocol/bcp/master-decryption.ts"
import { hasFullOrder, parametersFromPrimes } from "../../../protocol/bcp/parameters.ts"
import { knownAnswers, slowPower } from "./known-answers.ts"

const { parameters: pp, masterKey, userKeys, userPublicKeys, cases } = knownAnswers(512)
const { N, N2, g, k } = pp
const [p, q] = [masterKey.p, masterKey.q]
const [pHalf, qHalf] = [(p - 1n) / 2n, (q - 1n) / 2n]
const L = (x: bigint) => (x - 1n) / N
const { m, r, user, ciphertext } = cases.find(({ m }) => m > 2n ** 64n)!

describe("errata of the paper", () => {
  it("uDec divides by N: B/A^a − 1 alone is mN and not m", () => {
    const difference = residue(
      ciphertext.B * inverse(slowPower(ciphertext.A, userKeys[user]!, N2), N2)! - 1n,
      N2
    )
    expect(difference).toBe(m * N)
    expect(difference).not.toBe(m)
    expect(decrypt(pp, userKeys[user]!, ciphertext)).toBe(m)
    expect(decrypt(pp, userKeys[user]!, ciphertext)).toBe(difference / N)
  })

  it("pk_i is taken modulo N²: taken modulo N, the ⊥ check passes and the message is wrong", () => {
    const reduced = userPublicKeys[user]! % N
    const wrong = encryptWith(pp, reduced, m, r)
    expect(wrong.B % N).toBe(ciphertext.B % N)
    expect(decrypt(pp, userKeys[user]!, wrong)).not.toBe(m)
    expect(decrypt(pp, userKeys[user]!, encryptWith(pp, userPublicKeys[user]!, m, r))).toBe(m)
    expect(() => checkPublicKey(pp, userPublicKeys[user]!)).not.toThrow()
  })

  it("α⁻¹ in mDec is the inverse of p'q' modulo N: neither modulo N² nor that of pp'qq' will do", () => {
    const raise = (x: bigint) => L(slowPower(x, pHalf * qHalf, N2))
    const a = residue(raise(userPublicKeys[user]!) * inverse(k, N)!, N)
    const scaled = residue(raise(ciphertext.B) - a * raise(ciphertext.A), N)
    expect(residue(scaled * inverse(pHalf * qHalf, N)!, N)).toBe(m)
    expect(residue(scaled * inverse(pHalf * qHalf, N2)!, N2)).not.toBe(m)
    expect(inverse(p * pHalf * q * qHalf, N)).toBeUndefined()
    expect(new MasterDecryptor(pp, masterKey).decrypt(userPublicKeys[user]!, ciphertext)).toBe(m)
  })

  describe("g is a square and has order N·p'·q'", () => {
    const order = N * pHalf * qHalf
    const factors = { p, q, "p'": pHalf, "q'": qHalf }

    it("an accepted g reaches 1 at the order and at no quotient of it by a prime factor", () => {
      expect(hasFullOrder(g, masterKey)).toBe(true)
      expect(slowPower(g, order, N2)).toBe(1n)
      for (const factor of Object.values(factors)) expect(slowPower(g, order / factor, N2)).not.toBe(1n)
    })

    it.each(Object.entries(factors))("an element whose order lacks %s is refused", (_, factor) => {
      const smaller = slowPower(g, factor, N2)
      expect(slowPower(smaller, order / factor, N2)).toBe(1n)
      expect(hasFullOrder(smaller, masterKey)).toBe(false)
      expect(() => parametersFromPrimes(p, q, smaller)).toThrow(/order/)
    })

    it("no square: an element of an order beyond N·p'·q' is refused", () => {
      const noSquare = residue(-g, N2)
      expect(slowPower(noSquare, order, N2)).not.toBe(1n)
      expect(hasFullOrder(noSquare, masterKey)).toBe(false)
    })
  })
})
