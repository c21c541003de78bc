/**
 * Drivers of a `Round` computation: alone, for interpreters that need no peer, and as a pair of clouds in one
 * process, in lockstep, with the rounds and bytes counted. For references and tests; the actors drive theirs
 * over the network.
 */
import { type Message, prepareAll, type Round } from "./operations.ts"

/** The result of a computation that never yields. Throws if it wants to talk to a peer. */
export const runLocally = <A>(computation: Round<A>): A => {
  const { done, value } = computation.next()
  if (!done) throw new Error("a computation without a peer asked for a round")
  return value
}

export interface PairRun<A, B> {
  readonly results: readonly [A, B]
  readonly rounds: number
  /** Bytes that party 0 sent; party 1 sent as many. */
  readonly bytesEachWay: number
}

/** Runs both parties of a computation, handing each the messages of the other, copied as a network would. */
export const runPair = <A, B>(party0: Round<A>, party1: Round<B>): PairRun<A, B> => {
  let next0 = party0.next()
  let next1 = party1.next()
  for (let rounds = 0, bytesEachWay = 0; ; rounds++) {
    if (next0.done && next1.done) return { results: [next0.value, next1.value], rounds, bytesEachWay }
    if (next0.done || next1.done)
      throw new Error(`party ${next0.done ? 0 : 1} ended after ${rounds} rounds, its peer did not`)
    const sent0 = next0.value.map((message) => message().slice())
    const sent1 = next1.value.map((message) => message().slice())
    requireSameLengths(sent0, sent1, rounds + 1)
    for (const message of sent0) bytesEachWay += message.length
    next0 = party0.next(sent1)
    next1 = party1.next(sent0)
  }
}

export interface PreparedRun<A, B> {
  readonly results: readonly [A, B]
  readonly rounds: number
  /** Bytes that each party sent. */
  readonly bytes: readonly [number, number]
  /** What each received, round by round. */
  readonly received: readonly [ReadonlyArray<Uint8Array>, ReadonlyArray<Uint8Array>]
}

/** The same with messages that are prepared, and that may be of other lengths each way. Both parties prepare at once. */
export const runPrepared = async <A, B>(party0: Round<A>, party1: Round<B>): Promise<PreparedRun<A, B>> => {
  let next0 = party0.next()
  let next1 = party1.next()
  const bytes: [number, number] = [0, 0]
  const received: [Uint8Array[], Uint8Array[]] = [[], []]
  for (let rounds = 0; ; rounds++) {
    if (next0.done && next1.done) return { results: [next0.value, next1.value], rounds, bytes, received }
    if (next0.done || next1.done)
      throw new Error(`party ${next0.done ? 0 : 1} ended after ${rounds} rounds, its peer did not`)
    await Promise.all([prepareAll(next0.value), prepareAll(next1.value)])
    const sent = [next0.value, next1.value].map((messages) => messages.map((message) => message().slice()))
    for (const [i, { value }] of [next0, next1].entries()) requireAwaited(value, sent[i]!, sent[1 - i]!)
    for (const party of [0, 1] as const) {
      bytes[party] += sent[party]!.reduce((sum, { length }) => sum + length, 0)
      received[party].push(...sent[1 - party]!.map((message) => message.slice()))
    }
    next0 = party0.next(sent[1]!)
    next1 = party1.next(sent[0]!)
  }
}

const requireAwaited = (
  messages: ReadonlyArray<Message>,
  own: ReadonlyArray<Uint8Array>,
  others: ReadonlyArray<Uint8Array>
): void => {
  const awaited = messages.map(({ receives }, i) => receives ?? own[i]!.length)
  const came = others.map(({ length }) => length)
  if (String(awaited) !== String(came)) throw new Error(`messages of ${came} bytes came for ${awaited}`)
}

const requireSameLengths = (
  sent0: ReadonlyArray<Uint8Array>,
  sent1: ReadonlyArray<Uint8Array>,
  round: number
): void => {
  const [lengths0, lengths1] = [sent0, sent1].map((messages) =>
    messages.map((message) => message.length).join(", ")
  )
  if (lengths0 !== lengths1)
    throw new Error(`round ${round}: party 0 sent ${lengths0} bytes, party 1 ${lengths1}`)
}
