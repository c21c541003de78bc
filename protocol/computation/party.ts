/**
 * One cloud in one step: its memory, its randomness and its place. The two clouds run the same code; cloud 0
 * draws its part of everything dealt from its own key and adds the public terms, cloud 1 takes its part from
 * the corrections.
 */

import { wordBytes } from "../bytes.ts"
import type { Operation, Round, Shape } from "../learning/operations.ts"
import type { Prg } from "../ring/prg.ts"
import type { Ring } from "../ring/ring.ts"
import type { Corrections } from "./corrections.ts"
import { CorrectionsRefused, MaskReused, OpeningRefused } from "./errors.ts"
import { type Dealt, drawDealt, type Layout, type Range, rangeOf, type Slice } from "./slices.ts"
import { type StreamKind, streamKinds } from "./streams.ts"

/** The peer's values are processed in pieces: they stay in the cache, and need no second array. */
const PIECE_VALUES = 4096

export class ComputingParty {
  readonly ring: Ring
  /** 1 at cloud 0, which adds public terms, else 0. */
  readonly leads: 0 | 1
  readonly step: number
  readonly #slice: Slice | undefined
  readonly #prg: Prg
  readonly #corrections: Corrections | undefined
  readonly #used = new Set<number>()

  /** For a lane, `slice` says which rows of the batch its matrices with this number of rows are. */
  constructor(
    ring: Ring,
    party: 0 | 1,
    prg: Prg,
    step: number,
    corrections: Corrections | undefined,
    slice?: Slice
  ) {
    this.ring = ring
    this.#slice = slice
    this.leads = party === 0 ? 1 : 0
    this.step = step
    this.#prg = prg
    this.#corrections = corrections
  }

  /** Claims a stream of an operation, which may be drawn once a step. */
  #claim(op: Operation, kind: StreamKind): { step: number; operation: number; kind: number } {
    const stream = { step: this.step, operation: op, kind: streamKinds[kind] }
    const key = op * 16 + stream.kind
    if (this.#used.has(key)) throw new MaskReused({ step: this.step, operation: op })
    this.#used.add(key)
    return stream
  }

  /** The position of a matrix's values within that of the whole batch. */
  range(shape: Shape): Range {
    return rangeOf(shape, this.#slice)
  }

  /** New memory of `words` words with this cloud's own randomness, from the word `place` of the stream on. */
  draw(op: Operation, kind: StreamKind, words: number, place: number): number {
    const at = this.ring.allocate(words * wordBytes)
    this.#prg.fill(this.ring, at, words, this.#claim(op, kind), place)
    return at
  }

  /**
   * Claims a stream, and returns a function that fills memory with its words from a position on: for
   * randomness that is not drawn in one piece.
   */
  drawer(op: Operation, kind: StreamKind): (at: number, words: number, place: number) => void {
    const stream = this.#claim(op, kind)
    return (at, words, place) => this.#prg.fill(this.ring, at, words, stream, place)
  }

  /** New memory with this cloud's share of all that is dealt for an operation on the values of a range. */
  dealt<Part extends string>(op: Operation, layout: Layout<Part>, range: Range): Dealt<Part> {
    const { ring } = this
    const stream = this.#claim(op, "dealt")
    if (this.leads) return drawDealt(ring, this.#prg, stream, layout, range)
    if (this.#corrections === undefined) {
      const why = "cloud 1 was given none"
      throw new CorrectionsRefused({ step: this.step, operation: op, why })
    }
    const { at, bytes, parts } = layout(range.padded)
    const memory = ring.allocate(bytes)
    ring.memory.set(this.#corrections.section(op, bytes), memory)
    return { memory, at, bytes, parts }
  }

  /**
   * One round: sends the `words` words at `at` and combines them in place with the peer's, `add` for shares
   * modulo 2^64, `xor` for bit planes. Afterwards the memory holds the opened words.
   */
  reveal(op: Operation, at: number, words: number, combine: "add" | "xor"): Round<void> {
    return this.exchange(op, at, words, combine, at)
  }

  /** One round: sends the `words` words at `at` and combines the peer's with those at `into`. */
  exchange(op: Operation, at: number, words: number, combine: "add" | "xor", into: number): Round<void> {
    const { kernels } = this.ring
    return this.#round(op, at, words, wordBytes, (first, theirs, n) => {
      const to = into + first * wordBytes
      kernels[combine](to, to, theirs, n)
    })
  }

  /**
   * One round: sends the top `bytes` bytes of each of the `n` words at `at`, shares modulo 2^64. Afterwards
   * the memory holds the sum of what both clouds sent, with zeros below.
   */
  *revealTop(op: Operation, at: number, n: number, bytes: number): Round<void> {
    const { kernels } = this.ring
    const sent = this.ring.allocate(n * bytes + wordBytes)
    kernels.packTop(sent, at, bytes, n)
    yield* this.#round(op, sent, n, bytes, (first, theirs, count) => {
      kernels.addTop(at + first * wordBytes, theirs, bytes, count)
    })
  }

  /**
   * One round of `n` values of `width` bytes at `at`: passes the peer's to `take` in pieces, each with the
   * number of values before it.
   */
  *#round(
    op: Operation,
    at: number,
    n: number,
    width: number,
    take: (first: number, theirs: number, n: number) => void
  ): Round<void> {
    const { ring } = this
    const bytes = n * width
    const received = yield [() => ring.bytes(at, bytes)]
    const theirs = received[0]
    if (theirs === undefined || received.length !== 1 || theirs.length !== bytes) {
      const actualBytes = received.reduce((sum, { length }) => sum + length, 0)
      throw new OpeningRefused({ step: this.step, operation: op, expectedBytes: bytes, actualBytes })
    }
    const mark = ring.mark()
    const piece = ring.allocate(Math.min(n, PIECE_VALUES) * width + wordBytes)
    for (let first = 0; first < n; first += PIECE_VALUES) {
      const count = Math.min(PIECE_VALUES, n - first)
      ring.memory.set(theirs.subarray(first * width, (first + count) * width), piece)
      take(first, piece, count)
    }
    ring.release(mark)
  }
}
