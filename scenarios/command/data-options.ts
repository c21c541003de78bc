/** The arguments and options of `bicameral inspect` and `bicameral init`: data files, how they are written, and what is known of them. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import { encodings } from "../../protocol/data/characters.ts"
import {
  commentSigns,
  decimalMarks,
  quoteMarks,
  separators,
  thousandsMarks
} from "../../protocol/data/dialect.ts"
import type { ForFiles } from "../inspect/file-settings.ts"
import { understood, wholeNumber } from "./options.ts"

export const dataFiles = Args.text({ name: "FILE" }).pipe(
  Args.withDescription("Data files: CSV, Parquet or IDX, each perhaps compressed with gzip"),
  Args.atLeast(1)
)

/** A setting of files: a value for all of them, `FILE=VALUE` for one, or several of these with commas between them. */
const ofFiles = <A extends string>(option: string, values: ReadonlyArray<A>, description: string) =>
  understood(
    option,
    "[FILE=]NAME",
    (text): ForFiles<A> | undefined => {
      const said = text.split(",").map((each) => {
        const at = each.lastIndexOf("=")
        return {
          file: each.slice(0, Math.max(0, at)).trim(),
          value: values.find((own) => own === each.slice(at + 1).trim())
        }
      })
      const named = new Map<string, A>()
      let all: A | undefined
      for (const { file, value } of said) {
        if (value === undefined || named.has(file) || (file === "" && all !== undefined)) return undefined
        if (file === "") all = value
        else named.set(file, value)
      }
      return { named, ...(all === undefined ? {} : { all }) }
    },
    `one of ${values.join(", ")}, for all files, or FILE=VALUE for one of them, with commas between several`
  ).pipe(Options.withDescription(`${description}: ${values.join(", ")}`), Options.withDefault(undefined))

const keysOf = <A extends string>(marks: Readonly<Record<A, string>>): ReadonlyArray<A> =>
  Object.keys(marks) as Array<A>

/** How CSV files are written: what a scenario says as `encoding` and `dialect` of a file. */
export const written = {
  encoding: ofFiles(
    "encoding",
    encodings,
    "Character encoding of CSV files, where it is not UTF-8 or UTF-16"
  ),
  separator: ofFiles(
    "separator",
    keysOf(separators),
    "What separates the fields of a row, where it is not found out"
  ),
  decimal: ofFiles("decimal", keysOf(decimalMarks), "The decimal mark of numbers, where it is not found out"),
  thousands: ofFiles(
    "thousands",
    keysOf(thousandsMarks),
    "What parts the thousands, where it is not found out"
  ),
  quote: ofFiles("quote", keysOf(quoteMarks), "The quotes around fields, where they are not found out"),
  comment: ofFiles("comment", keysOf(commentSigns), "How comment lines begin, where it is not found out")
}

/** An option with a text that may be left out. */
const words = (option: string, placeholder: string, description: string) =>
  Options.text(option).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(description),
    Options.optional
  )

export const initArguments = {
  given: Args.text({ name: "FILE" }).pipe(
    Args.withDescription("Data files or their folder; with --join the parts of the owners, or their folder"),
    Args.repeated,
    Args.withDefault<ReadonlyArray<string>>([])
  ),
  from: words("files", "FILE|DIR", "A data file, which further files may follow, or their folder"),
  id: words("id", "COLUMN", "The column of the rows' ids"),
  numberRows: Options.boolean("number-rows").pipe(
    Options.withDescription(
      "Numbers the rows, where no row of two owners is the same, whatever ids they have"
    )
  ),
  label: words("label", "COLUMN", "The column to predict"),
  missing: words(
    "missing",
    "TEXTS",
    "Texts that mark a missing cell besides the usual ones, with commas between them"
  ),
  leaveOut: words("leave-out", "COLUMNS", "Columns that are no part of the study, with commas between them"),
  asText: words(
    "as-text",
    "COLUMNS",
    "Columns of numbers with other texts among them, of which all cells are taken as texts, with commas between them"
  ),
  users: words("users", "NAMES", "The owners of the files, in their order, with commas between them"),
  owners: wholeNumber("owners", 2, 16, "2 to 16").pipe(
    Options.withDescription("Owners to whom the rows of a single file are dealt; 2 when left out"),
    Options.optional
  ),
  heldOut: understood(
    "held-out",
    "SHARE",
    (text) => (/^(0|0?\.\d+)$/.test(text) ? Number(text) : undefined),
    "a number from 0 to below 1, such as 0.2"
  ).pipe(
    Options.withDescription("Share of the rows that is held out for the test; 0.2 when left out"),
    Options.optional
  ),
  name: words("name", "NAME", "Name of the scenario; that of the folder or the file when left out"),
  out: words(
    "out",
    "FILE",
    "The file to write, never overwritten; by the data, with the name, when left out"
  ),
  yes: Options.boolean("yes").pipe(Options.withDescription("Takes what is proposed, without a question")),
  part: Options.boolean("part").pipe(
    Options.withDescription("Writes one owner's part, to be put together with others' by --join")
  ),
  ranges: Options.boolean("ranges").pipe(
    Options.withDescription("Puts the least and the greatest number of each column into the part")
  ),
  join: Options.boolean("join").pipe(
    Options.withDescription("Puts parts of several owners together, without their data")
  ),
  written
}
