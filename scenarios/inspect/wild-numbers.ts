/** Numbers that are far from all others, and owners whose numbers are: a slip, or another unit. Nothing here quotes a cell. */
import { shown } from "../../protocol/data/spelling.ts"
import { count } from "../text/units.ts"
import type { ColumnProfile } from "./column-profile.ts"
import type { FileProfile } from "./file-profile.ts"
import type { Summary } from "./histogram.ts"

/** The numbers of a column in a file. */
export interface NumbersOf {
  readonly file: string
  readonly unit: "line" | "row"
  readonly numbers: Summary
}

/** Deviations from the mean, beyond which a scaled number is moved. */
const mostDeviations = 8
/** Deviations between the means of two owners who hardly measure the same. */
const farApart = 4
/** Of fewer numbers none can be so many deviations from the mean. */
const fewestNumbers = 66

/** Columns of which it is said one by one; of more, such as pixels, it is no wonder. */
const mostColumns = 5

/** A column of numbers in the files that have it. */
export interface NumberColumn {
  readonly name: string
  readonly files: ReadonlyArray<NumbersOf>
}

/** The columns of numbers of one file, some of which may be no part of a study. */
export const numbersIn = (
  { file, format }: FileProfile,
  columns: ReadonlyArray<ColumnProfile>
): ReadonlyArray<NumberColumn> =>
  columns.flatMap(({ kind, name, numbers }) =>
    numbers === undefined || (kind !== "number" && kind !== "whole number")
      ? []
      : [{ name, files: [{ file, unit: format === "CSV" ? "line" : "row", numbers }] }]
  )

/** What is said of columns of numbers, each with its name. */
export const wildNumbers = (columns: ReadonlyArray<NumberColumn>): ReadonlyArray<string> => {
  const wild = columns.flatMap(({ files, name }) => {
    const texts = ofColumn(files)
    return texts.length === 0 ? [] : [{ name, texts }]
  })
  return wild.length > mostColumns
    ? [`${count(wild.length)} columns, such as ${shown(wild[0]!.name)}, have numbers far from the others`]
    : wild.flatMap(({ name, texts }) => texts.map((text) => `${shown(name)}: ${text}`))
}

/** What is said of the numbers of a column: `a number on line 17 of south.csv is 28 deviations from the mean` */
const ofColumn = (files: ReadonlyArray<NumbersOf>): ReadonlyArray<string> => [
  ...files.flatMap((own) => {
    const { file, unit } = own
    const { away, place } = farthest(own)
    if (own.numbers.count <= fewestNumbers || away <= mostDeviations) return []
    return [
      `a number on ${unit} ${place} of ${file} is ${count(Math.round(away))} deviations from the mean; correct it if it is a slip`
    ]
  }),
  ...apartText(files)
]

/** The number that is farthest from the mean, in deviations, and where it is. */
const farthest = ({ numbers: { deviation, greatest, least, mean, places } }: NumbersOf) => {
  const isLeast = mean - least > greatest - mean
  const away = Math.max(mean - least, greatest - mean) / (deviation || 1)
  return { away, place: places[isLeast ? 0 : 1] }
}

/** The first two files whose means are far apart. */
const apartText = (files: ReadonlyArray<NumbersOf>): ReadonlyArray<string> => {
  for (const [index, { file, numbers }] of files.entries())
    for (const other of files.slice(index + 1)) {
      const deviation = Math.max(numbers.deviation, other.numbers.deviation)
      const away = Math.abs(numbers.mean - other.numbers.mean) / deviation
      // Where both are constant nothing is known of how much they vary.
      if (deviation === 0 || away <= farApart) continue
      return [
        `the means of ${file} and ${other.file} are ${count(Math.round(away))} deviations apart; do both have the same unit?`
      ]
    }
  return []
}
