import { beforeAll, describe, expect, it } from "vitest"
import type { MaskedProduct } from "../../../protocol/lattice/layout.ts"
import { productsBytes, shapeOf } from "../../../protocol/lattice/plan.ts"
import { LatticeParty } from "../../../protocol/lattice/products.ts"
import type { ProductForm } from "../../../protocol/ring/ring.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { lockstep } from "../computation/pair.ts"
import { edges, randomMatrix, splitmix } from "../ring/twin.ts"

const key = (byte: number) => new Uint8Array(16).fill(byte)

let rings: readonly [Ring, Ring]
let clouds: readonly [LatticeParty, LatticeParty]

beforeAll(async () => {
  rings = [await Ring.load(), await Ring.load()]
  clouds = [new LatticeParty(rings[0], key(1)), new LatticeParty(rings[1], key(2))]
  lockstep(clouds[0].exchangeKeys(), clouds[1].exchangeKeys())
})

const next = splitmix(23n)

/** Masks of both clouds for products, and the difference product itself. */
const masks = (rows: number, cols: number, words: (i: number) => bigint) => {
  const both = rings.map((ring) => {
    const x = ring.matrix(rows, cols)
    const view = ring.words(x)
    for (let i = 0; i < view.length; i++) view[i] = words(i)
    return x
  })
  return both
}

const productOf = (m: number, k: number, n: number, form: ProductForm, words: (i: number) => bigint) => {
  const x = form === "leftTransposed" ? masks(k, m, words) : masks(m, k, words)
  const y = form === "rightTransposed" ? masks(n, k, words) : masks(k, n, words)
  return [0, 1].map((i) => ({ x: x[i]!, y: y[i]!, form }))
}

const difference = (from: ReadonlyArray<MaskedProduct>, of: "x" | "y") => {
  const [a, b] = from.map((each, i) => ({ matrix: each[of], words: rings[i]!.words(each[of]) }))
  const out = rings[0].matrix(a!.matrix.rows, a!.matrix.cols)
  const words = rings[0].words(out)
  const [left, right] = [rings[0].words(from[0]![of]), rings[1].words(from[1]![of])]
  for (let i = 0; i < words.length; i++) words[i] = left[i]! - right[i]!
  void b
  return out
}

describe("products of mask differences", () => {
  const shapes: ReadonlyArray<readonly [number, number, number]> = [
    [1, 1, 1],
    [32, 30, 16],
    [32, 16, 2],
    [5, 100, 3],
    [3, 2, 200],
    [130, 1, 7]
  ]
  it.each(["plain", "leftTransposed", "rightTransposed"] as const)("are what the ring says, %s", (form) => {
    const marks = rings.map((ring) => ring.mark())
    const all = shapes.flatMap(([m, k, n]) =>
      [next, (i: number) => edges[(i * 7 + Number(next() % 9n)) % edges.length]!].map((words) =>
        productOf(m, k, n, form, words)
      )
    )
    const [results, received] = lockstep(
      clouds[0].products(all.map(([one]) => one!)),
      clouds[1].products(all.map(([, two]) => two!))
    )
    const bytes = productsBytes(all.map(([{ x, y }]) => shapeOf(x, y, form)))
    expect(received[0].map(({ length }) => length)).toEqual(bytes)
    all.forEach((both, index) => {
      const [dx, dy] = [difference(both, "x"), difference(both, "y")]
      const { rows, cols } = results[0][index]!
      const expected = rings[0].matrix(rows, cols)
      rings[0].product(expected, dx, dy, form)
      const [c0, c1] = [rings[0].words(results[0][index]!), rings[1].words(results[1][index]!)]
      expect(c0.map((word, i) => BigInt.asUintN(64, word + c1[i]!))).toEqual(rings[0].words(expected))
    })
    rings.forEach((ring, i) => ring.release(marks[i]!))
  })
})
void randomMatrix
