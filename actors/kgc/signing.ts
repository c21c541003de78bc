/**
 * The KGC's signing key pair, stored at its first start: every other party is started with the public half.
 */
import { createPrivateKey } from "node:crypto"
import { Effect, Redacted } from "effect"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { generateSigningKeyPair, type SigningKeyPair } from "../../protocol/sharing/roster.ts"
import { remembered } from "../party/once.ts"

/** The private half in PKCS #8. */
const KeyPairFormat = format("signing key", Schema.Struct({ publicKey: Bytes, privateKey: Bytes }))

export const signingKeys = Effect.map(
  remembered(
    "signing-key",
    KeyPairFormat,
    Effect.sync(() => {
      const { publicKey, privateKey } = generateSigningKeyPair()
      const pkcs8 = Redacted.value(privateKey).export({ type: "pkcs8", format: "der" })
      return { publicKey, privateKey: new Uint8Array(pkcs8) }
    })
  ),
  ({ publicKey, privateKey }): SigningKeyPair => ({
    publicKey,
    privateKey: Redacted.make(
      createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" })
    )
  })
)
