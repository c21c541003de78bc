import { Either } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  canonicalRoster,
  digestParameters,
  generateSigningKeyPair,
  type Roster,
  type RosterRejected,
  rosterBcpKey,
  rosterEntry,
  signRoster,
  verifyRoster
} from "../../../protocol/sharing/roster.ts"

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill)
const parameters = {
  bits: 512,
  N: bytes(64, 1),
  k: bytes(64, 2),
  g: bytes(128, 3),
  unifiedPublicKey: bytes(128, 4),
  orderKey: bytes(16, 5)
}
const roster: Roster = {
  run: "run-1",
  parametersDigest: digestParameters(parameters),
  entries: [
    { actor: "kgc", name: "Key centre", sealingKey: bytes(65, 5) },
    { actor: "cloud1", name: "Wolke 1", sealingKey: bytes(65, 6) },
    { actor: "user1", name: "Hôpital du Nord", sealingKey: bytes(65, 7), bcpPublicKey: bytes(128, 8) }
  ]
}
const expected = { run: roster.run, parametersDigest: roster.parametersDigest }
const kgc = generateSigningKeyPair()
const failure = (result: Either.Either<Roster, RosterRejected>) => Either.getOrThrow(Either.flip(result))

describe("roster", () => {
  it("verifies under the KGC's key and gives back what was signed", () => {
    const signed = signRoster(roster, kgc.privateKey)
    expect(Either.getOrThrow(verifyRoster(signed, kgc.publicKey, expected))).toEqual(roster)
    expect(Either.getOrThrow(verifyRoster(Buffer.from(signed), kgc.publicKey, expected))).toEqual(roster)
  })

  it("has one encoding, and different rosters have different ones", () => {
    expect(canonicalRoster(roster)).toEqual(canonicalRoster(structuredClone(roster)))
    const name = fc.string({ maxLength: 3 })
    fc.assert(
      fc.property(fc.tuple(name, name), fc.tuple(name, name), ([a, b], [c, d]) => {
        const one = canonicalRoster({ ...roster, entries: [{ actor: a, name: b, sealingKey: bytes(1, 0) }] })
        const two = canonicalRoster({ ...roster, entries: [{ actor: c, name: d, sealingKey: bytes(1, 0) }] })
        expect(Buffer.compare(one, two) === 0).toBe(a === c && b === d)
      })
    )
  })

  it("fails on its signature when any byte is changed or it is signed by another", () => {
    const signed = signRoster(roster, kgc.privateKey)
    for (let at = 0; at < signed.length; at++) {
      const changed = new Uint8Array(signed)
      changed[at]! ^= 0x10
      expect(failure(verifyRoster(changed, kgc.publicKey, expected)).failed).toBe("signature")
    }
    const another = generateSigningKeyPair()
    expect(failure(verifyRoster(signed, another.publicKey, expected)).failed).toBe("signature")
  })

  it("names what failed: run, parameters, an actor listed twice, a cut, a key of the wrong length", () => {
    const signed = signRoster(roster, kgc.privateKey)
    const check = (bytesToCheck: Uint8Array, change: Partial<typeof expected> = {}, key = kgc.publicKey) =>
      failure(verifyRoster(bytesToCheck, key, { ...expected, ...change }))
    expect(check(signed, { run: "run-2" })).toMatchObject({ failed: "run" })
    expect(check(signed, { run: "run-2" }).message).toMatch(/run-1.*run-2/)
    expect(check(signed, { parametersDigest: bytes(32, 0) }).failed).toBe("parameters")
    expect(check(signed.subarray(0, 64)).failed).toBe("layout")
    expect(check(signed.subarray(0, -1)).failed).toBe("signature")
    expect(check(signed, {}, bytes(31, 0)).failed).toBe("signing key")
    const twice = { ...roster, entries: [...roster.entries, roster.entries[1]!] }
    expect(check(signRoster(twice, kgc.privateKey))).toMatchObject({ failed: "actor twice" })
    const shortDigest = { ...roster, parametersDigest: bytes(31, 0) }
    expect(check(signRoster(shortDigest, kgc.privateKey)).failed).toBe("layout")
  })

  it("finds an entry by actor, and names the actor that is missing", () => {
    expect(Either.getOrThrow(rosterEntry(roster, "user1")).name).toBe("Hôpital du Nord")
    expect(Either.getOrThrow(rosterBcpKey(roster, "user1"))).toEqual(bytes(128, 8))
    const missing = Either.getOrThrow(Either.flip(rosterEntry(roster, "user9")))
    expect(missing._tag).toBe("NotInRoster")
    expect(missing.message).toContain("user9")
    expect(Either.getOrThrow(Either.flip(rosterBcpKey(roster, "user9")))._tag).toBe("NotInRoster")
    expect(Either.getOrThrow(Either.flip(rosterBcpKey(roster, "cloud1")))).toMatchObject({
      _tag: "NoBcpKey",
      actor: "cloud1"
    })
  })

  it("digests every parameter", () => {
    const digest = digestParameters(parameters)
    for (const change of [
      { bits: 513 },
      { N: bytes(64, 9) },
      { k: bytes(64, 9) },
      { g: bytes(128, 9) },
      { unifiedPublicKey: bytes(128, 9) },
      { orderKey: bytes(16, 9) }
    ]) {
      expect(digestParameters({ ...parameters, ...change })).not.toEqual(digest)
    }
  })
})
