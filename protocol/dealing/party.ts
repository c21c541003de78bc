/**
 * A cloud that deals with the other (section 5 of docs/concepts/protocol.md): its memory, its key, and the transfers and
 * products that both make together. Both clouds run the same code. A transfer that goes forward has cloud 0 as its
 * sender and leaves cloud 1 with what completes cloud 0's share; a reversed one has the roles changed.
 *
 * Each cloud knows one of the keys k_0 and k_1, and learns of the other's what is masked by words that are drawn for it
 * alone.
 */
import { wordBytes } from "../bytes.ts"
import type { MaskedProduct } from "../lattice/layout.ts"
import { crossing, type Operation, type Round } from "../learning/operations.ts"
import type { TransferShape } from "../oblivious-transfer/sizes.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { MessageRefused } from "./errors.ts"

/** Choices of many transfers, at the sender or at the receiver. */
export type Batch = object

/** Bit j of the choice of transfer i is bit `first + i·stride` of its batch. */
export interface ChoiceBits {
  readonly batch: Batch
  readonly first: number
  readonly stride: number
}

/** A direction of transfers at their sender. */
export interface TransferSender {
  offer(n: number): Round<Batch>
  /** Message v of transfer i is at `messages` + (i·2^w + v)·⌈messageBits/8⌉, w the number of choice bits, at most 6. */
  send(bits: ReadonlyArray<ChoiceBits>, count: number, shape: TransferShape, messages: number): Round<void>
}

/** The same direction at the receiver. */
export interface TransferReceiver {
  /** n choices, packed at the address `bits`. */
  choose(n: number, bits: number): Round<Batch>
  /** Writes the chosen messages to `out`, ⌈messageBits/8⌉ bytes each. */
  receive(bits: ReadonlyArray<ChoiceBits>, count: number, shape: TransferShape, out: number): Round<void>
}

/** Products of differences of both clouds' masks. */
export interface MaskProducts {
  /** This cloud's parts of ΔX·ΔY, from its own masks; the parts of both add up to it. New memory. */
  products(all: ReadonlyArray<MaskedProduct>): Round<ReadonlyArray<Matrix>>
}

/** One direction of transfers each way, that with this cloud as its sender first. */
export interface TransferringWith {
  readonly ring: Ring
  readonly cloud: 0 | 1
  readonly sender: TransferSender
  readonly receiver: TransferReceiver
}

export interface DealingWith extends TransferringWith {
  /** This cloud's generator of the run. */
  readonly prg: Prg
  /**
   * Of a key that is drawn with the transfers, at each start. Under one key no step may be dealt twice: the parts of its
   * products are others each time, and so is what these masks hide.
   */
  readonly masks: Prg
  readonly products: MaskProducts
}

export type Direction = "forward" | "reversed"

/** A word that is stored or read at the last message reaches so far beyond it. */
export const slackBytes = 8

/** The streams of what a dealing masks, beside those of the training (`protocol/computation/streams.ts`). */
export const dealingKinds = {
  /** Cloud 0's shares of carries, a word a value; then its masks of what wraps around. */
  carries: 6,
  /** What masks a value that goes both ways, at the cloud from which it goes first. */
  crossed: 7,
  /** Masks of the digits of numbers that are multiplied. */
  digits: 8,
  /** Shares of small numbers, and of products that nothing else determines. */
  parts: 9
} as const

/** The operation of a step for which something is drawn. */
export interface Place {
  readonly step: number
  readonly operation: Operation
}

/** A cloud with one direction of transfers each way. */
export class TransferringParty {
  readonly ring: Ring
  readonly cloud: 0 | 1
  readonly #sender: TransferSender
  readonly #receiver: TransferReceiver

  constructor({ ring, cloud, sender, receiver }: TransferringWith) {
    this.ring = ring
    this.cloud = cloud
    this.#sender = sender
    this.#receiver = receiver
  }

  sends(direction: Direction): boolean {
    return (direction === "forward") === (this.cloud === 0)
  }

  /** New memory of so many words, which are zeros. */
  zeros(words: number): number {
    const at = this.ring.allocate(words * wordBytes + slackBytes)
    this.ring.memory.fill(0, at, at + words * wordBytes + slackBytes)
    return at
  }

  /** n choices of a direction, which its receiver has packed at `own`. */
  *choices(direction: Direction, n: number, own: number): Round<Batch> {
    return yield* this.sends(direction) ? this.#sender.offer(n) : this.#receiver.choose(n, own)
  }

  /** Transfers: the sender writes its messages where `offer` is told, the receiver finds its own where `take` is. */
  *transfer(
    direction: Direction,
    bits: ReadonlyArray<ChoiceBits>,
    count: number,
    shape: TransferShape,
    offer: (messages: number) => void,
    take: (received: number) => void
  ): Round<void> {
    const { ring } = this
    const bytes = Math.ceil(shape.messageBits / 8)
    if (this.sends(direction)) {
      const messages = ring.allocate(count * 2 ** bits.length * bytes + slackBytes)
      offer(messages)
      yield* this.#sender.send(bits, count, shape, messages)
    } else {
      const received = ring.allocate(count * bytes + slackBytes)
      yield* this.#receiver.receive(bits, count, shape, received)
      take(received)
    }
  }
}

export class DealingParty extends TransferringParty {
  readonly #with: DealingWith

  constructor(dealing: DealingWith) {
    super(dealing)
    this.#with = dealing
  }

  get prg(): Prg {
    return this.#with.prg
  }

  get products(): MaskProducts {
    return this.#with.products
  }

  /** Fills memory with this cloud's random words for masks, from a place of the stream on. */
  fill(at: number, words: number, place: Place, kind: keyof typeof dealingKinds, from: number): void {
    this.#with.masks.fill(this.ring, at, words, { ...place, kind: dealingKinds[kind] }, from)
  }

  /** New memory of such words. */
  draw(place: Place, kind: keyof typeof dealingKinds, words: number, from = 0): number {
    const at = this.ring.allocate(words * wordBytes)
    this.fill(at, words, place, kind, from)
    return at
  }

  /** Bytes that cloud 0 tells cloud 1: those at `own` there, at `into` here. */
  *tell(own: number, into: number, bytes: number): Round<void> {
    const { ring } = this
    const sent = this.cloud === 0 ? bytes : 0
    const expected = bytes - sent
    const [told] = yield [crossing(() => ring.bytes(own, sent), expected)]
    if (told?.length !== expected)
      throw new MessageRefused({ expectedBytes: expected, actualBytes: told?.length ?? 0 })
    ring.memory.set(told, into)
  }
}
