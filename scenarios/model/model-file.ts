/** The file of an opened model, `model.json`, read and checked as a whole: it may have come from anywhere. */
import { FileSystem, Path } from "@effect/platform"
import { Data, Effect, Either } from "effect"
import { modelEntry } from "../../actors/users/output.ts"
import { dateFormats } from "../../protocol/data/description.ts"
import { losses } from "../../protocol/learning/loss.ts"
import { type Model, modelVersion } from "../../protocol/learning/model.ts"
import { ArrayFormatter, NonNegativeInt, Schema } from "../../protocol/schema.ts"
import { unreadable } from "../description/data-path.ts"
import { describePath } from "../text/problems.ts"
import { unsoundPart } from "./sound-model.ts"

/** A file that is no model of this version. */
export class NoModel extends Data.TaggedError("NoModel")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} ${this.reason}`
  }
}

const Numbers = Schema.Array(Schema.Finite)
const Texts = Schema.NonEmptyArray(Schema.String)
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })
const Flag = optional(Schema.Literal(true))

const scaled = {
  name: Schema.String,
  range: optional(Schema.Tuple(Schema.Finite, Schema.Finite)),
  scale: optional(Schema.Literal("standard", "range")),
  mean: optional(Schema.Finite),
  deviation: optional(Schema.Finite)
}

const NumberFeature = Schema.Struct({
  ...scaled,
  kind: optional(Schema.Literal("boolean", "date")),
  format: optional(Schema.Literal(...dateFormats)),
  fill: optional(Schema.Struct({ value: Schema.Finite })),
  indicator: Flag,
  outside: optional(Schema.Literal("clip"))
})

const CategoryFeature = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literal("category"),
  values: Texts,
  other: Flag,
  fill: optional(Schema.Struct({ value: Schema.String })),
  indicator: Flag
})

const DataOfModel = Schema.Struct({
  id: Schema.String,
  features: Schema.NonEmptyArray(Schema.Union(CategoryFeature, NumberFeature)),
  label: Schema.Union(
    Schema.Struct({
      column: Schema.String,
      values: Texts,
      kind: optional(Schema.Literal("boolean")),
      weights: optional(Numbers)
    }),
    Schema.Struct({ numbers: Schema.NonEmptyArray(Schema.Struct(scaled)) })
  ),
  scaleTo: Schema.Tuple(Schema.Finite, Schema.Finite),
  missing: optional(Schema.Array(Schema.String))
})

/** What a model is beside its numbers. */
export const trainedFields = {
  data: DataOfModel,
  network: Schema.Struct({
    inputs: NonNegativeInt,
    layers: Schema.NonEmptyArray(
      Schema.Struct({ units: NonNegativeInt, activation: Schema.Literal("relu", "identity") })
    ),
    initialVariance: optional(Schema.Finite)
  }),
  loss: Schema.Literal(...losses),
  fractionalBits: NonNegativeInt
}

const ModelFile = Schema.Struct({
  format: Schema.Literal("bicameral model"),
  version: Schema.Literal(modelVersion),
  ...trainedFields,
  layers: Schema.Array(Schema.Struct({ weights: Schema.Array(Numbers), bias: Numbers }))
})

const decode = Schema.decodeUnknownEither(ModelFile, { errors: "first" })

/** What a text says that is a model; else why it is none, as it follows the name of the file. */
export const modelOfText = (text: string): Either.Either<Model, string> => {
  const parsed = Either.try((): unknown => JSON.parse(text))
  if (Either.isLeft(parsed)) return Either.left("is no JSON; give the model.json that a run wrote")
  const { format, version } = (parsed.right ?? {}) as Partial<Model>
  if (format !== "bicameral model")
    return Either.left("is no model of bicameral; give the model.json that a run wrote")
  if (version !== modelVersion)
    return Either.left(
      `is a model of version ${version}, and this program reads version ${modelVersion}; use the version of the program that wrote it, or train again`
    )
  return Either.flatMap(
    Either.mapLeft(decode(parsed.right), (error) => {
      const [issue] = ArrayFormatter.formatErrorSync(error)
      return `is damaged at ${describePath(issue?.path ?? [])}; take the file as a run wrote it`
    }),
    (model) => whole(model as unknown as Model)
  )
}

/** A model whose parts fit each other, and whose numbers its computation can hold. */
const whole = (model: Model): Either.Either<Model, string> => {
  const unsound = unsoundPart(model)
  return unsound === undefined
    ? Either.right(model)
    : Either.left(`is damaged: ${unsound.field} ${unsound.reason}; take the file as a run wrote it`)
}

/** Reads a model from its file, or from the folder of a run. */
export const readModel = Effect.fn("Model.read")(function* (place: string) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const isFolder = yield* files.stat(place).pipe(
    Effect.map(({ type }) => type === "Directory"),
    Effect.orElseSucceed(() => false)
  )
  const file = isFolder ? path.join(place, modelEntry) : place
  const remedy = isFolder ? "give the out folder of a run that ended" : "give the model.json of a run"
  const text = yield* files
    .readFileString(file)
    .pipe(Effect.mapError((error) => new NoModel({ file, reason: unreadable(error, file, remedy) })))
  const model = yield* Effect.mapError(modelOfText(text), (reason) => new NoModel({ file, reason }))
  return { model, file }
})
