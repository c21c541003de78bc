/**
 * What the lattice encryption draws. A cloud's own generator has one key for a pair of processes and a start; every stream
 * of it is addressed by (call, number, purpose) and used once. The uniform half of ciphertexts comes from seeds that are sent.
 */
import { wordBytes } from "../bytes.ts"
import { Prg } from "../ring/prg.ts"
import type { Ring } from "../ring/ring.ts"
import { polynomialBytes, polynomialStride } from "./moduli.ts"
import { degree, primes } from "./parameters.ts"

/** Bytes of a key or seed. */
export const seedBytes = 16

/** The purposes of a cloud's own streams. */
export const purposes = { secret: 1, seed: 2, error: 3, zero: 4, flood: 5, share: 6, zeroError: 7 } as const
export type Purpose = keyof typeof purposes

/** The call of the protocol, and the number of what is drawn within it; both u32. */
export interface Place {
  readonly call: number
  readonly number: number
}

export class Samples {
  readonly #ring: Ring
  readonly #prg: Prg

  /** @param key 16 bytes, secret, for this pair of processes and this start only */
  constructor(ring: Ring, key: Uint8Array) {
    this.#ring = ring
    this.#prg = new Prg(key)
  }

  /** Uniform words. */
  words(at: number, words: number, purpose: Purpose, { call, number }: Place, from = 0): void {
    this.#prg.fill(this.#ring, at, words, { step: call, operation: number, kind: purposes[purpose] }, from)
  }

  /** A public seed. */
  seed(place: Place): Uint8Array {
    const mark = this.#ring.mark()
    const at = this.#ring.allocate(seedBytes)
    this.words(at, seedBytes / wordBytes, "seed", place)
    const seed = this.#ring.bytes(at, seedBytes).slice()
    this.#ring.release(mark)
    return seed
  }

  /** An error: `degree` centred binomial numbers, i32. */
  error(at: number, purpose: "error" | "zeroError", place: Place): void {
    const mark = this.#ring.mark()
    const random = this.#ring.allocate(degree * wordBytes)
    this.words(random, degree, purpose, place)
    this.#ring.kernels.binomial(at, random, degree)
    this.#ring.release(mark)
  }

  /** `degree` numbers of −1, 0 and 1, uniform, i32. */
  ternary(at: number, purpose: "secret" | "zero", place: Place): void {
    // One byte in 256 is of no use.
    const words = (degree + 512) / wordBytes
    until(
      this.#ring,
      at,
      words,
      (random, from) => this.words(random, words, purpose, place, from),
      (out, end, random) => this.#ring.kernels.ternary(out, end, random, words * wordBytes) >>> 0
    )
  }
}

/** Draws pieces of random words until what is taken of them fills a polynomial. */
const until = (
  ring: Ring,
  at: number,
  words: number,
  draw: (random: number, from: number) => void,
  take: (out: number, end: number, random: number) => number
): void => {
  const mark = ring.mark()
  const random = ring.allocate(words * wordBytes)
  const end = at + polynomialBytes
  for (let out = at, from = 0; out < end; from += words) {
    draw(random, from)
    out = take(out, end, random)
  }
  ring.release(mark)
}

/** The uniform half of ciphertexts, from a seed that both clouds have. */
export class UniformHalves {
  readonly #ring: Ring
  readonly #prg: Prg

  constructor(ring: Ring, seed: Uint8Array) {
    this.#ring = ring
    this.#prg = new Prg(seed)
  }

  /** That of ciphertext `number`: a polynomial modulo each prime, as a transform. */
  fill(at: number, number: number): void {
    const { kernels } = this.#ring
    // A word gives two residues, and less than one in a thousand is none.
    const words = degree / 2 + 32
    primes.forEach((q, kind) => {
      const stream = { step: 0, operation: number, kind }
      until(
        this.#ring,
        at + kind * polynomialStride,
        words,
        (random, from) => this.#prg.fill(this.#ring, random, words, stream, from),
        (out, end, random) => kernels.uniformResidues(out, end, random, 2 * words, q) >>> 0
      )
    })
  }
}
