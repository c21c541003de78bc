/**
 * Phase 4, training: C1 asks the dealer for the corrections of some steps. Everything else between the clouds is rounds of
 * bare bytes. The request says all the dealer needs, so that it keeps no state.
 */
import { Either } from "effect"
import { Schema } from "../schema.ts"
import { type Ask, Count, type Format, format } from "./message.ts"

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
