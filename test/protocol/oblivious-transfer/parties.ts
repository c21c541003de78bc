/** Sender and receiver of oblivious transfers in one process, in lockstep. */
import type { ByteSource } from "../../../protocol/bytes.ts"
import type { Message, Round } from "../../../protocol/learning/operations.ts"
import type { Chosen, Offered } from "../../../protocol/oblivious-transfer/batch.ts"
import { TransferReceiver } from "../../../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../../../protocol/oblivious-transfer/sender.ts"
import {
  type ExtensionShape,
  messageBytes,
  type TransferShape
} from "../../../protocol/oblivious-transfer/sizes.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { splitmix } from "../ring/twin.ts"

/** Bytes from a seed, the same for each source of it. */
export const bytesOf = (seed: number): ByteSource => {
  const next = splitmix(BigInt(seed))
  return (length) => {
    const words = BigUint64Array.from({ length: Math.ceil(length / 8) }, next)
    return new Uint8Array(words.buffer).subarray(0, length)
  }
}

/** What each side received, by round. */
export type Received = readonly [ReadonlyArray<Uint8Array>, ReadonlyArray<Uint8Array>]

/** Runs two computations in lockstep. Every message must have the length that the other side awaits. */
export const lockstep = <A, B>(one: Round<A>, other: Round<B>) => {
  const received: [Uint8Array[], Uint8Array[]] = [[], []]
  let [next, otherNext] = [one.next(), other.next()]
  while (!next.done && !otherNext.done) {
    const sent = next.value.map((message) => Uint8Array.from(message()))
    const otherSent = otherNext.value.map((message) => Uint8Array.from(message()))
    const awaited = (messages: ReadonlyArray<Message>) =>
      messages.map((message) => message.receives ?? message().length)
    const lengths = (messages: ReadonlyArray<Uint8Array>) => messages.map((message) => message.length)
    if (String(awaited(next.value)) !== String(lengths(otherSent))) throw new Error("other lengths awaited")
    if (String(awaited(otherNext.value)) !== String(lengths(sent))) throw new Error("other lengths awaited")
    received[0].push(...otherSent)
    received[1].push(...sent)
    next = one.next(otherSent)
    otherNext = other.next(sent)
  }
  if (!next.done || !otherNext.done) throw new Error("one side ended before the other")
  return { results: [next.value, otherNext.value] as const, received: received as Received }
}

/** An instance with both its sides, each with a ring of its own. */
export interface Parties {
  readonly sender: TransferSender
  readonly receiver: TransferReceiver
  readonly rings: readonly [Ring, Ring]
  readonly received: Received
}

export const parties = async (
  shape: ExtensionShape,
  seeds: readonly [number, number] = [1, 2],
  direction: 0 | 1 = 0
): Promise<Parties> => {
  const rings = [await Ring.load(), await Ring.load()] as const
  const [randomness, others] = [bytesOf(seeds[0]), bytesOf(seeds[1])]
  const { results, received } = lockstep(
    TransferSender.open({ ring: rings[0], direction, shape, randomness }),
    TransferReceiver.open({ ring: rings[1], direction, shape, randomness: others })
  )
  return { sender: results[0], receiver: results[1], rings, received }
}

/** Bytes in new memory of a ring. */
export const placed = (ring: Ring, bytes: Uint8Array): number => {
  const at = ring.allocate(bytes.length)
  ring.memory.set(bytes, at)
  return at
}

/** Bit i of packed bits. */
export const bitAt = (bits: Uint8Array, i: number): number => (bits[i >> 3]! >> (i & 7)) & 1

/** Both sides' parts of a batch, with the choices. */
export interface Batches {
  readonly offered: Offered
  readonly chosen: Chosen
  readonly choices: Uint8Array
  readonly received: Received
}

/** A batch of `n` transfers with these choices. */
export const chosenBy = ({ sender, receiver, rings }: Parties, n: number, choices: Uint8Array): Batches => {
  const { results, received } = lockstep(sender.offer(n), receiver.choose(n, placed(rings[1], choices)))
  return { offered: results[0], chosen: results[1], choices, received }
}

/** Where choice bits of transfers are in batches. */
export interface BitsOf {
  readonly batch: Batches
  readonly first: number
  readonly stride: number
}

/** The choice bits of transfers that have their `w` side by side. */
export const sideBySide = (batch: Batches, w: number): ReadonlyArray<BitsOf> =>
  Array.from({ length: w }, (_, j) => ({ batch, first: j, stride: w }))

const behind = new Uint8Array(64).fill(0xa5)

/** Makes transfers: the messages that the receiver gets, one after another, and what was sent. */
export const transferred = (
  { sender, receiver, rings }: Parties,
  bits: ReadonlyArray<BitsOf>,
  count: number,
  shape: TransferShape,
  messages: Uint8Array
) => {
  const marks = rings.map((ring) => ring.mark())
  const bytes = messageBytes(shape) * count
  const out = rings[1].allocate(bytes + behind.length)
  rings[1].memory.set(behind, out + bytes)
  const { received } = lockstep(
    sender.send(
      bits.map(({ batch, ...at }) => ({ batch: batch.offered, ...at })),
      count,
      shape,
      placed(rings[0], messages)
    ),
    receiver.receive(
      bits.map(({ batch, ...at }) => ({ batch: batch.chosen, ...at })),
      count,
      shape,
      out
    )
  )
  const got = rings[1].bytes(out, bytes).slice()
  if (!same(rings[1].bytes(out + bytes, behind.length), behind))
    throw new Error("written behind the last message")
  for (const [i, ring] of rings.entries()) ring.release(marks[i]!)
  return { got, sent: received[1][0]! }
}

/** The messages that belong to the choices, with zeros above their bits. */
export const expectedOf = (
  bits: ReadonlyArray<BitsOf>,
  count: number,
  shape: TransferShape,
  messages: Uint8Array
): Uint8Array => {
  const each = messageBytes(shape)
  const expected = new Uint8Array(count * each)
  for (let i = 0; i < count; i++) {
    const v = bits.reduce(
      (value, { batch, first, stride }, j) => value | (bitAt(batch.choices, first + i * stride) << j),
      0
    )
    const at = (i * 2 ** bits.length + v) * each
    expected.set(messages.subarray(at, at + each), i * each)
    if (shape.messageBits % 8 !== 0) expected[(i + 1) * each - 1]! &= 2 ** (shape.messageBits % 8) - 1
  }
  return expected
}

/** Whether bytes are the same: of arrays this long, vitest's own comparison takes far longer than the transfers. */
export const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0
