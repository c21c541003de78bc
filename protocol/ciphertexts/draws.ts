/**
 * What C1 draws for a training on ciphertexts: blinds, masks and keys, each a function of a secret of C1, of the step and of
 * the operation, so that C0 opens the same of a step made again. A stream is AES-128-CTR from the counter block step ‖
 * operation ‖ kind ‖ 0 of big-endian u32, as those of the ring (`protocol/ring/prg.ts`).
 *
 * Randomizers are not among them. C0 knows those of what it encrypts, which are others after each start: a randomizer of a T
 * that served twice would give it the difference of two sums of products, an equation for the blinds.
 */
import { createCipheriv } from "node:crypto"
import { derive } from "../aead.ts"
import { fromDigits } from "../bcp/digits.ts"
import type { Operation, Shape } from "../learning/operations.ts"
import { computationVersion } from "../version.ts"
import type { IntegerMatrix } from "./matrices.ts"

/** One number each: append. */
const drawnKinds = ["blind", "mask", "key", "gated", "output"] as const
export type DrawnKind = (typeof drawnKinds)[number]

export class Draws {
  readonly #key: Uint8Array

  /** @param key 16 bytes, secret, of one run */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  /** Those of a run, from a secret of C1: HKDF-SHA256 with the computation's version and the run's name. */
  static ofRun(secret: Uint8Array, run: string): Draws {
    return new Draws(derive(secret, "", `bicameral ciphertexts ${computationVersion} ${run}`, 16))
  }

  bytes(step: number, op: Operation, kind: DrawnKind, length: number): Uint8Array {
    const nonce = new Uint8Array(16)
    const words = [step, op, drawnKinds.indexOf(kind), 0]
    for (const [i, word] of words.entries()) new DataView(nonce.buffer).setUint32(4 * i, word)
    return new Uint8Array(createCipheriv("aes-128-ctr", this.#key, nonce).update(new Uint8Array(length)))
  }

  /** Uniform numbers of so many bits. */
  matrix(step: number, op: Operation, kind: DrawnKind, { rows, cols }: Shape, bits: number): IntegerMatrix {
    const width = Math.ceil(bits / 8)
    const above = BigInt(8 * width - bits)
    const drawn = fromDigits(this.bytes(step, op, kind, rows * cols * width), width)
    return { rows, cols, values: drawn.map((value) => value >> above) }
  }
}
