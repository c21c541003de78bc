/**
 * The HTTP interface of the gateway: what is asked and answered, from which its OpenAPI document follows. The only file that
 * imports `effect/Schema`, in whose terms `@effect/platform` describes an interface.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"

/** Rows of a request at most. */
export const mostRowsAsked = 10_000
/** Bytes of a request at most. */
export const mostBodyBytes = 16 * 2 ** 20

const status = <A>(code: number, description: string) =>
  HttpApiSchema.annotations<A>({ status: code, description })
const message = Schema.String.annotations({ description: "What is wrong, and what to do about it" })

export class NotUnderstood extends Schema.TaggedError<NotUnderstood>()(
  "NotUnderstood",
  { message },
  status(400, "The body is no JSON, or not of this form")
) {}

const RowProblem = Schema.Struct({
  row: Schema.Int.annotations({ description: "Counted from 1" }),
  column: Schema.String.annotations({ description: "Empty where it is the row as a whole" }),
  reason: Schema.String,
  remedy: Schema.String
})

export class RowsNotFit extends Schema.TaggedError<RowsNotFit>()(
  "RowsNotFit",
  {
    message,
    problems: Schema.Array(RowProblem),
    more: Schema.Int.annotations({ description: "How many more problems there are" })
  },
  status(422, "Cells that the model can't take; nothing was predicted, and no quota was used")
) {}

export class NotServed extends Schema.TaggedError<NotServed>()(
  "NotServed",
  { message },
  status(403, "The clouds do not answer this asker")
) {}

export class TooLarge extends Schema.TaggedError<TooLarge>()(
  "TooLarge",
  { message },
  status(413, "Too many rows or bytes at once: send them in several requests")
) {}

export class NotJson extends Schema.TaggedError<NotJson>()(
  "NotJson",
  { message },
  status(415, "The content type is not application/json")
) {}

export class QuotaUsedUp extends Schema.TaggedError<QuotaUsedUp>()(
  "QuotaUsedUp",
  { message },
  status(429, "The quota does not cover the rows; Retry-After says when it may")
) {}

export class TryAgainLater extends Schema.TaggedError<TryAgainLater>()(
  "TryAgainLater",
  { message },
  status(503, "Nothing is wrong with the request; Retry-After says when to send it again")
) {}

export class NoAnswerInTime extends Schema.TaggedError<NoAnswerInTime>()(
  "NoAnswerInTime",
  { message },
  status(504, "The clouds did not answer in time")
) {}

export const PredictRequest = Schema.Struct({
  rows: Schema.Array(Schema.Unknown).annotations({
    description: `1 to ${mostRowsAsked} objects, with a value for each column of GET /model under its name: a number, a text, true, false, or null where it is missing. Other columns are left alone`
  })
}).annotations({ identifier: "PredictRequest" })

export const Prediction = Schema.Struct({
  id: Schema.String.annotations({
    description: "What the row has in the column of ids, else its number from 1"
  }),
  label: Schema.optionalWith(Schema.String, { exact: true }),
  probabilities: Schema.optionalWith(
    Schema.Array(Schema.Struct({ label: Schema.String, probability: Schema.Number })),
    { exact: true }
  ),
  numbers: Schema.optionalWith(Schema.Array(Schema.Struct({ column: Schema.String, value: Schema.Number })), {
    exact: true
  })
}).annotations({
  identifier: "Prediction",
  description: "Of classes the label and a probability for each; of numbers each in the units of its column"
})
export type Prediction = typeof Prediction.Type

const PredictReply = Schema.Struct({ predictions: Schema.Array(Prediction) }).annotations({
  identifier: "PredictReply",
  description: "In the order of the rows"
})

export const Health = Schema.Struct({
  clouds: Schema.Literal("reachable", "unreachable"),
  rowsLeft: Schema.optionalWith(Schema.Int, { exact: true }).annotations({
    description: "Rows that are left of the asker's quota"
  }),
  reason: Schema.optionalWith(Schema.String, { exact: true })
}).annotations({ identifier: "Health" })

export class Unhealthy extends Schema.TaggedError<Unhealthy>()(
  "Unhealthy",
  { clouds: Schema.Literal("unreachable"), reason: Schema.String },
  status(503, "The clouds do not answer")
) {}

const Column = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literal("number", "boolean", "date", "category"),
  mayBeMissing: Schema.Boolean,
  range: Schema.optionalWith(Schema.Tuple(Schema.Number, Schema.Number), { exact: true }),
  values: Schema.optionalWith(Schema.Array(Schema.String), { exact: true })
})
export type Column = typeof Column.Type

export const AboutModel = Schema.Struct({
  id: Schema.String.annotations({ description: "The column of ids, which a row may have" }),
  columns: Schema.Array(Column),
  predicts: Schema.Struct({
    label: Schema.optionalWith(Schema.String, { exact: true }),
    values: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
    numbers: Schema.optionalWith(Schema.Array(Schema.String), { exact: true })
  })
}).annotations({ identifier: "Model" })
export type AboutModel = typeof AboutModel.Type

const predict = HttpApiEndpoint.post("predict", "/predict")
  .setPayload(PredictRequest)
  .addSuccess(PredictReply)
  .addError(NotUnderstood)
  .addError(RowsNotFit)
  .addError(NotServed)
  .addError(TooLarge)
  .addError(NotJson)
  .addError(QuotaUsedUp)
  .addError(TryAgainLater)
  .addError(NoAnswerInTime)
  .annotate(OpenApi.Description, "Predicts rows. Only their number leaves the gateway in the clear")

const group = HttpApiGroup.make("gateway", { topLevel: true })
  .add(predict)
  .add(
    HttpApiEndpoint.get("health", "/health")
      .addSuccess(Health)
      .addError(Unhealthy)
      .annotate(OpenApi.Description, "Whether the clouds answer, and what is left of the quota")
  )
  .add(
    HttpApiEndpoint.get("model", "/model")
      .addSuccess(AboutModel)
      .annotate(OpenApi.Description, "What columns a row has, and what is predicted")
  )

export const GatewayApi = HttpApi.make("bicameral")
  .add(group)
  .annotate(OpenApi.Title, "bicameral gateway")
  .annotate(OpenApi.Description, "Asks a model that two clouds serve on shares, and that nobody has opened")

/** The OpenAPI document, for a version of the program. */
export const openApi = (version: string) => OpenApi.fromApi(GatewayApi.annotate(OpenApi.Version, version))

/** What a body of a request says, or why it does not. */
export const readPredictRequest = (body: unknown) => Schema.decodeUnknownEither(PredictRequest)(body)
