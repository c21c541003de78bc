import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  add,
  addPlain,
  checkCiphertext,
  checkCiphertexts,
  InvalidCiphertext
} from "../../../protocol/bcp/ciphertext.ts"
import { combinePartials, decrypt, partialDecrypt, Undecryptable } from "../../../protocol/bcp/decryption.ts"
import { Encryptor, encryptWith, multiplyPlain } from "../../../protocol/bcp/encryption.ts"
import { residue } from "../../../protocol/bcp/integers.ts"
import {
  checkPublicKey,
  generateSecretKey,
  InvalidPublicKey,
  joinPublicKeys,
  joinSecretKeys,
  publicKey,
  shortSecretKeyBits
} from "../../../protocol/bcp/keys.ts"
import { CrtDecryptor, MasterDecryptor } from "../../../protocol/bcp/master-decryption.ts"
import { InvalidParameters } from "../../../protocol/bcp/parameters.ts"
import { knownAnswers } from "./known-answers.ts"

const { parameters: pp, masterKey } = knownAnswers(512)
const { N, N2 } = pp
const messages = fc.oneof(fc.bigInt(0n, N - 1n), fc.constantFrom(0n, 1n, N - 1n))

describe.each(["short", "full"] as const)("%s exponents", (mode) => {
  const secretKey = generateSecretKey(pp, mode)
  const h = publicKey(pp, secretKey)
  const encryptor = new Encryptor(pp, h, mode)
  const byCloud = new Encryptor(pp, h, mode, masterKey)
  const decryptors = [new MasterDecryptor(pp, masterKey), new CrtDecryptor(pp, masterKey)]

  it("every way to encrypt opens in every way to decrypt", () => {
    fc.assert(
      fc.property(messages, (m) => {
        for (const ciphertext of [encryptor.encrypt(m), byCloud.encrypt(m)]) {
          expect(decrypt(pp, secretKey, ciphertext)).toBe(m)
          for (const decryptor of decryptors) expect(decryptor.decrypt(h, ciphertext)).toBe(m)
        }
      }),
      { numRuns: 15 }
    )
  })

  it("adds ciphertexts and plaintexts, multiplies by plaintexts, all modulo N", () => {
    fc.assert(
      fc.property(messages, messages, fc.bigInt(-(2n ** 70n), 2n ** 70n), (x, y, c) => {
        const [X, Y] = [encryptor.encrypt(x), encryptor.encrypt(y)]
        const open = (ciphertext: typeof X) => decrypt(pp, secretKey, ciphertext)
        expect(open(add(pp, X, Y))).toBe((x + y) % N)
        expect(open(addPlain(pp, X, y))).toBe((x + y) % N)
        expect(open(addPlain(pp, X, -y))).toBe(residue(x - y, N))
        expect(open(multiplyPlain(pp, X, c))).toBe(residue(x * c, N))
      }),
      { numRuns: 15 }
    )
  })

  it("re-randomising keeps the message and nothing else", () => {
    const ciphertext = encryptor.encrypt(42n)
    const again = encryptor.rerandomise(ciphertext)
    expect(decrypt(pp, secretKey, again)).toBe(42n)
    expect(again.A).not.toBe(ciphertext.A)
    expect(again.B).not.toBe(ciphertext.B)
    expect(decrypt(pp, secretKey, encryptor.rerandomise(ciphertext, N - 2n))).toBe(40n)
    for (const m of [-1n, N]) expect(() => encryptor.rerandomise(ciphertext, m)).toThrow(RangeError)
  })

  it("equal messages give different ciphertexts", () => {
    expect(encryptor.encrypt(7n)).not.toEqual(encryptor.encrypt(7n))
  })

  it("opens jointly with all partial decryptions, in any order, and with no proper subset", () => {
    const keys = [1, 2, 3].map(() => generateSecretKey(pp, mode))
    const unified = joinPublicKeys(
      pp,
      keys.map((key) => publicKey(pp, key))
    )
    const ciphertext = new Encryptor(pp, unified, mode).encrypt(123_456_789n)
    const partials = keys.map((key) => partialDecrypt(pp, key, ciphertext.A))
    expect(combinePartials(pp, ciphertext, partials)).toBe(123_456_789n)
    expect(combinePartials(pp, ciphertext, [...partials].reverse())).toBe(123_456_789n)
    expect(decrypt(pp, joinSecretKeys(keys), ciphertext)).toBe(123_456_789n)
    for (const left of keys.keys())
      expect(() => combinePartials(pp, ciphertext, partials.toSpliced(left, 1))).toThrow(Undecryptable)
    expect(() => combinePartials(pp, ciphertext, [partials[0]!, partials[1]!, masterKey.p])).toThrow(
      Undecryptable
    )
  })
})

describe("⊥", () => {
  const secretKey = generateSecretKey(pp, "short")
  const h = publicKey(pp, secretKey)
  const ciphertext = new Encryptor(pp, h, "short").encrypt(99n)
  const decryptors = [new MasterDecryptor(pp, masterKey), new CrtDecryptor(pp, masterKey)]

  it("uDec: another key, a changed A, a changed B", () => {
    expect(() => decrypt(pp, secretKey + 1n, ciphertext)).toThrow(Undecryptable)
    expect(() => decrypt(pp, secretKey, { ...ciphertext, A: (ciphertext.A * 2n) % N2 })).toThrow(
      Undecryptable
    )
    expect(() => decrypt(pp, secretKey, { ...ciphertext, B: (ciphertext.B + 1n) % N2 })).toThrow(
      Undecryptable
    )
  })

  it("mDec: an element that is no square, and one that shares a factor with N", () => {
    for (const decryptor of decryptors) {
      expect(() => decryptor.decrypt(h, { ...ciphertext, A: N2 - ciphertext.A })).toThrow(Undecryptable)
      expect(() => decryptor.decrypt(h, { ...ciphertext, B: N2 - ciphertext.B })).toThrow(Undecryptable)
      expect(() => decryptor.decrypt(h, { ...ciphertext, B: masterKey.q ** 2n }, 5)).toThrow(
        expect.objectContaining({ _tag: "Undecryptable", index: 5 })
      )
      expect(() => decryptor.decrypt(N2 - h, ciphertext)).toThrow(InvalidPublicKey)
    }
  })

  it("a master key of other parameters is refused", () => {
    const wrong = { p: masterKey.p, q: masterKey.q + 2n }
    expect(() => new CrtDecryptor(pp, wrong)).toThrow(InvalidParameters)
    expect(() => new MasterDecryptor(pp, wrong)).toThrow(InvalidParameters)
    expect(() => new Encryptor(pp, h, "short", wrong)).toThrow(InvalidParameters)
  })
})

describe("checks", () => {
  const h = publicKey(pp, generateSecretKey(pp, "short"))
  const good = encryptWith(pp, h, 1n, 12345n)

  it.each([
    ["A = 0", { ...good, A: 0n }, /A is not above 1/],
    ["A = 1", { ...good, A: 1n }, /A is not above 1/],
    ["B = 1", { ...good, B: 1n }, /B is not above 1/],
    ["A = N²", { ...good, A: N2 }, /A is not below N²/],
    ["B above N²", { ...good, B: N2 + good.B }, /B is not below N²/],
    ["A a multiple of p", { ...good, A: masterKey.p * 3n }, /factor in common/],
    ["B a multiple of q", { ...good, B: masterKey.q * 3n }, /factor in common/],
    ["A a multiple of N", { ...good, A: N * 3n }, /factor in common/]
  ])("a ciphertext with %s is refused, alone and among others, by its index", (_, bad, why) => {
    expect(() => checkCiphertext(pp, bad)).toThrow(why)
    expect(() => checkCiphertexts(pp, [good, good, bad, good])).toThrow(InvalidCiphertext)
    expect(() => checkCiphertexts(pp, [good, good, bad, good])).toThrow(expect.objectContaining({ index: 2 }))
  })

  it("good ciphertexts pass, and so do none", () => {
    expect(() => checkCiphertexts(pp, [good, good])).not.toThrow()
    expect(() => checkCiphertexts(pp, [])).not.toThrow()
  })

  it("a public key outside the group is refused", () => {
    for (const bad of [0n, 1n, N2 - 1n, N2, masterKey.p]) {
      expect(() => checkPublicKey(pp, bad)).toThrow(InvalidPublicKey)
      expect(() => new Encryptor(pp, bad, "short")).toThrow(InvalidPublicKey)
    }
  })

  it("a message outside [0, N) is refused", () => {
    const encryptor = new Encryptor(pp, h, "short")
    for (const m of [-1n, N]) {
      expect(() => encryptor.encrypt(m)).toThrow(RangeError)
      expect(() => encryptWith(pp, h, m, 5n)).toThrow(RangeError)
    }
  })

  it("short secret keys have 512 bits and full ones the length of the order", () => {
    expect(generateSecretKey(pp, "short") >> BigInt(shortSecretKeyBits)).toBe(0n)
    expect(generateSecretKey(pp, "full")).toBeLessThan(N2 / 4n)
    expect(generateSecretKey(pp, "full") >> 900n).toBeGreaterThan(0n)
  })
})
