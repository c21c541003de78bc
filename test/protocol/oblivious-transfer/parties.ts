/** Sender and receiver of oblivious transfers in one process, in lockstep. */
import type { Message, Round } from "../../../protocol/learning/operations.ts"
import type { ByteSource } from "../../../protocol/oblivious-transfer/base.ts"
import { TransferReceiver } from "../../../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../../../protocol/oblivious-transfer/sender.ts"
import type { ExtensionShape } from "../../../protocol/oblivious-transfer/sizes.ts"
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
    const sent = next.value.map((message) => message().slice())
    const otherSent = otherNext.value.map((message) => message().slice())
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
