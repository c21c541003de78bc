/**
 * The memory that a dealing takes of each cloud's ring, added up on shapes as `cost.ts` adds up what is sent: all that lasts
 * as long as a group of steps or a wave of pieces. What is needed
 * for a moment counts where it is large.
 */
import { wordBytes } from "../bytes.ts"
import { layerShapes } from "../computation/cost.ts"
import { groupsOf } from "../computation/sizes.ts"
import { degree, primes } from "../lattice/parameters.ts"
import type { ProductsPlan } from "../lattice/plan.ts"
import { outputs } from "../learning/network.ts"
import type { TrainingPlan } from "../learning/plan.ts"
import { blockBytes, pieceBlocks } from "../oblivious-transfer/block-cipher.ts"
import { type ExtensionShape, messageBytes, transferBytes } from "../oblivious-transfer/sizes.ts"
import type { Words } from "./words.ts"

/** Bytes at cloud 0 and at cloud 1. */
export type AtBoth = readonly [number, number]

const clouds = [0, 1] as const

/** A ciphertext in memory: two polynomials modulo all primes. */
const pairBytes = 2 * primes.length * degree * 4
/** Rows of blocks of results that are made at once (`protocol/lattice/evaluation.ts`). */
const rowsAtOnce = 16

/** What two clouds have allocated, as their rings do it: in a stack. */
export class Room {
  readonly #taken: [number, number] = [0, 0]
  readonly #most: [number, number] = [0, 0]
  readonly #marks: Array<AtBoth> = []

  /** The most that was taken at a time. */
  get most(): AtBoth {
    return [...this.#most]
  }

  mark(): number {
    return this.#marks.push([...this.#taken]) - 1
  }

  release(mark: number): void {
    for (const cloud of clouds) this.#taken[cloud] = this.#marks[mark]![cloud]
    this.#marks.length = mark
  }

  take(cloud: 0 | 1, bytes: number): void {
    this.#taken[cloud] += bytes
    this.#most[cloud] = Math.max(this.#most[cloud], this.#taken[cloud])
  }

  both(bytes: number): void {
    for (const cloud of clouds) this.take(cloud, bytes)
  }

  /** Choices: both keys of each at their sender, at the receiver the chosen one and what goes out. */
  choices(sender: 0 | 1, n: number, sentBytes: number): void {
    this.take(sender, 2 * blockBytes * n)
    this.take(sender === 0 ? 1 : 0, blockBytes * n + n / 8 + sentBytes)
  }

  /** Transfers: all messages and what goes out at their sender, the chosen ones at the receiver. */
  transfer(sender: 0 | 1, choiceBits: number, n: number, messageBits: number): void {
    const bytes = messageBytes({ messageBits })
    const receiver = sender === 0 ? 1 : 0
    this.take(sender, n * 2 ** choiceBits * bytes + transferBytes(choiceBits, n, { messageBits }))
    this.take(receiver, n * bytes)
    const mark = this.mark()
    this.both(2 * pieceBlocks * blockBytes)
    this.take(receiver, transferBytes(choiceBits, Math.min(n, pieceBlocks), { messageBits }) + pieceBlocks)
    this.release(mark)
  }

  /** Products of one shape: their results stay, and ciphertexts and sums go again. */
  products(plan: ProductsPlan): void {
    const { blocks, ciphertexts, colBlocks, products, rowBlocks, shape } = plan
    this.both(products * shape.rows * shape.cols * wordBytes)
    const mark = this.mark()
    const results = Math.min(rowsAtOnce, rowBlocks) * colBlocks
    const plaintexts = (results * shape.inner * degree * (wordBytes + 4)) / (blocks.n * blocks.slots)
    this.both(ciphertexts * pairBytes + results * (pairBytes + 2 * degree * 4) + plaintexts)
    this.release(mark)
  }
}

/** Words that take room at both clouds, and are nowhere. */
export const wordsIn = (room: Room): Words => {
  const taking = (words: number): number => {
    room.both(words * wordBytes)
    return 0
  }
  return {
    drawn: (_place, _kind, words) => taking(words),
    section: (_place, layout, values) => {
      const laid = layout(values)
      room.both(laid.bytes)
      return { ...laid, memory: 0 }
    },
    addProduct: () => {},
    part: (_place, words) => {
      room.take(0, words * wordBytes)
      return 0
    },
    argument: (_logits, { rows, cols }) => {
      const at = taking(rows * cols)
      return { at, compute: () => {} }
    },
    bits: (_gate, values) => taking(groupsOf(values)),
    sums: ({ rows, cols }) => taking(rows * cols),
    picked: ({ rows, cols }) => taking(rows * cols),
    columns: ({ rows, cols }, _section, times) => {
      taking(rows * cols * (1 + 2 * times))
      return { x: 0, products: 0, bringBack: () => {} }
    }
  }
}

/** A cloud's masks of what is open when a step of the plan begins. */
export const openMaskBytes = (plan: TrainingPlan): number => {
  const { batch, network } = plan
  const weights = layerShapes(plan).reduce((sum, { weights: { rows, cols } }) => sum + rows * cols, 0)
  return (batch * (network.inputs + outputs(network)) + weights) * wordBytes
}

/** What stays from the start of two processes to their end: rows of an extension each way, and the keys of products. */
export const startBytes = ({ transfers }: ExtensionShape): number => {
  const extension = transfers * blockBytes
  // While an extension is made, its columns and the streams of a tree come on top.
  return 2 * extension + extension + (transfers / 8) * 32 + 4 * pairBytes
}
