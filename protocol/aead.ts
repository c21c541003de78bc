/**
 * Authenticated encryption and key derivation: AES-GCM (NIST SP 800-38D) with a nonce of 96 bits and a tag of
 * 128, and HKDF-SHA256 (RFC 5869). Two contents under one key and nonce reveal each other and let anyone
 * forge, so a nonce is drawn, counted, or fixed under a key that seals once.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import { Option } from "effect"

export const nonceBytes = 12
export const tagBytes = 16

/** Under what something is sealed. */
export interface Sealing {
  /** 16 bytes for AES-128, 32 for AES-256. */
  readonly key: Uint8Array
  /** 12 bytes, for one content under this key. */
  readonly nonce: Uint8Array
  /** The content's context, authenticated and not stored: it opens only in this context. */
  readonly about: Uint8Array
}

const cipherOf = (key: Uint8Array) => (key.length === 32 ? "aes-256-gcm" : "aes-128-gcm")
const options = { authTagLength: tagBytes }
const nothing = new Uint8Array(0)

/** What goes through a cipher at once: the allocator has such pieces at hand, and a core's cache keeps them. */
const pieceBytes = 65_536
/** After so many pieces a long content lets its caller do something else. */
const piecesATurn = 16

/** `prefix` ‖ ciphertext ‖ tag, in a buffer of its own. The prefix is not authenticated. */
export const seal = (
  { key, nonce, about }: Sealing,
  content: Uint8Array,
  prefix: Uint8Array = nothing
): Uint8Array => {
  const cipher = createCipheriv(cipherOf(key), key, nonce, options).setAAD(about)
  const sealed = new Uint8Array(prefix.length + content.length + tagBytes)
  sealed.set(prefix)
  for (let at = 0; at < content.length; at += pieceBytes)
    sealed.set(cipher.update(content.subarray(at, at + pieceBytes)), prefix.length + at)
  cipher.final()
  sealed.set(cipher.getAuthTag(), sealed.length - tagBytes)
  return sealed
}

/**
 * The content of ciphertext ‖ tag; none if it was changed, or sealed under another key or as something else.
 */
export const unseal = ({ key, nonce, about }: Sealing, sealed: Uint8Array): Option.Option<Uint8Array> => {
  if (sealed.length < tagBytes || nonce.length < nonceBytes) return Option.none()
  const decipher = createDecipheriv(cipherOf(key), key, nonce, options)
    .setAAD(about)
    .setAuthTag(sealed.subarray(-tagBytes))
  const content = decipher.update(sealed.subarray(0, -tagBytes))
  try {
    decipher.final()
  } catch {
    return Option.none()
  }
  return Option.some(new Uint8Array(content.buffer, content.byteOffset, content.length))
}

/** nonce ‖ ciphertext ‖ tag, under a nonce from the operating system: for at most 2^32 contents a key. */
export const sealFresh = (key: Uint8Array, about: Uint8Array, content: Uint8Array): Uint8Array => {
  const nonce = randomBytes(nonceBytes)
  return seal({ key, nonce, about }, content, nonce)
}

/**
 * The content of what `sealFresh` gave, decrypted in place: a part of `sealed`, which is of no other use afterwards. It yields
 * in between, so that the caller can serve others during a long one; the content is there at the end, once it is authenticated.
 */
export function* unsealingFresh(
  key: Uint8Array,
  about: Uint8Array,
  sealed: Uint8Array
): Generator<void, Option.Option<Uint8Array>> {
  if (sealed.length < nonceBytes + tagBytes) return Option.none()
  const decipher = createDecipheriv(cipherOf(key), key, sealed.subarray(0, nonceBytes), options)
    .setAAD(about)
    .setAuthTag(sealed.subarray(-tagBytes))
  const content = sealed.subarray(nonceBytes, -tagBytes)
  for (let at = 0, pieces = 1; at < content.length; at += pieceBytes, pieces++) {
    content.set(decipher.update(content.subarray(at, at + pieceBytes)), at)
    if (pieces % piecesATurn === 0) yield
  }
  try {
    decipher.final()
  } catch {
    return Option.none()
  }
  return Option.some(content)
}

/** `unsealingFresh` without a pause. */
export const unsealFresh = (
  key: Uint8Array,
  about: Uint8Array,
  sealed: Uint8Array
): Option.Option<Uint8Array> => {
  const opening = unsealingFresh(key, about, sealed)
  let turn = opening.next()
  while (turn.done !== true) turn = opening.next()
  return turn.value
}

/** HKDF-SHA256: `bytes` bytes from a secret. `info` says what they are for; one purpose, one key. */
export const derive = (
  secret: Uint8Array | string,
  salt: Uint8Array | string,
  info: string,
  bytes: number
): Uint8Array => new Uint8Array(hkdfSync("sha256", secret, salt, info, bytes))
