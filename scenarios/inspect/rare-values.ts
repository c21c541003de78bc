/** Values that hardly any row has, which may be slips of the pen: each is a class, or a category, of its own. */
import { closest } from "../../protocol/data/near-names.ts"
import { shown, spellingDifference } from "../../protocol/data/spelling.ts"
import { count, counted, listed } from "../text/units.ts"
import { rare } from "./column-profile.ts"
import type { ValueCount } from "./value-counts.ts"

/** How often a file has the values of a column. */
export interface CountsOf {
  readonly file: string
  readonly counts: ReadonlyArray<ValueCount>
}

/** Share of the rows below which a value is rare. */
const rareShare = 0.02
/** Rare values that are named. */
const mostNamed = 3

/** What is said of the rare values of a column: `"negativ" has 1 row, in south.csv; did you mean negative?` */
export const rareValues = (files: ReadonlyArray<CountsOf>): ReadonlyArray<string> => {
  const totals = new Map<string, number>()
  for (const { counts } of files)
    for (const { count, value } of counts) totals.set(value, (totals.get(value) ?? 0) + count)
  const most = rareShare * [...totals.values()].reduce((sum, each) => sum + each, 0)
  const isRare = (total: number) => total < rare && total <= most
  const common = [...totals].flatMap(([value, total]) => (isRare(total) ? [] : [value]))
  const found = [...totals].flatMap(([value, total]) => {
    if (!isRare(total)) return []
    const meant = closest(value, common)
    // What differs in spelling alone is told already.
    if (meant !== undefined && spellingDifference(value, meant) !== undefined) return []
    const own = files.filter(({ counts }) => counts.some((each) => each.value === value))
    const where = listed(own.map(({ file }) => file))
    const text = `${JSON.stringify(shown(value))} has ${counted(total, "row")}, in ${where}`
    const asks = meant === undefined ? "; correct it if it is a slip" : `; did you mean ${shown(meant)}?`
    return [{ text: text + asks, isNear: meant !== undefined }]
  })
  const ordered = [...found.filter(({ isNear }) => isNear), ...found.filter(({ isNear }) => !isNear)]
  const named = ordered.slice(0, mostNamed).map(({ text }) => text)
  const more = ordered.length - named.length
  return more === 0 ? named : [...named, `${count(more)} more values have fewer than ${rare} rows each`]
}
