/**
 * `features: all`, where users do not list the columns that they hold: the names are those of their files. All
 * parties must find the same ones, so each reads them where it loads the scenario, from files that it must have.
 */
import { Path } from "@effect/platform"
import { Effect, Either } from "effect"
import { isMissing } from "../../protocol/data/cell-reader.ts"
import { readBoolean, readDate } from "../../protocol/data/cell-words.ts"
import { labelColumns } from "../../protocol/data/description.ts"
import { didYouMean } from "../../protocol/data/near-names.ts"
import { isNumberSomehow } from "../../protocol/data/number-text.ts"
import { shown } from "../../protocol/data/spelling.ts"
import type { SurveyedCell, SurveyedColumn } from "../../protocol/data/survey-visitor.ts"
import { Schema } from "../../protocol/schema.ts"
import { describePath, type Problem, ScenarioError } from "../text/problems.ts"
import type { Path as PathInFile } from "../text/yaml.ts"
import { requireOwnFile, surveyTable } from "./data-files.ts"
import { dataFileOf } from "./data-path.ts"
import { type Holding, Whole } from "./schema.ts"

/** Rows that are looked at to tell numbers from texts. */
const enoughRows = 1_000

const decodeWhole = Schema.decodeUnknownEither(Whole, { errors: "first", onExcessProperty: "error" })

/** A holding without columns, and where it is. */
interface Open {
  readonly holding: Holding
  readonly userName: string
  readonly path: readonly ["users", number, "holds", number]
}

/**
 * The value of a scenario's file, with the columns of files where it says `features: all` and lists none. What
 * is wrong elsewhere is not looked at. Fails with `ScenarioError`.
 */
export const withColumnsOfFiles = Effect.fn("Scenario.columnsOfFiles")(function* (
  value: unknown,
  file: string,
  locate: (path: PathInFile) => string
) {
  const whole = decodeWhole(value)
  if (Either.isLeft(whole) || whole.right.data.features !== "all") return value
  const { data, users } = whole.right
  const open = users.flatMap(({ holds, name: userName }, user) =>
    holds.flatMap((holding, place): ReadonlyArray<Open> => {
      const path = ["users", user, "holds", place] as const
      return holding.columns === undefined && holding.header === undefined
        ? [{ holding, userName, path }]
        : []
    })
  )
  const roles = { id: data.id, labels: new Set(labelColumns(data)) }
  const read = yield* Effect.forEach(open, (each) => Effect.either(columnsOf(each, roles, file)))
  const absent = absentLabel(whole.right, read)
  if (absent !== undefined) {
    const path = ["data", "label", "column"]
    const problems = [{ at: locate(path), path: describePath(path), message: absent }]
    return yield* new ScenarioError({ file, problems })
  }
  const problems = read.flatMap((each, index): ReadonlyArray<Problem> => {
    if (Either.isRight(each)) return []
    const path = each.left.at === "features" ? ["data", "features"] : [...open[index]!.path, "file"]
    return [{ at: locate(path), path: describePath(path), message: each.left.message }]
  })
  if (problems.length > 0) return yield* new ScenarioError({ file, problems })
  const columns = new Map(open.map(({ holding }, index) => [holding, Either.getOrThrow(read[index]!)]))
  return {
    ...(value as object),
    users: (value as { readonly users: ReadonlyArray<{ readonly holds: ReadonlyArray<object> }> }).users.map(
      (user, at) => ({
        ...user,
        holds: user.holds.map((holding, place) => {
          const own = columns.get(users[at]!.holds[place]!)
          return own === undefined ? holding : { ...holding, columns: own }
        })
      })
    )
  }
})

interface Fault {
  readonly at: "file" | "features"
  readonly message: string
  /** The columns of the file, where they are known. */
  readonly names?: ReadonlyArray<string>
}

/** What is wrong with a label that no file has; its column would seem a feature. */
const absentLabel = (
  { data, users }: typeof Whole.Type,
  read: ReadonlyArray<Either.Either<ReadonlyArray<string>, Fault>>
): string | undefined => {
  const listed = users.flatMap(({ holds }) =>
    holds.flatMap(({ columns = [], header = [] }) => [...columns, ...header])
  )
  const found = read.flatMap(Either.match({ onLeft: ({ names = [] }) => names, onRight: (own) => own }))
  const names = [...new Set([...listed, ...found])]
  const label = labelColumns(data).find((name) => !names.includes(name))
  if (label === undefined || found.length === 0) return undefined
  const meant = didYouMean(label, names)
  return `column ${shown(label)} is in none of the files; correct the name, or add the column${meant}`
}

interface Roles {
  readonly id: string
  readonly labels: ReadonlySet<string>
}

const listThem = "list the features in the scenario"

/** The columns of a file but its ids. */
const columnsOf = Effect.fn("Scenario.columnsOf")(function* (
  { holding, userName }: Open,
  { id, labels }: Roles,
  file: string
) {
  const path = yield* Path.Path
  const { dialect, encoding } = holding
  const dataFile = dataFileOf(path, file, holding.file)
  let columns: ReadonlyArray<SurveyedColumn> = []
  const texts = new Map<number, ReturnType<typeof kindsOf>>()
  const visitor = {
    open: (own: ReadonlyArray<SurveyedColumn>) => {
      columns = own
    },
    cell: (column: number, cell: SurveyedCell) => {
      if (typeof cell !== "string" || isMissing(cell) || isNumberSomehow(cell)) return
      texts.set(column, narrowed(texts.get(column), kindsOf(cell)))
    }
  }
  const source = { user: userName, file: dataFile, encoding, dialect }
  yield* requireOwnFile(file, dataFile).pipe(
    Effect.zipRight(surveyTable(source, visitor, enoughRows)),
    Effect.mapError(
      ({ message }): Fault => ({
        at: "file",
        message: `${message}; features: all takes the names of columns from it: where it is not at hand, ${listThem}`
      })
    )
  )
  if (columns.some(({ name }) => name === ""))
    return yield* Effect.fail<Fault>({
      at: "file",
      message: `names no columns, as features: all needs; ${listThem}, such as pixel: { count: ${columns.length}, range: [0, 255] }`
    })
  const worded = columns.flatMap(({ holds, name }, place) => {
    if (name === id || labels.has(name)) return []
    if (holds !== undefined) return [`column ${shown(name)} holds ${holds}, which are no feature`]
    const kinds = texts.get(place)
    return kinds === undefined
      ? []
      : [`column ${shown(name)} holds ${kinds.what}: say ${shown(name)}: ${kinds.entry}`]
  })
  if (worded.length > 0)
    return yield* Effect.fail<Fault>({
      at: "features",
      names: columns.map(({ name }) => name),
      message: `is all, for columns of numbers, but in ${holding.file} ${worded.slice(0, 5).join("; ")}${worded.length > 5 ? `; and so ${worded.length - 5} more columns` : ""}; ${listThem}, as bicameral inspect proposes them`
    })
  return columns.map(({ name }) => name).filter((name) => name !== id)
})

/** What a text that is no number may be, and how a feature of such texts is written. */
const kindsOf = (text: string) => {
  if (typeof readBoolean(text) === "number") return booleans
  return typeof readDate(text) === "number" ? dates : categories
}

const booleans = { what: "words for yes and no", entry: "boolean" }
const dates = { what: "dates", entry: "date" }
const categories = { what: "texts", entry: "{ values: [...] }" }

const narrowed = (before: typeof booleans | undefined, next: typeof booleans) =>
  before === undefined || before === next ? next : categories
