/**
 * Serving: askers send both clouds their shares of rows, and each cloud answers with its share of the outputs, so that
 * the outputs are the asker's alone. The clouds agree on what they compute together, in sessions: each has masks of its
 * own, from keys that the KGC draws for it and hands out once to each cloud.
 */

import { Schema } from "../schema.ts"
import { type Ask, ask, Bytes, BytesOf, Count, format } from "./message.ts"
import { type Dealt, dealt } from "./training.ts"

/** Bytes of the name of a request and of a session: drawn at random, so that no two are the same. */
export const serviceIdBytes = 16

/** Bytes of a cloud's PRG key of a session. */
export const sessionKeyBytes = 16

const ServiceId = BytesOf(serviceIdBytes)

const predictRequest = Schema.Struct({ id: ServiceId, rows: Count, share: Bytes, withinMs: Count })
export type PredictRequest = typeof predictRequest.Type

const predictReply = Schema.Struct({ session: ServiceId, step: Count, share: Bytes })
export type PredictReply = typeof predictReply.Type

/**
 * An asker's share of some rows, for one cloud: C0's is a seed, C1's the words, row by row. Sent again, it has the same id and
 * shares. The reply is the cloud's share of the outputs, row by row, and the computation that it is of: shares of two
 * computations do not add up.
 */
export const Predict = ask("Predict", predictRequest, predictReply)

const service = Schema.Struct({
  inputs: Count,
  outputs: Count,
  fractionalBits: Count,
  mostRows: Count,
  rowsLeft: Schema.optionalWith(Count, { exact: true })
})
/** What is served: sizes of a row, of its outputs and of a request; and how many rows of the asker's quota are left, if it has one. */
export type Service = typeof service.Type

/** An asker asks what is served, and what is left of its quota. */
export const AskService = ask("AskService", Schema.Struct({}), service)

/** C0 begins a session, in which both open the weights under new masks. Any earlier one is over. */
export const BeginService = ask("BeginService", Schema.Struct({ session: ServiceId }), Schema.Struct({}))

/** C1 was started again, and knows no session: C0 begins another. */
export const RejoinService = ask("RejoinService", Schema.Struct({}), Schema.Struct({}))

/** A cloud asks the KGC for its PRG key of a session. */
export const ServiceKey = ask(
  "ServiceKey",
  Schema.Struct({ session: ServiceId }),
  Schema.Struct({ key: BytesOf(sessionKeyBytes) })
)

/**
 * C0 has these requests computed together. C1 replies with the places of those requests of which it has no
 * share, which are left out, and with the step whose masks serve the others, if there are any.
 */
export const ServeBatch = ask(
  "ServeBatch",
  Schema.Struct({
    session: ServiceId,
    requests: Schema.Array(Schema.Struct({ asker: Schema.String, id: ServiceId, rows: Count }))
  }),
  Schema.Struct({ step: Schema.optionalWith(Count, { exact: true }), missing: Schema.Array(Count) })
)

/** C1 has C0 deal with it for these steps of a session, where the clouds deal for themselves. */
export const DealServed = ask(
  "DealServed",
  Schema.Struct({ session: ServiceId, steps: Schema.Array(Count) }),
  Schema.Struct({})
)

/** C1 asks the KGC for the corrections of a step of a session; the step says how many rows it has. */
const dealService = Schema.Struct({ session: ServiceId, step: Count })

export const DealService: Ask<typeof dealService.Type, Dealt> = {
  kind: "ask",
  tag: "DealService",
  payload: format("DealService", dealService),
  reply: dealt
}
