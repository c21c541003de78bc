/** Whether the columns of a Parquet file can be what the scenario wants of them, and how their cells become it. */
import type { FileMetaData, SchemaElement, SchemaTree } from "hyparquet"
import { classesOf, type DataDescription, type Feature, isCategory, labelColumns } from "./description.ts"
import { areNumbers } from "./labels.ts"
import { isReadableCodec } from "./parquet-codecs.ts"
import { type CellType, cellType, nestedType } from "./parquet-types.ts"
import { trimmed } from "./spelling.ts"
import type { CellProblem, TableProblem } from "./table.ts"

/** What is read of a cell: a number, a text without spaces at its edges, null for none, undefined for a fault. */
export type Cell = number | string | null | undefined

/** A column that is read. */
export interface ReadColumn {
  readonly name: string
  readonly element: SchemaElement
  readonly cellOf: (value: unknown) => Cell
  /** The fault of an undefined cell. */
  readonly fault: CellProblem
}

/** What a column is to become: some of these values, or numbers. */
type Wanted =
  | { readonly values: ReadonlyArray<string>; readonly called: "labels" | "categories" }
  | "numbers"
  | "dates"

/** What the features and the label of a scenario want of their columns. */
export const wantedOf = (description: DataDescription): ReadonlyMap<string, Wanted> => {
  const classes = classesOf(description)
  const label: Wanted = classes === undefined ? "numbers" : { values: classes, called: "labels" }
  return new Map([
    ...description.features.map((feature) => [feature.name, wantedFor(feature)] as const),
    ...labelColumns(description).map((name) => [name, label] as const)
  ])
}

const wantedFor = (feature: Feature): Wanted => {
  if (isCategory(feature)) return { values: feature.values, called: "categories" }
  return feature.kind === "date" ? "dates" : "numbers"
}

const typeOf = ({ element, children }: SchemaTree): CellType =>
  children.length === 0 && element.repetition_type !== "REPEATED" ? cellType(element) : nestedType(element)

/** The column of the ids, or why it can't be that. */
export const idColumn = (tree: SchemaTree): ReadColumn | CellProblem => {
  const type = typeOf(tree)
  const remedy = "write ids as texts or integers"
  if (type.text === undefined) return { reason: `holds ${type.what}, which can't be ids`, remedy }
  if (type.rounded) {
    const reason = `holds ${type.what}, which can't be ids: they are rounded, so that two ids may become the same`
    return { reason, remedy }
  }
  return readColumn(tree, type, texts(type.text))
}

/** A column of cells, or why it can't be what is wanted. */
export const cellColumn = (tree: SchemaTree, wanted: Wanted): ReadColumn | CellProblem => {
  const type = typeOf(tree)
  const cellOf = cellsAs(type, wanted)
  return typeof cellOf === "function" ? readColumn(tree, type, cellOf) : cellOf
}

/** A column as it is: numbers where it holds them, texts of all else that has some. */
export const anyColumn = (
  tree: SchemaTree
): ReadColumn | { readonly name: string; readonly holds: string } => {
  const type = typeOf(tree)
  const { days, number, text, what } = type
  if (number !== undefined && days === undefined && what !== "booleans") return readColumn(tree, type, number)
  return text === undefined ? { name: tree.element.name, holds: what } : readColumn(tree, type, texts(text))
}

const readColumn = (
  { element }: SchemaTree,
  { what }: CellType,
  cellOf: ReadColumn["cellOf"]
): ReadColumn => {
  const fault =
    what === "texts"
      ? { reason: "has bytes that are not UTF-8", remedy: "write texts as UTF-8" }
      : { reason: "is beyond the years 0 to 9999", remedy: "correct it, or leave out the row" }
  return { name: element.name, element, cellOf, fault }
}

const texts =
  (text: NonNullable<CellType["text"]>) =>
  (value: unknown): Cell => {
    const written = text(value)
    return typeof written === "string" ? trimmed(written) : written
  }

const cellsAs = (type: CellType, wanted: Wanted): ReadColumn["cellOf"] | CellProblem => {
  const { what, text, number, days, rounded } = type
  if (typeof wanted === "object") {
    const { values, called } = wanted
    const remedy = `write ${called} as texts or integers`
    if (text === undefined) return { reason: `holds ${what}, which can't be ${called}`, remedy }
    return rounded && !areNumbers(values)
      ? { reason: `holds ${what}, and not all ${called} of the scenario are numbers`, remedy }
      : texts(text)
  }
  const values = wanted === "dates" ? days : number
  if (values !== undefined) return values
  if (what === "texts") return texts(text!)
  if (wanted === "dates") {
    return {
      reason: `holds ${what}, which can't be dates`,
      remedy: "write dates, or texts such as 2021-03-01"
    }
  }
  return {
    reason: `holds ${what}, which can't be numbers`,
    remedy: `write numbers${days === undefined ? "" : ", or say type: date of the feature"}`
  }
}

/** Why a column can't be read in a group of rows, if it is wanted there. */
export const unreadable = (
  { meta_data: data, file_path: elsewhere }: FileMetaData["row_groups"][number]["columns"][number],
  wanted: ReadonlySet<string>
): TableProblem | undefined => {
  if (data === undefined) {
    return { reason: "has columns that are encrypted", remedy: "write it without encryption" }
  }
  const column = data.path_in_schema[0]!
  if (!wanted.has(column)) return undefined
  if (elsewhere !== undefined) {
    return { column, reason: "is in another file", remedy: "write the whole table into one file" }
  }
  if (isReadableCodec(data.codec)) return undefined
  return {
    column,
    reason: `is compressed with ${data.codec ?? "a codec that is not known"}, which is not read`,
    remedy: "write it with Zstandard, Snappy, gzip, LZ4 or Brotli, or uncompressed"
  }
}
