/**
 * Phase 4, training: C1 asks the dealer for the corrections of some steps; the clouds agree on the step to begin or go on from.
 * Everything else between the clouds is rounds of bare bytes. The request says all the dealer needs, so that it keeps no state.
 */
import { Either } from "effect"
import { Schema } from "../schema.ts"
import { type Ask, ask, Count, type Format, format } from "./message.ts"

/**
 * C0 to C1: it trains, in rounds of this epoch, which no earlier rounds had, and has its share of the weights after these steps. The
 * reply is the latest of the steps that both have; 0 is before the first.
 */
export const Join = ask(
  "Join",
  Schema.Struct({ epoch: Count, steps: Schema.Array(Count) }),
  Schema.Struct({ step: Count })
)

/** C1 to C0: it has lost its place in the rounds; C0 is to join again. */
export const Rejoin = ask("Rejoin", Schema.Struct({}), Schema.Struct({}))

/** The training rows, the first step and how many steps; one where that is left out. */
const request = Schema.Struct({
  rows: Count,
  step: Count,
  steps: Schema.optionalWith(Count, { exact: true })
})

/** The corrections of the steps one behind the other, all of the same length. */
interface Dealt {
  readonly corrections: Uint8Array
}

// The largest messages of a run, and bytes already: packing them would only copy them.
const dealt: Format<Dealt> = {
  ownBuffer: true,
  encode: ({ corrections }) => Either.right(corrections),
  decode: (corrections) => Either.right({ corrections })
}

export const Deal: Ask<typeof request.Type, Dealt> = {
  kind: "ask",
  tag: "Deal",
  payload: format("Deal", request),
  reply: dealt
}
