/** Who may ask: the signatures of all users over one statement, and what does not pass for them. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { drawIdentities, identityIn } from "../../../actors/party/identities.ts"
import { fingerprintOf } from "../../../protocol/channels/fingerprint.ts"
import { publicIdentity, publicTextOf } from "../../../protocol/channels/identity.ts"
import { hasSigned, publicNkey, signNonce, signStatement } from "../../../protocol/channels/nkey.ts"
import {
  type Admission,
  type AdmissionStatement,
  admitted,
  requireInTime,
  signedBy,
  signersOf,
  statementBytes
} from "../../../protocol/serving/admission.ts"
import { admissionOfText, admissionText } from "../../../protocol/serving/admission-text.ts"

const identities = drawIdentities("asker1", "asker2")
const identity = (actor: string) => identityIn(identities, actor)
const textOf = (actor: string) => publicTextOf(identity(actor))
const nkeyOf = (actor: string) => publicNkey(identity(actor).nkey)

const statement: AdmissionStatement = {
  run: "trial-1",
  agreement: "ab".repeat(32),
  preparation: "01".repeat(32),
  asker: { actor: "asker1", identity: textOf("asker1") },
  quota: { rows: 10_000, rowsADay: 500 },
  until: Date.UTC(2027, 0, 1) / 1000
}
const terms = {
  run: statement.run,
  agreement: statement.agreement,
  parties: new Map(
    ["kgc", "cloud0", "user1", "user2", "user3"].map((actor) => [actor, publicIdentity(textOf(actor))!])
  )
}
const by = (...actors: ReadonlyArray<string>): Admission =>
  actors.reduce<Admission>((so, actor) => signedBy(so, actor, identity(actor).nkey), {
    statement,
    signatures: []
  })
const whole = by("user1", "user2", "user3")

const refusal = (admission: Admission, changed: Partial<typeof terms> = {}) =>
  Either.getOrThrow(Either.flip(admitted(admission, { ...terms, ...changed })))

describe("an admission", () => {
  it("holds once all users have signed it, in any order and again", () => {
    expect(Either.getOrThrow(admitted(whole, terms))).toBe(statement)
    expect(Either.isRight(admitted(by("user3", "user1", "user2", "user1"), terms))).toBe(true)
  })

  it("names the users who have not signed, though strangers have", () => {
    expect(refusal(by("user2"))).toMatchObject({ why: "unsigned", users: ["user1", "user3"] })
    expect(refusal(by())).toMatchObject({ why: "unsigned" })
    expect(refusal(by("user1", "user2", "kgc"))).toMatchObject({ why: "forged", users: ["kgc"] })
    expect(refusal(by(), { parties: new Map() })).toMatchObject({ why: "unsigned", users: [] })
  })

  it("is refused, and the user named, where a signature is that of another or over another statement", () => {
    const [first, second, third] = whole.signatures
    const swapped = {
      statement,
      signatures: [first!, second!, { user: "user3", signature: second!.signature }]
    }
    expect(refusal(swapped)).toMatchObject({ why: "forged", users: ["user3"] })
    const other = signedBy(
      { statement: { ...statement, until: 1 }, signatures: [] },
      "user3",
      identity("user3").nkey
    )
    expect(refusal({ statement, signatures: [first!, second!, ...other.signatures] })).toMatchObject({
      why: "forged",
      users: ["user3"]
    })
    expect(third!.signature).toHaveLength(64)
  })

  const changes: ReadonlyArray<readonly [string, Partial<AdmissionStatement>]> = [
    ["the asker's key", { asker: { actor: "asker1", identity: textOf("asker2") } }],
    ["what the asker is called", { asker: { ...statement.asker, actor: "asker2" } }],
    ["the rows in all", { quota: { rows: 10_001, rowsADay: 500 } }],
    ["the rows a day", { quota: { rows: 10_000, rowsADay: 501 } }],
    ["the rows a day, left out", { quota: { rows: 10_000 } }],
    ["the quotas, exchanged", { quota: { rows: 500, rowsADay: 10_000 } }],
    ["the preparation", { preparation: "02".repeat(32) }],
    ["the time", { until: statement.until + 1 }]
  ]
  it.each(changes)("is refused where this was changed: %s", (_, change) => {
    const { signatures } = whole
    expect(refusal({ statement: { ...statement, ...change }, signatures })).toMatchObject({
      why: "forged",
      users: ["user1", "user2", "user3"]
    })
  })

  it("is refused for another run, another agreement, and from its end on", () => {
    expect(refusal(whole, { run: "trial-2" })).toMatchObject({ why: "other-run" })
    expect(refusal(whole, { agreement: "cd".repeat(32) })).toMatchObject({ why: "other-agreement" })
    expect(Either.isRight(requireInTime(statement, statement.until - 1))).toBe(true)
    expect(Either.getOrThrow(Either.flip(requireInTime(statement, statement.until)))).toMatchObject({
      why: "expired",
      asker: "asker1"
    })
  })

  it("is refused for an asker that is another party under another name, and not for a user under its own", () => {
    const asking = (actor: string, of: string) => {
      const asker = { actor, identity: textOf(of) }
      return ["user1", "user2", "user3"].reduce<Admission>(
        (so, user) => signedBy(so, user, identity(user).nkey),
        { statement: { ...statement, asker }, signatures: [] }
      )
    }
    for (const [actor, of] of [
      ["asker1", "cloud0"],
      ["asker1", "user2"],
      ["user1", "user2"],
      ["user1", "asker1"]
    ] as const)
      expect(refusal(asking(actor, of)), `${of} as ${actor}`).toMatchObject({ why: "another-party" })
    expect(Either.isRight(admitted(asking("user1", "user1"), terms))).toBe(true)
  })

  it("has one layout: fields can't move into each other", () => {
    const { run, asker } = statement
    const moved = { ...statement, run: run.slice(0, -1), agreement: `1${statement.agreement}`, asker }
    expect(statementBytes(moved)).not.toEqual(statementBytes(statement))
  })

  it("is never what a broker has its users sign", () => {
    const { nkey } = identity("user1")
    const bytes = statementBytes(statement)
    for (const encoding of ["utf8", "latin1"] as const)
      for (const start of [[], [0xff]]) {
        const nonce = Buffer.from([...start, ...bytes]).toString(encoding)
        const signature = new Uint8Array(Buffer.from(signNonce(nkey, nonce), "base64url"))
        expect(hasSigned(nkeyOf("user1"), bytes, signature)).toBe(false)
      }
    expect(hasSigned(nkeyOf("user1"), bytes, signStatement(nkey, bytes))).toBe(true)
  })

  it("is refused where key or signature are none", () => {
    const bytes = statementBytes(statement)
    const { signature } = whole.signatures[0]!
    expect(hasSigned("UNONE", bytes, signature)).toBe(false)
    expect(hasSigned(nkeyOf("user1"), bytes, signature.slice(1))).toBe(false)
    expect(signersOf(whole, new Map()).signed).toEqual([])
  })
})

describe("the file of an admission", () => {
  it("says it all", () => {
    expect(Either.getOrThrow(admissionOfText(admissionText(whole)))).toEqual(whole)
    const one = { ...whole, statement: { ...statement, quota: { rows: 1 } } }
    expect(Either.getOrThrow(admissionOfText(admissionText(one)))).toEqual(one)
  })

  const text = admissionText(whole)
  const changed = (from: string | RegExp, to: string): string => {
    const other = text.replace(from, to)
    expect(other).not.toBe(text)
    return other
  }
  const signature = text.match(/"[\w-]{86}"/)![0]
  const bad: ReadonlyArray<readonly [string, string, RegExp]> = [
    ["no JSON", "{", /is no JSON/],
    ["other JSON", "[]", /is no admission/],
    ["another version", changed('"version": 1', '"version": 2'), /at version/],
    ["a field more", changed('"version": 1', '"version": 1, "more": 1'), /at more/],
    ["no quota at all", changed(/"quota": {[^}]*}/, '"quota": {}'), /at statement.quota/],
    ["a quota of nothing", changed('"rows": 10000', '"rows": 0'), /at statement.quota.rows/],
    [
      "an identity with a slip",
      changed(/"identity": ".*"/, '"identity": "x"'),
      /at statement.asker.identity/
    ],
    ["an asker called a cloud", changed('"asker1"', '"cloud0"'), /at statement.asker.actor/],
    ["an asker that no broker lets in", changed('"asker1"', '"asker9"'), /at statement.asker.actor/],
    ["a time in another form", changed("T00:00:00.000Z", ""), /at statement.until/],
    ["a day that is none", changed("2027-01-01", "2027-02-30"), /at statement.until/],
    ["a signature cut short", changed(signature, '"AAAA"'), /at signatures.0.signature/],
    ["a user twice", changed('"user2"', '"user1"'), /at signatures/],
    ["a secret", "bicameral-secret-x", /secret of a party/]
  ]
  it.each(bad)("is refused with the place where it is %s", (_, other, message) => {
    expect(Either.getOrThrow(Either.flip(admissionOfText(other))).message).toMatch(message)
  })
})

describe("a fingerprint", () => {
  it("is short, and another for every identity", () => {
    const of = (actor: string) => fingerprintOf(publicTextOf(identity(actor)))
    expect(of("user1")).toMatch(/^([0-9a-f]{4} ){7}[0-9a-f]{4}$/)
    expect(of("user1")).not.toBe(of("user2"))
  })
})
