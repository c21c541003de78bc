/**
 * A slow, readable twin of opening in HPKE base mode: RFC 9180 sections 4.1 and 5.1 written down step by step over
 * node:crypto, for DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. It shares no code with `@hpke/core`.
 */
import { createDecipheriv, createECDH, createHmac } from "node:crypto"

const concat = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))
const ascii = (text: string) => new TextEncoder().encode(text)
const i2osp = (value: number, bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, i) => value >>> (8 * (bytes - 1 - i)))
const hmac = (key: Uint8Array, data: Uint8Array) =>
  new Uint8Array(createHmac("sha256", key).update(data).digest())

const kemId = i2osp(0x0010, 2)
const kemSuite = concat(ascii("KEM"), kemId)
const hpkeSuite = concat(ascii("HPKE"), kemId, i2osp(0x0001, 2), i2osp(0x0001, 2))

const labeledExtract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array) =>
  hmac(salt.length === 0 ? new Uint8Array(32) : salt, concat(ascii("HPKE-v1"), suite, ascii(label), ikm))

/** HKDF-Expand of at most one block. */
const labeledExpand = (suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number) =>
  hmac(prk, concat(i2osp(length, 2), ascii("HPKE-v1"), suite, ascii(label), info, i2osp(1, 1))).subarray(
    0,
    length
  )

/** Opens the first message (sequence number 0) of a base mode context. Throws where the tag is wrong. */
export const openBaseMode = (
  privateKey: Uint8Array,
  enc: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  ciphertextAndTag: Uint8Array
): Uint8Array => {
  const none = new Uint8Array(0)
  const ecdh = createECDH("prime256v1")
  ecdh.setPrivateKey(privateKey)
  const kemContext = concat(enc, ecdh.getPublicKey())
  const eae = labeledExtract(kemSuite, none, "eae_prk", new Uint8Array(ecdh.computeSecret(enc)))
  const sharedSecret = labeledExpand(kemSuite, eae, "shared_secret", kemContext, 32)

  const context = concat(
    Uint8Array.of(0),
    labeledExtract(hpkeSuite, none, "psk_id_hash", none),
    labeledExtract(hpkeSuite, none, "info_hash", info)
  )
  const secret = labeledExtract(hpkeSuite, sharedSecret, "secret", none)
  const key = labeledExpand(hpkeSuite, secret, "key", context, 16)
  const nonce = labeledExpand(hpkeSuite, secret, "base_nonce", context, 12)

  const decipher = createDecipheriv("aes-128-gcm", key, nonce)
  decipher.setAAD(aad)
  decipher.setAuthTag(ciphertextAndTag.subarray(-16))
  return concat(decipher.update(ciphertextAndTag.subarray(0, -16)), decipher.final())
}
