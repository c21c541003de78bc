/**
 * Oblivious transfers: random ones with their choices set right, for the sizes of small fields that make sense, and the pads
 * of transfers on them; next to the bare cipher on as many blocks. Sender and receiver work in turns in one process, and
 * each has its own processor time.
 */
import { createCipheriv, randomBytes } from "node:crypto"
import { free } from "../protocol/bytes.ts"
import { blockBytes, pieceBlocks } from "../protocol/oblivious-transfer/block-cipher.ts"
import { TransferReceiver } from "../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../protocol/oblivious-transfer/sender.ts"
import { choiceBytes, defaultExtension, openingBytes } from "../protocol/oblivious-transfer/sizes.ts"
import { Ring } from "../protocol/ring/ring.ts"
import { inTurns } from "./in-turns.ts"
import { announceMachine, ownProcessorMs, ratioOf, type Spread, spreadOf, writeFigures } from "./measure.ts"

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
  const { results, ms } = inTurns(
    TransferSender.open({ ring: rings[0], direction: 0, shape, randomness: randomBytes }),
    TransferReceiver.open({ ring: rings[1], direction: 0, shape, randomness: randomBytes })
  )
  return { rings, shape, sender: results[0], receiver: results[1], ms }
}

type Opened = Awaited<ReturnType<typeof opened>>

/** A batch of `n` transfers with random choices, and what each side took for it. */
const chosenBatch = ({ rings: [, ring], sender, receiver }: Opened, n: number) => {
  const bits = ring.allocate(n / 8)
  ring.memory.set(randomBytes(n / 8), bits)
  return inTurns(sender.offer(n), receiver.choose(n, bits))
}

/** Gives back all memory that `use` has taken. */
const releasing = <A>({ rings }: Opened, use: () => A): A => {
  const marks = rings.map((ring) => ring.mark())
  const result = use()
  for (const [i, ring] of rings.entries()) ring.release(marks[i]!)
  return result
}

/** What the two sides took, and the bare cipher on the sender's blocks, in milliseconds. */
interface Taken {
  readonly sender: number
  readonly receiver: number
  readonly bare: number
}

/** Samples taken in turns; the first two, in which V8 compiles, do not count. */
const samples = (take: () => Taken): ReadonlyArray<Taken> =>
  Array.from({ length: repetitions + 2 }, take).slice(2)

/** Millions a second of `n`. */
const rate = (n: number, ms: ReadonlyArray<number>): Spread => spreadOf(ms.map((each) => n / each / 1e3))

/** Rates of `atSender` and `atReceiver` things, that of the bare cipher for as many as the sender's, and how much longer it takes. */
const ratesOf = (taken: ReadonlyArray<Taken>, atSender: number, atReceiver: number) => {
  const [sender, receiver, bare] = (["sender", "receiver", "bare"] as const).map((side) =>
    taken.map((sample) => sample[side])
  ) as [number[], number[], number[]]
  return {
    sender: rate(atSender, sender),
    receiver: rate(atReceiver, receiver),
    bare: rate(atSender, bare),
    ratio: ratioOf(sender, bare)
  }
}

const measureExtension = async (fieldBits: number) => {
  const instance = await opened(fieldBits)
  // Of AES a transfer: what is drawn for the columns, of all leaves but one, and two hashes.
  const blocks = transfers * ((2 ** fieldBits - 1) / fieldBits + 2)
  const taken = samples(() => {
    const parts = Array.from({ length: transfers / defaultExtension.transfers }, () =>
      releasing(instance, () => chosenBatch(instance, defaultExtension.transfers))
    )
    const sumOf = (side: 0 | 1) => parts.reduce((sum, part) => sum + part.ms[side], 0)
    return { sender: sumOf(0), receiver: sumOf(1), bare: bareMs(instance.rings[0], blocks) }
  })
  return {
    fieldBits,
    openingMs: instance.ms,
    bytes: choiceBytes(instance.shape, 0, transfers) / transfers,
    ...ratesOf(taken, transfers, transfers)
  }
}

const measurePads = async ({ name, choiceBits, messageBits, count }: (typeof kinds)[number]) => {
  const instance = await opened(defaultExtension.fieldBits)
  const { rings, sender, receiver } = instance
  const each = Math.ceil(messageBits / 8)
  const pads = count * 2 ** choiceBits
  const taken = samples(() =>
    releasing(instance, () => {
      const [offered, chosen] = chosenBatch(instance, count * choiceBits).results
      const bitsOf = <Of>(batch: Of) =>
        Array.from({ length: choiceBits }, (_, j) => ({ batch, first: j, stride: choiceBits }))
      const messages = rings[0].allocate(pads * each)
      const out = rings[1].allocate(count * each)
      const shape = { messageBits, use: 0 }
      const sides = inTurns(
        sender.send(bitsOf(offered), count, shape, messages),
        receiver.receive(bitsOf(chosen), count, shape, out)
      )
      const bare = bareMs(rings[0], pads * Math.ceil(messageBits / 128))
      return { sender: sides.ms[0], receiver: sides.ms[1], bare }
    })
  )
  return { name, ...ratesOf(taken, pads, count) }
}

const text = ({ median, least, most }: Spread, digits = 1): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`.padStart(22)

const heading = (columns: ReadonlyArray<string>) => columns.map((each) => each.padStart(22)).join("")

const line = ({ sender, receiver, bare, ratio }: ReturnType<typeof ratesOf>): string =>
  text(sender) + text(bare) + text(ratio, 2) + text(receiver)

/** Measures, prints the tables and writes `out/bench/ot.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log(`\n${transfers} transfers with their choices: millions a second on one core`)
  console.log(`k   ${heading(["sender", "bare cipher", "× bare", "receiver"])}  bytes sent each`)
  const extensions = []
  for (const fieldBits of [2, 3, 4, 8]) {
    const measured = await measureExtension(fieldBits)
    extensions.push(measured)
    console.log(`${fieldBits}   ${line(measured)}  ${measured.bytes.toFixed(2)}`)
  }
  const [sent, answered] = [openingBytes.sender, openingBytes.receiver].map((each) =>
    each.reduce((sum: number, bytes: number) => sum + bytes, 0)
  )
  const opening = extensions.find(({ fieldBits }) => fieldBits === defaultExtension.fieldBits)!
  const [atSender, atReceiver] = opening.openingMs.map((ms) => ms.toFixed(0))
  console.log(`opening: sender ${atSender} ms, ${sent} bytes; receiver ${atReceiver} ms, ${answered} bytes`)
  console.log("\nmillions of pads a second at the sender, and of transfers at the receiver")
  console.log(`${"".padEnd(20)}${heading(["pads", "bare cipher", "× bare", "transfers"])}`)
  const pads = []
  for (const kind of kinds) {
    const measured = await measurePads(kind)
    pads.push(measured)
    console.log(measured.name.padEnd(20) + line(measured))
  }
  writeFigures("ot", { machine, extensions, pads })
}
