/** Two clouds and a dealer in one process, in lockstep: what the tests of the computation share. */
import { type CloudOperations, cloudOperations } from "../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import { type DealerOperations, deal } from "../../../protocol/computation/dealer.ts"
import type { Operations, Round, Shape } from "../../../protocol/learning/operations.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { splitmix } from "../ring/twin.ts"

const key = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)

/** A matrix of values in the clear, two's complement in 64-bit words. */
export interface Clear extends Shape {
  readonly words: BigInt64Array
}

export const clear = (rows: number, cols: number, word: (i: number) => bigint): Clear => ({
  rows,
  cols,
  words: BigInt64Array.from({ length: rows * cols }, (_, i) => word(i))
})

/** A program that clouds and dealer run alike, given the shared inputs. */
export type Program = <V, O, G, L>(
  operations: Operations<V, O, G, L>,
  inputs: ReadonlyArray<V>
) => Round<ReadonlyArray<V>>

export interface Transcript {
  /** What each cloud received, by round. */
  readonly received: readonly [Uint8Array[], Uint8Array[]]
  readonly corrections: Uint8Array
}

export class Pair {
  readonly rings: readonly [Ring, Ring]
  readonly dealerRing: Ring
  readonly prgs: readonly [Prg, Prg]
  readonly #next: () => bigint

  private constructor(rings: readonly [Ring, Ring, Ring], seed: number, prgs: readonly [Prg, Prg]) {
    this.rings = [rings[0], rings[1]]
    this.dealerRing = rings[2]
    this.#next = splitmix(BigInt(seed))
    this.prgs = prgs
  }

  static async load(
    seed: number,
    prgs: readonly [Prg, Prg] = [Prg.ofRun(key(seed), "run"), Prg.ofRun(key(seed + 100), "run")]
  ): Promise<Pair> {
    return new Pair([await Ring.load(), await Ring.load(), await Ring.load()], seed, prgs)
  }

  get dealerKeys() {
    return { cloud0: this.prgs[0], cloud1: this.prgs[1] }
  }

  /** Shares of a matrix, one in each cloud's memory. */
  share(x: Clear): readonly [Matrix, Matrix] {
    const [ring0, ring1] = this.rings
    const [x0, x1] = [ring0.matrix(x.rows, x.cols), ring1.matrix(x.rows, x.cols)]
    const [words0, words1] = [ring0.words(x0), ring1.words(x1)]
    for (let i = 0; i < words0.length; i++) {
      const random = this.#next()
      words0[i] = random
      words1[i] = x.words[i]! - random
    }
    return [x0, x1]
  }

  join(x0: Matrix, x1: Matrix): BigInt64Array {
    const words1 = this.rings[1].words(x1)
    return BigInt64Array.from(this.rings[0].words(x0), (word, i) => word + words1[i]!)
  }

  operations(step: number, corrections?: Uint8Array): readonly [CloudOperations, CloudOperations] {
    return [
      cloudOperations({ step, ring: this.rings[0], party: 0, prg: this.prgs[0] }),
      cloudOperations({
        step,
        ring: this.rings[1],
        party: 1,
        prg: this.prgs[1],
        ...(corrections && { corrections: Corrections.parse(step, corrections) })
      })
    ]
  }

  deal(step: number, program: (operations: DealerOperations) => Round<unknown>): Uint8Array {
    return deal({ ring: this.dealerRing, keys: this.dealerKeys, step }, program)
  }

  /** Runs `program` at the dealer and at both clouds on shares of `inputs`; opens the matrices it returns. */
  run(
    step: number,
    inputs: ReadonlyArray<Clear>,
    program: Program
  ): { readonly results: ReadonlyArray<BigInt64Array> } & Transcript {
    const marks = this.rings.map((ring) => ring.mark())
    const corrections = this.deal(step, (operations) => program(operations, inputs))
    const shares = inputs.map((input) => this.share(input))
    const [ops0, ops1] = this.operations(step, corrections)
    const [outcome, received] = lockstep(
      program(
        ops0,
        shares.map(([x]) => x)
      ),
      program(
        ops1,
        shares.map(([, x]) => x)
      )
    )
    const results = outcome[0].map((x, i) => this.join(x, outcome[1][i]!))
    this.rings.forEach((ring, i) => {
      ring.release(marks[i]!)
    })
    return { results, received, corrections }
  }
}

/** Runs two computations against each other; their results, and what each received by round. */
export const lockstep = <A, B>(
  left: Round<A>,
  right: Round<B>
): readonly [readonly [A, B], readonly [Uint8Array[], Uint8Array[]]] => {
  const received: [Uint8Array[], Uint8Array[]] = [[], []]
  let [a, b] = [left.next(), right.next()]
  while (!a.done && !b.done) {
    const [fromLeft, fromRight] = [a.value.map((x) => x().slice()), b.value.map((x) => x().slice())]
    received[0].push(Buffer.concat(fromRight))
    received[1].push(Buffer.concat(fromLeft))
    a = left.next(fromRight)
    b = right.next(fromLeft)
  }
  if (!a.done || !b.done) throw new Error("one party ended before the other")
  return [[a.value, b.value], received]
}
