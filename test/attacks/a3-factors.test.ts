/**
 * A3, of cloud 1 together with a user: the user uploads a pair (g^s, pk^s·g), which encrypts nothing, and gives C0 its digest; C1
 * blinds it as it should. Master decryption gives a number for it, k/(p'q') mod N, from which everybody factors N. C0 opens no pair
 * whose exponent it does not see to be short and the same in both.
 */
import { describe, expect, it } from "vitest"
import { modPow } from "../../protocol/bcp/exponentiation.ts"
import { inverse } from "../../protocol/bcp/integers.ts"
import { jobs } from "../../protocol/bcp/jobs.ts"
import { CrtDecryptor } from "../../protocol/bcp/master-decryption.ts"
import { half } from "../../protocol/bcp/parameters.ts"
import { digestRandomness } from "../../protocol/bcp/randomness.ts"
import { elementBytes, encodeCiphertexts, encodeIntegers, encodeMasterKey } from "../../protocol/bcp/wire.ts"
import { knownAnswers } from "../protocol/bcp/known-answers.ts"

const { parameters: pp, masterKey, userPublicKeys } = knownAnswers(2048)
const pk = userPublicKeys[0]!
const s = 2n ** 200n + 12_345n
const pair = { A: modPow(pp.g, s, pp.N2), B: (modPow(pk, s, pp.N2) * pp.g) % pp.N2 }

describe("A3 - a pair that encrypts nothing", () => {
  it("would give the factors of N to whoever has it decrypted", () => {
    const m = new CrtDecryptor(pp, masterKey).decrypt(pk, pair)
    const order = (pp.k * inverse(m, pp.N)!) % pp.N
    expect(order).toBe(half(masterKey.p) * half(masterKey.q))
  })

  it.each(["short", "full"] as const)("is not opened by C0, with %s exponents", (mode) => {
    const [fromKey, toKey] = [pk, userPublicKeys[1]!].map((key) =>
      encodeIntegers([key], elementBytes(pp))
    ) as [Uint8Array, Uint8Array]
    const request = {
      ...{ parameters: pp, masterKey: encodeMasterKey(pp, masterKey), fromKey, toKey, mode },
      blinded: encodeCiphertexts(pp, [pair]),
      randomness: digestRandomness(pp, [pair])
    }
    expect(() => jobs.reencryptUploaded(request)).toThrow(/decrypt/)
  })
})
