/**
 * Phase 4, training: C1 requests the corrections of some steps from the dealer; the clouds agree on the step
 * to begin or resume from. Everything else between the clouds is rounds of bare bytes. The request says
 * everything that the dealer needs; the dealer keeps only the number of rows.
 */
import { Either } from "effect"
import { Schema } from "../schema.ts"
import { type Ask, ask, Count, type Format, format } from "./message.ts"

const Lanes = Schema.Array(Schema.String)

/**
 * C0 to C1: it trains, in rounds of this epoch, which is new, has its share of the weights after these steps,
 * and lanes of these names. The reply is the latest step that both have (0 is before the first), and C1's
 * lanes. The first lanes of both work together, then the second, as long as both have one.
 */
export const Join = ask(
  "Join",
  Schema.Struct({ epoch: Count, steps: Schema.Array(Count), lanes: Lanes }),
  Schema.Struct({ step: Count, lanes: Lanes })
)

/** C1 to C0: the number of its lanes that are ready. */
export const LanesReady = ask("LanesReady", Schema.Struct({ lanes: Count }), Schema.Struct({}))

/** C1 to C0: it has lost its place in the rounds; C0 joins again. */
export const Rejoin = ask("Rejoin", Schema.Struct({}), Schema.Struct({}))

/**
 * The part of a step that a lane needs: the gradients on its rows, from `from` up to but excluding `end`;
 * lane 0 also the update.
 */
const Part = Schema.Struct({ from: Count, end: Count, update: Schema.Boolean })
export type DealtPart = typeof Part.Type

/**
 * The training rows, the first step and the number of steps, one by default. Without a part, all of each
 * step.
 */
const request = Schema.Struct({
  rows: Count,
  step: Count,
  steps: Schema.optionalWith(Count, { exact: true }),
  part: Schema.optionalWith(Part, { exact: true })
})
export type DealRequest = typeof request.Type

/** The corrections of the steps, one after another, all of the same length if there is no part. */
interface Dealt {
  readonly corrections: Uint8Array
}

// The largest messages of a run, and bytes already: packing them would only copy them.
const dealt: Format<Dealt> = {
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
