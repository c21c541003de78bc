/**
 * Extension of oblivious transfer (Roy, SoftSpokenOT, CRYPTO 2022), against clouds that follow the protocol. From the
 * leaves of a tree both draw long streams r_x. The receiver has u = Σ r_x and v = Σ x·r_x, bit by bit in the field of
 * 2^k elements; the sender, who lacks leaf δ, has Σ (x + δ)·r_x = v + δ·u. The receiver sends for every tree but the
 * first by what its u differs from that of the first, and the sender adds so much of δ. So for each transfer i there are
 * a random choice u_i, a row t_i of 128 bits at the receiver, and q_i = t_i + u_i·Δ at the sender.
 *
 * Extensions of an instance are counted, and their streams follow each other. Nothing of them is ever stored: an
 * instance drawn anew has other trees.
 */
import type { Ring } from "../ring/ring.ts"
import { BlockCipher, blockBytes } from "./block-cipher.ts"
import { type ExtensionShape, taken } from "./sizes.ts"
import { bitOf, deltaBits, lackedLeaf, type Tree, treesOf } from "./trees.ts"

const cacheLineBytes = 64

/** What both sides of an extension are made of. */
class Columns {
  readonly ring: Ring
  /** The rows of the last extension, 16 bytes a transfer. */
  readonly rows: number
  readonly trees: ReadonlyArray<Tree>
  readonly #leaves: ReadonlyArray<ReadonlyArray<BlockCipher | undefined>>
  readonly #transfers: number
  #made = 0

  constructor(
    ring: Ring,
    shape: ExtensionShape,
    leaves: ReadonlyArray<ReadonlyArray<Uint8Array | undefined>>
  ) {
    this.ring = ring
    this.trees = treesOf(shape.fieldBits)
    this.#transfers = shape.transfers
    this.#leaves = leaves.map((tree) => tree.map((seed) => seed && new BlockCipher(seed)))
    this.rows = ring.allocate(shape.transfers * blockBytes)
  }

  /** Bytes of one column. */
  get bytes(): number {
    return this.#transfers / 8
  }

  /** From one column to the next: not a power of two, which would bring all to the same place in the cache. */
  get apart(): number {
    return this.bytes + cacheLineBytes
  }

  /**
   * Makes the rows of the next extension. Leaf x of tree j takes the place `place(j, x)`; the one that is lacked counts
   * for nothing. `adjust` gets each tree's columns with their sum.
   */
  next(
    place: (tree: number, leaf: number) => number,
    adjust: (tree: number, columns: number, sum: number) => void
  ): void {
    const { ring, bytes, apart } = this
    const { kernels } = ring
    const mark = ring.mark()
    const blocks = bytes / blockBytes
    const counters = ring.allocate(bytes)
    const columns = ring.allocate(deltaBits * apart)
    const sum = ring.allocate(bytes)
    const streams = ring.allocate(apart * Math.max(...this.#leaves.map((tree) => tree.length)))
    const first = this.#made++ * blocks
    kernels.counterBlocks(counters, 0, 0, Math.floor(first / 2 ** 32), first % 2 ** 32, blocks)
    for (const [j, tree] of this.trees.entries()) {
      for (const [x, leaf] of this.#leaves[j]!.entries()) {
        const stream = streams + place(j, x) * apart
        if (leaf === undefined) ring.bytes(stream, bytes).fill(0)
        else leaf.encrypt(ring, stream, counters, blocks)
      }
      const own = columns + tree.first * apart
      kernels.foldLeaves(own, sum, streams, tree.bits, bytes, apart)
      adjust(j, own, sum)
    }
    kernels.columnsToRows(this.rows, columns, apart, this.#transfers)
    ring.release(mark)
  }
}

/** The receiver's side. */
export class ReceiverExtension {
  readonly #columns: Columns
  /** The random choices of the last extension, packed. */
  readonly choices: number

  constructor(ring: Ring, shape: ExtensionShape, leaves: ReadonlyArray<ReadonlyArray<Uint8Array>>) {
    this.#columns = new Columns(ring, shape, leaves)
    this.choices = ring.allocate(shape.transfers / 8)
  }

  get rows(): number {
    return this.#columns.rows
  }

  /** Makes the next extension, and writes to `out` what the sender needs of it: one column a tree but the first. */
  next(out: number): void {
    const { ring, bytes } = this.#columns
    this.#columns.next(
      (_, x) => x,
      (j, _, sum) => {
        if (j === 0) ring.memory.copyWithin(this.choices, sum, sum + bytes)
        else ring.kernels.xor(out + (j - 1) * bytes, sum, this.choices, bytes / 8)
      }
    )
  }
}

/** The sender's side. */
export class SenderExtension {
  readonly #columns: Columns
  readonly #delta: Uint8Array
  /** Where Δ is in memory. */
  readonly delta: number

  constructor(
    ring: Ring,
    shape: ExtensionShape,
    leaves: ReadonlyArray<ReadonlyArray<Uint8Array | undefined>>,
    delta: Uint8Array
  ) {
    this.#columns = new Columns(ring, shape, leaves)
    this.#delta = delta
    this.delta = ring.allocate(blockBytes)
    ring.memory.set(delta, this.delta)
  }

  get rows(): number {
    return this.#columns.rows
  }

  /** Makes the next extension from what the receiver sent of it. */
  next(differences: Uint8Array): void {
    const { ring, bytes, apart, trees } = this.#columns
    const lacked = trees.map((tree) => lackedLeaf(tree, this.#delta))
    const mark = ring.mark()
    const difference = ring.allocate(bytes)
    this.#columns.next(
      // Then Σ x·r_x, with x for the place, is what the sender needs.
      (j, x) => x ^ lacked[j]!,
      (j, columns) => {
        if (j === 0) return
        ring.memory.set(differences.subarray((j - 1) * bytes, j * bytes), difference)
        const { first, bits } = trees[j]!
        for (let b = 0; b < bits; b++) {
          const column = columns + b * apart
          if (bitOf(this.#delta, first + b)) ring.kernels.xor(column, column, difference, bytes / 8)
        }
      }
    )
    ring.release(mark)
  }
}

/** Transfers that are taken from one extension. */
export interface Stretch {
  /** The number of the first in the instance. */
  readonly number: number
  /** Its row in the extension. */
  readonly row: number
  /** A multiple of 8. */
  readonly count: number
  /** Whether the extension is to be made first. */
  readonly extends: boolean
}

/** The next `n` transfers, at least one, after the `before` that have been taken. */
export const stretchesOf = (
  { transfers }: ExtensionShape,
  before: number,
  n: number
): ReadonlyArray<Stretch> => {
  if (!(n >= 1)) throw new RangeError(`oblivious transfer: a batch of ${n} transfers`)
  const end = before + taken(n)
  const stretches: Array<Stretch> = []
  for (let number = before; number < end; ) {
    const row = number % transfers
    const count = Math.min(end - number, transfers - row)
    stretches.push({ number, row, count, extends: row === 0 })
    number += count
  }
  return stretches
}
