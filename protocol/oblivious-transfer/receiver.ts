/**
 * The receiver of one direction. Of the messages of a transfer it learns the chosen one; all others are under pads that it
 * can't compute.
 */
import { derive } from "../aead.ts"
import { crossing, type Round } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"
import { type ByteSource, offerBaseKeys } from "./base.ts"
import { type ChoiceBits, Chosen, firstHashPlace, inPieces, takePads } from "./batch.ts"
import { BlockCipher, blockBytes, pieceBlocks } from "./block-cipher.ts"
import { demandBytes } from "./errors.ts"
import { ReceiverExtension } from "./extension.ts"
import type { Instance } from "./instance.ts"
import {
  choiceBytes,
  type ExtensionShape,
  extensionBytes,
  messageBytes,
  type TransferShape,
  taken,
  transferBytes
} from "./sizes.ts"
import { correctionsOf, growTree, seedBytes, treesOf } from "./trees.ts"

export class TransferReceiver {
  readonly #ring: Ring
  readonly #direction: 0 | 1
  readonly #shape: ExtensionShape
  readonly #randomness: ByteSource
  readonly #extension: ReceiverExtension
  #taken = 0
  #made = 0
  #cipher: BlockCipher | undefined

  private constructor({ ring, direction, shape, randomness }: Instance, extension: ReceiverExtension) {
    this.#ring = ring
    this.#direction = direction
    this.#shape = shape
    this.#randomness = randomness
    this.#extension = extension
  }

  /**
   * A new instance, with the base transfers. Two rounds. The memory that it takes stays its own. Throws
   * `TransferRefused`, `NotOnCurve`.
   */
  static *open(instance: Instance): Round<TransferReceiver> {
    const { ring, direction, shape, randomness } = instance
    const { keys, digest } = yield* offerBaseKeys(direction, randomness)
    const trees = treesOf(shape.fieldBits)
    // New ones if the sender alone began anew and this side draws the same again.
    const roots = derive(
      randomness(seedBytes),
      digest,
      "bicameral oblivious transfer trees",
      trees.length * seedBytes
    )
    const grown = trees.map((tree, j) => growTree(roots.subarray(j * seedBytes, (j + 1) * seedBytes), tree))
    const corrections = correctionsOf(trees, grown, keys)
    yield [crossing(() => corrections, 0)]
    const leaves = grown.map((tree) => tree.leaves)
    return new TransferReceiver(instance, new ReceiverExtension(ring, shape, leaves))
  }

  /** The transfers that have been taken so far: what sizes depend on. */
  get taken(): number {
    return this.#taken
  }

  /**
   * Chooses for `n` transfers, by packed bits at `bits`. One round. New memory of the ring, for the batch and for what is
   * sent.
   */
  *choose(n: number, bits: number): Round<Chosen> {
    const ring = this.#ring
    const before = this.#taken
    this.#taken += taken(n)
    const bytes = choiceBytes(this.#shape, before, n)
    const keys = ring.allocate(taken(n) * blockBytes)
    const choices = ring.allocate(taken(n) / 8)
    ring.memory.copyWithin(choices, bits, bits + taken(n) / 8)
    const message = ring.allocate(bytes)
    this.#hash(keys, before, n, choices, message)
    const batch = new Chosen({
      number: before,
      transfers: n,
      cipher: this.#cipher!,
      extension: this.#made,
      keys,
      choices
    })
    yield [crossing(() => ring.bytes(message, bytes), 0)]
    return batch
  }

  /** The key of each choice, and to `message` new extensions and by what the choices differ from the random ones. */
  #hash(keys: number, before: number, n: number, choices: number, message: number): void {
    const { transfers } = this.#shape
    const ring = this.#ring
    const end = before + taken(n)
    const corrections = message + choiceBytes(this.#shape, before, n) - taken(n) / 8
    let [number, at] = [before, message]
    while (number < end) {
      const used = number % transfers
      if (used === 0) {
        this.#extend(at)
        at += extensionBytes(this.#shape)
      }
      const count = Math.min(end - number, transfers - used)
      const done = number - before
      this.#hashRows(keys + done * blockBytes, used, number, count)
      const { memory } = ring
      const random = this.#extension.choices + used / 8
      for (let i = 0, from = done / 8; i < count / 8; i++)
        memory[corrections + from + i] = memory[choices + from + i]! ^ memory[random + i]!
      number += count
    }
  }

  #extend(message: number): void {
    this.#extension.next(message)
    // Drawn when the columns are fixed.
    const key = this.#randomness(blockBytes)
    this.#ring.memory.set(key, message + extensionBytes(this.#shape) - blockBytes)
    this.#cipher = new BlockCipher(key)
    this.#made++
  }

  #hashRows(keys: number, used: number, number: number, total: number): void {
    const ring = this.#ring
    const { kernels } = ring
    const mark = ring.mark()
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const place = firstHashPlace(this.#direction)
    inPieces(total, 1, (from, count) => {
      const out = keys + from * blockBytes
      const at = this.#extension.rows + (used + from) * blockBytes
      kernels.tweakedRows(inputs, at, BigInt(number + from), place, count)
      this.#cipher!.encrypt(ring, out, inputs, count)
      kernels.xor(out, out, inputs, 2 * count)
    })
    ring.release(mark)
  }

  /**
   * Receives the chosen message of each of `count` transfers: ⌈messageBits/8⌉ bytes each at `out`, zeros above the bits. One
   * round. Throws `TransferRefused`, `PadReused`.
   */
  *receive(
    bits: ReadonlyArray<ChoiceBits<Chosen>>,
    count: number,
    shape: TransferShape,
    out: number
  ): Round<void> {
    const bytes = transferBytes(bits.length, count, shape)
    const pads = takePads(this.#ring, this.#direction, bits, count, shape)
    const [answer] = yield [crossing(() => new Uint8Array(0), bytes)]
    this.#unmask(pads, count, shape, demandBytes(answer, "transfers", bytes), out)
  }

  #unmask(
    pads: ReturnType<typeof takePads>,
    count: number,
    shape: TransferShape,
    wire: Uint8Array,
    out: number
  ): void {
    const ring = this.#ring
    const { kernels } = ring
    const { cipher, bits, choiceBits, number, place, blocks } = pads
    const mark = ring.mark()
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const outputs = ring.allocate(pieceBlocks * blockBytes)
    const values = ring.allocate(pieceBlocks)
    const largest = transferBytes(choiceBits, pieceBlocks / blocks, shape)
    const piece = ring.allocate(largest + blockBytes)
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
