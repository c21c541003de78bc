/** Tables as CSV, as RFC 4180 has it. Pure. */
import type { PredictedColumn } from "./predictions.ts"

/** A field in quotes where it has to be. */
const field = (value: string | number): string => {
  const text = String(value)
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A line of names, then one for each row; numbers with as many digits as tell them apart. */
export const csvText = (columns: ReadonlyArray<PredictedColumn>): string => {
  const line = (fields: ReadonlyArray<string | number>) => `${fields.map(field).join(",")}\n`
  const rows = columns[0]?.values.length ?? 0
  const lines = [line(columns.map(({ name }) => name))]
  for (let row = 0; row < rows; row++) lines.push(line(columns.map(({ values }) => values[row]!)))
  return lines.join("")
}
