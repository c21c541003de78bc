import { expect } from "vitest"
import { bytesSource } from "../../../protocol/data/byte-source.ts"
import { readDataFile } from "../../../protocol/data/data-file.ts"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { type Room, type Table, TableError, type TableSource } from "../../../protocol/data/table.ts"
import { features } from "./description.ts"

/** One feature and a label of two words. */
export const small: DataDescription = {
  id: "id",
  features: features({ size: [-1e300, 1e300] }),
  label: { column: "kind", values: ["ash", "elm"] },
  scaleTo: [-1, 1]
}

export interface Wanted extends Partial<TableSource> {
  readonly description?: DataDescription
  readonly room?: Room
}

/** Reads bytes, or a text in UTF-8, as the file `a.csv` of user ada. */
export const readBytes = (
  bytes: Uint8Array | string,
  { description = small, room, ...source }: Wanted = {}
) =>
  readDataFile(
    bytesSource(typeof bytes === "string" ? new Uint8Array(Buffer.from(bytes)) : bytes),
    { user: "ada", file: "a.csv", ...source },
    description,
    room
  )

/** The error that reading gives, without the words that all have in common. */
export const refused = async (bytes: Uint8Array | string, wanted: Wanted = {}): Promise<string> => {
  const result = await readBytes(bytes, wanted).then(
    (table: Table) => table,
    (error: unknown) => error
  )
  expect(result).toBeInstanceOf(TableError)
  return (result as TableError).message.replaceAll(" (user ada)", "")
}

/** The cells of a column. */
export const columnOf = ({ columns, ids }: Table, name: string): ReadonlyArray<number> => {
  const { first, step, values } = columns.get(name)!
  return ids.map((_, row) => values[first + row * step]!)
}
