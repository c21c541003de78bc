import { getDiffieHellman } from "node:crypto"
import { describe, expect, it } from "vitest"
import { decrypt } from "../../../protocol/bcp/decryption.ts"
import { Encryptor } from "../../../protocol/bcp/encryption.ts"
import { bitLength } from "../../../protocol/bcp/integers.ts"
import { generateSecretKey, publicKey } from "../../../protocol/bcp/keys.ts"
import { CrtDecryptor, MasterDecryptor } from "../../../protocol/bcp/master-decryption.ts"
import {
  checkMasterKey,
  checkParameters,
  generateParameters,
  hasFullOrder,
  InsecureModulus,
  InvalidParameters,
  parametersFromPrimes,
  requireModulusBits
} from "../../../protocol/bcp/parameters.ts"
import { decodeParameters, encodeParameters } from "../../../protocol/bcp/wire.ts"
import { knownAnswers, slowPower } from "./known-answers.ts"

const { parameters: known, masterKey } = knownAnswers(512)

describe("ParaGen", () => {
  it("finds safe primes, exactly κ bits, a generator of full order and its k", async () => {
    const { parameters, masterKey } = await generateParameters(512, { insecure: true })
    const { p, q } = masterKey
    expect(p).not.toBe(q)
    expect(parameters.N).toBe(p * q)
    expect(bitLength(parameters.N)).toBe(512)
    expect(hasFullOrder(parameters.g, masterKey)).toBe(true)
    const raised = slowPower(parameters.g, ((p - 1n) / 2n) * ((q - 1n) / 2n), parameters.N2)
    expect(parameters.k).toBe((raised - 1n) / parameters.N)
    // parametersFromPrimes tests the primes and their halves for primality.
    expect(parametersFromPrimes(p, q, parameters.g).parameters).toEqual(parameters)
    expect(() => checkParameters(parameters, { insecure: true })).not.toThrow()
  })

  it("refuses a modulus below 2048 bits without the insecure flag, and lengths that are not offered with it", async () => {
    await expect(generateParameters(512)).rejects.toThrow(InsecureModulus)
    await expect(generateParameters(1024, { insecure: false })).rejects.toThrow(/use 2048 or 3072 bits/)
    await expect(generateParameters(256, { insecure: true })).rejects.toThrow(InsecureModulus)
    expect(() => checkParameters(known)).toThrow(InsecureModulus)
    for (const bits of [2048, 3072]) expect(() => requireModulusBits(bits)).not.toThrow()
  })

  it("draws another g for the same primes", () => {
    const first = parametersFromPrimes(masterKey.p, masterKey.q).parameters
    const second = parametersFromPrimes(masterKey.p, masterKey.q).parameters
    expect(first.g).not.toBe(second.g)
  })

  it.each([
    ["equal primes", masterKey.p, masterKey.p, /equal/],
    ["a prime that is not safe", masterKey.p, 2n ** 256n - 189n, /q is not a safe prime/],
    ["primes too small for N", masterKey.p, 2n ** 255n + 95n, /N is shorter/],
    ["primes of different length", masterKey.p, 23n, /length/]
  ])("refuses %s", (_, p, q, why) => {
    expect(() => parametersFromPrimes(p, q)).toThrow(InvalidParameters)
    expect(() => parametersFromPrimes(p, q)).toThrow(why)
  })
})

describe("received parameters", () => {
  it("come back from the wire as they were", () => {
    expect(decodeParameters(encodeParameters(known))).toEqual(known)
  })

  it.each([
    ["an N of another length", { N: known.N >> 1n }, /N has 511 bits/],
    ["an even N", { N: known.N - 1n }, /even/],
    ["an N2 that is not N²", { N2: known.N2 + 1n }, /square/],
    ["a g outside the group", { g: known.N2 }, /g is no unit/],
    ["a g that shares a factor with N", { g: masterKey.p }, /g is no unit/],
    ["a k of 0", { k: 0n }, /k is no unit/],
    ["a k that shares a factor with N", { k: masterKey.q }, /k is no unit/]
  ])("are refused with %s", (_, change, why) => {
    const parameters = { ...known, ...change }
    expect(() => checkParameters(parameters, { insecure: true })).toThrow(InvalidParameters)
    expect(() => checkParameters(parameters, { insecure: true })).toThrow(why)
  })
})

describe("a received master key", () => {
  const { parameters: pp, masterKey } = knownAnswers(512)
  const { p, q } = masterKey

  it("is that of the parameters", () => {
    expect(() => checkMasterKey(pp, masterKey)).not.toThrow()
    expect(() => checkMasterKey(pp, { p: q, q: p })).not.toThrow()
  })

  it("is refused with what is wrong about it, or about g and k", () => {
    const refusals = [
      [pp, { p: p + 2n, q }, "N is not the product of p and q"],
      [pp, { p: 1n, q: pp.N }, "p and q differ in length"],
      [{ ...pp, k: pp.k + 1n }, masterKey, "k is not the logarithm of g"],
      [{ ...pp, g: pp.N2 - pp.g }, masterKey, "g has not the order"],
      [{ ...pp, g: (pp.g * pp.g) % pp.N2 }, masterKey, "k is not the logarithm of g"],
      // An N whose factors are prime, but not safely so.
      [{ ...pp, N: (2n ** 256n - 189n) * q }, { p: 2n ** 256n - 189n, q }, "p is not a safe prime"]
    ] as const
    for (const [parameters, key, why] of refusals) expect(() => checkMasterKey(parameters, key)).toThrow(why)
  })
})

describe("3072 bits", () => {
  // RFC 3526's prime of 1536 bits is safe; the other one was generated for this test. Neither is a secret.
  const p = BigInt(`0x${getDiffieHellman("modp5").getPrime("hex")}`)
  const q = BigInt(
    "0x" +
      "cc803a603e6ebc2ba36e67d8508970ddb261947877f92a7b765fb39ebaaf2c7245d47f9565e737bf9837a369ec9857fb" +
      "0af413662672712d7e11796180cd48447ee1f6920f310a3d0450f14a8b7d1b898eccf546c7383bacb33f9e930f8beefa" +
      "ee8bce0da9a344f3962233e436d59bae63a0d5a4684bbeec9b91cceda4bb7e8b38e4ea856621d15b67737f6463790450" +
      "da2365b1044c9b33a915e93d6c9325ad8e2c6763cfcad9fdcb3d54fcc946142473e91486a6d9565a6904ad868dabea83"
  )

  it("parameters, encryption and every decryption", () => {
    const { parameters: pp, masterKey } = parametersFromPrimes(p, q)
    expect(pp.bits).toBe(3072)
    expect(() => checkParameters(pp)).not.toThrow()
    const secretKey = generateSecretKey(pp, "short")
    const h = publicKey(pp, secretKey)
    for (const m of [0n, pp.N - 1n]) {
      const ciphertext = new Encryptor(pp, h, "short", masterKey).encrypt(m)
      expect(decrypt(pp, secretKey, ciphertext)).toBe(m)
      expect(new CrtDecryptor(pp, masterKey).decrypt(h, ciphertext)).toBe(m)
      expect(new MasterDecryptor(pp, masterKey).decrypt(h, ciphertext)).toBe(m)
    }
  })
})
