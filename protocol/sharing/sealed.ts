/**
 * Seals a message end to end: HPKE (RFC 9180) base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM.
 * The protocol, run, sender, receiver and kind of message are bound in as `info`, so a seal opens only in its
 * context. Base mode does not prove the sender: the broker's permissions do.
 */
import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core"
import { Data, Effect, Redacted } from "effect"
import { CanonicalWriter } from "../canonical.ts"

/** Bytes of a sealing public key and of the encapsulated key: an uncompressed point of P-256. */
export const sealingKeyBytes = 65
/**
 * Bytes by which a sealed message is longer than its content: the encapsulated key and the tag of AES-GCM.
 */
export const sealOverheadBytes = sealingKeyBytes + 16

const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes128Gcm()
})

export interface SealingKeyPair {
  /** An uncompressed point of P-256, 65 bytes; part of the roster. */
  readonly publicKey: Uint8Array
  /** The scalar, 32 bytes. */
  readonly privateKey: Redacted.Redacted<Uint8Array>
}

/** The context of a seal, which opens only under the same four values. */
export interface SealContext {
  readonly run: string
  readonly from: string
  readonly to: string
  /** The tag of the message that carries it. */
  readonly messageType: string
}

/** The receiver's public key is not a point of the curve. */
export class SealFailed extends Data.TaggedError("SealFailed")<SealContext & { readonly reason: string }> {
  readonly retryable = false
  override get message() {
    return `Could not seal ${this.messageType} from ${this.from} to ${this.to}: ${this.reason}; check ${this.to}'s sealing key in the roster.`
  }
}

/** Sealed to another key, for another purpose, or changed in transit. The error does not hold the content. */
export class OpenFailed extends Data.TaggedError("OpenFailed")<SealContext & { readonly bytes: number }> {
  readonly retryable = false
  override get message() {
    return (
      `Could not unseal ${this.messageType} (${this.bytes} bytes) sealed by ${this.from} to ${this.to} in run ${this.run}: ` +
      "it was changed, or sealed to another key, run, party or kind of message; both sides need the roster of this run."
    )
  }
}

/** A key pair from the operating system's randomness. */
export const generateSealingKeyPair: Effect.Effect<SealingKeyPair> = Effect.promise(async () => {
  const pair = await suite.kem.generateKeyPair()
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)),
    privateKey: Redacted.make(new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey)))
  }
}).pipe(Effect.withSpan("sealed.generateSealingKeyPair"))

/** The `info` of RFC 9180 for a context. */
export const sealInfo = (context: SealContext): Uint8Array =>
  new CanonicalWriter()
    .string("bicameral sealed message")
    .u32(1)
    .string(context.run)
    .string(context.from)
    .string(context.to)
    .string(context.messageType)
    .finish()

/**
 * Seals `content` to a public key: encapsulated key ‖ ciphertext ‖ tag. Each call draws a fresh ephemeral
 * key.
 */
export const seal = Effect.fn("sealed.seal")(function* (
  publicKey: Uint8Array,
  context: SealContext,
  content: Uint8Array
) {
  return yield* Effect.tryPromise({
    try: async () => {
      const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey)
      const { enc, ct } = await suite.seal({ recipientPublicKey, info: sealInfo(context) }, content)
      const sealed = new Uint8Array(enc.byteLength + ct.byteLength)
      sealed.set(new Uint8Array(enc))
      sealed.set(new Uint8Array(ct), enc.byteLength)
      return sealed
    },
    catch: () =>
      new SealFailed({ ...context, reason: `a key of ${publicKey.length} bytes is no point of P-256` })
  })
})

/** Opens what `seal` gave, under the receiver's private key and the same context. */
export const open = Effect.fn("sealed.open")(function* (
  privateKey: Redacted.Redacted<Uint8Array>,
  context: SealContext,
  sealed: Uint8Array
) {
  return yield* Effect.tryPromise({
    try: async () => {
      const recipientKey = await suite.kem.deserializePrivateKey(Redacted.value(privateKey))
      const enc = sealed.subarray(0, sealingKeyBytes)
      const content = await suite.open(
        { recipientKey, enc, info: sealInfo(context) },
        sealed.subarray(sealingKeyBytes)
      )
      return new Uint8Array(content)
    },
    catch: () => new OpenFailed({ ...context, bytes: sealed.length })
  })
})
