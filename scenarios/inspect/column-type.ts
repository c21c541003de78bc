/**
 * What a scenario has to know of a column: its type, and the values of a category. It follows from a file's
 * profile, and holds no range, no mean and no count. The types that a column has at several owners make one.
 */
import { readBoolean } from "../../protocol/data/cell-words.ts"
import type { DateFormat } from "../../protocol/data/description.ts"
import { areNumbers } from "../../protocol/data/labels.ts"
import { listed } from "../text/units.ts"
import { type ColumnKind, type ColumnProfile, commonest, fewValues } from "./column-profile.ts"

export interface ColumnType {
  readonly name: string
  readonly type: ColumnKind
  /** Of a category or a boolean, all values in order; of a column that may be a label, too. */
  readonly values?: ReadonlyArray<string>
  /** Whether a boolean is written in different ways by several owners; its values are no and yes then. */
  readonly isMixed?: true
  /** Whether there are other values, which are too many to be listed. */
  readonly other?: boolean
  /** Whether cells are missing. */
  readonly missing?: boolean
  readonly format?: DateFormat | "unclear"
  /** Where the owner says them: the least and the greatest number. */
  readonly range?: readonly [number, number]
  /** What an unreadable column holds. */
  readonly holds?: string
}

/** Different numbers that may be the labels of classes, at most. */
const mostNumberedClasses = 20
/** Rows that each of them should have. */
const rowsAClass = 5

/** The range of a byte, which tells nothing of the data. */
const bytes = [0, 255] as const

/** The type of a column. Numbers that may be classes have values if `asLabel`; ranges are told if `ranges`. */
export const typeOf = (
  profile: ColumnProfile,
  { asLabel = false, ranges = false }: { readonly asLabel?: boolean; readonly ranges?: boolean } = {}
): ColumnType => {
  const { format, holds, isByte, kind, missing, name, numbers, values } = profile
  const isCut = kind === "category" && values !== undefined && values.length > fewValues
  const listed = isCut ? commonest(values) : listsValues(profile, asLabel) ? values : undefined
  return {
    name,
    type: kind,
    ...(listed === undefined
      ? {}
      : {
          values: inOrder(
            kind,
            listed.map(({ value }) => value)
          )
        }),
    ...(isCut ? { other: true } : {}),
    ...(missing > 0 ? { missing: true } : {}),
    ...(format === undefined ? {} : { format }),
    ...(isByte
      ? { range: bytes }
      : ranges && numbers !== undefined && kind !== "date" && kind !== "id"
        ? { range: [numbers.least, numbers.greatest] as const }
        : {}),
    ...(holds === undefined ? {} : { holds })
  }
}

/** Values in order; of a boolean, no before yes in any language, since the second of two classes is the positive one. */
const inOrder = (kind: ColumnKind, values: ReadonlyArray<string>): ReadonlyArray<string> =>
  kind === "boolean" ? values.toSorted((a, b) => Number(readBoolean(a)) - Number(readBoolean(b))) : values

const listsValues = (profile: ColumnProfile, asLabel: boolean): boolean =>
  profile.kind === "category" ||
  profile.kind === "boolean" ||
  isOneWord(profile) ||
  (asLabel && mayBeClasses(profile))

/** Whether all cells are 0, or all are 1: a boolean looks so at an owner who has no case of the other. */
const isOneWord = ({ kind, values }: ColumnProfile): boolean =>
  kind === "whole number" && values?.length === 1 && typeof readBoolean(values[0]!.value) === "number"

/** Whether whole numbers are few enough to be labels of classes. */
export const mayBeClasses = ({ kind, missing, rows, values }: ColumnProfile): boolean =>
  kind === "whole number" &&
  values !== undefined &&
  values.length <= mostNumberedClasses &&
  rows - missing >= rowsAClass * values.length

/** The type of a column that several files have, or why they contradict each other. */
export const merged = (
  types: ReadonlyArray<readonly [owner: string, type: ColumnType]>
): ColumnType | string => {
  const [first] = types
  const filled = types.filter(([, { type }]) => type !== "empty")
  const [one = first!] = filled
  const missing = types.some(([, { missing, type }]) => missing || type === "empty") ? { missing: true } : {}
  if (filled.length > 0 && filled.every(([, type]) => isYesOrNo(type)) && isBoolean(filled))
    return { ...booleanOf(filled.map(([, type]) => type)), ...missing }
  const families = filled.map(([, type]) => familyOf(type))
  if (new Set(families).size > 1) return contradiction(filled)
  const all = filled.map(([, type]) => type)
  const { name } = one[1]
  switch (families[0]) {
    case undefined:
      return first![1]
    case "numbers":
      return { name, ...numbersOf(all), ...missing }
    case "dates":
      return datesOf(filled, missing)
    case "texts":
      return { name, ...textsOf(all), ...missing }
    default:
      return one[1]
  }
}

/** Whether a column has nothing but words for yes and no, perhaps only one of them. */
const isYesOrNo = ({ other, type, values = [] }: ColumnType): boolean =>
  type === "boolean" ||
  ((type === "category" || type === "whole number") &&
    !other &&
    values.length > 0 &&
    values.every((text) => typeof readBoolean(text) === "number"))

/** Whether owners have both yes and no, at least together. */
const isBoolean = (filled: ReadonlyArray<readonly [string, ColumnType]>): boolean =>
  filled.some(([, { type }]) => type === "boolean") ||
  new Set(union(filled.map(([, type]) => type)).map(readBoolean)).size === 2

/** A boolean that owners may write in different ways. */
const booleanOf = (all: ReadonlyArray<ColumnType>): ColumnType => {
  const values = union(all)
  const isMixed = values.length > 2
  return {
    name: all[0]!.name,
    type: "boolean",
    values: isMixed ? ["no", "yes"] : inOrder("boolean", values.sort()),
    ...(isMixed ? { isMixed } : {})
  }
}

type Family = "numbers" | "dates" | "texts" | "unreadable" | "empty"

const familyOf = ({ type, values = [] }: ColumnType): Family => {
  switch (type) {
    case "number":
    case "whole number":
      return "numbers"
    case "boolean":
    case "id":
      return values.length > 0 && areNumbers(values) ? "numbers" : "texts"
    case "date":
      return "dates"
    case "category":
    case "text":
      return "texts"
    default:
      return type
  }
}

/** Which owners have a column how, where that is no one type. Words for yes and no agree, however they are written. */
const contradiction = (filled: ReadonlyArray<readonly [owner: string, type: ColumnType]>): string => {
  const haveWords = isBoolean(filled.filter(([, type]) => isYesOrNo(type)))
  const owners = new Map<string, Array<string>>()
  for (const [owner, type] of filled) {
    const what = haveWords && isYesOrNo(type) ? words : inWords(type)
    owners.set(what, [...(owners.get(what) ?? []), owner])
  }
  const each = Array.from(
    owners,
    ([what, own]) => `${what} in the ${own.length === 1 ? "file" : "files"} of ${listed(own)}`
  )
  return `is ${each.join(", but ")}`
}

const words = "a word for yes or no"

const inWords = ({ holds, type, values = [] }: ColumnType): string =>
  type === "unreadable"
    ? (holds ?? "of no readable type")
    : type === "boolean" && !areNumbers(values)
      ? words
      : `a ${type}`

const numbersOf = (all: ReadonlyArray<ColumnType>): Omit<ColumnType, "name"> => {
  const kinds = new Set(all.map(({ type }) => type))
  const ranges = all.flatMap(({ range }) => (range === undefined ? [] : [range]))
  const values = union(all)
  const isListed = all.every((each) => each.values !== undefined) && values.length <= fewValues
  return {
    type: kinds.size === 1 ? all[0]!.type : kinds.has("number") ? "number" : "whole number",
    ...(isListed ? { values: values.sort((a, b) => Number(a) - Number(b)) } : {}),
    ...(ranges.length === all.length
      ? { range: [Math.min(...ranges.map(([least]) => least)), Math.max(...ranges.map(([, most]) => most))] }
      : {})
  }
}

const datesOf = (
  filled: ReadonlyArray<readonly [owner: string, type: ColumnType]>,
  missing: { readonly missing?: boolean }
): ColumnType | string => {
  const formats = filled.map(([, { format }]) => format)
  const known = formats.find((format) => format !== "unclear")
  const other = formats.findIndex((format) => format !== "unclear" && format !== known)
  if (other !== -1)
    return `has dates written as ${known ?? "YYYY-MM-DD"} in one file and as ${formats[other] ?? "YYYY-MM-DD"} in that of ${filled[other]![0]}`
  const format = formats.every((each) => each === "unclear") ? "unclear" : known
  return { name: filled[0]![1].name, type: "date", ...(format === undefined ? {} : { format }), ...missing }
}

const textsOf = (all: ReadonlyArray<ColumnType>): Omit<ColumnType, "name"> => {
  const kinds = new Set(all.map(({ type }) => type))
  if (kinds.size === 1 && !kinds.has("category") && !kinds.has("boolean")) return { type: all[0]!.type }
  // Which values a file of few rows has, no two of them alike, it does not tell: others tell whether they are few.
  const listed = all.filter(({ values }) => values !== undefined)
  const other = listed.length < all.length || all.some((each) => each.other) ? { other: true } : {}
  if (listed.length === 0) return { type: "text" }
  const values = union(listed)
  return { type: "category", values: values.sort(), ...other }
}

const union = (types: ReadonlyArray<ColumnType>): Array<string> => [
  ...new Set(types.flatMap(({ values = [] }) => values))
]
