/** Keys of X25519 (RFC 7748) as their 32 bytes. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto"

/** Bytes of a key, private or public. */
export const keyBytes = 32

/** What stands before the bytes of a private key in PKCS #8 (RFC 8410). */
const privatePrefix = Buffer.from("302e020100300506032b656e04220420", "hex")

/** A private key: any 32 bytes; X25519 takes the scalar from them. */
export const privateKeyOf = (bytes: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([privatePrefix, bytes]), format: "der", type: "pkcs8" })

/** A public key: a u-coordinate, little-endian. As a JSON Web Key, which OpenSSL reads seven times as fast as SPKI. */
export const publicKeyOf = (bytes: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: "OKP", crv: "X25519", x: Buffer.from(bytes).toString("base64url") },
    format: "jwk"
  })

/** The public key of a private key. */
export const publicBytesOf = (privateKey: KeyObject): Uint8Array => {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" })
  return new Uint8Array(Buffer.from(x!, "base64url"))
}
