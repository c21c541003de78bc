/**
 * Columns as a scenario lists them: by name, all of a kind that are numbered by the name without a number, and those from
 * one to another as `pixel1..pixel392`. A pure function of the public description.
 */
import { type DataDescription, sourceColumns } from "../protocol/data/encoding.ts"

/** The columns that an entry of a list stands for; none where there is no such column. */
export const columnsNamed = (description: DataDescription, entry: string): ReadonlyArray<string> => {
  const known = [description.id, ...sourceColumns(description)]
  if (known.includes(entry)) return [entry]
  const [from, to, ...rest] = entry.split("..").map((name) => known.indexOf(name))
  if (from !== undefined && to !== undefined && rest.length === 0)
    return from > 0 && from <= to ? known.slice(from, to + 1) : []
  return known.filter((name) => name.startsWith(entry) && /^\d+$/.test(name.slice(entry.length)))
}

/** The columns of a list, in its order; a name that the joint table does not have stands for itself. */
export const columnsOf = (
  description: DataDescription,
  entries: ReadonlyArray<string>
): ReadonlyArray<string> =>
  entries.flatMap((entry) => {
    const named = columnsNamed(description, entry)
    return named.length === 0 ? [entry] : named
  })
