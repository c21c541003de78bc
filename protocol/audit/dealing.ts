/**
 * The audit of a dealing by the clouds (docs/concepts/audit.md): that what each cloud receives is independent of the
 * other's key. The program deals a few steps of a run's form several times, in which the masks of the training are given words.
 */
import { GROUP } from "../computation/sizes.ts"
import type { TrainingPlan } from "../learning/plan.ts"
import type { SmallForm } from "./coupled-form.ts"
import { type Drawn, type NotedTransfers, type Notes, noteDealing, type Opened } from "./noted-dealing.ts"
import type { Finding } from "./recording.ts"
import { auditResultNoise } from "./result-noise.ts"
import { deviationsOf, mostDeviations } from "./uniform.ts"

const steps = 2
const words = [0x0123_4567_89ab_cdefn, 0xffff_ffff_ffff_ffffn] as const

type Report = (what: string, where: string, remedy: string) => void

/** Batches of whole groups: what fills up a group is not masked, as it is zeros for everybody. */
const dealtPlan = ({ plan }: Pick<SmallForm, "plan">): TrainingPlan => ({
  ...plan,
  ...{ rows: steps * GROUP, batch: GROUP, stepsPerEpoch: steps, epochs: 1, steps }
})

/** What is wrong with a dealing of this form. */
export const auditDealing = async (form: Pick<SmallForm, "plan">): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = []
  const plan = dealtPlan(form)
  const deal = (zero: Drawn, one: Drawn) => noteDealing(plan, steps, [zero, one])
  const drawn = (word: bigint, seed: string): Drawn => ({ word, seed })
  const [a, b] = words
  const first = await deal(drawn(a, "first"), drawn(b, "second"))
  const others = await deal(drawn(b, "third"), drawn(a, "fourth"))
  // The same keys, and anew what the sender draws.
  const again = [
    await deal(drawn(a, "first"), drawn(b, "fifth")),
    await deal(drawn(a, "sixth"), drawn(b, "second"))
  ]
  for (const cloud of [0, 1] as const) {
    const report: Report = (what, where, remedy) => {
      if (findings.every((each) => each.coalition !== `cloud${cloud}` || each.what !== what))
        findings.push({ coalition: `cloud${cloud}`, what, where, remedy })
    }
    const [sender, receiver] = [first[1 - cloud]!, first[cloud]]
    drawnTwice(sender, `cloud${1 - cloud}`, report)
    samePads(sender, report)
    for (const { opened, received } of [receiver, others[cloud]]) {
      // Messages without masks have other things in common, too.
      if (!unlikeCoins(opened, report)) relatedMessages(opened, report)
      for (const [round, messages] of received.entries()) unlikeWords(messages, round, report)
    }
    unchanged(receiver, again[cloud]![cloud]!, report)
  }
  return [...findings, ...(await auditResultNoise())]
}

/** Masks that serve twice: words of one stream that are drawn twice. */
const drawnTwice = ({ draws }: Notes, owner: string, report: Report): void => {
  const sorted = draws.toSorted(
    (one, other) => one.stream.localeCompare(other.stream) || one.from - other.from
  )
  for (const [i, { stream, from }] of sorted.entries()) {
    const before = sorted[i - 1]
    if (before?.stream === stream && from < before.end)
      report(
        "a mask of the dealing twice, and so what two of the messages that it covers have in common",
        `word ${from} of ${owner}'s ${stream}`,
        "draw a mask for each message at a place of its own"
      )
  }
}

/** The ones among bits at the same place of numbers, each of `width` bytes. */
const onesAt = (bytes: Uint8Array, width: number, bit: number): number => {
  let ones = 0
  for (let at = bit >> 3; at < bytes.length; at += width) ones += (bytes[at]! >> (bit & 7)) & 1
  return ones
}

const describeTransfers = ({ messageBits, use }: { messageBits: number; use: number }, i: number): string =>
  `transfers ${i} of the dealing, messages of ${messageBits} bits for use ${use}`

/** Messages that were chosen: under a mask of their own, each of their bits is a coin. */
const unlikeCoins = (opened: Notes["opened"], report: Report): boolean => {
  const unlike = opened.findIndex(({ shape, bytes }) => !areCoins(bytes, shape.messageBits))
  if (unlike < 0) return false
  report(
    "a chosen message without a mask of its own, which tells of the other's key",
    describeTransfers(opened[unlike]!.shape, unlike),
    "mask each message by words that are drawn for it alone"
  )
  return true
}

/** Whether each bit of numbers of so many bits is a coin. */
const areCoins = (bytes: Uint8Array, bits: number): boolean => {
  const width = Math.ceil(bits / 8)
  for (let bit = 0; bit < bits; bit++)
    if (deviationsOf(onesAt(bytes, width, bit), bytes.length / width) > mostDeviations) return false
  return true
}

const wordWidth = 8

/** All that travels, word by word. */
const unlikeWords = (messages: ReadonlyArray<Uint8Array>, round: number, report: Report): void => {
  for (const message of messages)
    for (let bit = 0; bit < 8 * wordWidth; bit++) {
      const of = Math.ceil((message.length - (bit >> 3)) / wordWidth)
      if (deviationsOf(onesAt(message, wordWidth, bit), of) > mostDeviations)
        report(
          "bytes of the dealing that are not uniform, and so may tell of the other's key",
          `round ${round + 1} of the dealing`,
          "send nothing of a key but under a mask"
        )
    }
}

/** The lowest bit of each message, which a mask covers alike whether it is added or combined bit by bit. */
const lowestBits = ({ shape, bytes }: Opened): Uint8Array => {
  const width = Math.ceil(shape.messageBits / 8)
  return Uint8Array.from({ length: bytes.length / width }, (_, i) => bytes[i * width]! & 1)
}

/** Transfers whose chosen messages are coins, but no longer so together. */
const relatedMessages = (opened: Notes["opened"], report: Report): void => {
  const lowest = opened.map(lowestBits)
  for (const [i, one] of lowest.entries())
    for (const other of lowest.slice(0, i)) {
      if (one.length !== other.length) continue
      let ones = 0
      for (let at = 0; at < one.length; at++) ones += one[at]! ^ other[at]!
      if (deviationsOf(ones, one.length) > mostDeviations)
        report(
          "chosen messages under one mask, and so by how much they differ",
          describeTransfers(opened[i]!.shape, i),
          "mask each message by words that are drawn for it alone"
        )
    }
}

const blockBytes = 16

/** What stays the same when the sender draws anew: it is a function of both keys alone. */
const unchanged = ({ received }: Notes, again: Notes, report: Report): void => {
  for (const [round, messages] of received.entries())
    for (const [i, message] of messages.entries())
      for (let at = 0; at + blockBytes <= message.length; at += blockBytes) {
        const other = again.received[round]![i]!
        if (Buffer.compare(message.subarray(at, at + blockBytes), other.subarray(at, at + blockBytes)) !== 0)
          continue
        report(
          "bytes of the dealing that follow from both keys alone, and so tell of the other's",
          `round ${round + 1} of the dealing, bytes ${at} to ${at + blockBytes - 1} of message ${i + 1}`,
          "cover them by what is drawn for them: an encryption of zero for each result, a pad for each message"
        )
        return
      }
}

/** So many bits of pads are the same by chance in no run. */
const comparedBits = 96

/** Of the pads of message v of some transfers the first bits, `taken` of each, as text; nothing where they are too few. */
const padsOf = (
  { bits, count, shape: { messageBits }, messages, wire }: NotedTransfers,
  v: number,
  taken: number
): string | undefined => {
  const transfers = Math.ceil(comparedBits / taken)
  if (count < transfers) return undefined
  const width = Math.ceil(messageBits / 8)
  let out = ""
  for (let i = 0; i < transfers; i++) {
    const message = i * 2 ** bits.length + v
    for (let bit = 0; bit < taken; bit++) {
      const at = message * messageBits + bit
      const sent = wire[at >> 3]! >> (at & 7)
      out += (sent ^ (messages[message * width + (bit >> 3)]! >> (bit & 7))) & 1
    }
  }
  return out
}

const haveOneTwice = (pads: ReadonlyArray<string | undefined>): boolean => {
  const there = pads.filter((pad) => pad !== undefined)
  return new Set(there).size < there.length
}

/** Pads that are the same: the receiver, which has one of them, opens more than it chose. */
const samePads = ({ sent }: Notes, report: Report): void => {
  const remedy = "hash rows to keys first, and each sum of keys under a tweak of its own"
  for (const [i, transfers] of sent.entries()) {
    const { bits, shape } = transfers
    const values = Array.from({ length: 2 ** bits.length }, (_, v) => v)
    if (haveOneTwice(values.map((v) => padsOf(transfers, v, shape.messageBits))))
      report("other messages of a transfer than the chosen one", describeTransfers(shape, i), remedy)
    for (const other of sent.slice(0, i)) {
      if (!haveSameChoices(transfers, other)) continue
      const taken = Math.min(shape.messageBits, other.shape.messageBits)
      if (values.some((v) => haveOneTwice([transfers, other].map((each) => padsOf(each, v, taken)))))
        report("messages of two transfers under one pad", describeTransfers(shape, i), remedy)
    }
  }
}

const haveSameChoices = (one: NotedTransfers, other: NotedTransfers): boolean =>
  one.bits.length === other.bits.length &&
  one.bits.every(({ batch, first, stride }, j) => {
    const bit = other.bits[j]!
    return batch === bit.batch && first === bit.first && stride === bit.stride
  })
