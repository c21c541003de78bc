import { describe, expect, it } from "vitest"
import { bitLength } from "../../../protocol/bcp/integers.ts"
import {
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
    ["a prime that is not safe", masterKey.p, 2n ** 255n + 95n, /q is not a safe prime/],
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
