import { createHash } from "node:crypto"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { CiphertextsRefused, NoPublicKey } from "../../../protocol/lattice/errors.ts"
import type { MaskedProduct } from "../../../protocol/lattice/layout.ts"
import { planProducts, productsBytes, publicKeyBytes, shapeOf } from "../../../protocol/lattice/plan.ts"
import { LatticeParty } from "../../../protocol/lattice/products.ts"
import type { Round } from "../../../protocol/learning/operations.ts"
import { type Matrix, type ProductForm, Ring } from "../../../protocol/ring/ring.ts"
import { lockstep } from "../computation/pair.ts"
import { edges, splitmix } from "../ring/twin.ts"

type Two<A> = readonly [A, A]

const forms = ["plain", "leftTransposed", "rightTransposed"] as const
const key = (byte: number) => new Uint8Array(16).fill(byte)

let rings: Two<Ring>
const clouds = (first = 1, second = 2): Two<LatticeParty> => {
  const both = [new LatticeParty(rings[0], key(first)), new LatticeParty(rings[1], key(second))] as const
  const [, [received]] = lockstep(both[0].exchangeKeys(), both[1].exchangeKeys())
  expect(received!.map(({ length }) => length)).toEqual([publicKeyBytes])
  return both
}

let pair: Two<LatticeParty>
beforeAll(async () => {
  rings = [await Ring.load(), await Ring.load()]
  pair = clouds()
})

/** Frees what a test allocates. */
const scratch = <A>(work: () => A): A => {
  const marks = rings.map((ring) => ring.mark())
  const result = work()
  rings.forEach((ring, i) => {
    ring.release(marks[i]!)
  })
  return result
}

const next = splitmix(23n)
const anyWord = () => next()
const edgeWord = () => edges[Number(next() % BigInt(edges.length))]!

const matrix = (ring: Ring, rows: number, cols: number, word: () => bigint): Matrix => {
  const x = ring.matrix(rows, cols)
  const words = ring.words(x)
  for (let i = 0; i < words.length; i++) words[i] = word()
  return x
}

/** Both clouds' masks of the factors of m × k and k × n. */
const masks = ([m, k, n]: readonly number[], form: ProductForm, word: () => bigint): Two<MaskedProduct> => {
  const [x, y] = [
    form === "leftTransposed" ? [k!, m!] : [m!, k!],
    form === "rightTransposed" ? [n!, k!] : [k!, n!]
  ] as const
  const of = (ring: Ring) => ({
    x: matrix(ring, ...(x as [number, number]), word),
    y: matrix(ring, ...(y as [number, number]), word),
    form
  })
  return [of(rings[0]), of(rings[1])]
}

/** What the clouds' parts must add up to, in the first ring. */
const expected = ([one, other]: Two<MaskedProduct>): Uint8Array => {
  const [ring] = rings
  const difference = (x: Matrix, y: Matrix) => {
    const out = ring.from(y.rows, y.cols, rings[1].copyOut(y))
    ring.subtract(out, x, out)
    return out
  }
  const { rows, cols } = shapeOf(one.x, one.y, one.form)
  const out = ring.matrix(rows, cols)
  ring.product(out, difference(one.x, other.x), difference(one.y, other.y), one.form)
  return ring.copyOut(out)
}

const together = ([one, other]: Two<Matrix>): Uint8Array => {
  const sum = rings[0].from(one.rows, one.cols, rings[1].copyOut(other))
  rings[0].add(sum, sum, one)
  return rings[0].copyOut(sum)
}

const run = (all: ReadonlyArray<Two<MaskedProduct>>, of: Two<LatticeParty> = pair) =>
  lockstep(of[0].products(all.map(([one]) => one)), of[1].products(all.map(([, other]) => other)))

const expectProducts = (all: ReadonlyArray<Two<MaskedProduct>>): void => {
  const [results, received] = run(all)
  const bytes = productsBytes(all.map(([{ x, y, form }]) => shapeOf(x, y, form)))
  for (const each of received) expect(each.map(({ length }) => length)).toEqual(bytes)
  all.forEach((masked, i) => {
    expect(together([results[0][i]!, results[1][i]!])).toEqual(expected(masked))
  })
}

describe("both clouds' parts", () => {
  it.each(forms)("add up to the product of the differences of their masks, %s", (form) => {
    const shapes = [
      [1, 1, 1],
      [32, 30, 16],
      [5, 100, 3],
      [3, 2, 200],
      [130, 1, 7]
    ]
    scratch(() =>
      expectProducts(shapes.flatMap((shape) => [masks(shape, form, anyWord), masks(shape, form, edgeWord)]))
    )
  })

  it("do so for any shapes, and numbers of products that do not fill their ciphertexts", () => {
    const size = fc.integer({ min: 1, max: 40 })
    const product = fc.tuple(
      fc.tuple(size, size, size),
      fc.constantFrom(...forms),
      fc.integer({ min: 1, max: 5 })
    )
    fc.assert(
      fc.property(fc.array(product, { minLength: 1, maxLength: 2 }), (drawn) => {
        scratch(() =>
          expectProducts(
            drawn.flatMap(([shape, form, times]) =>
              Array.from({ length: times }, () => masks(shape, form, next() % 2n ? anyWord : edgeWord))
            )
          )
        )
      }),
      { numRuns: 8 }
    )
  })

  it("share ciphertexts where products are small", () => {
    const { ciphertexts, results, blocks } = planProducts({ rows: 32, inner: 16, cols: 2 }, 16)
    expect({ ciphertexts, results, slots: blocks.slots }).toEqual({ ciphertexts: 2, results: 16, slots: 128 })
    scratch(() => expectProducts(Array.from({ length: 16 }, () => masks([32, 16, 2], "plain", anyWord))))
  })

  it("are each uniform, whatever the masks, and follow from the keys and the order of calls", () => {
    scratch(() => {
      const zeros = masks([20, 8, 20], "plain", () => 0n)
      const once = () => {
        const [[mine], received] = run([zeros], clouds(5, 6))
        return {
          words: rings[0].copyOut(mine[0]!),
          received: received.flat().map((bytes) => createHash("sha256").update(bytes).digest("hex"))
        }
      }
      const [first, second] = [once(), once()]
      expect(second).toEqual(first)
      const ones = first.words.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0)
      expect(Math.abs(ones - 12800)).toBeLessThan(6 * 80)
      const [[again]] = run([zeros], clouds(7, 6))
      expect(rings[0].copyOut(again[0]!)).not.toEqual(first.words)
    })
  })
})

describe("what a cloud receives", () => {
  /** Resumes a round with bytes that are changed. */
  const answered = (round: Round<unknown>, change: (bytes: Uint8Array) => ReadonlyArray<Uint8Array>) => {
    const { value } = round.next()
    return () => round.next(change((value as ReadonlyArray<() => Uint8Array>)[0]!().slice()))
  }
  const malformed: ReadonlyArray<(bytes: Uint8Array) => ReadonlyArray<Uint8Array>> = [
    () => [],
    (bytes) => [bytes.subarray(1)],
    (bytes) => [bytes, bytes],
    (bytes) => [bytes.fill(255, 16)]
  ]

  it("is refused as a public key or as ciphertexts, if it has another length or numbers that are no residues", () => {
    scratch(() => {
      const [{ x, y, form }] = masks([2, 2, 2], "plain", anyWord)
      for (const change of malformed) {
        expect(answered(new LatticeParty(rings[0], key(3)).exchangeKeys(), change)).toThrow(
          CiphertextsRefused
        )
        expect(answered(pair[0].products([{ x, y, form }]), change)).toThrow(CiphertextsRefused)
      }
    })
  })

  it("is refused as results, if it has another length", () => {
    scratch(() => {
      const [{ x, y, form }] = masks([2, 2, 2], "plain", anyWord)
      const own = pair[0].products([{ x, y, form }])
      const sent = (own.next().value as ReadonlyArray<() => Uint8Array>)[0]!().slice()
      own.next([sent])
      expect(() => own.next([new Uint8Array(5)])).toThrow(CiphertextsRefused)
    })
  })

  it("must be a public key before anything else", () => {
    expect(() => new LatticeParty(rings[0], key(3)).products([]).next()).toThrow(NoPublicKey)
  })
})
