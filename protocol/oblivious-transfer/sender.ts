/**
 * The sender of one direction. It may open everything that it sends; of the receiver's choices it sees each one under a
 * bit that it cannot know.
 */
import { crossing, type Round } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"
import { chooseBaseKeys } from "./base.ts"
import { type ChoiceBits, firstHashPlace, inPieces, Offered, takePads } from "./batch.ts"
import { BlockCipher, blockBytes, pieceBlocks } from "./block-cipher.ts"
import { demandBytes } from "./errors.ts"
import { SenderExtension } from "./extension.ts"
import type { Instance } from "./instance.ts"
import {
  choiceBytes,
  type ExtensionShape,
  extensionBytes,
  extensionsFor,
  messageBytes,
  type TransferShape,
  taken,
  transferBytes
} from "./sizes.ts"
import { deltaBits, leavesFrom, treeCorrectionBytes, treesOf } from "./trees.ts"

const nothing = () => new Uint8Array(0)

export class TransferSender {
  readonly #ring: Ring
  readonly #direction: 0 | 1
  readonly #shape: ExtensionShape
  readonly #extension: SenderExtension
  #taken = 0
  #made = 0
  #cipher: BlockCipher | undefined

  private constructor({ ring, direction, shape }: Instance, extension: SenderExtension) {
    this.#ring = ring
    this.#direction = direction
    this.#shape = shape
    this.#extension = extension
  }

  /**
   * A new instance, with the base transfers. Two rounds. The memory that it takes stays its own. Throws
   * `TransferRefused`, `NotOnCurve`.
   */
  static *open(instance: Instance): Round<TransferSender> {
    const { ring, direction, shape, randomness } = instance
    const delta = Uint8Array.from(randomness(deltaBits / 8))
    const choices = delta.map((byte) => byte ^ 0xff)
    const keys = yield* chooseBaseKeys(direction, choices, randomness)
    const [answer] = yield [crossing(nothing, treeCorrectionBytes)]
    const corrections = demandBytes(answer, "tree corrections", treeCorrectionBytes)
    const leaves = leavesFrom(treesOf(shape.fieldBits), delta, keys, corrections)
    return new TransferSender(instance, new SenderExtension(ring, shape, leaves, delta))
  }

  /** The transfers that have been taken so far: what sizes depend on. */
  get taken(): number {
    return this.#taken
  }

  /** Offers `n` transfers, for which the receiver chooses. One round. New memory of the ring. Throws `TransferRefused`. */
  *offer(n: number): Round<Offered> {
    const before = this.#taken
    this.#taken += taken(n)
    const bytes = choiceBytes(this.#shape, before, n)
    const keys = this.#ring.allocate(taken(n) * 2 * blockBytes)
    const [answer] = yield [crossing(nothing, bytes)]
    const message = demandBytes(answer, "choices", bytes)
    const corrections = extensionsFor(this.#shape, before, n) * extensionBytes(this.#shape)
    this.#hash(keys, before, message.subarray(0, corrections), message.subarray(corrections))
    return new Offered({
      number: before,
      transfers: n,
      cipher: this.#cipher!,
      extension: this.#made,
      keys
    })
  }

  /** Both keys of the next transfers, the other way round where the receiver's correction says so. */
  #hash(keys: number, before: number, extensions: Uint8Array, corrections: Uint8Array): void {
    const { transfers } = this.#shape
    const end = before + corrections.length * 8
    let [number, at] = [before, 0]
    while (number < end) {
      const used = number % transfers
      if (used === 0) {
        const bytes = extensionBytes(this.#shape)
        this.#extend(extensions.subarray(at, at + bytes))
        at += bytes
      }
      const count = Math.min(end - number, transfers - used)
      const done = number - before
      this.#hashRows(
        keys + done * 2 * blockBytes,
        used,
        number,
        corrections.subarray(done / 8, (done + count) / 8)
      )
      number += count
    }
  }

  #extend(message: Uint8Array): void {
    this.#extension.next(message.subarray(0, -blockBytes))
    this.#cipher = new BlockCipher(message.subarray(-blockBytes))
    this.#made++
  }

  #hashRows(keys: number, used: number, number: number, corrections: Uint8Array): void {
    const ring = this.#ring
    const { kernels } = ring
    const { rows, delta } = this.#extension
    const mark = ring.mark()
    const bits = ring.allocate(corrections.length)
    ring.memory.set(corrections, bits)
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const place = firstHashPlace(this.#direction)
    inPieces(corrections.length * 8, 2, (from, count) => {
      const out = keys + from * 2 * blockBytes
      const at = rows + (used + from) * blockBytes
      kernels.tweakedRowPairs(inputs, at, bits + from / 8, delta, BigInt(number + from), place, count)
      this.#cipher!.encrypt(ring, out, inputs, 2 * count)
      kernels.xor(out, out, inputs, 4 * count)
    })
    ring.release(mark)
  }

  /**
   * Sends 2^w messages for each of `count` transfers, w the number of choice bits, up to 6: message v of transfer i is at
   * `messages` + (i·2^w + v)·⌈messageBits/8⌉, where bit j of v is choice bit j. One round. New memory of the ring, which
   * holds what is sent. Throws `PadReused`.
   */
  *send(
    bits: ReadonlyArray<ChoiceBits<Offered>>,
    count: number,
    shape: TransferShape,
    messages: number
  ): Round<void> {
    const ring = this.#ring
    const bytes = transferBytes(bits.length, count, shape)
    const wire = ring.allocate(bytes + blockBytes)
    this.#mask(bits, count, shape, messages, wire)
    yield [crossing(() => ring.bytes(wire, bytes), 0)]
  }

  #mask(
    bits: ReadonlyArray<ChoiceBits<Offered>>,
    count: number,
    shape: TransferShape,
    messages: number,
    wire: number
  ): void {
    const ring = this.#ring
    const { kernels } = ring
    const mark = ring.mark()
    const { cipher, choiceBits, number, place, blocks, ...pads } = takePads(
      ring,
      this.#direction,
      bits,
      count,
      shape
    )
    const inputs = ring.allocate(pieceBlocks * blockBytes)
    const outputs = ring.allocate(pieceBlocks * blockBytes)
    const values = 2 ** choiceBits
    inPieces(count, values * blocks, (from, n) => {
      kernels.padInputs(inputs, pads.bits, choiceBits, from, n, number, place, blocks)
      cipher.encrypt(ring, outputs, inputs, n * values * blocks)
      const at = messages + from * values * messageBytes(shape)
      const to = wire + transferBytes(choiceBits, from, shape)
      kernels.maskMessages(to, inputs, outputs, at, shape.messageBits, n * values)
    })
    ring.release(mark)
  }
}
