/** Two clouds with their masks in one process, and what their parts of products must add up to. */
import { expect } from "vitest"
import type { MaskedProduct } from "../../../protocol/lattice/layout.ts"
import { productsBytes, publicKeyBytes, shapeOf } from "../../../protocol/lattice/plan.ts"
import { LatticeParty } from "../../../protocol/lattice/products.ts"
import { type Matrix, type ProductForm, Ring } from "../../../protocol/ring/ring.ts"
import { lockstep } from "../computation/pair.ts"
import { edges, splitmix } from "../ring/twin.ts"

export type Two<A> = readonly [A, A]

export const forms = ["plain", "leftTransposed", "rightTransposed"] as const

/** Rows, inner dimension and columns. */
export type Sizes = readonly [number, number, number]

const key = (byte: number) => new Uint8Array(16).fill(byte)

export class LatticePair {
  readonly rings: Two<Ring>
  readonly clouds: Two<LatticeParty>
  readonly #next = splitmix(23n)

  private constructor(rings: Two<Ring>) {
    this.rings = rings
    this.clouds = this.withKeys(1, 2)
  }

  static async load(): Promise<LatticePair> {
    return new LatticePair([await Ring.load(), await Ring.load()])
  }

  /** Clouds that have exchanged their keys. */
  withKeys(first: number, second: number): Two<LatticeParty> {
    const [one, other] = this.rings
    const clouds = [new LatticeParty(one, key(first)), new LatticeParty(other, key(second))] as const
    const [, received] = lockstep(clouds[0].exchangeKeys(), clouds[1].exchangeKeys())
    for (const each of received) expect(each.map(({ length }) => length)).toEqual([publicKeyBytes])
    return clouds
  }

  /** Frees what a test allocates. */
  scratch<A>(work: () => A): A {
    const marks = this.rings.map((ring) => ring.mark())
    const result = work()
    this.rings.forEach((ring, i) => {
      ring.release(marks[i]!)
    })
    return result
  }

  anyWord = (): bigint => this.#next()

  edgeWord = (): bigint => edges[Number(this.#next() % BigInt(edges.length))]!

  /** Both clouds' masks of the factors of a product. */
  masks([m, k, n]: Sizes, form: ProductForm, word: () => bigint): Two<MaskedProduct> {
    const of = (ring: Ring): MaskedProduct => ({
      x: form === "leftTransposed" ? filled(ring, k, m, word) : filled(ring, m, k, word),
      y: form === "rightTransposed" ? filled(ring, n, k, word) : filled(ring, k, n, word),
      form
    })
    return [of(this.rings[0]), of(this.rings[1])]
  }

  /** Runs both clouds: their parts, and what each received by round. */
  run(all: ReadonlyArray<Two<MaskedProduct>>, clouds = this.clouds) {
    return lockstep(
      clouds[0].products(all.map(([one]) => one)),
      clouds[1].products(all.map(([, other]) => other))
    )
  }

  /** The clouds' parts add up to the products of differences, and they send as many bytes as is said. */
  expectProducts(all: ReadonlyArray<Two<MaskedProduct>>): void {
    const [[ones, others], received] = this.run(all)
    const bytes = productsBytes(all.map(([{ x, y, form }]) => shapeOf(x, y, form)))
    for (const each of received) expect(each.map(({ length }) => length)).toEqual(bytes)
    all.forEach((masked, i) => {
      expect(this.#sum(ones[i]!, others[i]!).equals(this.#product(masked))).toBe(true)
    })
  }

  #product([one, other]: Two<MaskedProduct>): Buffer {
    const [ring] = this.rings
    const { rows, cols } = shapeOf(one.x, one.y, one.form)
    const out = ring.matrix(rows, cols)
    const [x, y] = [this.#combined("subtract", one.x, other.x), this.#combined("subtract", one.y, other.y)]
    ring.product(out, x, y, one.form)
    return Buffer.from(ring.copyOut(out))
  }

  #sum(one: Matrix, other: Matrix): Buffer {
    return Buffer.from(this.rings[0].copyOut(this.#combined("add", one, other)))
  }

  /** A matrix of the first ring with one of the second, in new memory of the first. */
  #combined(how: "add" | "subtract", one: Matrix, other: Matrix): Matrix {
    const out = this.rings[0].from(one.rows, one.cols, this.rings[1].copyOut(other))
    this.rings[0][how](out, one, out)
    return out
  }
}

const filled = (ring: Ring, rows: number, cols: number, word: () => bigint): Matrix => {
  const x = ring.matrix(rows, cols)
  const words = ring.words(x)
  for (let i = 0; i < words.length; i++) words[i] = word()
  return x
}
