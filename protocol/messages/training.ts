/**
 * Phase 4, training: C1 requests the corrections of some steps from the dealer; the clouds agree on the step
 * to begin or resume from. Everything else between the clouds is rounds of bare bytes. The request says
 * everything that the dealer needs; the dealer keeps only the number of rows.
 */
import { Either } from "effect"
import { Schema } from "../schema.ts"
import { type Ask, ask, Count, type Format, format } from "./message.ts"

const Lanes = Schema.Array(Schema.String)
const OnlyDealing = Schema.optionalWith(Schema.Literal(true), { exact: true })

/**
 * C0 begins or resumes training: in a new session, whose number is `epoch`, with its share of the weights
 * after each of these steps, and with lanes of these names. The reply is the latest step that both clouds
 * have (0 is before the first), and C1's lanes. The k-th lanes of both clouds work together. Where the clouds deal, it
 * also says how many stretches of steps, from the first, C1 has stored the corrections of. A session of `dealing` only deals
 * the rest, and trains nothing.
 */
export const Join = ask(
  "Join",
  Schema.Struct({ epoch: Count, steps: Schema.Array(Count), lanes: Lanes, dealing: OnlyDealing }),
  Schema.Struct({ step: Count, lanes: Lanes, dealt: Schema.optionalWith(Count, { exact: true }) })
)

/** C1 has this many lanes ready. */
export const LanesReady = ask("LanesReady", Schema.Struct({ lanes: Count }), Schema.Struct({}))

/** C1 has lost its place in the rounds and asks C0 to join again, to train or only to deal. */
export const Rejoin = ask("Rejoin", Schema.Struct({ dealing: OnlyDealing }), Schema.Struct({}))

/**
 * The part of a step that a lane needs: the gradients on its rows, from `from` up to but excluding `end`;
 * lane 0 also the update.
 */
const Part = Schema.Struct({ from: Count, end: Count, update: Schema.Boolean })
export type DealtPart = typeof Part.Type

/**
 * C1 asks for corrections: the number of training rows, the first step and the number of steps (1 by
 * default), of all rows or of a lane's part. The reply is the corrections as raw bytes, without a schema.
 */
const request = Schema.Struct({
  rows: Count,
  step: Count,
  steps: Schema.optionalWith(Count, { exact: true }),
  part: Schema.optionalWith(Part, { exact: true })
})
export type DealRequest = typeof request.Type

/** The corrections of the steps, one after another, all of the same length if there is no part. */
export interface Dealt {
  readonly corrections: Uint8Array
}

// The largest messages of a run, and bytes already: packing them would only copy them.
export const dealt: Format<Dealt> = {
  ownBuffer: true,
  encode: ({ corrections }) => Either.right(corrections),
  decode: (corrections) => Either.right({ corrections })
}

export const Deal: Ask<DealRequest, Dealt> = {
  kind: "ask",
  tag: "Deal",
  payload: format("Deal", request),
  reply: dealt
}
