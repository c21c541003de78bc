/**
 * The sender of one direction. Of the receiver's choices it sees each under a random bit that only the receiver knows.
 */
import { crossing, type Round } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"
import { chooseBaseKeys } from "./base.ts"
import { type ChoiceBits, firstHashPlace, inPieces, Offered, takePads } from "./batch.ts"
import { BlockCipher, blockBytes, pieceBlocks } from "./block-cipher.ts"
import { demandBytes } from "./errors.ts"
import { SenderExtension, type Stretch, stretchesOf } from "./extension.ts"
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
import { deltaBits, leavesFrom, treeCorrectionBytes, treesOf } from "./trees.ts"

const nothing = () => new Uint8Array(0)

export class TransferSender {
  readonly #instance: Instance
  readonly #ring: Ring
  readonly #extension: SenderExtension
  /** The cipher of the last extension. */
  #cipher: BlockCipher | undefined
  #extensions = 0
  #taken = 0

  private constructor(instance: Instance, extension: SenderExtension) {
    this.#instance = instance
    this.#ring = instance.ring
    this.#extension = extension
  }

  /**
   * A new instance, with the base transfers. Two rounds. New memory of the ring, which must not be released while the
   * instance is used. Throws `TransferRefused`, `NotOnCurve`.
   */
  static *open(instance: Instance): Round<TransferSender> {
    const { ring, direction, shape, randomness } = instance
    demandShape(shape)
    const delta = Uint8Array.from(randomness(deltaBits / 8))
    const keys = yield* chooseBaseKeys(
      direction,
      delta.map((byte) => ~byte),
      randomness
    )
    const [answer] = yield [crossing(nothing, treeCorrectionBytes)]
    const corrections = demandBytes(answer, "tree corrections", treeCorrectionBytes)
    const leaves = leavesFrom(treesOf(shape.fieldBits), delta, keys, corrections)
    return new TransferSender(instance, new SenderExtension(ring, shape, leaves, delta))
  }

  /** The transfers that have been taken so far: what the size of the next choices depends on. */
  get taken(): number {
    return this.#taken
  }

  /**
   * Offers `n` transfers, at least one, for which the receiver chooses. One round. New memory of the ring for the batch.
   * Throws `TransferRefused`.
   */
  *offer(n: number): Round<Offered> {
    const { shape } = this.#instance
    const number = this.#taken
    const stretches = stretchesOf(shape, number, n)
    const bytes = choiceBytes(shape, number, n)
    this.#taken += taken(n)
    const keys = this.#ring.allocate(taken(n) * 2 * blockBytes)
    const [answer] = yield [crossing(nothing, bytes)]
    const message = demandBytes(answer, "choices", bytes)
    const corrections = message.subarray(bytes - taken(n) / 8)
    let at = 0
    for (const stretch of stretches) {
      if (stretch.extends) {
        this.#extend(message.subarray(at, at + extensionBytes(shape)))
        at += extensionBytes(shape)
      }
      this.#hash(keys, number, stretch, corrections)
    }
    return new Offered({ number, transfers: n, cipher: this.#cipher!, extension: this.#extensions, keys })
  }

  #extend(message: Uint8Array): void {
    this.#extension.next(message.subarray(0, -blockBytes))
    this.#cipher = new BlockCipher(message.subarray(-blockBytes))
    this.#extensions++
  }

  /** Both keys of each transfer, the other way round where its correction is set. */
  #hash(keys: number, before: number, { number, row, count }: Stretch, corrections: Uint8Array): void {
    const ring = this.#ring
    const { kernels } = ring
    const { rows, delta } = this.#extension
    const done = number - before
    const mark = ring.mark()
    const bits = ring.allocate(count / 8)
    ring.memory.set(corrections.subarray(done / 8, (done + count) / 8), bits)
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const place = firstHashPlace(this.#instance.direction)
    inPieces(count, 2, (from, n) => {
      const out = keys + (done + from) * 2 * blockBytes
      const at = rows + (row + from) * blockBytes
      kernels.tweakedRowPairs(inputs, at, bits + from / 8, delta, BigInt(number + from), place, n)
      this.#cipher!.encrypt(ring, out, inputs, 2 * n)
      kernels.xor(out, out, inputs, 4 * n)
    })
    ring.release(mark)
  }

  /**
   * Sends 2^w messages for each of `count` transfers, of which the receiver gets one; w ≤ 6 is the number of choice bits.
   * Message v of transfer i is at `messages` + (i·2^w + v)·⌈messageBits/8⌉; bit j of v is choice bit j. One round. New memory
   * of the ring for what is sent. Throws `PadReused`.
   */
  *send(
    bits: ReadonlyArray<ChoiceBits<Offered>>,
    count: number,
    shape: TransferShape,
    messages: number
  ): Round<void> {
    const bytes = transferBytes(bits.length, count, shape)
    const wire = this.#ring.allocate(bytes + blockBytes)
    this.#mask(bits, count, shape, messages, wire)
    yield [crossing(() => this.#ring.bytes(wire, bytes), 0)]
  }

  #mask(
    choices: ReadonlyArray<ChoiceBits<Offered>>,
    count: number,
    shape: TransferShape,
    messages: number,
    wire: number
  ): void {
    const ring = this.#ring
    const { kernels } = ring
    const mark = ring.mark()
    const pads = takePads(ring, this.#instance.direction, choices, count, shape)
    const { cipher, bits, choiceBits, number, place, blocks } = pads
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const outputs = ring.allocate(pieceBlocks * blockBytes)
    const values = 2 ** choiceBits
    inPieces(count, values * blocks, (from, n) => {
      kernels.padInputs(inputs, bits, choiceBits, from, n, number, place, blocks)
      cipher.encrypt(ring, outputs, inputs, n * values * blocks)
      const at = messages + from * values * messageBytes(shape)
      const to = wire + transferBytes(choiceBits, from, shape)
      kernels.maskMessages(to, inputs, outputs, at, shape.messageBits, n * values)
    })
    ring.release(mark)
  }
}
