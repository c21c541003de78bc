import { describe, expect, it } from "vitest"
import { nodesOf, planesOf } from "../../../protocol/computation/sizes.ts"
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
const completed = (share: TwinMatrix, deal: (at: number) => void): BigUint64Array =>
  result(share.rows, share.cols, (at) => {
    ring.words({ ...share, at }).set(share.words)
    deal(at)
  }).words

/** Shifts with the nodes that the 63 − shift bits need: two, three and four. */
const comparisons = [
  { shift: 31, nodes: 2 },
  { shift: 50, nodes: 2 },
  { shift: 20, nodes: 3 },
  { shift: 1, nodes: 4 }
] as const

/** The factors of a node and the names of their masks' products, in the order of the planes. */
const factors = ["a", "b", "c", "x", "y", "z", "p"] as const
const productNames = "ax ab ay by aby ac bc abc az bz cz abz acz bcz abcz ap bp cp abp acp bcp abcp".split(
  " "
)
/** By the fan-in: the root's factors, their products, and the conjunctions that make its G. */
const rootFactors = { 2: ["a", "x"], 3: ["a", "b", "x", "y"], 4: factors.slice(0, 6) } as const
const rootProducts = { 2: 1, 3: 5, 4: 15 } as const
const larger = { 2: ["ax"], 3: ["ax", "aby"], 4: ["ax", "aby", "abcz"] } as const

/** The planes of a group, as the layout has them: how many, and where each node's and the root's begin. */
const planesFor = (nodes: 2 | 3 | 4) => ({
  masks: 7 * nodes + rootFactors[nodes].length,
  products: 22 * (nodes - 1) + 15 + rootProducts[nodes],
  factors: 7 * (nodes - 1) + 6,
  root: rootFactors[nodes].length,
  rootMasks: 7 * nodes,
  rootProducts: 22 * (nodes - 1) + 15
})

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

/** The 63 − shift bits of a word below the top one, without the low `shift`. */
const bitsBelow = (word: bigint, shift: number): bigint => (word & (all >> 1n)) >> BigInt(shift)

describe.each(comparisons)(
  "comparison kernels agree with their BigInt twins, $nodes nodes at shift $shift",
  ({ shift, nodes }) => {
    const planes = planesFor(nodes)

    it("and the sizes say how many planes there are", () => {
      expect(nodesOf(shift)).toBe(nodes)
      const { masks, products, nodes: ofNodes, root, kept } = planesOf(nodes)
      expect([masks, products, ofNodes, root, kept]).toEqual([
        planes.masks,
        planes.products,
        planes.factors,
        planes.root,
        nodes
      ])
    })

    for (const n of sizes) {
      const groups = groupsOf(n)

      it(`leaves of ${n} values`, () => {
        const [c, u, masks] = [random(1, n), random(n + 1, nodes), random(groups, planes.masks)]
        ring.zeros(1, 4)
        const keptAt = ring.matrix(groups, nodes)
        const out = result(groups, planes.factors, (at) =>
          ring.kernels.compareLeaves(at, keptAt.at, c.at, u.at, masks.at, shift, nodes, n)
        )
        const kept = ring.words(keptAt)
        for (let group = 0; group < groups; group++)
          for (let block = 0; block < 4 * nodes; block++) {
            let [equal, isLarger] = [0n, 0n]
            for (let v = 0; v < 64 && group * 64 + v < n; v++) {
              const i = group * 64 + v
              const compared = bitsBelow(wrap(c.words[i]! - (1n << 62n)), shift)
              const digit = Number((compared >> BigInt(4 * block)) & 15n)
              const word = (u.words[i * nodes + (block >> 2)]! >> BigInt(16 * (block % 4))) & 0xffffn
              equal |= ((word >> BigInt(digit)) & 1n) << BigInt(v)
              for (let higher = digit + 1; higher < 16; higher++)
                isLarger ^= ((word >> BigInt(higher)) & 1n) << BigInt(v)
            }
            // The top node comes first, and the last one has no p.
            const [of, child] = [nodes - 1 - (block >> 2), block % 4]
            const plane = (name: (typeof factors)[number]) => of * 7 + factors.indexOf(name)
            const masked = (name: (typeof factors)[number]) =>
              out.words[group * planes.factors + plane(name)]! ^
              masks.words[group * planes.masks + 1 + plane(name)]!
            if (child > 0 || of < nodes - 1)
              expect(masked((["p", "c", "b", "a"] as const)[child]!)).toBe(equal)
            if (child === 3) expect(kept[group * nodes + of]).toBe(isLarger)
            else expect(masked((["z", "y", "x"] as const)[child]!)).toBe(isLarger)
          }
      })

      it(`nodes of ${n} values`, () => {
        const opened = random(groups, planes.factors)
        const masks = random(groups, planes.masks)
        const products = random(groups, planes.products)
        for (const leads of [0, 1] as const) {
          const kept = random(groups, nodes)
          const out = result(groups, planes.root, (at) =>
            ring.kernels.combineNodes(at, kept.at, opened.at, masks.at, products.at, nodes, leads, groups)
          )
          const keptAfter = ring.words({ rows: groups, cols: nodes, at: kept.at })
          for (let group = 0; group < groups; group++) {
            const and = (node: number, names: string) =>
              conjunction(
                names,
                planesFrom(opened, group, node * 7, factors),
                planesFrom(masks, group, 1 + node * 7, factors),
                planesFrom(products, group, node * 22, productNames),
                leads ? all : 0n
              )
            const isLarger = (node: number) =>
              larger[4].reduce((bits, names) => bits ^ and(node, names), kept.words[group * nodes + node]!)
            const rest = Array.from({ length: nodes - 1 }, (_, node) => node)
            const expected = [
              ...rest.map((node) => and(node, "abcp")),
              ...rest.map((node) => isLarger(node + 1))
            ]
            expect(Array.from(out.words.subarray(group * planes.root, (group + 1) * planes.root))).toEqual(
              expected.map((bits, i) => bits ^ masks.words[group * planes.masks + planes.rootMasks + i]!)
            )
            expect(keptAfter[group * nodes]).toBe(isLarger(0))
          }
        }
      })

      it(`root of ${n} values`, () => {
        const opened = random(groups, planes.root)
        const masks = random(groups, planes.masks)
        const products = random(groups, planes.products)
        const [kept, c] = [random(groups, nodes), random(1, n)]
        const step = Math.ceil(shift / 8)
        const top = random(1, Math.ceil((n * step) / 8))
        const tops = ring.bytes(top.at, n * step).slice()
        for (const leads of [0, 1] as const) {
          const out = result(groups, 1, (at) =>
            ring.kernels.combineRoot(
              at,
              kept.at,
              opened.at,
              c.at,
              top.at,
              masks.at,
              products.at,
              shift,
              nodes,
              leads,
              n
            )
          )
          for (let group = 0; group < groups; group++) {
            const and = (names: string) =>
              conjunction(
                names,
                planesFrom(opened, group, 0, rootFactors[nodes]),
                planesFrom(masks, group, planes.rootMasks, rootFactors[nodes]),
                planesFrom(products, group, planes.rootProducts, productNames),
                leads ? all : 0n
              )
            let [topC, topR] = [0n, 0n]
            for (let v = 0; v < 64 && group * 64 + v < n; v++) {
              topC |= (wrap(c.words[group * 64 + v]! - (1n << 62n)) >> 63n) << BigInt(v)
              topR |= BigInt(tops[(group * 64 + v) * step]! & 1) << BigInt(v)
            }
            const used = all >> BigInt(Math.max(0, 64 * (group + 1) - n))
            const sign =
              larger[nodes].reduce((bits, names) => bits ^ and(names), kept.words[group * nodes]!) ^ topR
            const active = sign ^ (leads ? topC ^ all : 0n) ^ masks.words[group * planes.masks]!
            expect(out.words[group]! & used).toBe(active & used)
          }
        }
      })

      it(`dealer's one-hot words and products of masks for ${n} values`, () => {
        const [r, masks] = [random(1, n), random(groups, planes.masks)]
        const oneHotShare = random(n, nodes)
        const oneHot = completed(oneHotShare, (at) => ring.kernels.dealOneHot(at, r.at, shift, nodes, n))
        for (let i = 0; i < n; i++)
          for (let block = 0; block < 4 * nodes; block++) {
            const word = i * nodes + (block >> 2)
            const digit = (bitsBelow(r.words[i]!, shift) >> BigInt(4 * block)) & 15n
            const bits = (oneHot[word]! ^ oneHotShare.words[word]!) >> BigInt(16 * (block % 4))
            expect(bits & 0xffffn).toBe(1n << digit)
          }

        const share = random(groups, planes.products)
        const products = completed(share, (at) => ring.kernels.dealBits(at, masks.at, nodes, groups))
        for (let group = 0; group < groups; group++) {
          const dealt = (first: number, masksFirst: number, names: ReadonlyArray<string>, count: number) => {
            const mask = planesFrom(masks, group, masksFirst, names)
            for (let i = 0; i < count; i++) {
              const plane = group * planes.products + first + i
              expect(products[plane]! ^ share.words[plane]!).toBe(
                [...productNames[i]!].reduce((bits, name) => bits & mask(name), all)
              )
            }
          }
          for (let node = 0; node < nodes; node++)
            dealt(22 * node, 1 + 7 * node, factors, node < nodes - 1 ? 22 : 15)
          dealt(planes.rootProducts, planes.rootMasks, rootFactors[nodes], rootProducts[nodes])
        }
      })
    }
  }
)
