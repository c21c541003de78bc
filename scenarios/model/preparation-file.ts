/**
 * What it takes to ask a model that one does not have, `preparation.json`: how rows are prepared, and what the network's
 * outputs mean. Users have it of a model that is served, and give it to those whom they admit. It has no weights; of the
 * data it tells names, values and ranges of columns, and joint means and deviations of those that need them.
 */
import { createHash } from "node:crypto"
import { FileSystem } from "@effect/platform"
import { Effect, Either } from "effect"
import {
  type Model,
  modelOf,
  modelVersion,
  modelWords,
  type Preparation
} from "../../protocol/learning/model.ts"
import { ArrayFormatter, Schema } from "../../protocol/schema.ts"
import { unreadable } from "../description/data-path.ts"
import { describePath } from "../text/problems.ts"
import { NoModel, trainedFields } from "./model-file.ts"
import { unsoundPart } from "./sound-model.ts"

const PreparationFile = Schema.Struct({
  format: Schema.Literal("bicameral preparation"),
  version: Schema.Literal(modelVersion),
  ...trainedFields
})

/** That of an opened model. */
export const preparationOfModel = ({ data, network, loss, fractionalBits }: Model): Preparation => ({
  ...{ format: "bicameral preparation", version: modelVersion },
  ...{ data, network, loss, fractionalBits }
})

/** As a file. */
export const preparationBytes = (preparation: Preparation): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(preparation)}\n`)

const toExport = "take the file of a user, or write one with bicameral export --format preparation"

const decode = Schema.decodeUnknownEither(PreparationFile, { errors: "first" })

/** The part of it that can't be used. The same must hold as of a model, but for the numbers: those of this one are zeros. */
const unsound = (preparation: Preparation) => {
  const { network } = preparation
  const withoutNumbers = unsoundPart({ ...preparation, format: "bicameral model", layers: [] })
  if (withoutNumbers !== undefined && !withoutNumbers.field.startsWith("layers")) return withoutNumbers
  return unsoundPart(modelOf(preparation, new Float64Array(modelWords(network))))
}

const preparationOf = (text: string): Either.Either<Preparation, string> => {
  const parsed = Either.try((): unknown => JSON.parse(text))
  if (Either.isLeft(parsed)) return Either.left(`is no JSON; ${toExport}`)
  const { format, version } = (parsed.right ?? {}) as Partial<Preparation>
  if (format !== "bicameral preparation") return Either.left(`is no preparation of rows; ${toExport}`)
  if (version !== modelVersion)
    return Either.left(
      `is a preparation of version ${version}, and this program reads version ${modelVersion}; use the version of the program that wrote it`
    )
  const decoded = decode(parsed.right)
  if (Either.isLeft(decoded)) {
    const [issue] = ArrayFormatter.formatErrorSync(decoded.left)
    return Either.left(`is damaged at ${describePath(issue?.path ?? [])}; ${toExport}`)
  }
  const preparation = decoded.right as unknown as Preparation
  const part = unsound(preparation)
  return part === undefined
    ? Either.right(preparation)
    : Either.left(`is damaged: ${part.field} ${part.reason}; ${toExport}`)
}

/**
 * Reads a preparation, with the SHA-256 by which admissions name it, in hexadecimal digits. It is that of what the file says,
 * fields in their one order, so that it is the same for all users of a run and for what is exported.
 */
export const readPreparation = Effect.fn("Model.readPreparation")(function* (file: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* files
    .readFileString(file)
    .pipe(Effect.mapError((error) => new NoModel({ file, reason: unreadable(error, file, toExport) })))
  const preparation = yield* Effect.mapError(preparationOf(text), (reason) => new NoModel({ file, reason }))
  const digest = createHash("sha256").update(preparationBytes(preparation)).digest("hex")
  return { preparation, digest }
})
