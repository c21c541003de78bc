/**
 * What is probably a mistake in a file, or how its owner marks missing cells: a column that would silently become
 * something else by it. Nothing here quotes a cell; lines and counts say where to look.
 */
import { nearTexts, shown } from "../../protocol/data/spelling.ts"
import { count, counted } from "../text/units.ts"
import { type ColumnProfile, fewValues } from "./column-profile.ts"
import type { FileProfile } from "./file-profile.ts"

/** A column in doubt. */
export interface Doubt {
  readonly file: string
  readonly column: string
  /** What the column has. */
  readonly reason: string
  /** What can be done in the file. */
  readonly remedy: string
  /** `ids`: some come twice; `strays`: cells that are of another kind than the others. */
  readonly about: "ids" | "strays"
  /** Texts that come again among the strays, which may mark missing cells. */
  readonly markers: ReadonlyArray<string>
}

/** `clinic-b.csv, id: an id occurs twice, on lines 5 and 9; correct the file` */
export const describeDoubt = ({ column, file, reason, remedy }: Doubt, further = ""): string =>
  `${shown(file)}, ${shown(column)}: ${reason}; ${remedy}${further}`

/** The columns in doubt, in the order of the file. */
export const doubtsOf = ({ columns, file, format }: FileProfile): ReadonlyArray<Doubt> => {
  const unit = format === "CSV" ? "line" : "row"
  return columns.flatMap((column) => {
    const own = { file, column: column.name }
    return [...ofIds(column, unit), ...ofStrays(column, unit)].map((doubt) => ({ ...own, ...doubt }))
  })
}

type Found = Omit<Doubt, "file" | "column">

const ofIds = ({ repeated }: ColumnProfile, unit: string): ReadonlyArray<Found> => {
  if (repeated === undefined) return []
  const [before, again] = repeated.places
  const more = repeated.count === 1 ? "" : `, and so ${counted(repeated.count - 1, "more id", "more ids")}`
  return [
    {
      about: "ids",
      reason: `an id occurs twice, on ${unit}s ${before} and ${again}${more}`,
      remedy: "take out the row that is there twice, or give each row an id of its own",
      markers: []
    }
  ]
}

const ofStrays = ({ strays }: ColumnProfile, unit: string): ReadonlyArray<Found> => {
  if (strays === undefined) return []
  const { among, markers, others, place } = strays
  const number = strays.count
  const where = `${number === 1 ? "on" : "the first on"} ${unit} ${place}`
  const cells =
    number === 1 ? `one cell that is none, ${where}` : `${count(number)} cells that are none, ${where}`
  return [
    {
      about: "strays",
      reason: `${counted(others, among)} and ${cells}`,
      remedy:
        markers.length === 0
          ? `correct ${number === 1 ? "the cell" : "the cells"}`
          : "correct the cells, or list the text that marks missing cells",
      markers
    }
  ]
}

/** Values of a column that differ in spelling alone, as `"Male" and "male" differ only in case`. */
export const nearValues = (values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.length > fewValues
    ? []
    : nearTexts(values, 3).map(
        ({ difference, one, other }) =>
          `${JSON.stringify(shown(one))} and ${JSON.stringify(shown(other))} differ only in ${difference}`
      )
