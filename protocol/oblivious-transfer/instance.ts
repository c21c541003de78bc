/**
 * What an instance is made of. It belongs to one direction between two processes and to one start of both: nothing of it is
 * stored, and a process that starts again makes another one with its peer.
 */
import type { ByteSource } from "../bytes.ts"
import type { Ring } from "../ring/ring.ts"
import type { ExtensionShape } from "./sizes.ts"

export interface Instance {
  readonly ring: Ring
  /** Which cloud sends. */
  readonly direction: 0 | 1
  readonly shape: ExtensionShape
  /** Bytes that nobody else knows, other ones for every instance. */
  readonly randomness: ByteSource
}
