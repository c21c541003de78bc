import { Redacted } from "effect"
import { nkeys } from "nats"
import { describe, expect, it } from "vitest"
import {
  drawNkey,
  isPublicNkey,
  nkeyBytes,
  nkeySeed,
  publicNkey,
  signNonce
} from "../../../protocol/channels/nkey.ts"

// From the README of github.com/nats-io/nkeys.
const documented = {
  seed: "SUAGMJH5XLGZKQQWAWKRZJIGMOU4HPFUYLXJMXOO5NLFEO2OOQJ5LPRDPM",
  publicKey: "UBARSPVBL2NVMYNZKXVKZ3OTKYEA5H6JHVLJ5ZXP54OWWQ5FBZPGC67C"
}

const seeds = [
  new Uint8Array(nkeyBytes),
  new Uint8Array(nkeyBytes).fill(255),
  ...Array.from({ length: 30 }, (_, i) =>
    Uint8Array.from({ length: nkeyBytes }, (_, j) => (i * 37 + j * 11) & 255)
  )
]

describe("an NKEY", () => {
  it("is that of nkeys.js for every seed, and signs as it does", () => {
    for (const bytes of seeds) {
      const seed = nkeySeed(bytes)
      const theirs = nkeys.fromSeed(new TextEncoder().encode(Redacted.value(seed)))
      expect(Redacted.value(seed)).toMatch(/^SU[A-Z2-7]{56}$/)
      expect(publicNkey(seed)).toBe(theirs.getPublicKey())
      const nonce = "x1Lz-a_9"
      const signature = Buffer.from(signNonce(seed, nonce), "base64url")
      expect(Buffer.compare(signature, theirs.sign(new TextEncoder().encode(nonce)))).toBe(0)
    }
  })

  it("has the form that its authors document", () => {
    const theirs = nkeys.fromSeed(new TextEncoder().encode(documented.seed))
    expect(isPublicNkey(theirs.getPublicKey())).toBe(true)
    expect(publicNkey(Redacted.make(documented.seed))).toBe(theirs.getPublicKey())
  })

  it("is another each time that one is drawn", () => {
    expect(Redacted.value(drawNkey())).not.toBe(Redacted.value(drawNkey()))
  })

  it("is refused with any slip in it, as a seed, and as the key of anything but a user", () => {
    const text = publicNkey(drawNkey())
    expect(isPublicNkey(text)).toBe(true)
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "A" ? "B" : "A"
      expect(isPublicNkey(text.slice(0, at) + other + text.slice(at + 1)), String(at)).toBe(false)
    }
    for (const other of [
      "",
      text.slice(1),
      `${text}A`,
      text.toLowerCase(),
      Redacted.value(drawNkey()),
      nkeys.createAccount().getPublicKey()
    ])
      expect(isPublicNkey(other), other).toBe(false)
  })
})
