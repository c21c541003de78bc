/**
 * Randomizer pairs (g^r, h^r) made ahead of need. A pair hides one message only: used for two, the quotient of the
 * ciphertexts would give the difference of the messages. So a pool hands a pair out once and forgets it.
 */

import type { Parameters } from "./parameters.ts"
import { ciphertextBytes } from "./wire.ts"

/** The randomizers of one public key that are still unused, in the form of ciphertexts of 0 one after the other. */
export class RandomizerPool {
  readonly #unitBytes: number
  #batches: Array<Uint8Array> = []

  constructor(pp: Pick<Parameters, "bits">) {
    this.#unitBytes = ciphertextBytes(pp)
  }

  /** Pairs at hand. */
  get size(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.length, 0) / this.#unitBytes
  }

  /** Adds the output of the job `prepareRandomizers`. The pool owns the bytes from here on. */
  deposit(randomizers: Uint8Array): void {
    if (randomizers.length % this.#unitBytes !== 0)
      throw new RangeError("randomizers come as whole pairs under the parameters of the pool")
    if (randomizers.length > 0) this.#batches.push(randomizers)
  }

  /** At most `count` pairs, fewer where the pool runs dry; they are in the pool no longer. */
  take(count: number): Uint8Array {
    const taken = new Uint8Array(Math.min(count, this.size) * this.#unitBytes)
    let filled = 0
    while (filled < taken.length) {
      const batch = this.#batches[0]!
      const part = batch.subarray(0, taken.length - filled)
      taken.set(part, filled)
      filled += part.length
      part.fill(0)
      if (part.length === batch.length) this.#batches.shift()
      else this.#batches[0] = batch.subarray(part.length)
    }
    return taken
  }
}
