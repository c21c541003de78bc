import { createCipheriv } from "node:crypto"
import { Option } from "effect"
import { describe, expect, it } from "vitest"
import {
  derive,
  nonceBytes,
  seal,
  sealFresh,
  tagBytes,
  unseal,
  unsealFresh,
  unsealingFresh
} from "../../protocol/aead.ts"

const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"))
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const content = hex(`d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
  1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`)
const about = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
const nonce = hex("cafebabefacedbaddecaf888")
const key = hex("feffe9928665731c6d6a8f9467308308")

// The test cases 4 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", which NIST has adopted.
const vectors = [
  {
    name: "AES-128-GCM",
    key,
    sealed: `42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
      21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091
      5bc94fbc3221a5db94fae95ae7121a47`
  },
  {
    name: "AES-256-GCM",
    key: hex(`${hexOf(key)}${hexOf(key)}`),
    sealed: `522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
      8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
      76fc6ece0f4e1768cddf8853bb2d551b`
  }
]

describe("sealing", () => {
  for (const vector of vectors) {
    it(`gives the published bytes of ${vector.name}, behind a prefix`, () => {
      const sealing = { key: vector.key, nonce, about }
      const sealed = hexOf(hex(vector.sealed))
      expect(hexOf(seal(sealing, content))).toBe(sealed)
      expect(hexOf(seal(sealing, content, nonce))).toBe(hexOf(nonce) + sealed)
      expect(unseal(sealing, hex(vector.sealed))).toEqual(Option.some(content))
    })
  }

  it("opens only what was sealed, under its key and nonce, as what it is", () => {
    const sealing = { key, nonce, about }
    const sealed = seal(sealing, content)
    const changed = sealed.slice()
    changed[0]! ^= 1
    expect(unseal(sealing, changed)).toEqual(Option.none())
    expect(unseal({ ...sealing, key: changedLast(key) }, sealed)).toEqual(Option.none())
    expect(unseal({ ...sealing, nonce: changedLast(nonce) }, sealed)).toEqual(Option.none())
    expect(unseal({ ...sealing, about: changedLast(about) }, sealed)).toEqual(Option.none())
    for (let length = 0; length < sealed.length; length++)
      expect(unseal(sealing, sealed.subarray(0, length))).toEqual(Option.none())
  })

  it("draws a nonce for each content where it is asked to, and puts it in front", () => {
    const [one, other] = [sealFresh(key, about, content), sealFresh(key, about, content)]
    expect(one.length).toBe(nonceBytes + content.length + tagBytes)
    expect(hexOf(one.subarray(0, 12))).not.toBe(hexOf(other.subarray(0, 12)))
    for (let length = 0; length < one.length; length++)
      expect(unsealFresh(key, about, one.slice(0, length))).toEqual(Option.none())
    expect(unsealFresh(key, new Uint8Array(0), one.slice())).toEqual(Option.none())
    for (const sealed of [one, other]) expect(unsealFresh(key, about, sealed)).toEqual(Option.some(content))
  })

  it("seals a long content as a short one, and opens it in place, with pauses", () => {
    const long = new Uint8Array(2_500_001).map((_, i) => i % 251)
    const sealed = sealFresh(key, about, long)
    const cipher = createCipheriv("aes-128-gcm", key, sealed.subarray(0, nonceBytes)).setAAD(about)
    const whole = Buffer.concat([cipher.update(long), cipher.final(), cipher.getAuthTag()])
    expect(Buffer.compare(sealed.subarray(nonceBytes), whole)).toBe(0)
    const changed = sealed.slice()
    changed[2_000_000]! ^= 1
    expect(unsealFresh(key, about, changed)).toEqual(Option.none())
    const opening = unsealingFresh(key, about, sealed)
    let pauses = 0
    let turn = opening.next()
    for (; turn.done !== true; turn = opening.next()) pauses++
    expect(pauses).toBe(2)
    const content = Option.getOrThrow(turn.value)
    expect(content.buffer).toBe(sealed.buffer)
    expect(Buffer.compare(content, long)).toBe(0)
  })

  it("seals nothing to a tag", () => {
    expect(unsealFresh(key, about, sealFresh(key, about, new Uint8Array(0)))).toEqual(
      Option.some(new Uint8Array(0))
    )
  })
})

/** The same bytes with the last bit turned. */
const changedLast = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))

describe("derivation", () => {
  // RFC 5869, test case 3 (no salt, no info); its input is 22 bytes of 0x0b.
  it("is the HKDF-SHA256 of RFC 5869", () => {
    expect(hexOf(derive(new Uint8Array(22).fill(0x0b), "", "", 42))).toBe(
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
  })

  it("gives other bytes for another salt, another purpose and another secret", () => {
    const secret = new Uint8Array(16)
    const all = [
      derive(secret, "salt", "a", 16),
      derive(secret, "salt", "b", 16),
      derive(secret, "", "a", 16),
      derive("secret", "salt", "a", 16)
    ].map(hexOf)
    expect(new Set(all).size).toBe(all.length)
  })
})
