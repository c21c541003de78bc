/**
 * Oblivious transfers: random ones with their choices set right, for the sizes of small fields that make sense, and the pads
 * of transfers on them; next to the bare cipher on as many blocks. Sender and receiver work in turns in one process, and
 * each has its own processor time.
 */
import { createCipheriv, randomBytes } from "node:crypto"
import { free } from "../protocol/bytes.ts"
import type { Message, Round } from "../protocol/learning/operations.ts"
import { blockBytes, pieceBlocks } from "../protocol/oblivious-transfer/block-cipher.ts"
import { TransferReceiver } from "../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../protocol/oblivious-transfer/sender.ts"
import { choiceBytes, defaultExtension, openingBytes } from "../protocol/oblivious-transfer/sizes.ts"
import { Ring } from "../protocol/ring/ring.ts"
import { announceMachine, ownProcessorMs, type Spread, spreadOf, writeFigures } from "./measure.ts"

const repetitions = 9
const transfers = 2 ** 20
/** Messages of transfers that training needs: a bit, a word under a choice, and a block of four bits of a comparison. */
const kinds = [
  { name: "1 of 2, 1 bit", choiceBits: 1, messageBits: 1, count: 2 ** 18 },
  { name: "1 of 2, 64 bits", choiceBits: 1, messageBits: 64, count: 2 ** 18 },
  { name: "1 of 2, 192 bits", choiceBits: 1, messageBits: 192, count: 2 ** 18 },
  { name: "1 of 16, 15 bits", choiceBits: 4, messageBits: 15, count: 2 ** 15 },
  { name: "1 of 32, 17 bits", choiceBits: 5, messageBits: 17, count: 2 ** 15 }
] as const

/** A side and the processor time that it has taken. */
class Side<A> {
  readonly #round: Round<A>
  next: IteratorResult<ReadonlyArray<Message>, A>
  ms = 0

  constructor(round: Round<A>) {
    this.#round = round
    this.next = this.#timed(() => round.next())
  }

  #timed<B>(work: () => B): B {
    const start = ownProcessorMs()
    const result = work()
    this.ms += ownProcessorMs() - start
    return result
  }

  resume(received: ReadonlyArray<Uint8Array>): void {
    this.next = this.#timed(() => this.#round.next(received))
  }
}

const inTurns = <A, B>(one: Round<A>, other: Round<B>) => {
  const [sender, receiver] = [new Side(one), new Side(other)]
  for (;;) {
    const [sent, answered] = [sender.next, receiver.next]
    if (sent.done && answered.done)
      return { results: [sent.value, answered.value] as const, sender, receiver }
    if (sent.done || answered.done) throw new Error("one side ended before the other")
    const [forward, back] = [sent.value, answered.value].map((each) =>
      each.map((message) => message().slice())
    )
    sender.resume(back!)
    receiver.resume(forward!)
  }
}

/** Processor time of the bare cipher on so many blocks. */
const bareMs = (ring: Ring, blocks: number): number => {
  const cipher = createCipheriv("aes-128-ecb", randomBytes(16), null)
  const at = ring.mark()
  const start = ownProcessorMs()
  for (let first = 0; first < blocks; first += pieceBlocks)
    free(cipher.update(ring.bytes(at, Math.min(pieceBlocks, blocks - first) * blockBytes)))
  return ownProcessorMs() - start
}

const opened = async (fieldBits: number) => {
  const rings = [await Ring.load(), await Ring.load()] as const
  const shape = { ...defaultExtension, fieldBits }
  const { results, sender, receiver } = inTurns(
    TransferSender.open({ ring: rings[0], direction: 0, shape, randomness: randomBytes }),
    TransferReceiver.open({ ring: rings[1], direction: 0, shape, randomness: randomBytes })
  )
  return { rings, shape, sender: results[0], receiver: results[1], ms: [sender.ms, receiver.ms] as const }
}

type Opened = Awaited<ReturnType<typeof opened>>

/** Chooses for transfers, and releases all memory when `use` is done with them. */
const withBatch = <A>(
  { rings, sender, receiver }: Opened,
  n: number,
  use: (batch: ReturnType<typeof chosen>) => A
): A => {
  const marks = rings.map((ring) => ring.mark())
  const chosen_ = chosen(rings[1], sender, receiver, n)
  const result = use(chosen_)
  for (const [i, ring] of rings.entries()) ring.release(marks[i]!)
  return result
}

const chosen = (ring: Ring, sender: TransferSender, receiver: TransferReceiver, n: number) => {
  const bits = ring.allocate(n / 8)
  ring.memory.set(randomBytes(n / 8), bits)
  return inTurns(sender.offer(n), receiver.choose(n, bits))
}

/** Millions a second of `n`, from milliseconds. */
const rates = (n: number, ms: ReadonlyArray<number>): Spread => spreadOf(ms.map((each) => n / each / 1e3))

const text = ({ median, least, most }: Spread, digits = 1): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`.padStart(22)

const measureExtension = async (fieldBits: number) => {
  const instance = await opened(fieldBits)
  const times = Array.from({ length: repetitions + 2 }, () => {
    const parts = Array.from({ length: transfers / defaultExtension.transfers }, () =>
      withBatch(instance, defaultExtension.transfers, ({ sender, receiver }) => [sender.ms, receiver.ms])
    )
    return [0, 1].map((side) => parts.reduce((sum, part) => sum + part[side]!, 0))
  }).slice(2)
  // Of AES a transfer: what both draw for the columns, and the first hash, two at the sender and one at the receiver.
  const drawn = 2 ** fieldBits / fieldBits
  const bare = Array.from({ length: repetitions }, () => bareMs(instance.rings[0], transfers * (drawn + 2)))
  return {
    fieldBits,
    openingMs: instance.ms,
    sender: rates(
      transfers,
      times.map(([ms]) => ms!)
    ),
    receiver: rates(
      transfers,
      times.map(([, ms]) => ms!)
    ),
    bare: rates(transfers, bare),
    bytes: choiceBytes(instance.shape, 0, transfers) / transfers
  }
}

const measurePads = async ({ name, choiceBits, messageBits, count }: (typeof kinds)[number]) => {
  const instance = await opened(2)
  const { rings, sender, receiver } = instance
  const each = Math.ceil(messageBits / 8)
  const values = 2 ** choiceBits
  const times = Array.from({ length: repetitions + 2 }, () =>
    withBatch(instance, count * choiceBits, ({ results: [offered, taken] }) => {
      const of = <B>(batch: B) =>
        Array.from({ length: choiceBits }, (_, j) => ({ batch, first: j, stride: choiceBits }))
      const messages = rings[0].allocate(count * values * each)
      const out = rings[1].allocate(count * each)
      const shape = { messageBits, use: 0 }
      const { sender: sending, receiver: receiving } = inTurns(
        sender.send(of(offered), count, shape, messages),
        receiver.receive(of(taken), count, shape, out)
      )
      return [sending.ms, receiving.ms] as const
    })
  ).slice(2)
  const pads = count * values
  const blocks = pads * Math.ceil(messageBits / 128)
  const bare = Array.from({ length: repetitions }, () => bareMs(rings[0], blocks))
  return {
    name,
    sender: rates(
      pads,
      times.map(([ms]) => ms)
    ),
    receiver: rates(
      count,
      times.map(([, ms]) => ms)
    ),
    bare: rates(pads, bare)
  }
}

/** Measures, prints the tables and writes `out/bench/ot.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log(`\n${transfers} transfers with their choices: millions a second on one core`)
  const head = (columns: ReadonlyArray<string>) => columns.map((each) => each.padStart(22)).join("")
  console.log(`${"k".padEnd(4)}${head(["sender", "receiver", "bare cipher (sender)"])}  bytes sent each`)
  const extensions = []
  for (const fieldBits of [2, 3, 4]) {
    const measured = await measureExtension(fieldBits)
    extensions.push(measured)
    const { sender, receiver, bare, bytes } = measured
    console.log(`${fieldBits}   ${text(sender)}${text(receiver)}${text(bare)}  ${bytes.toFixed(2)}`)
  }
  const [first] = extensions
  const sent = [openingBytes.sender, openingBytes.receiver].map((each) => each.reduce((sum, n) => sum + n, 0))
  console.log(
    `opening: sender ${first!.openingMs[0].toFixed(0)} ms, ${sent[0]} bytes; receiver ${first!.openingMs[1].toFixed(0)} ms, ${sent[1]} bytes`
  )
  console.log(`\n${"transfer".padEnd(20)}${head(["pads (sender)", "bare cipher", "transfers (receiver)"])}`)
  const pads = []
  for (const kind of kinds) {
    const measured = await measurePads(kind)
    pads.push(measured)
    const { name, sender, receiver, bare } = measured
    console.log(`${name.padEnd(20)}${text(sender)}${text(bare)}${text(receiver)}`)
  }
  writeFigures("ot", { machine, extensions, pads })
}
