/** The delay and the bandwidth of a way over the broker, measured by questions and answers. */
import { Effect, Option } from "effect"
import type { TransportError } from "../../runtime/transport/transport.ts"
import type { Scenario } from "../description/schema.ts"
import { mostFillerBytes, type Visitor } from "./visit.ts"

/** A way there and back. */
export interface Width {
  /** The least of several; infinite if nothing came back in time. */
  readonly roundTripMs: number
  /** Both directions together. */
  readonly megabitsPerSecond: number
}

const roundTrips = 5
/** A small question shows whether a way is slow; it is asked again if it may only have waited for a busy machine. */
const smallBytes = mostFillerBytes / 16
const smallTries = 6
const pauseBetweenMs = 250
/** Large questions that are under way at a time, in each try. */
const largeAtOnce = [2, 16] as const
/** A try that takes longer is long enough to tell. */
const enoughMs = 200

/** A run over a slower way than this takes days, and its waits end it. */
const leastMegabits = 1
const longestRoundTripMs = 1_000

export const measureWidth = (
  there: Visitor,
  party: string,
  withinMs: number
): Effect.Effect<Width, TransportError> =>
  Effect.gen(function* () {
    let roundTripMs = Number.POSITIVE_INFINITY
    for (let i = 0; i < roundTrips; i++) {
      const visited = yield* there.ask(party, 0, withinMs)
      if (Option.isNone(visited)) break
      roundTripMs = Math.min(roundTripMs, visited.value.ms)
      if (visited.value.ms > longestRoundTripMs) break
    }
    if (roundTripMs === Number.POSITIVE_INFINITY) return { roundTripMs, megabitsPerSecond: 0 }
    let megabitsPerSecond = 0
    const attempt = (bytes: number, atOnce: number) =>
      Effect.gen(function* () {
        const began = performance.now()
        const questions = Array.from({ length: atOnce }, () => there.ask(party, bytes, withinMs))
        const answers = yield* Effect.all(questions, { concurrency: "unbounded" })
        const ms = performance.now() - began
        const bits = 2 * 8 * bytes * answers.filter(Option.isSome).length
        // What waits for the way is not what its bandwidth takes; a fast way is as fast as can be told.
        megabitsPerSecond = Math.max(megabitsPerSecond, bits / 1000 / Math.max(ms - roundTripMs, ms / 4))
        return ms
      })
    for (let i = 0; i < smallTries && megabitsPerSecond < leastMegabits; i++) {
      if (i > 0) yield* Effect.sleep(pauseBetweenMs)
      yield* attempt(smallBytes, 1)
    }
    if (megabitsPerSecond < leastMegabits) return { roundTripMs, megabitsPerSecond }
    for (const atOnce of largeAtOnce) if ((yield* attempt(mostFillerBytes, atOnce)) > enoughMs) break
    return { roundTripMs, megabitsPerSecond }
  })

export const describeWidth = ({ megabitsPerSecond, roundTripMs }: Width): string =>
  `${roundTripMs.toFixed(1)} ms, ${megabitsPerSecond.toPrecision(2)} Mbit/s`

/** Why a way is too slow for a run, and the remedy; undefined if it is not. */
export const tooSlow = (
  what: string,
  width: Width,
  { replyTimeoutMs, roundTimeoutMs }: Pick<Scenario["deadlines"], "replyTimeoutMs" | "roundTimeoutMs">
): string | undefined => {
  const { megabitsPerSecond, roundTripMs } = width
  const remedy = "see what else uses the way, or place party and broker nearer to each other"
  const longest = Math.min(longestRoundTripMs, roundTimeoutMs / 10, replyTimeoutMs / 10)
  if (roundTripMs > longest)
    return Number.isFinite(roundTripMs)
      ? `to ${what} it takes ${roundTripMs.toFixed(0)} ms and back, and ${longest.toFixed(0)} ms are the most; ${remedy}`
      : `to ${what}, nothing came back in time; ${remedy}`
  return megabitsPerSecond < leastMegabits
    ? `to ${what} there are ${megabitsPerSecond.toPrecision(2)} Mbit/s, and ${leastMegabits} are the least; ${remedy}`
    : undefined
}
