/** Randomness of a process that nobody else can make again. */
import { createCipheriv, randomBytes } from "node:crypto"
import type { ByteSource } from "../../protocol/bytes.ts"

/** Bytes that follow from a secret drawn now, and never again: some are sent as they are, and none tells of the others. */
export const drawnNow = (): ByteSource => {
  const cipher = createCipheriv("aes-256-ctr", randomBytes(32), new Uint8Array(16))
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)))
}
