import { createHash } from "node:crypto"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { CiphertextsRefused, NoPublicKey } from "../../../protocol/lattice/errors.ts"
import { planProducts, productsBytes } from "../../../protocol/lattice/plan.ts"
import { LatticeParty } from "../../../protocol/lattice/products.ts"
import type { Round } from "../../../protocol/learning/operations.ts"
import { forms, LatticePair, type Sizes } from "./pair.ts"

let pair: LatticePair
beforeAll(async () => {
  pair = await LatticePair.load()
})

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe("both clouds' parts", () => {
  const shapes: ReadonlyArray<Sizes> = [
    [1, 1, 1],
    [32, 30, 16],
    [5, 100, 3],
    [3, 2, 200],
    [130, 1, 7],
    [2, 3, 5000]
  ]

  it.each(forms)("add up to the product of the differences of their masks, %s", (form) => {
    pair.scratch(() => {
      const words = [pair.anyWord, pair.edgeWord]
      pair.expectProducts(shapes.flatMap((shape) => words.map((word) => pair.masks(shape, form, word))))
    })
  })

  it("do so for any shapes, and numbers of products that do not fill their ciphertexts", () => {
    const size = fc.integer({ min: 1, max: 40 })
    const products = fc.record({
      sizes: fc.tuple(size, size, size),
      form: fc.constantFrom(...forms),
      times: fc.integer({ min: 1, max: 5 }),
      edges: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(products, { minLength: 1, maxLength: 2 }), (drawn) => {
        pair.scratch(() => {
          const all = drawn.flatMap(({ sizes, form, times, edges }) =>
            Array.from({ length: times }, () => pair.masks(sizes, form, edges ? pair.edgeWord : pair.anyWord))
          )
          pair.expectProducts(all)
        })
      }),
      { numRuns: 8 }
    )
  })

  it("are each uniform, whatever the masks, and follow from the keys and the order of calls", () => {
    pair.scratch(() => {
      const zeros = pair.masks([20, 8, 20], "plain", () => 0n)
      const once = (first: number) => {
        const [[mine], received] = pair.run([zeros], pair.withKeys(first, 6))
        return { part: pair.rings[0].copyOut(mine[0]!), received: received.flat().map(sha256) }
      }
      const [first, second, other] = [once(5), once(5), once(7)]
      expect(second).toEqual(first)
      expect(other.part).not.toEqual(first.part)
      const ones = first.part.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0)
      expect(Math.abs(ones - 20 * 20 * 32)).toBeLessThan(6 * 80)
    })
  })
})

describe("a plan", () => {
  it("shares ciphertexts between small products", () => {
    const { ciphertexts, results, blocks } = planProducts({ rows: 32, inner: 16, cols: 2 }, 64)
    expect({ ciphertexts, results, slots: blocks.slots }).toEqual({ ciphertexts: 8, results: 64, slots: 128 })
  })

  it("sends 10.6 MB each way for the first layer of a wide network", () => {
    const { ciphertexts, results, blocks } = planProducts({ rows: 128, inner: 784, cols: 128 }, 1)
    expect({ ciphertexts, results, blocks }).toEqual({
      ciphertexts: 25,
      results: 64,
      blocks: { m: 2, n: 128, slots: 32 }
    })
    const [sent, returned] = productsBytes([{ rows: 128, inner: 784, cols: 128 }])
    expect(sent).toBe(16 + 25 * 222_208)
    expect(returned).toBe(64 * (75_776 + 256 * 8 + 320))
  })
})

describe("what a cloud receives", () => {
  /** Resumes a round with bytes of its own that are changed. */
  const answered = (round: Round<unknown>, change: (bytes: Uint8Array) => ReadonlyArray<Uint8Array>) => {
    const sent = round.next().value as ReadonlyArray<() => Uint8Array>
    return () => round.next(change(sent[0]!().slice()))
  }
  const malformed: ReadonlyArray<(bytes: Uint8Array) => ReadonlyArray<Uint8Array>> = [
    () => [],
    (bytes) => [bytes.subarray(1)],
    (bytes) => [bytes, bytes],
    (bytes) => [bytes.fill(255, 16)]
  ]
  const small = () => [pair.masks([2, 2, 2], "plain", pair.anyWord)[0]]

  it("is refused as a public key or as ciphertexts, if it has another length or numbers that are no residues", () => {
    pair.scratch(() => {
      for (const change of malformed) {
        const fresh = new LatticeParty(pair.rings[0], new Uint8Array(16))
        expect(answered(fresh.exchangeKeys(), change)).toThrow(CiphertextsRefused)
        expect(answered(pair.clouds[0].products(small()), change)).toThrow(CiphertextsRefused)
      }
    })
  })

  it("is refused as results, if it has another length", () => {
    pair.scratch(() => {
      const own = pair.clouds[0].products(small())
      const sent = own.next().value as ReadonlyArray<() => Uint8Array>
      own.next([sent[0]!().slice()])
      expect(() => own.next([new Uint8Array(5)])).toThrow(CiphertextsRefused)
    })
  })

  it("must be a public key before anything else", () => {
    pair.scratch(() => {
      const fresh = new LatticeParty(pair.rings[0], new Uint8Array(16))
      expect(() => fresh.products(small()).next()).toThrow(NoPublicKey)
    })
  })
})
