/** AES-128 over blocks in the ring's memory, in pieces that stay in the cache. */
import { type Cipher, createCipheriv } from "node:crypto"
import { free, plainBytes } from "../bytes.ts"
import type { Ring } from "../ring/ring.ts"

export const blockBytes = 16
/** Blocks of a piece of bulk work. */
export const pieceBlocks = 4096

export class BlockCipher {
  readonly #cipher: Cipher

  /** @param key 16 bytes */
  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv("aes-128-ecb", key, null)
    this.#cipher.setAutoPadding(false)
  }

  /** out ← the cipher of `blocks` blocks at `at`. */
  encrypt(ring: Ring, out: number, at: number, blocks: number): void {
    for (let first = 0; first < blocks; first += pieceBlocks) {
      const bytes = Math.min(pieceBlocks, blocks - first) * blockBytes
      const piece = this.#cipher.update(ring.bytes(at + first * blockBytes, bytes))
      ring.memory.set(piece, out + first * blockBytes)
      free(piece)
    }
  }

  /** The cipher of bytes elsewhere, whole blocks of them. */
  bytes(blocks: Uint8Array): Uint8Array {
    return plainBytes(this.#cipher.update(blocks))
  }
}
