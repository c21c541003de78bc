import { DiffieHellman } from "node:crypto"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { add, addPlain, type Ciphertext } from "../../../protocol/bcp/ciphertext.ts"
import { Undecryptable } from "../../../protocol/bcp/decryption.ts"
import { encryptWith, multiplyPlain } from "../../../protocol/bcp/encryption.ts"
import { modPow } from "../../../protocol/bcp/exponentiation.ts"
import { bitLength, fromBytes, inverse, randomBelow, randomBits } from "../../../protocol/bcp/integers.ts"
import { InvalidPublicKey } from "../../../protocol/bcp/keys.ts"
import { CrtDecryptor, MasterDecryptor } from "../../../protocol/bcp/master-decryption.ts"
import { knownAnswers } from "./known-answers.ts"

const { parameters: pp, masterKey, userPublicKeys, unifiedPublicKey: h } = knownAnswers(2048)
const { N, N2, g } = pp
const { p, q } = masterKey
const plain = new MasterDecryptor(pp, masterKey)
const crt = new CrtDecryptor(pp, masterKey)
const m = randomBelow(N)
const encrypted = (r: bigint, message = m) => encryptWith(pp, h, message, r)

/** Bits of the exponents that OpenSSL is given while `run` runs. */
const exponentBits = (run: () => unknown): Array<number> => {
  const spy = vi.spyOn(DiffieHellman.prototype, "setPrivateKey")
  onTestFinished(() => spy.mockRestore())
  run()
  const keys = spy.mock.calls.map(([key]) => fromBytes(key as unknown as Uint8Array))
  spy.mockRestore()
  return keys.map(bitLength)
}

/** An element ≡ x modulo p² and ≡ y modulo q². */
const joined = (x: bigint, y: bigint): bigint => {
  const [p2, q2] = [p * p, q * q]
  return (x * q2 * inverse(q2, p2)! + y * p2 * inverse(p2, q2)!) % N2
}

/** u^N for a u that is no square modulo `prime` and a square modulo the other: without a logarithm, and ⊥. */
const nonSquare = (prime: bigint): bigint => {
  const isSquare = (x: bigint, modulo: bigint) => modPow(x, (modulo - 1n) / 2n, modulo) === 1n
  for (let u = 2n; ; u++) if (!isSquare(u, prime) && isSquare(u, N / prime)) return modPow(u, N, N2)
}

describe("opening with the master key, short exponents", () => {
  const short = encrypted(randomBits(256))

  it.each<[string, Ciphertext]>([
    ["as it was made", short],
    ["blinded", addPlain(pp, add(pp, short, encrypted(randomBits(256), 0n)), randomBelow(N))],
    ["added up", Array.from({ length: 9 }, () => encrypted(randomBits(256))).reduce((x, y) => add(pp, x, y))],
    ["multiplied by 3^30", multiplyPlain(pp, short, 3n ** 30n)],
    ["of r = 0", encrypted(0n)],
    ["of r = 1", encrypted(1n)],
    ["of the longest r", encrypted(2n ** 319n - 1n)]
  ])("a ciphertext %s opens as in the plain form, by three powers of 320 bits", (_, ciphertext) => {
    const expected = plain.decrypt(h, ciphertext)
    crt.decrypt(h, short)
    expect(exponentBits(() => expect(crt.decrypt(h, ciphertext)).toBe(expected))).toEqual([320, 320, 320])
  })

  it.each<[string, Ciphertext]>([
    ["a longer r", encrypted(2n ** 319n)],
    ["a full r", encrypted(randomBelow(N2 >> 2n))],
    ["a negative r", multiplyPlain(pp, short, -1n)]
  ])("a ciphertext with %s opens the general way", (_, ciphertext) => {
    const expected = plain.decrypt(h, ciphertext)
    crt.decrypt(h, short)
    expect(exponentBits(() => expect(crt.decrypt(h, ciphertext)).toBe(expected))).toEqual([])
  })

  it.each<[string, Ciphertext]>([
    ["another exponent in A modulo q²", { A: joined(short.A, short.A * g), B: short.B }],
    ["an A that differs by 1 + q modulo q²", { A: joined(short.A, short.A * (1n + q)), B: short.B }],
    ["A times an N-th power of a square", { A: (short.A * modPow(9n, N, N2)) % N2, B: short.B }],
    ["B times an N-th power of a square", { A: short.A, B: (short.B * modPow(9n, N, N2)) % N2 }],
    ["another exponent in B", { A: short.A, B: (short.B * h) % N2 }],
    ["B of another key", { A: short.A, B: encryptWith(pp, userPublicKeys[0]!, m, 5n).B }]
  ])("a ciphertext that passes for a short one but has %s opens as in the plain form", (_, ciphertext) => {
    expect(crt.decrypt(h, ciphertext)).toBe(plain.decrypt(h, ciphertext))
  })

  it.each<[string, Ciphertext]>([
    ["a longer r", encrypted(2n ** 319n)],
    ["another exponent in A", { A: (short.A * g) % N2, B: short.B }],
    ["another exponent in B", { A: short.A, B: (short.B * h) % N2 }],
    ["a public key for B", { A: short.A, B: h }],
    ["B of another key", { A: short.A, B: encryptWith(pp, userPublicKeys[0]!, m, 5n).B }]
  ])("⊥ for %s where r must be short: the general way would give a logarithm away", (_, ciphertext) => {
    expect(crt.decrypt(h, short, 0, "short")).toBe(m)
    expect(() => crt.decrypt(h, ciphertext, 4, "short")).toThrow(new Undecryptable({ index: 4 }))
    expect(() => crt.decrypt(h, ciphertext, 4)).not.toThrow()
  })

  it.each<[string, Ciphertext]>([
    ["−A", { A: N2 - short.A, B: short.B }],
    ["−B", { A: short.A, B: N2 - short.B }],
    ["A no square modulo p", { A: (short.A * nonSquare(p)) % N2, B: short.B }],
    ["A no square modulo q", { A: (short.A * nonSquare(q)) % N2, B: short.B }],
    ["B no square modulo p", { A: short.A, B: (short.B * nonSquare(p)) % N2 }],
    ["B no square modulo q", { A: short.A, B: (short.B * nonSquare(q)) % N2 }],
    ["A a multiple of p", { A: p * 7n, B: short.B }],
    ["A a multiple of q", { A: joined(short.A, q), B: short.B }],
    ["B a multiple of p", { A: short.A, B: p * 7n }],
    ["B a multiple of q", { A: short.A, B: joined(short.B, q) }]
  ])("⊥ for %s, in both forms", (_, ciphertext) => {
    for (const decryptor of [plain, crt])
      expect(() => decryptor.decrypt(h, ciphertext, 4)).toThrow(new Undecryptable({ index: 4 }))
  })

  it("a public key that is no power of g modulo one prime is refused", () => {
    for (const prime of [p, q])
      for (const decryptor of [plain, crt])
        expect(() => decryptor.decrypt((h * nonSquare(prime)) % N2, short)).toThrow(InvalidPublicKey)
  })
})
