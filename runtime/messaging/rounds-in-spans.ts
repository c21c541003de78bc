/** A round has no span of its own: the span around says how many there were, and how long they waited. */
import { Effect } from "effect"
import type { Driven } from "./contract.ts"

/** Attributes of a span, with the peer's name behind: the rounds within it, and milliseconds waited in them. */
export const roundsWith = "rounds with "
export const waitedFor = "ms waited for "

/** Adds the rounds of a computation to the span around it. */
export const notedInSpan = <A, E, R>(peer: string, driven: Effect.Effect<Driven<A>, E, R>) =>
  Effect.tap(driven, ({ rounds, waitedMs }) =>
    Effect.map(Effect.option(Effect.currentSpan), (found) => {
      if (found._tag === "None") return
      const span = found.value
      const add = (key: string, more: number) =>
        span.attribute(key, Number(span.attributes.get(key) ?? 0) + more)
      add(`${roundsWith}${peer}`, rounds)
      add(`${waitedFor}${peer}`, waitedMs)
    })
  )
