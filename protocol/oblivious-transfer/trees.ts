/**
 * All but one of the leaves of a tree of seeds (Goldreich, Goldwasser, Micali 1986; Boyle, Gilboa, Ishai 2018 for the
 * transfer): the receiver of an extension has all 2^k leaves, its sender all but one, whose number is k bits of Δ. There
 * are as many trees as make up 128 bits; the last is smaller if k does not divide 128.
 *
 * The sender gets, for every level, the sum of all seeds on that side to which its own path does not turn. So it has a
 * base transfer for each bit of Δ, and chooses there its complement.
 */
import { BlockCipher, blockBytes } from "./block-cipher.ts"

/** Bits of Δ, and base transfers in each direction. */
export const deltaBits = 128
/** Bytes of a seed. */
export const seedBytes = 16

/** One tree: the bits of Δ from `first` on. */
export interface Tree {
  readonly first: number
  readonly bits: number
}

/** The trees for Δ in fields of 2^`fieldBits` elements. */
export const treesOf = (fieldBits: number): ReadonlyArray<Tree> =>
  Array.from({ length: Math.ceil(deltaBits / fieldBits) }, (_, j) => ({
    first: j * fieldBits,
    bits: Math.min(fieldBits, deltaBits - j * fieldBits)
  }))

/** Bit i of packed bits. */
export const bitOf = (bits: Uint8Array, i: number): 0 | 1 => ((bits[i >> 3]! >> (i & 7)) & 1) as 0 | 1

/** The bits of Δ that a tree stands for, as the number of the leaf that the sender lacks. */
export const lackedLeaf = ({ first, bits }: Tree, delta: Uint8Array): number =>
  Array.from({ length: bits }, (_, b) => bitOf(delta, first + b) << b).reduce((sum, bit) => sum + bit, 0)

/** The base transfer of a level: the level below the root turns by the highest bit. */
const transferOf = ({ first, bits }: Tree, level: number): number => first + bits - 1 - level

const sides = new Uint8Array(2 * blockBytes)
sides[blockBytes] = 1

const childrenOf = (seed: Uint8Array): readonly [Uint8Array, Uint8Array] => {
  const both = new BlockCipher(seed).bytes(sides)
  return [both.subarray(0, seedBytes), both.subarray(seedBytes)]
}

const addTo = (sum: Uint8Array, seed: Uint8Array): void => {
  for (let i = 0; i < seedBytes; i++) sum[i]! ^= seed[i]!
}

const sumOf = (seeds: ReadonlyArray<Uint8Array>): Uint8Array => {
  const sum = new Uint8Array(seedBytes)
  for (const seed of seeds) addTo(sum, seed)
  return sum
}

/** At the receiver: the leaves of a tree, and for each level the sums of its left and its right seeds. */
export const growTree = (root: Uint8Array, { bits }: Tree) => {
  const sums: Array<readonly [Uint8Array, Uint8Array]> = []
  let seeds: ReadonlyArray<Uint8Array> = [root]
  for (let level = 0; level < bits; level++) {
    const children = seeds.map(childrenOf)
    sums.push([sumOf(children.map(([left]) => left)), sumOf(children.map(([, right]) => right))])
    seeds = children.flat()
  }
  return { leaves: seeds, sums }
}

/** At the sender: the leaves of a tree from one sum a level; `undefined` stands for the one that it lacks. */
const growAllButOne = (
  sums: ReadonlyArray<Uint8Array>,
  { bits }: Tree,
  lacked: number
): ReadonlyArray<Uint8Array | undefined> => {
  let seeds: ReadonlyArray<Uint8Array | undefined> = [undefined]
  for (let level = 0; level < bits; level++) {
    const children = seeds.flatMap((seed) => (seed === undefined ? [undefined, undefined] : childrenOf(seed)))
    const path = lacked >> (bits - 1 - level)
    const sibling = path ^ 1
    const known = children.filter((child, i) => child !== undefined && (i & 1) === (sibling & 1))
    seeds = children.with(sibling, sumOf([sums[level]!, ...(known as Uint8Array[])]))
  }
  return seeds
}

/** Bytes of the sums of all trees. */
export const treeCorrectionBytes = deltaBits * 2 * seedBytes

/** The sums of all levels, each under the base key of its side, in the order of the base transfers. */
export const correctionsOf = (
  trees: ReadonlyArray<Tree>,
  grown: ReadonlyArray<ReturnType<typeof growTree>>,
  baseKeys: ReadonlyArray<readonly [Uint8Array, Uint8Array]>
): Uint8Array => {
  const corrections = new Uint8Array(treeCorrectionBytes)
  for (const [j, tree] of trees.entries())
    for (let level = 0; level < tree.bits; level++)
      for (const side of [0, 1] as const) {
        const transfer = transferOf(tree, level)
        const masked = sumOf([grown[j]!.sums[level]![side], baseKeys[transfer]![side]])
        corrections.set(masked, (2 * transfer + side) * seedBytes)
      }
  return corrections
}

/** At the sender: the leaves of all trees, from the keys of its base choices, the complement of Δ. */
export const leavesFrom = (
  trees: ReadonlyArray<Tree>,
  delta: Uint8Array,
  baseKeys: ReadonlyArray<Uint8Array>,
  corrections: Uint8Array
): ReadonlyArray<ReadonlyArray<Uint8Array | undefined>> =>
  trees.map((tree) => {
    const sums = Array.from({ length: tree.bits }, (_, level) => {
      const transfer = transferOf(tree, level)
      const at = (2 * transfer + (1 ^ bitOf(delta, transfer))) * seedBytes
      return sumOf([corrections.subarray(at, at + seedBytes), baseKeys[transfer]!])
    })
    return growAllButOne(sums, tree, lackedLeaf(tree, delta))
  })
