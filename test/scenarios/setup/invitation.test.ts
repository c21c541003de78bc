import { describe, expect, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import { drawSecret, identityOfSecret, publicTextOf } from "../../../protocol/channels/identity.ts"
import { signNonce } from "../../../protocol/channels/nkey.ts"
import {
  drawToken,
  type Invitation,
  invitationIn,
  invitationText,
  isLikeInvitation,
  isReplyTo,
  replyIn,
  replyText,
  runFingerprint,
  sameFingerprint
} from "../../../scenarios/setup/invitation.ts"

const drawn = () => identityOfSecret(Redacted.value(drawSecret()))!
const inviter = drawn()
const invitation: Invitation = {
  format: "bicameral invitation",
  version: 1,
  program: "0.2.0",
  madeMs: 1_764_560_000_000,
  run: "leaves-1",
  party: "user1",
  broker: { url: "tls://broker.test:4222", authorities: "-----BEGIN CERTIFICATE-----" },
  scenario: "name: leaves\nusers: [{ name: '__proto__' }]\n",
  token: drawToken()
}
const text = invitationText(invitation, inviter)

describe("an invitation", () => {
  it("is read as it was signed, with the inviter's public key", () => {
    expect(isLikeInvitation(text)).toBe(true)
    const read = Either.getOrThrow(invitationIn(text, "x"))
    expect(read).toEqual({ ...invitation, signer: publicTextOf(inviter) })
  })

  it("is refused where anything in it was changed, its signer too", () => {
    const changes: ReadonlyArray<readonly [string, string]> = [
      ["broker.test", "broker.evil"],
      ["name: leaves", "name: Leaves"],
      ["leaves-1", "leaves-2"],
      ['"user1"', '"user2"'],
      [publicTextOf(inviter), publicTextOf(drawn())]
    ]
    for (const [from, to] of changes) {
      expect(text).toContain(from)
      const read = invitationIn(text.replace(from, to), "file")
      expect(Either.getOrThrow(Either.flip(read)).message).toMatch(
        /^file was changed after the inviter signed it/
      )
    }
    expect(Either.isLeft(invitationIn("{}", "file"))).toBe(true)
  })

  it("is nothing that a broker can have its inviter sign", () => {
    const signature = signNonce(inviter.nkey, `bicameral invitation${JSON.stringify(invitation)}`)
    const other = JSON.stringify({ signed: invitation, signer: publicTextOf(inviter), signature })
    expect(Either.isLeft(invitationIn(other, "file"))).toBe(true)
  })

  it("holds no key that is secret", () => {
    expect(text).not.toContain(Redacted.value(inviter.nkey))
    expect(text).not.toMatch(/bicameral-secret|(?<![A-Z2-7])SU[A-Z2-7]{56}|PRIVATE KEY/)
  })

  it("gives all parties of a run one fingerprint, and another of another scenario", () => {
    expect(runFingerprint({ ...invitation })).toBe(runFingerprint(invitation))
    expect(runFingerprint({ ...invitation, scenario: "name: others" })).not.toBe(runFingerprint(invitation))
  })
})

describe("a reply", () => {
  const own = publicTextOf(drawn())
  const reply = Either.getOrThrow(replyIn(replyText(invitation, own), "reply"))

  it("belongs to the invitation that it was made with, and to no other", () => {
    expect(reply.identity).toBe(own)
    expect(isReplyTo(reply, invitation)).toBe(true)
    expect(isReplyTo(reply, { ...invitation, token: drawToken() })).toBe(false)
    expect(isReplyTo(reply, { ...invitation, party: "user2" })).toBe(false)
    expect(isReplyTo(reply, { ...invitation, run: "leaves-2" })).toBe(false)
    expect(isReplyTo({ ...reply, identity: publicTextOf(drawn()) }, invitation)).toBe(false)
  })

  it("is refused where it has no identity", () => {
    const read = replyIn(replyText(invitation, "nobody"), "file")
    expect(Either.getOrThrow(Either.flip(read)).message).toMatch(/^file is no reply of this version/)
  })
})

describe("fingerprints", () => {
  it("are the same however they are spaced and written, and others are not", () => {
    expect(sameFingerprint("ABCD-0123", "abcd 0123")).toBe(true)
    expect(sameFingerprint("abcd-0123", "abcd-0124")).toBe(false)
  })
})
