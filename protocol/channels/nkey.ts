/**
 * NKEYs (github.com/nats-io/nkeys): pairs of Ed25519 keys with which users prove themselves to a NATS broker. The broker knows the
 * public key, and the user signs what it is asked to; no secret leaves the user. As texts, they are base32 of a kind, the 32 bytes
 * of the key and a CRC-16: `U…` is a user's public key, `SU…` the seed of its pair.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from "node:crypto"
import { Redacted } from "effect"
import { concatenate } from "../bytes.ts"

/** Bytes of a seed and of a public key. */
export const nkeyBytes = 32
const checksumBytes = 2

/** The kind "user", and before it the kind "seed", in five bits each; RFC 4648 makes letters of them: `U`, and `SU`. */
const publicKind = Uint8Array.of(20 << 3)
const seedKind = Uint8Array.of((18 << 3) | (20 >> 2), (20 & 3) << 6)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

/** Base32 of RFC 4648, without padding. */
const base32 = (bytes: Uint8Array): string => {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => alphabet[Number.parseInt(five.padEnd(5, "0"), 2)])
    .join("")
}

const base32Bytes = (text: string): Uint8Array => {
  const bits = Array.from(text, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("")
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2))
}

/** CRC-16/XMODEM, the lower byte first. */
const checksum = (bytes: Uint8Array): Uint8Array => {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : ((crc << 1) ^ 0x1021) & 0xffff
  }
  return Uint8Array.of(crc & 0xff, crc >> 8)
}

const asText = (kind: Uint8Array, key: Uint8Array): string => {
  const content = concatenate([kind, key])
  return base32(concatenate([content, checksum(content)]))
}

/** The key in a text of this kind; undefined where it is none. */
const keyIn = (kind: Uint8Array, text: string): Uint8Array | undefined => {
  if (!/^[A-Z2-7]{56,58}$/.test(text)) return undefined
  const bytes = base32Bytes(text)
  if (bytes.length !== kind.length + nkeyBytes + checksumBytes) return undefined
  const key = bytes.slice(kind.length, -checksumBytes)
  // Only one text may be a key.
  return asText(kind, key) === text ? key : undefined
}

/** The seed of an NKEY from 32 bytes that nobody can guess, as a text. */
export const nkeySeed = (bytes: Uint8Array): Redacted.Redacted => Redacted.make(asText(seedKind, bytes))

/** The seed of a new NKEY. */
export const drawNkey = (): Redacted.Redacted => nkeySeed(new Uint8Array(randomBytes(nkeyBytes)))

// Up to the 32 bytes of the key itself (RFC 8410): PKCS #8 and SubjectPublicKeyInfo.
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex")

/** Throws where the text is no seed: all seeds are made here. */
const privateKeyOf = (seed: Redacted.Redacted): KeyObject => {
  const key = keyIn(seedKind, Redacted.value(seed))
  if (key === undefined) throw new Error("this is no seed of an NKEY")
  return createPrivateKey({ key: Buffer.concat([privatePrefix, key]), format: "der", type: "pkcs8" })
}

/** The public key of a seed, `U…`. */
export const publicNkey = (seed: Redacted.Redacted): string => {
  const spki = createPublicKey(privateKeyOf(seed)).export({ type: "spki", format: "der" })
  return asText(publicKind, spki.subarray(spkiPrefix.length))
}

/** Signs the broker's nonce; base64url without padding, as the broker takes it. */
export const signNonce = (seed: Redacted.Redacted, nonce: string): string =>
  sign(null, Buffer.from(nonce), privateKeyOf(seed)).toString("base64url")

/**
 * Before every statement that is signed. A broker has its users sign nonces of its choice, which are texts in UTF-8; this
 * byte is in none, so the signature of a nonce is never that of a statement.
 */
const statementMark = Uint8Array.of(0xff)

/** Bytes of a signature. */
export const signatureBytes = 64

/** Signs a statement: canonical bytes that begin with what kind of statement they are, so that none passes for another. */
export const signStatement = (seed: Redacted.Redacted, statement: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, concatenate([statementMark, statement]), privateKeyOf(seed)))

/** Whether the holder of a public key, `U…`, has signed a statement. */
export const hasSigned = (nkey: string, statement: Uint8Array, signature: Uint8Array): boolean => {
  const key = keyIn(publicKind, nkey)
  if (key === undefined || signature.length !== signatureBytes) return false
  const spki = Buffer.concat([spkiPrefix, key])
  const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" })
  return verify(null, concatenate([statementMark, statement]), publicKey, signature)
}

/** Whether a text is a user's public key: a slip in it does not pass. */
export const isPublicNkey = (text: string): boolean => keyIn(publicKind, text) !== undefined
