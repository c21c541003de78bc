import { describe, expect, it } from "vitest"
import { Ring } from "../../../protocol/ring/ring.ts"
import { randomMatrix, splitmix, type TwinMatrix, toRing, wrap } from "./twin.ts"

const ring = await Ring.load()
const next = splitmix(41n)
const sizes = [1, 16, 63, 64, 65, 200]
const groupsOf = (n: number) => Math.ceil(n / 64)
const all = wrap(-1n)

const random = (rows: number, cols: number): TwinMatrix & { readonly at: number } => {
  const twin = randomMatrix(rows, cols, next)
  return { ...twin, at: toRing(ring, twin).at }
}

/** A region after a kernel wrote to it; what lies behind stays zero. */
const result = (rows: number, cols: number, run: (out: number) => void): TwinMatrix => {
  const out = ring.matrix(rows, cols)
  const fence = ring.zeros(1, 8)
  run(out.at)
  expect(ring.words(fence).every((word) => word === 0n)).toBe(true)
  return { rows, cols, words: ring.words(out).slice() }
}

/** What a kernel of the dealer makes of cloud 0's share, in the same place. */
const completed = (
  { rows, cols, at }: TwinMatrix & { readonly at: number },
  deal: (at: number) => void
): BigUint64Array => {
  deal(at)
  return ring.words({ rows, cols, at }).slice()
}

/** The factors of a node and the names of their masks' products, in the order of the planes. */
const factors = ["a", "b", "c", "x", "y", "z", "p"] as const
const productNames = "ab ac bc abc ax ay by aby az bz cz abz acz bcz abcz ap bp cp abp acp bcp abcp".split(
  " "
)

type Planes = (name: string) => bigint

/** Share of the AND of the named factors: over all subsets, the opened rest times the subset's mask product. */
const conjunction = (
  names: string,
  opened: Planes,
  masks: Planes,
  products: Planes,
  leads: bigint
): bigint => {
  let sum = 0n
  for (let subset = 0; subset < 1 << names.length; subset++) {
    const masked = [...names].filter((_, i) => (subset >> i) & 1).join("")
    const open = [...names].filter((_, i) => !((subset >> i) & 1))
    const share = masked.length === 0 ? leads : masked.length === 1 ? masks(masked) : products(masked)
    sum ^= open.reduce((bits, name) => bits & opened(name), share)
  }
  return sum
}

const planesFrom =
  (x: TwinMatrix, group: number, first: number, names: ReadonlyArray<string>): Planes =>
  (name) =>
    x.words[group * x.cols + first + names.indexOf(name)]!

const node = (
  opened: TwinMatrix,
  openedFirst: number,
  masks: TwinMatrix,
  masksFirst: number,
  products: TwinMatrix,
  productsFirst: number,
  group: number,
  leads: bigint
) => {
  const e = planesFrom(opened, group, openedFirst, factors)
  const m = planesFrom(masks, group, masksFirst, factors)
  const d = planesFrom(products, group, productsFirst, productNames)
  const and = (names: string) => conjunction(names, e, m, d, leads)
  return { larger: and("ax") ^ and("aby") ^ and("abcz"), equal: () => and("abcp") }
}

describe("comparison kernels agree with their BigInt twins", () => {
  for (const n of sizes) {
    const groups = groupsOf(n)

    it(`leaves of ${n} values`, () => {
      const [c, u, masks] = [random(1, n), random(n, 4), random(groups, 35)]
      const keptAt = ring.matrix(groups, 4)
      const out = result(groups, 28, (at) =>
        ring.kernels.compareLeaves(at, keptAt.at, c.at, u.at, masks.at, n)
      )
      const kept = ring.words(keptAt)
      for (let group = 0; group < groups; group++)
        for (let block = 0; block < 16; block++) {
          let [equal, larger] = [0n, 0n]
          for (let v = 0; v < 64 && group * 64 + v < n; v++) {
            const i = group * 64 + v
            const public63 = wrap(c.words[i]! - (1n << 62n)) & (all >> 1n)
            const digit = Number((public63 >> BigInt(4 * block)) & 15n)
            const word = (u.words[i * 4 + (block >> 2)]! >> BigInt(16 * (block % 4))) & 0xffffn
            equal |= ((word >> BigInt(digit)) & 1n) << BigInt(v)
            for (let higher = digit + 1; higher < 16; higher++)
              larger ^= ((word >> BigInt(higher)) & 1n) << BigInt(v)
          }
          const [of, child] = [block >> 2, block % 4]
          const plane = (name: (typeof factors)[number]) => of * 7 + factors.indexOf(name)
          const masked = (name: (typeof factors)[number]) =>
            out.words[group * 28 + plane(name)]! ^ masks.words[group * 35 + 1 + plane(name)]!
          expect(masked((["p", "c", "b", "a"] as const)[child]!)).toBe(equal)
          if (child === 3) expect(kept[group * 4 + of]).toBe(larger)
          else expect(masked((["z", "y", "x"] as const)[child]!)).toBe(larger)
        }
    })

    it(`nodes of ${n} values`, () => {
      const [opened, masks, products] = [random(groups, 28), random(groups, 35), random(groups, 104)]
      for (const leads of [0, 1] as const) {
        const kept = random(groups, 4)
        const out = result(groups, 6, (at) =>
          ring.kernels.combineNodes(at, kept.at, opened.at, masks.at, products.at, leads, groups)
        )
        const keptAfter = ring.words({ rows: groups, cols: 4, at: kept.at })
        for (let group = 0; group < groups; group++) {
          const nodes = [0, 1, 2, 3].map((i) =>
            node(opened, i * 7, masks, 1 + i * 7, products, 1 + i * 22, group, leads ? all : 0n)
          )
          const larger = (i: number) => kept.words[group * 4 + i]! ^ nodes[i]!.larger
          const expected = [
            nodes[3]!.equal(),
            nodes[2]!.equal(),
            nodes[1]!.equal(),
            larger(2),
            larger(1),
            larger(0)
          ]
          expect(Array.from(out.words.subarray(group * 6, group * 6 + 6))).toEqual(
            expected.map((bits, i) => bits ^ masks.words[group * 35 + 29 + i]!)
          )
          expect(keptAfter[group * 4]).toBe(larger(3))
        }
      }
    })

    it(`root of ${n} values`, () => {
      const [opened, masks, products] = [random(groups, 6), random(groups, 35), random(groups, 104)]
      const [kept, c] = [random(groups, 4), random(1, n)]
      for (const leads of [0, 1] as const) {
        const out = result(groups, 1, (at) =>
          ring.kernels.combineRoot(at, kept.at, opened.at, c.at, masks.at, products.at, leads, n)
        )
        for (let group = 0; group < groups; group++) {
          const { larger } = node(opened, 0, masks, 29, products, 89, group, leads ? all : 0n)
          let top = 0n
          for (let v = 0; v < 64 && group * 64 + v < n; v++)
            top |= (wrap(c.words[group * 64 + v]! - (1n << 62n)) >> 63n) << BigInt(v)
          const share = kept.words[group * 4]! ^ larger ^ products.words[group * 104]!
          const active = share ^ (leads ? top ^ all : 0n)
          expect(out.words[group]).toBe(active ^ masks.words[group * 35]!)
        }
      }
    })

    it(`dealer's one-hot words and products of masks for ${n} values`, () => {
      const [r, masks] = [random(1, n), random(groups, 35)]
      const oneHotShare = random(n, 4)
      const oneHot = completed(oneHotShare, (at) => ring.kernels.dealOneHot(at, r.at, n))
      for (let i = 0; i < n; i++)
        for (let block = 0; block < 16; block++) {
          const word = i * 4 + (block >> 2)
          const digit = ((r.words[i]! & (all >> 1n)) >> BigInt(4 * block)) & 15n
          const bits = (oneHot[word]! ^ oneHotShare.words[word]!) >> BigInt(16 * (block % 4))
          expect(bits & 0xffffn).toBe(1n << digit)
        }

      const share = random(groups, 104)
      const products = completed(share, (at) => ring.kernels.dealBits(at, r.at, masks.at, n))
      for (let group = 0; group < groups; group++) {
        const dealt = (plane: number) => products[group * 104 + plane]! ^ share.words[group * 104 + plane]!
        let top = 0n
        for (let v = 0; v < 64 && group * 64 + v < n; v++)
          top |= (r.words[group * 64 + v]! >> 63n) << BigInt(v)
        expect(dealt(0)).toBe(top)
        for (const [first, masksFirst, count] of [
          [1, 1, 22],
          [23, 8, 22],
          [45, 15, 22],
          [67, 22, 22],
          [89, 29, 15]
        ] as const) {
          const mask = planesFrom(masks, group, masksFirst, factors)
          for (let i = 0; i < count; i++)
            expect(dealt(first + i)).toBe(
              [...productNames[i]!].reduce((bits, name) => bits & mask(name), all)
            )
        }
      }
    })
  }
})
