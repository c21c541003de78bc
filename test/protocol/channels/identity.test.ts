import { createHmac } from "node:crypto"
import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import {
  drawSecret,
  identityOfSecret,
  isLikeSecret,
  publicIdentity,
  publicTextLength,
  publicTextOf
} from "../../../protocol/channels/identity.ts"
import { nkeySeed, publicNkey } from "../../../protocol/channels/nkey.ts"
import { identityOf, keyText } from "../../../protocol/channels/noise.ts"

const secretOf = (bytes: Uint8Array) => `bicameral-secret-${keyText(bytes)}`
const bytes = Uint8Array.from({ length: 32 }, (_, i) => i)

/** HKDF-SHA256 (RFC 5869) of 32 bytes without a salt, from its definition. */
const hkdf = (secret: Uint8Array, info: string): Uint8Array => {
  const key = createHmac("sha256", new Uint8Array(32)).update(secret).digest()
  return new Uint8Array(createHmac("sha256", key).update(info).update(Uint8Array.of(1)).digest())
}

describe("the secret of a party", () => {
  it("gives the same keys each time, by HKDF under labels of their own", () => {
    const identity = identityOfSecret(secretOf(bytes))!
    const channel = identityOf(hkdf(bytes, "bicameral identity: channels"))
    expect(identity.channel.publicKey).toEqual(channel.publicKey)
    expect(Redacted.value(identity.nkey)).toBe(
      Redacted.value(nkeySeed(hkdf(bytes, "bicameral identity: NKEY")))
    )
  })

  it("is another each time that one is drawn, and read as it is written only", () => {
    const [one, other] = [Redacted.value(drawSecret()), Redacted.value(drawSecret())]
    expect(one).not.toBe(other)
    expect(identityOfSecret(one)).toBeDefined()
    const wrong = [
      "",
      one.slice(0, -1),
      `${one}A`,
      ` ${one}`,
      one.slice("bicameral-secret-".length),
      `${one}\n${other}`
    ]
    for (const text of wrong) expect(identityOfSecret(text), text).toBeUndefined()
  })

  it("is in nothing that is printed of it", () => {
    const text = Redacted.value(drawSecret())
    const identity = identityOfSecret(text)!
    const shown = JSON.stringify(identity) + String(identity.nkey) + publicTextOf(identity)
    for (const secret of [text.slice("bicameral-secret-".length), Redacted.value(identity.nkey)])
      expect(shown).not.toContain(secret)
  })
})

describe("the public text of a party", () => {
  it("says both of its public keys, and nothing else does", () => {
    const identity = identityOfSecret(secretOf(bytes))!
    const text = publicTextOf(identity)
    expect(text).toHaveLength(publicTextLength)
    expect(publicIdentity(text)).toEqual({
      channelKey: identity.channel.publicKey,
      nkey: publicNkey(identity.nkey)
    })
    const [key, nkey] = text.split(".")
    for (const wrong of ["", key!, nkey!, `${nkey}.${key}`, `${text}.`, `${text} `, secretOf(bytes)])
      expect(publicIdentity(wrong), wrong).toBeUndefined()
  })

  it("is told from a secret", () => {
    expect(isLikeSecret(publicTextOf(identityOfSecret(secretOf(bytes))!))).toBe(false)
    expect(isLikeSecret(secretOf(bytes).slice(0, 30))).toBe(true)
  })
})
