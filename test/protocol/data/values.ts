import type { Table } from "../../../protocol/data/table.ts"

/** A column's values, row by row. */
export const valuesOf = ({ ids, columns }: Table, name: string): ReadonlyArray<number> => {
  const { values, first, step } = columns.get(name)!
  return ids.map((_, row) => values[first + row * step]!)
}
