/**
 * The receiver of one direction. Of the messages of a transfer it learns the chosen one; all others are under pads that it
 * can't compute.
 */
import { derive } from "../aead.ts"
import { crossing, type Round } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"
import { offerBaseKeys } from "./base.ts"
import { type ChoiceBits, Chosen, firstHashPlace, inPieces, type Pads, takePads } from "./batch.ts"
import { BlockCipher, blockBytes, pieceBlocks } from "./block-cipher.ts"
import { demandBytes } from "./errors.ts"
import { ReceiverExtension, type Stretch, stretchesOf } from "./extension.ts"
import type { Instance } from "./instance.ts"
import {
  choiceBytes,
  demandShape,
  extensionBytes,
  messageBytes,
  type TransferShape,
  taken,
  transferBytes
} from "./sizes.ts"
import { correctionsOf, growTree, seedBytes, treesOf } from "./trees.ts"

const nothing = () => new Uint8Array(0)

export class TransferReceiver {
  readonly #instance: Instance
  readonly #ring: Ring
  readonly #extension: ReceiverExtension
  /** The cipher of the last extension. */
  #cipher: BlockCipher | undefined
  #extensions = 0
  #taken = 0

  private constructor(instance: Instance, extension: ReceiverExtension) {
    this.#instance = instance
    this.#ring = instance.ring
    this.#extension = extension
  }

  /**
   * A new instance, with the base transfers. Two rounds. New memory of the ring, which must not be released while the
   * instance is used. Throws `TransferRefused`, `NotOnCurve`.
   */
  static *open(instance: Instance): Round<TransferReceiver> {
    const { ring, direction, shape, randomness } = instance
    demandShape(shape)
    const { keys, digest } = yield* offerBaseKeys(direction, randomness)
    const trees = treesOf(shape.fieldBits)
    // Other trees too where the sender alone has started anew, and this side draws what it drew before.
    const info = "bicameral oblivious transfer trees"
    const roots = derive(randomness(seedBytes), digest, info, trees.length * seedBytes)
    const grown = trees.map((tree, j) => growTree(roots.subarray(j * seedBytes, (j + 1) * seedBytes), tree))
    const corrections = correctionsOf(trees, grown, keys)
    yield [crossing(() => corrections, 0)]
    const leaves = grown.map((tree) => tree.leaves)
    return new TransferReceiver(instance, new ReceiverExtension(ring, shape, leaves))
  }

  /** The transfers that have been taken so far: what the size of the next choices depends on. */
  get taken(): number {
    return this.#taken
  }

  /**
   * Chooses for `n` transfers, at least one, by packed bits at `bits`: bit i is bit i mod 8 of byte ⌊i/8⌋. One round. New
   * memory of the ring, for the batch and for what is sent.
   */
  *choose(n: number, bits: number): Round<Chosen> {
    const ring = this.#ring
    const { shape } = this.#instance
    const number = this.#taken
    const stretches = stretchesOf(shape, number, n)
    const bytes = choiceBytes(shape, number, n)
    this.#taken += taken(n)
    const keys = ring.allocate(taken(n) * blockBytes)
    const choices = ring.allocate(taken(n) / 8)
    ring.memory.copyWithin(choices, bits, bits + taken(n) / 8)
    const message = ring.allocate(bytes)
    const corrections = message + bytes - taken(n) / 8
    let at = message
    for (const stretch of stretches) {
      if (stretch.extends) {
        this.#extend(at)
        at += extensionBytes(shape)
      }
      const done = (stretch.number - number) / 8
      this.#correct(corrections + done, choices + done, stretch)
      this.#hash(keys, number, stretch)
    }
    const parts = { number, transfers: n, cipher: this.#cipher!, extension: this.#extensions, keys }
    yield [crossing(() => ring.bytes(message, bytes), 0)]
    return new Chosen({ ...parts, choices })
  }

  #extend(message: number): void {
    this.#extension.next(message)
    // Drawn when the columns are fixed.
    const key = this.#instance.randomness(blockBytes)
    this.#ring.memory.set(key, message + extensionBytes(this.#instance.shape) - blockBytes)
    this.#cipher = new BlockCipher(key)
    this.#extensions++
  }

  /** By what the choices differ from the random ones. */
  #correct(corrections: number, choices: number, { row, count }: Stretch): void {
    const { memory } = this.#ring
    const random = this.#extension.choices + row / 8
    for (let i = 0; i < count / 8; i++) memory[corrections + i] = memory[choices + i]! ^ memory[random + i]!
  }

  /** The key of each choice. */
  #hash(keys: number, before: number, { number, row, count }: Stretch): void {
    const ring = this.#ring
    const { kernels } = ring
    const mark = ring.mark()
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const place = firstHashPlace(this.#instance.direction)
    inPieces(count, 1, (from, n) => {
      const out = keys + (number - before + from) * blockBytes
      const at = this.#extension.rows + (row + from) * blockBytes
      kernels.tweakedRows(inputs, at, BigInt(number + from), place, n)
      this.#cipher!.encrypt(ring, out, inputs, n)
      kernels.xor(out, out, inputs, 2 * n)
    })
    ring.release(mark)
  }

  /**
   * Receives the chosen message of each of `count` transfers: ⌈messageBits/8⌉ bytes each at `out`, zeros above the bits. One
   * round. New memory of the ring, a few words. Throws `TransferRefused`, `PadReused`.
   */
  *receive(
    bits: ReadonlyArray<ChoiceBits<Chosen>>,
    count: number,
    shape: TransferShape,
    out: number
  ): Round<void> {
    const pads = takePads(this.#ring, this.#instance.direction, bits, count, shape)
    const bytes = transferBytes(bits.length, count, shape)
    const [answer] = yield [crossing(nothing, bytes)]
    this.#unmask(pads, count, shape, demandBytes(answer, "transfers", bytes), out)
  }

  #unmask(
    { cipher, bits, choiceBits, number, place, blocks }: Pads,
    count: number,
    shape: TransferShape,
    wire: Uint8Array,
    out: number
  ): void {
    const ring = this.#ring
    const { kernels } = ring
    const mark = ring.mark()
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const outputs = ring.allocate(pieceBlocks * blockBytes)
    const values = ring.allocate(pieceBlocks)
    const piece = ring.allocate(transferBytes(choiceBits, Math.min(count, pieceBlocks), shape) + blockBytes)
    inPieces(count, blocks, (from, n) => {
      const first = transferBytes(choiceBits, from, shape)
      ring.memory.set(wire.subarray(first, first + transferBytes(choiceBits, n, shape)), piece)
      kernels.chosenPadInputs(inputs, values, bits, choiceBits, from, n, number, place, blocks)
      cipher.encrypt(ring, outputs, inputs, n * blocks)
      const to = out + from * messageBytes(shape)
      kernels.unmaskMessages(to, piece, inputs, outputs, values, choiceBits, shape.messageBits, n)
    })
    ring.release(mark)
  }
}
