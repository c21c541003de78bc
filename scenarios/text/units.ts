/**
 * Durations, sizes and counts as people read them: three figures and a familiar unit. A number that is not
 * finite reads `unknown`. Pure.
 */
import { printable } from "../../protocol/data/spelling.ts"

const unknown = "unknown"

const minute = 60
const hour = 60 * minute

/** A time that was measured, in seconds: `4.2 s`, `48 s`, `1 min 05 s`, `2 h 03 min`. */
export const duration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return unknown
  // A clock that was set back gives a negative time.
  return seconds < 9.95 ? `${Math.max(0, seconds).toFixed(1)} s` : wholeSeconds(Math.round(seconds))
}

/** The same of a running time: always in whole seconds, so that it does not flicker. */
export const wholeSeconds = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return unknown
  if (seconds < minute) return `${seconds} s`
  if (seconds < hour) return `${Math.floor(seconds / minute)} min ${twoDigits(seconds % minute)} s`
  return `${Math.floor(seconds / hour)} h ${twoDigits(Math.floor((seconds % hour) / minute))} min`
}

const twoDigits = (n: number): string => String(n).padStart(2, "0")

const sizeUnits = ["B", "kB", "MB", "GB", "TB", "PB"] as const

/** Bytes for people, in decimal units: `999 B`, `1.23 MB`. */
export const size = (bytes: number): string => {
  if (!Number.isFinite(bytes)) return unknown
  let value = bytes
  let unit = 0
  // What would be rounded up to 1000 belongs to the next unit.
  while (value >= 999.5 && unit < sizeUnits.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${sizeUnits[unit]}`
}

/** A whole number with its thousands separated: `12,345`. */
export const count = (n: number): string =>
  Number.isFinite(n) ? n.toLocaleString("en-US", { maximumFractionDigits: 0 }) : unknown

/** `1 row`, `2 rows`. */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`

/** Names in a sentence, of many only the first: `a, b and 3 more`. */
export const listed = (names: ReadonlyArray<string>, most = 5): string =>
  names.length <= most
    ? names.join(", ")
    : `${names.slice(0, most).join(", ")} and ${names.length - most} more`

/** Rows of a table: the first column aligned to the left, the others to the right, two spaces between. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd()
  )
}

/**
 * `two-labs: Two laboratories …`, from a file of others, without characters that would control a terminal.
 */
export const headline = ({
  name,
  description
}: {
  readonly name: string
  readonly description?: string | undefined
}): string =>
  description === undefined
    ? name
    : `${name}: ${description.trim().replace(/\t/g, " ").split(/\r?\n/).map(printable).join("\n")}`
