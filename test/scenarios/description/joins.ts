/**
 * Two owners, each with a file of its own making: seven rows that both have, and one of each that may be the same. Whether the
 * two are joined is reported by `check`, which counts the rows or names the gap.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { stringify } from "yaml"
import { shown } from "../../../protocol/data/spelling.ts"
import { pairs } from "../../protocol/data/corpus/encodings.ts"
import type { Encoding } from "../../protocol/data/corpus/outcome.ts"
import { type ColumnType, parquetFile } from "../../protocol/data/corpus/parquet-file.ts"
import { encoded, type Sheet, written } from "../../protocol/data/corpus/sheet.ts"
import { command } from "../../support/in-process.ts"
import { temporaryFolder } from "../../support/small-scenario.ts"

/** An id as one owner has it: in a CSV of an encoding, which the scenario names, or in a Parquet column of a type. */
interface Held {
  readonly as: Encoding | ColumnType
  readonly id: string | number | bigint
  /** The ids that both owners have, where a type has no texts. */
  readonly common?: (row: number) => string | number | bigint
}

export interface JoinCase {
  readonly name: string
  readonly left: Held
  readonly right: Held
  /** What the ids are, where they are two; else they have to be joined. */
  readonly apart?: readonly [string, string]
  /** What is said besides of two ids that look alike. */
  readonly hint?: RegExp
}

const encodings = new Set<string>(["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"])
const commonIds = (row: number) => `row ${row}`
const moments = (row: number) => `2024-03-0${row + 2}T00:00:00.000Z`
const days = (row: number) => 1_709_337_600_000n + 86_400_000n * BigInt(row)
const numbers = (row: number) => row + 100

const csv = (as: Encoding, id: string | number | bigint, common: Held["common"] = commonIds): Held => ({
  as,
  id,
  common
})

const hintOf = (one: string, other: string): RegExp | undefined => {
  if (one.normalize("NFC") === other.normalize("NFC")) return /NFC|NFD|normali|compos|look alike|spelt/i
  return one.toLowerCase() === other.toLowerCase() ? /capital|case|look alike|spelt/i : undefined
}

const distinct: ReadonlyArray<JoinCase> = pairs.map(([one, other]) => {
  const hint = hintOf(one, other)
  return {
    name: `${one} and ${other} in two CSVs`,
    left: csv("utf-8", one),
    right: csv("utf-8", other),
    apart: [one, other],
    ...(hint === undefined ? {} : { hint })
  }
})

const alike: ReadonlyArray<JoinCase> = [
  ["Müller", "utf-8", "latin1"],
  ["Müller", "utf-16le", "windows-1252"],
  ["O’Brien – 5 €", "windows-1252", "utf-8"],
  ["O’Brien – 5 €", "utf-16be", "text"],
  ["穀物 🌾", "utf-16le", "text"],
  ["e\u0301", "text", "utf-8"],
  ["__proto__", "text", "utf-8"]
].map(([id, left, right]) => ({
  name: `${id} in ${left} and ${right}`,
  left: { as: left as Encoding | ColumnType, id: id! },
  right: { as: right as Encoding | ColumnType, id: id! }
}))

const typed: ReadonlyArray<JoinCase> = [
  {
    name: "7 of a CSV and of integers",
    left: csv("utf-8", "7", (row) => String(numbers(row))),
    right: { as: "int32", id: 7, common: numbers }
  },
  {
    name: "007 of a CSV and 7 of integers",
    left: csv("utf-8", "007", (row) => String(numbers(row))),
    right: { as: "int32", id: 7, common: numbers },
    apart: ["007", "7"]
  },
  {
    name: "2^53 + 1 of a CSV and of integers",
    left: csv("utf-8", "9007199254740993", (row) => String(numbers(row))),
    right: { as: "int64", id: 9007199254740993n, common: (row) => BigInt(numbers(row)) }
  },
  {
    name: "2^53 of a CSV and 2^53 + 1 of integers",
    left: csv("utf-8", "9007199254740992", (row) => String(numbers(row))),
    right: { as: "int64", id: 9007199254740993n, common: (row) => BigInt(numbers(row)) },
    apart: ["9007199254740992", "9007199254740993"]
  },
  {
    name: "2^64 - 1 of a CSV and of integers",
    left: csv("utf-8", "18446744073709551615", (row) => String(numbers(row))),
    right: { as: "uint64", id: 18446744073709551615n, common: (row) => BigInt(numbers(row)) }
  },
  {
    name: "a moment of a CSV and of timestamps",
    left: csv("utf-8", "2024-03-01T08:00:00.001Z", moments),
    right: { as: "milliseconds", id: 1709280000001n, common: days }
  },
  {
    name: "two moments of the same second",
    left: { as: "milliseconds", id: 1709280000001n, common: days },
    right: { as: "milliseconds", id: 1709280000777n, common: days },
    apart: ["2024-03-01T08:00:00.001Z", "2024-03-01T08:00:00.777Z"]
  },
  {
    name: "two moments of the same millisecond",
    left: { as: "microseconds", id: 1709280000000001n, common: (row) => days(row) * 1000n },
    right: { as: "microseconds", id: 1709280000000002n, common: (row) => days(row) * 1000n },
    apart: ["2024-03-01T08:00:00.000001Z", "2024-03-01T08:00:00.000002Z"]
  },
  {
    name: "two moments of the same microsecond",
    left: { as: "nanoseconds", id: 1709280000000000001n, common: (row) => days(row) * 1_000_000n },
    right: { as: "nanoseconds", id: 1709280000000000002n, common: (row) => days(row) * 1_000_000n },
    apart: ["2024-03-01T08:00:00.000000001Z", "2024-03-01T08:00:00.000000002Z"]
  },
  {
    name: "an id that a database has padded and one of a CSV",
    left: { as: "text", id: "oat     " },
    right: csv("utf-8", "oat")
  },
  {
    name: "an id with spaces in its CSV and one of a Parquet file",
    left: csv("utf-8", "  oat "),
    right: { as: "text", id: "oat" }
  }
]

export const joins: ReadonlyArray<JoinCase> = [...distinct, ...alike, ...typed]

/** The file of an owner: the ids, and a column or two that only it has. */
const fileOf = ({ as, id, common = commonIds }: Held, columns: ReadonlyArray<string>): Uint8Array => {
  const ids = [...Array.from({ length: 7 }, (_, row) => common(row)), id]
  const cell = (column: string, row: number) =>
    column === "grade" ? ["feed", "mill"][row % 2]! : String(10 + row / 8)
  if (encodings.has(as)) {
    const rows = ids.map((each, row) => [String(each), ...columns.map((column) => cell(column, row))])
    const sheet: Sheet = { header: ["id", ...columns], rows }
    return encoded(written(sheet).text, as as Encoding)
  }
  return parquetFile([
    { name: "id", type: as as ColumnType, values: ids },
    ...columns.map((name) => ({
      name,
      type: "text" as const,
      values: ids.map((_, row) => cell(name, row))
    }))
  ])
}

/** A text as it is, in a regular expression. */
const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

const owners = [
  { name: "left", columns: ["moisture", "protein"] },
  { name: "right", columns: ["grade"] }
] as const

/** What `check` says of a case that it must not say; nothing where all is as it must be. */
export const misjoined = (data: JoinCase) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const holds = owners.map(({ name, columns }) => {
      const { as } = data[name]
      const file = encodings.has(as) ? `${name}.csv` : `${name}.parquet`
      const encoding = encodings.has(as) && as !== "utf-8" ? { encoding: as } : {}
      return { name, holds: [{ file, columns: [...columns], ...encoding }] }
    })
    const scenario = {
      name: "joins",
      description: "Two owners of the same grain",
      data: {
        features: { moisture: [5, 25], protein: [6, 18] },
        label: { column: "grade", values: ["feed", "mill"] }
      },
      users: holds,
      heldOut: 0.25,
      network: { hidden: [2] },
      training: { epochs: 1, batch: 2, rate: 0.1 },
      security: { modulusBits: 512, insecure: true }
    }
    const path = join(folder, "scenario.yaml")
    yield* Effect.promise(() =>
      Promise.all([
        writeFile(path, stringify(scenario)),
        ...owners.map(({ name, columns }, at) =>
          writeFile(join(folder, holds[at]!.holds[0]!.file), fileOf(data[name], columns))
        )
      ])
    )
    const { complained, printed, status } = yield* command("check", path)
    const wanted =
      data.apart === undefined
        ? [/together 8 rows/]
        : [
            /3 cells are held by nobody/,
            new RegExp(`row ${literal(shown(data.apart[0]))}: grade`),
            new RegExp(`row ${literal(shown(data.apart[1]))}: moisture, protein`),
            ...(data.hint === undefined ? [] : [data.hint])
          ]
    const said = `${printed}\n${complained}`
    const missing = wanted.filter((words) => !words.test(said)).map((words) => `does not say ${words}`)
    const ended = status === (data.apart === undefined ? 0 : 1) ? [] : [`ends with ${status}`]
    return [...ended, ...missing].map((what) => `${data.name}: ${what}\n${complained}`)
  })
