/**
 * Products of the bit masks λ = λ_0 ⊕ λ_1 of a comparison (section 5 of docs/concepts/protocol.md), for 64 values at a
 * time: in each transfer cloud 1 chooses by its bits of up to four masks, and gets its shares of all of their products
 * that are dealt. Which planes these are is laid down in `protocol/ring/kernels/comparison.ts`.
 */
import { wordBytes } from "../bytes.ts"
import { GROUP, planesOf } from "../computation/sizes.ts"
import { type Round, together } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"
import { contiguous } from "./gates.ts"
import type { DealingParty } from "./party.ts"
import type { Piece, Span, Task } from "./pieces.ts"

/** Products of masks of whole groups; values are counted with those that fill the last group. */
export interface ProductTask extends Task {
  readonly nodes: number
  /** This cloud's planes of masks, as the training draws them. */
  readonly masks: number
  /** Cloud 0's planes of products, or where cloud 1's go. */
  readonly products: number
}

/** One transfer: planes of the masks that it is chosen by, and what is dealt of them. */
export interface ProductTransfer {
  readonly factors: ReadonlyArray<number>
  /** Of which factors, as bits, and to which plane. */
  readonly products: ReadonlyArray<{ readonly of: number; readonly plane: number }>
}

/** Products of subsets of the factors a b c …, given by their letters, to consecutive planes. */
const transfer = (
  factors: ReadonlyArray<number>,
  letters: string,
  products: Readonly<ReadonlyArray<readonly [string, number]>>
): ProductTransfer => ({
  factors,
  products: products.map(([product, plane]) => ({
    of: [...product].reduce((bits, letter) => bits | (1 << letters.indexOf(letter)), 0),
    plane
  }))
})

/** For a conjunction of `fan` inputs whose factors begin at plane m: its products begin at plane d. */
const conjunctions = (m: number, d: number, fan: number): ReadonlyArray<ProductTransfer> => {
  const [a, b, c] = [m, m + 1, m + 2]
  const [x, y, z] = [m + fan - 1, m + fan, m + fan + 1]
  const two = transfer([a, x], "ax", [["ax", d]])
  if (fan === 2) return [two]
  const ofY = [
    ["ay", d + 2],
    ["by", d + 3],
    ["aby", d + 4]
  ] as const
  if (fan === 3) return [two, transfer([a, b, y], "aby", [["ab", d + 1], ...ofY])]
  return [
    two,
    transfer([a, b, y], "aby", ofY),
    transfer([a, b, c, z], "abcz", [
      ["ab", d + 1],
      ["ac", d + 5],
      ["bc", d + 6],
      ["abc", d + 7],
      ["az", d + 8],
      ["bz", d + 9],
      ["cz", d + 10],
      ["abz", d + 11],
      ["acz", d + 12],
      ["bcz", d + 13],
      ["abcz", d + 14]
    ])
  ]
}

/** All transfers of a comparison with this number of nodes. Planes of masks count from β, which is none of them. */
export const productTransfers = (nodes: number): ReadonlyArray<ProductTransfer> => {
  const ofNodes = Array.from({ length: nodes }, (_, node) => {
    const [m, d] = [1 + 7 * node, 22 * node]
    const last = node === nodes - 1
    const p = transfer([m, m + 1, m + 2, m + 6], "abcp", [
      ["ap", d + 15],
      ["bp", d + 16],
      ["cp", d + 17],
      ["abp", d + 18],
      ["acp", d + 19],
      ["bcp", d + 20],
      ["abcp", d + 21]
    ])
    return [...conjunctions(m, d, 4), ...(last ? [] : [p])]
  })
  return [...ofNodes.flat(), ...conjunctions(7 * nodes, 22 * nodes - 7, nodes)]
}

const bytesOfU32 = (ring: Ring, numbers: ReadonlyArray<number>): number => {
  const at = ring.allocate(numbers.length * 4)
  ring.memory.set(new Uint8Array(Uint32Array.from(numbers).buffer), at)
  return at
}

/** Planes of the spans' groups one after another. New memory. */
const gatherPlanes = (
  ring: Ring,
  { spans, values }: Piece<ProductTask>,
  planes: number,
  at: (task: ProductTask) => number
): number => {
  const out = ring.allocate((values / GROUP) * planes * wordBytes)
  let to = out
  for (const { task, from, count } of spans) {
    const [before, length] = [from, count].map((n) => (n / GROUP) * planes * wordBytes) as [number, number]
    ring.memory.copyWithin(to, at(task) + before, at(task) + before + length)
    to += length
  }
  return out
}

/** Deals a piece of products of masks of one number of nodes. Two rounds. */
export function* dealMaskProducts(party: DealingParty, piece: Piece<ProductTask>): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const [{ task }] = piece.spans as readonly [Span<ProductTask>]
  const { nodes } = task
  const { masks, products } = planesOf(nodes)
  const n = piece.values
  const groups = n / GROUP
  const planes = ring.allocate(groups * masks * wordBytes)
  kernels.planesApart(
    planes,
    gatherPlanes(ring, piece, masks, (each) => each.masks),
    masks,
    groups
  )
  const dealt = gatherPlanes(ring, piece, products, (each) => each.products)
  // β is not among the factors.
  const batch = yield* party.choices("forward", (masks - 1) * n, planes + groups * wordBytes)
  yield* together(
    ...productTransfers(nodes).map((each, use) => {
      const bits = each.factors.map((plane) => contiguous(batch, (plane - 1) * n))
      const table = bytesOfU32(
        ring,
        each.products.flatMap(({ of, plane }) => [of, plane])
      )
      const count = each.products.length
      const bytes = Math.ceil(count / 8)
      return party.transfer(
        "forward",
        bits,
        n,
        { messageBits: count, use },
        (messages) => {
          const factors = bytesOfU32(ring, each.factors)
          kernels.tabulateProducts(bits.length, table, count)
          kernels.offerProducts(
            ...([
              messages,
              planes,
              dealt,
              factors,
              bits.length,
              table,
              count,
              products,
              bytes,
              groups
            ] as const)
          )
        },
        (received) => kernels.takeProducts(dealt, received, table, count, products, bytes, groups)
      )
    })
  )
  if (party.cloud === 0) return
  let from = dealt
  for (const { task: to, from: first, count } of piece.spans) {
    const [before, length] = [first, count].map((each) => (each / GROUP) * products * wordBytes) as [
      number,
      number
    ]
    ring.memory.copyWithin(to.products + before, from, from + length)
    from += length
  }
}
