import { describe, expect, it } from "vitest"
import { checkCiphertext } from "../../../protocol/bcp/ciphertext.ts"
import { combinePartials, decrypt, partialDecrypt } from "../../../protocol/bcp/decryption.ts"
import { Encryptor, encryptWith } from "../../../protocol/bcp/encryption.ts"
import { joinPublicKeys, joinSecretKeys, publicKey } from "../../../protocol/bcp/keys.ts"
import { CrtDecryptor, MasterDecryptor } from "../../../protocol/bcp/master-decryption.ts"
import { checkParameters, parametersFromPrimes } from "../../../protocol/bcp/parameters.ts"
import { knownAnswers, slowPower } from "./known-answers.ts"

describe.each([512, 2048] as const)("known answers of an independent implementation, %i bits", (bits) => {
  const {
    parameters: pp,
    masterKey,
    secretKey,
    userKeys,
    userPublicKeys,
    unifiedPublicKey,
    cases
  } = knownAnswers(bits)
  const orderOfG = pp.N * ((masterKey.p - 1n) / 2n) * ((masterKey.q - 1n) / 2n)

  it("ParaGen: the primes and g give the same N and k", () => {
    expect(parametersFromPrimes(masterKey.p, masterKey.q, pp.g).parameters).toEqual(pp)
    expect(() => checkParameters(pp, { insecure: bits === 512 })).not.toThrow()
  })

  it("KeyGen: public keys, the joint key and its secret key", () => {
    expect(userKeys.map((key) => publicKey(pp, key))).toEqual(userPublicKeys)
    expect(joinPublicKeys(pp, userPublicKeys)).toBe(unifiedPublicKey)
    expect(publicKey(pp, joinSecretKeys(userKeys))).toBe(unifiedPublicKey)
    expect(joinSecretKeys(userKeys) % orderOfG).toBe(secretKey % orderOfG)
    expect(publicKey(pp, secretKey)).toBe(unifiedPublicKey)
  })

  it("Enc: every ciphertext, under the user's and under the joint key", () => {
    for (const { user, m, r, ciphertext, unified } of cases) {
      expect(encryptWith(pp, userPublicKeys[user]!, m, r)).toEqual(ciphertext)
      expect(encryptWith(pp, unifiedPublicKey, m, r)).toEqual(unified)
      expect(() => checkCiphertext(pp, ciphertext)).not.toThrow()
    }
  })

  it("Enc with tables, and with tables modulo p² and q², give the same ciphertexts", () => {
    // The tables of randomizers reach N²/4; the vectors draw some r above that, which changes nothing modulo the order of g.
    for (const factors of [undefined, masterKey]) {
      const encryptor = new Encryptor(pp, unifiedPublicKey, "full", factors)
      if (bits === 512) encryptor.expect(1000)
      for (const { m, r, unified } of bits === 512 ? cases : cases.slice(0, 3))
        expect(encryptor.encrypt(m, r % orderOfG)).toEqual(unified)
    }
  })

  it("uDec: every message, under the user's and under the joint key", () => {
    for (const { user, m, ciphertext, unified } of cases) {
      expect(decrypt(pp, userKeys[user]!, ciphertext)).toBe(m)
      expect(decrypt(pp, secretKey, unified)).toBe(m)
    }
  })

  it("mDec: every message, in the plain form and by CRT", () => {
    const plain = new MasterDecryptor(pp, masterKey)
    const crt = new CrtDecryptor(pp, masterKey)
    for (const { user, m, ciphertext, unified } of cases) {
      for (const decryptor of [plain, crt]) {
        expect(decryptor.decrypt(userPublicKeys[user]!, ciphertext)).toBe(m)
        expect(decryptor.decrypt(unifiedPublicKey, unified)).toBe(m)
      }
    }
  })

  it("joint decryption: every partial and the message they give", () => {
    for (const { m, unified, partials } of cases) {
      expect(userKeys.map((key) => partialDecrypt(pp, key, unified.A))).toEqual(partials)
      expect(combinePartials(pp, unified, partials)).toBe(m)
    }
  })

  it("k is L(g^(p'q') mod N²), as the paper defines it", () => {
    if (bits > 512) return
    expect((slowPower(pp.g, orderOfG / pp.N, pp.N2) - 1n) / pp.N).toBe(pp.k)
  })
})
