/**
 * Columns as a scenario lists them: by name, all of a kind that are numbered by the name without a number,
 * and those from one to another as `pixel1..pixel392`. A pure function of the public description.
 */
import { type DataDescription, sourceColumns } from "../../protocol/data/description.ts"

/** The columns that an entry of a list stands for; none where there is no such column. */
export type ColumnsNamed = (entry: string) => ReadonlyArray<string>

/** What entries stand for in a joint table. */
export const columnsNamed = (description: DataDescription): ColumnsNamed => {
  const known = [description.id, ...sourceColumns(description)]
  const places = new Map(known.map((name, place) => [name, place]))
  return (entry) => {
    if (places.has(entry)) return [entry]
    const [from, to] = ends(entry, places)
    if (from !== undefined && to !== undefined) return from > 0 && from <= to ? known.slice(from, to + 1) : []
    // A name that ends in a digit is more likely a slip than the beginning of longer numbers.
    if (/\d$/.test(entry)) return []
    return known.filter((name) => name.startsWith(entry) && /^\d+$/.test(name.slice(entry.length)))
  }
}

/** The places of the columns on either side of `..`, of which a column's own name may have some too. */
const ends = (entry: string, places: ReadonlyMap<string, number>): readonly [number?, number?] => {
  for (let dots = entry.indexOf(".."); dots !== -1; dots = entry.indexOf("..", dots + 1)) {
    const from = places.get(entry.slice(0, dots))
    const to = places.get(entry.slice(dots + 2))
    if (from !== undefined && to !== undefined) return [from, to]
  }
  return []
}

/** The columns of a list, in its order; a name that the joint table does not have stands for itself. */
export const columnsOf = (
  description: DataDescription,
  entries: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const named = columnsNamed(description)
  return entries.flatMap((entry) => {
    const names = named(entry)
    return names.length === 0 ? [entry] : names
  })
}
