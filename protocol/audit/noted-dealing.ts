/**
 * The program's own dealing of a few steps, run in one process, with notes of what an audit asks about: what each cloud
 * receives, what it opens of the transfers, the pads of each transfer, and which words each cloud draws. The masks of the
 * training are given words, the same everywhere: of what is not covered, nothing then looks drawn.
 */
import { createCipheriv } from "node:crypto"
import { derive } from "../aead.ts"
import type { ByteSource } from "../bytes.ts"
import { wordBytes } from "../bytes.ts"
import { streamKinds } from "../computation/streams.ts"
import { beginDealing } from "../dealing/begin.ts"
import { dealTogether } from "../dealing/deal.ts"
import {
  type ChoiceBits,
  type DealingWith,
  dealingKinds,
  type TransferReceiver,
  type TransferSender
} from "../dealing/party.ts"
import { dealtStep } from "../dealing/steps.ts"
import { crossing, type Round } from "../learning/operations.ts"
import { batchOrder } from "../learning/order.ts"
import type { TrainingPlan } from "../learning/plan.ts"
import type { TransferShape } from "../oblivious-transfer/sizes.ts"
import { Prg, type Stream } from "../ring/prg.ts"
import { Ring } from "../ring/ring.ts"

/** What a cloud draws from in a dealing. */
export interface Drawn {
  /** Each word of the masks of the training. */
  readonly word: bigint
  /** All else follows from it. */
  readonly seed: string
}

/** Transfers as they were sent. */
export interface NotedTransfers {
  readonly bits: ReadonlyArray<ChoiceBits>
  readonly count: number
  readonly shape: TransferShape
  /** Message v of transfer i at (i·2^w + v)·⌈messageBits/8⌉. */
  readonly messages: Uint8Array
  /** The same under their pads, bit by bit one after another. */
  readonly wire: Uint8Array
}

/** Messages that were chosen, ⌈messageBits/8⌉ bytes each. */
export interface Opened {
  readonly shape: TransferShape
  readonly bytes: Uint8Array
}

/** Words of a stream that were drawn in one go. */
export interface Draw {
  readonly stream: string
  readonly from: number
  readonly end: number
}

/** Notes of one cloud. */
export interface Notes {
  /** What it received, by round: the messages that travelled together. */
  readonly received: Array<ReadonlyArray<Uint8Array>>
  readonly sent: Array<NotedTransfers>
  readonly opened: Array<Opened>
  readonly draws: Array<Draw>
}

const given: ReadonlyArray<number> = [streamKinds.mask, streamKinds.rounding, streamKinds.bitMasks]

const nameOfKind = new Map<number, string>(
  Object.entries({ ...streamKinds, ...dealingKinds }).map(([name, kind]) => [kind, name])
)

/** Notes what is drawn to mask, and gives given words for the training. */
class NotedPrg extends Prg {
  readonly #real: Prg
  readonly #word: bigint
  readonly #draws: Array<Draw>

  constructor(real: Prg, word: bigint, draws: Array<Draw>) {
    super(new Uint8Array(16))
    this.#real = real
    this.#word = word
    this.#draws = draws
  }

  override fill(ring: Ring, at: number, words: number, stream: Stream, place = 0): void {
    if (given.includes(stream.kind)) {
      ring.words({ rows: 1, cols: words, at }).fill(this.#word)
      return
    }
    this.#note(words, stream, place)
    this.#real.fill(ring, at, words, stream, place)
  }

  override combine(...[ring, at, words, stream, how, place = 0]: Parameters<Prg["combine"]>): void {
    const mark = ring.mark()
    const own = ring.allocate(words * wordBytes)
    this.fill(ring, own, words, stream, place)
    ring.kernels[how](at, at, own, words)
    ring.release(mark)
  }

  #note(words: number, { step, operation, kind }: Stream, from: number): void {
    const stream = `${nameOfKind.get(kind) ?? kind} of operation ${operation} in step ${step}`
    this.#draws.push({ stream, from, end: from + words })
  }
}

const notingSender = (ring: Ring, real: TransferSender, sent: Array<NotedTransfers>): TransferSender => ({
  offer: (n) => real.offer(n),
  *send(bits, count, shape, at): Round<void> {
    const bytes = count * 2 ** bits.length * Math.ceil(shape.messageBits / 8)
    const messages = ring.bytes(at, bytes).slice()
    const round = real.send(bits, count, shape, at)
    for (let next = round.next(); !next.done; ) {
      const noted = next.value.map((message) => {
        const wire = Uint8Array.from(message())
        sent.push({ bits, count, shape, messages, wire })
        return crossing(() => wire, message.receives ?? 0)
      })
      next = round.next(yield noted)
    }
  }
})

const notingReceiver = (ring: Ring, real: TransferReceiver, opened: Array<Opened>): TransferReceiver => ({
  choose: (n, bits) => real.choose(n, bits),
  *receive(bits, count, shape, out): Round<void> {
    yield* real.receive(bits, count, shape, out)
    opened.push({ shape, bytes: ring.bytes(out, count * Math.ceil(shape.messageBits / 8)).slice() })
  }
})

/** Bytes that follow from a seed. */
export const bytesFrom = (seed: string): ByteSource => {
  const key = derive(Buffer.from(seed), "", "bicameral audit of a dealing", 16)
  const cipher = createCipheriv("aes-128-ctr", key, new Uint8Array(16))
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)))
}

/** Runs both clouds; `received` gets what each receives, by round. */
export const inLockstep = <A, B>(
  [one, other]: readonly [Round<A>, Round<B>],
  received: (cloud: 0 | 1, messages: ReadonlyArray<Uint8Array>) => void = () => {}
): readonly [A, B] => {
  let [a, b] = [one.next(), other.next()]
  while (!a.done && !b.done) {
    const [sent0, sent1] = [a.value, b.value].map((all) => all.map((message) => Uint8Array.from(message())))
    received(0, sent1!)
    received(1, sent0!)
    a = one.next(sent1!)
    b = other.next(sent0!)
  }
  if (!a.done || !b.done) throw new Error("one cloud ended a dealing before the other")
  return [a.value, b.value]
}

/** Transfers that an extension makes: few, as little is dealt. */
const transfers = 2 ** 14

/** Deals the first `steps` steps of a plan. What follows from keys that begin a session is not among the notes. */
export const noteDealing = async (
  plan: TrainingPlan,
  steps: number,
  drawn: readonly [Drawn, Drawn]
): Promise<readonly [Notes, Notes]> => {
  const order = batchOrder(plan, new Uint8Array(16))
  const rings = [await Ring.load(), await Ring.load()] as const
  const notes = [0, 1].map((): Notes => ({ received: [], sent: [], opened: [], draws: [] }))
  const [notes0, notes1] = notes as [Notes, Notes]
  const begun = ([0, 1] as const).map((cloud) => {
    const { word, seed } = drawn[cloud]
    const randomness = bytesFrom(seed)
    const prg = new NotedPrg(new Prg(randomness(16)), word, notes[cloud]!.draws)
    const shape = { fieldBits: 4, transfers }
    return beginDealing({ ring: rings[cloud], cloud, prg, randomness, shape })
  })
  const parties = inLockstep([begun[0]!, begun[1]!])
  const dealings = parties.map((party, cloud): DealingWith => {
    const { ring, masks, sender, receiver } = party
    const { draws, sent, opened } = notes[cloud]!
    return {
      ...party,
      masks: new NotedPrg(masks, 0n, draws),
      sender: notingSender(ring, sender, sent),
      receiver: notingReceiver(ring, receiver, opened)
    }
  })
  const rounds = dealings.map((dealing) =>
    dealTogether(
      dealing,
      Array.from({ length: steps }, (_, i) =>
        dealtStep({ ring: dealing.ring, prg: dealing.prg, plan, order }, i + 1)
      )
    )
  )
  inLockstep([rounds[0]!, rounds[1]!], (cloud, messages) => notes[cloud]!.received.push(messages))
  return [notes0, notes1]
}
