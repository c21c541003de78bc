/**
 * `bicameral init`: writes a scenario from data files, by what they hold and what their owner answers; or one
 * owner's part of it; or puts parts together.
 */
import { FileSystem, Path, Terminal } from "@effect/platform"
import { Console, Data, Effect, Either, Option } from "effect"
import { shown } from "../../protocol/data/spelling.ts"
import { loadYaml, parseScenario } from "../description/load.ts"
import { type ColumnType, typeOf } from "../inspect/column-type.ts"
import {
  type Draft,
  dataFilesOf,
  draftOf,
  isUnfit,
  labelWith,
  partsOf,
  toldOf,
  WishNotGranted
} from "../inspect/draft.ts"
import { settingsOf, unknownFile } from "../inspect/file-settings.ts"
import { chosenLabel, labelCandidates, NotALabel } from "../inspect/label.ts"
import { alignNames } from "../inspect/names.ts"
import { decodePart, missingOf, type Part, partText } from "../inspect/part.ts"
import type { LeftOut } from "../inspect/proposals.ts"
import { namesIn } from "../inspect/questions.ts"
import { rareValues } from "../inspect/rare-values.ts"
import { scenarioText } from "../inspect/scenario-text.ts"
import { settled } from "../inspect/settle.ts"
import { studyOf } from "../inspect/study.ts"
import { distinctNames, nameOf } from "../inspect/user-names.ts"
import { numbersIn, wildNumbers } from "../inspect/wild-numbers.ts"
import { answer, isForPrograms } from "../text/answer.ts"
import { counted, listed } from "../text/units.ts"
import { checkScenario } from "./check.ts"
import type { InitRequest } from "./commands.ts"
import { WrongWords } from "./words.ts"

/** There are questions, and nobody to answer them. */
export class NobodyAnswers extends Data.TaggedError("NobodyAnswers") {
  readonly retryable = false
  override get message(): string {
    return "standard input is no terminal that could answer questions; give --yes to take what is proposed, and what you know as --files, --id, --label, --users, --held-out, --name and --out; see bicameral init --help"
  }
}

/** A file is there that would be overwritten. */
export class FileIsThere extends Data.TaggedError("FileIsThere")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} is there already and is not overwritten; remove it, or give another --out`
  }
}

/** The scenario was written, and its own check found fault with it. */
export class DraftFailsCheck extends Data.TaggedError("DraftFailsCheck")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} was written and does not pass check:\n${this.reason}\nCorrect the data or that file, and run bicameral check ${this.file}; or remove it, and begin anew`
  }
}

/** Writes what is asked for, and says what to do next. A person who leaves a question interrupts it. */
export const initScenario = (request: InitRequest) =>
  Effect.catchTag(written(request), "QuitException", () => Effect.interrupt)

const written = Effect.fn("Init")(function* (request: InitRequest) {
  if (request.part && request.join)
    return yield* new WrongWords({
      reason: "--part writes one owner's part, and --join puts parts together; take one of them out",
      help: "bicameral init"
    })
  if (request.join) return yield* joinParts(request)
  if (request.part) return yield* writeParts(request)
  const terminal = yield* Terminal.Terminal
  if (!request.yes && !(yield* terminal.isTTY)) return yield* new NobodyAnswers()
  const path = yield* Path.Path
  const { draft, folder } = yield* draftOf(
    {
      ...request,
      ...decisionsOf(request),
      users: Option.map(request.users, namesIn),
      asks: !request.yes
    },
    request.out
  )
  const file = yield* freeName(request.out, path.relative("", path.join(folder, `${draft.name}.yaml`)))
  yield* writeNew(file, draft.text)
  const said = notes(draft)
  yield* answer({
    text: [`wrote ${file}: ${summary(draft)}`, ...said].join("\n"),
    value: { files: [file], summary: summary(draft), notes: trimmed(said) }
  })
  yield* checkScenario({ file, hosts: Option.none(), calibration: Option.none() }).pipe(
    Effect.mapError(({ message }) => new DraftFailsCheck({ file, reason: message }))
  )
  yield* Console.log(
    [
      "It passes bicameral check, which also shows plan and cost. Next:",
      `  npm run --silent bicameral -- run ${file}`
    ].join("\n")
  )
})

/** What the options say of columns, where lists have commas between their texts. */
const decisionsOf = ({ asText, id, leaveOut, missing, numberRows }: InitRequest) => {
  const texts = (list: Option.Option<string>) => Option.match(list, { onNone: () => [], onSome: namesIn })
  return {
    id: Option.getOrUndefined(id),
    numbersRows: numberRows,
    missing: texts(missing),
    leaveOut: texts(leaveOut),
    asText: texts(asText)
  }
}

const summary = ({ label, rows, study }: Draft): string => {
  const { columns, files, id, split } = study
  const how = {
    rows: `${files.length} owners with other rows each`,
    columns: `${files.length} owners with other columns each, joined by ${id}`,
    mixed: `${files.length} owners, some with other rows and some with other columns, joined by ${id}`,
    parts: "the rows of one file dealt to several owners, to try things out"
  }[split]
  const what =
    label.values === undefined ? "a number" : `one of ${counted(label.values.length, "class", "classes")}`
  return `${how}; ${counted(rows, "row")}; ${label.column}, ${what}, predicted from ${counted(columns.length - 1, "column")}`
}

const trimmed = (lines: ReadonlyArray<string>) => lines.map((line) => line.trim())

const noteLine = (told: string): string => `  note: ${told}`

const notes = ({
  leftOut,
  telling,
  told
}: {
  readonly leftOut: ReadonlyArray<LeftOut>
  readonly telling: ReadonlyArray<string>
  readonly told: ReadonlyArray<string>
}) => [
  ...told.map(noteLine),
  ...leftOut.map(({ column, reason }) => `  left out: ${column} ${reason}`),
  ...(telling.length === 0
    ? []
    : [
        `  revealed to all owners: what fewer than three of them find together of ${listed(telling)}: means and deviations, or what fills missing cells`
      ])
]

/** A name that no file has yet, unless one was given. */
const freeName = Effect.fn("Init.name")(function* (given: Option.Option<string>, usual: string) {
  if (Option.isSome(given)) return given.value
  const files = yield* FileSystem.FileSystem
  for (let number = 1; ; number++) {
    const name = number === 1 ? usual : usual.replace(/(\.part)?\.yaml$/, `-${number}$&`)
    if (!(yield* files.exists(name))) return name
  }
})

/** Writes a file that must not be there yet. */
const writeNew = Effect.fn("Init.write")(function* (file: string, text: string) {
  const files = yield* FileSystem.FileSystem
  yield* files
    .writeFileString(file, text, { flag: "wx" })
    .pipe(
      Effect.mapError((error) =>
        error._tag === "SystemError" && error.reason === "AlreadyExists"
          ? new FileIsThere({ file })
          : new WishNotGranted({ reason: `${file} can't be written: ${error.message}; give another --out` })
      )
    )
})

/** Writes each file's part, which its owner can show to others. */
const writeParts = Effect.fn("Init.part")(function* (request: InitRequest) {
  const path = yield* Path.Path
  const { label, ranges } = request
  if (request.files.length === 0)
    return yield* new WrongWords({
      reason: "--part needs the owner's file; give --files FILE",
      help: "bicameral init"
    })
  const places = yield* dataFilesOf(request.files)
  const given = Option.map(request.users, namesIn)
  const owners = Option.getOrElse(given, () => distinctNames(places.map((place) => nameOf(place, "owner"))))
  if (owners.length !== places.length || (Option.isSome(request.out) && places.length > 1))
    return yield* new WishNotGranted({
      reason: "--users and --out are for one file each here; write the parts one by one"
    })
  const unknown = unknownFile(request.written, places)
  if (unknown !== undefined) return yield* unknown
  const settings = places.map((place) => settingsOf(request.written, place))
  const { decisions, profiles } = yield* settled(settings, decisionsOf(request), false)
  const { leaveOut, missing } = decisions
  const written: Array<string> = []
  const toldOfAll: Array<string> = []
  for (const [index, place] of places.entries()) {
    const profile = profiles[index]!
    const own = profile.columns.filter(({ name }) => !leaveOut.includes(name))
    const plain = own.map((column) => typeOf(column, { asLabel: true }))
    const likely = Option.getOrElse(label, () => labelCandidates(plain)[0]?.name)
    const columns = own.map((column) => typeOf(column, { asLabel: column.name === likely, ranges }))
    const { dialect, encoding } = settings[index]!
    const part: Part = {
      owner: owners[index]!,
      file: path.basename(place),
      ...(profile.format === "CSV" && encoding !== undefined ? { encoding } : {}),
      ...(profile.format === "CSV" && dialect !== undefined ? { dialect } : {}),
      ...(missing.length === 0 ? {} : { missing }),
      ...(own.length < profile.columns.length ? { further: true } : {}),
      columns
    }
    const usual = path.relative(
      "",
      path.join(path.dirname(path.resolve(place)), `${owners[index]}.part.yaml`)
    )
    const file = yield* freeName(request.out, usual)
    yield* writeNew(file, partText(part))
    const rareOf = ({ name, other, values }: ColumnType, column: number) =>
      values === undefined || other
        ? []
        : rareValues([{ file: part.file, counts: own[column]!.values ?? [] }]).map(
            (each) => `${shown(name)}: ${each}`
          )
    const told = [...columns.flatMap(rareOf), ...wildNumbers(numbersIn(profile, own))]
    written.push(file)
    toldOfAll.push(...told)
    yield* Console.log(
      [
        `wrote ${file}: look at what it tells, then send it to the person who runs bicameral init --join`,
        ...told.map(noteLine)
      ].join("\n")
    )
  }
  if (yield* isForPrograms) yield* answer({ text: "", value: { files: written, notes: toldOfAll } })
})

/** Puts the parts of several owners together. */
const joinParts = Effect.fn("Init.join")(function* (request: InitRequest) {
  const path = yield* Path.Path
  const places = yield* partsOf(request.files)
  if (places.length < 2)
    return yield* new WrongWords({
      reason: "--join needs the parts of two owners or more, or the folder that has them",
      help: "bicameral init"
    })
  const parts = yield* Effect.forEach(places, (file) => loadYaml(file, decodePart, "a part of a scenario"))
  const owners = distinctNames(parts.map(({ owner }) => owner))
  const { files, told } = alignNames(
    parts.map(({ columns, ...part }, index) => ({
      ...part,
      owner: owners[index]!,
      types: columns,
      columnsInFile: columns.map(({ name }) => name),
      named: true,
      // The scenario gives columns other names in CSV, all of them at once.
      isRenamable: !part.further && !/\.(parquet|pq)(\.gz)?$|idx/i.test(part.file)
    }))
  )
  const study = studyOf(files, decisionsOf(request))
  if (isUnfit(study)) return yield* study
  // Nothing is asked of parts but for the label, where the likeliest column can't be it.
  const terminal = yield* Terminal.Terminal
  const isInDoubt = chosenLabel(study, undefined) instanceof NotALabel
  const asks = isInDoubt && !request.yes && (yield* terminal.isTTY)
  const label = yield* labelWith({ asks, label: request.label }, study)
  const name = Option.getOrElse(request.name, () => "study")
  const heldOut = Option.getOrElse(request.heldOut, () => 0.2)
  const choices = { name, label, heldOut, owners: files.length, missing: missingOf(parts) }
  const scenario = scenarioText(study, choices, undefined)
  const folder = path.dirname(path.resolve(places[0]!))
  const file = yield* freeName(request.out, path.relative("", path.join(folder, `${name}.yaml`)))
  const loaded = parseScenario(scenario.text, file)
  if (Either.isLeft(loaded)) return yield* loaded.left
  yield* writeNew(file, scenario.text)
  const said = notes({ ...scenario, told: [...told, ...toldOf(study, label)] })
  yield* answer({
    text: [
      `wrote ${file}, with ${counted(files.length, "owner")}`,
      ...said,
      "Next: every owner reads it, puts it into the folder of its data, and follows docs/how-to/deploy.md"
    ].join("\n"),
    value: { files: [file], notes: trimmed(said) }
  })
})
