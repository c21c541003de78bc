/**
 * A cell of a Parquet column as a text, for ids and labels, and as a number, for features. The physical
 * values are used, so that no digit is lost: times have the digits of their unit and do not depend on the
 * machine's time zone.
 */
import { isUtf8 } from "node:buffer"
import type { SchemaElement } from "hyparquet"

/** The cells of a column, by its type. */
export interface CellType {
  /** The kind of cells, in the plural. */
  readonly what: string
  /** The text of a cell; null for NaN, and undefined if it has none, such as bytes that are not UTF-8. */
  readonly text?: (cell: unknown) => string | null | undefined
  /** Numbers have a value; texts are parsed as numbers if a number is needed. */
  readonly number?: (cell: unknown) => number
  /** Days since 1970-01-01, with a fraction, local times as they are written; undefined beyond the year 9999. */
  readonly days?: (cell: unknown) => number | undefined
  /** Whether the text is rounded, so that it can't distinguish rows. */
  readonly rounded?: boolean
}

/** The type of a column that is neither nested nor repeated. */
export const cellType = (element: SchemaElement): CellType => {
  const { type } = element
  const logical = element.logical_type?.type
  const converted = element.converted_type
  const unreadable = opaque.get(logical ?? "") ?? opaque.get(converted ?? "")
  if (unreadable !== undefined) return { what: unreadable }
  if (logical === "NULL") {
    const none = () => Number.NaN
    return { what: "nothing but nulls", text: () => null, number: none, days: none }
  }
  if (logical === "DECIMAL" || converted === "DECIMAL") return decimals(element)
  if (logical === "FLOAT16") return floats(float16)
  if (type === "FLOAT") return floats(Number, true)
  if (type === "DOUBLE") return floats(Number)
  if (type === "BOOLEAN") return { what: "booleans", text: String, number: Number }
  if (type === "INT96") return times(int96, nanos, true)
  if (type === "INT32" || type === "INT64") return integers(element)
  if (logical === "UUID") return { what: "UUIDs", text: (cell) => uuid(cell as Uint8Array) }
  return type === "BYTE_ARRAY"
    ? { what: "texts", text: (cell) => utf8(cell as Uint8Array) }
    : { what: "bytes" }
}

/** Types whose bytes are neither texts nor numbers. */
const opaque: ReadonlyMap<string, string> = new Map([
  ["BSON", "BSON"],
  ["INTERVAL", "intervals"],
  ["VARIANT", "variants"],
  ["GEOMETRY", "geometries"],
  ["GEOGRAPHY", "geographies"]
])

/** The type of a column that is nested or repeated. */
export const nestedType = ({ logical_type, converted_type, repetition_type }: SchemaElement): CellType => {
  const says = logical_type?.type ?? converted_type ?? ""
  if (says === "LIST" || repetition_type === "REPEATED") return { what: "lists" }
  if (says.startsWith("MAP")) return { what: "maps" }
  return { what: opaque.get(says) ?? "records" }
}

const utf8 = (bytes: Uint8Array): string | undefined =>
  isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8") : undefined

const uuid = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")

const floats = (number: (cell: unknown) => number, single = false): CellType => ({
  what: "floating-point numbers",
  number,
  text: (cell) => {
    const value = number(cell)
    if (Number.isNaN(value)) return null
    return single ? shortest(value) : String(value)
  },
  rounded: true
})

/** The shortest decimal that is this single-precision number and no other. */
const shortest = (x: number): string => {
  for (let digits = 1; digits < 9; digits++) {
    const text = x.toPrecision(digits)
    if (Math.fround(Number(text)) === x) return String(Number(text))
  }
  return String(x)
}

const float16 = (cell: unknown): number => {
  const [low = 0, high = 0] = cell as Uint8Array
  const exponent = (high >> 2) & 31
  const fraction = (((high & 3) << 8) | low) / 1024
  const size =
    exponent === 0
      ? 2 ** -14 * fraction
      : exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : 2 ** (exponent - 15) * (1 + fraction)
  return high >> 7 === 0 ? size : -size
}

/** More places than these would be those of a damaged file. */
const mostPlaces = 1000

const decimals = ({ type, scale, logical_type }: SchemaElement): CellType => {
  const places = scale ?? (logical_type?.type === "DECIMAL" ? logical_type.scale : 0)
  if (!(places >= 0 && places <= mostPlaces)) return { what: "decimals of no scale" }
  const unscaled = (cell: unknown): bigint =>
    type === "INT32" || type === "INT64" ? BigInt(cell as number | bigint) : signed(cell as Uint8Array)
  const text = (cell: unknown) => withPoint(unscaled(cell), places)
  return { what: "decimals", text, number: (cell) => Number(text(cell)) }
}

const signed = (bytes: Uint8Array): bigint =>
  bytes.length === 0 ? 0n : BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).toString("hex")}`))

/** A number with the given decimal places. */
const withPoint = (unscaled: bigint, places: number): string => {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(places + 1, "0")
  const whole = digits.slice(0, digits.length - places)
  const fraction = digits.slice(digits.length - places)
  return `${unscaled < 0n ? "-" : ""}${whole}${places === 0 ? "" : `.${fraction}`}`
}

interface Unit {
  /** How many a second has. */
  readonly perSecond: bigint
  readonly digits: number
}
const millis: Unit = { perSecond: 1000n, digits: 3 }
const micros: Unit = { perSecond: 1_000_000n, digits: 6 }
const nanos: Unit = { perSecond: 1_000_000_000n, digits: 9 }
const units = { MILLIS: millis, MICROS: micros, NANOS: nanos }

/** The days from 1970-01-01 to the first of the year 0, and to that of the year 10000. */
const [firstDay, endOfDays] = [-719_528, 2_932_897]
const withinYears = (days: number): number | undefined =>
  days >= firstDay && days < endOfDays ? days : undefined

/** Days of a time since 1970-01-01: the double nearest to it where its ticks are one, else next to it. */
const daysOf = (ticks: bigint, { perSecond }: Unit): number | undefined => {
  const perDay = 86_400n * perSecond
  if (Number.isSafeInteger(Number(ticks))) return withinYears(Number(ticks) / Number(perDay))
  const whole = floorDivide(ticks, perDay)
  return withinYears(Number(whole) + Number(ticks - whole * perDay) / Number(perDay))
}

const big = (cell: unknown): bigint => BigInt(cell as number | bigint)

const times = (ticks: (cell: unknown) => bigint, unit: Unit, utc: boolean): CellType => ({
  what: "times",
  text: (cell) => instant(ticks(cell), unit, utc),
  days: (cell) => daysOf(ticks(cell), unit)
})

/** Nanoseconds since 1970 of a Julian day, in the upper 32 of 96 bits, and the nanoseconds of the day. */
const int96 = (cell: unknown): bigint => {
  const days = (cell as bigint) >> 64n
  return (days - 2_440_588n) * 86_400_000_000_000n + BigInt.asUintN(64, cell as bigint)
}

const integers = ({ type, converted_type: converted, logical_type: logical }: SchemaElement): CellType => {
  if (logical?.type === "DATE" || converted === "DATE") {
    return { what: "dates", text: (cell) => day(big(cell)), days: (cell) => withinYears(Number(cell)) }
  }
  if (logical?.type === "TIMESTAMP") return times(big, units[logical.unit], logical.isAdjustedToUTC)
  if (converted === "TIMESTAMP_MILLIS") return times(big, millis, true)
  if (converted === "TIMESTAMP_MICROS") return times(big, micros, true)
  if (logical?.type === "TIME") return timesOfDay(units[logical.unit], logical.isAdjustedToUTC)
  if (converted === "TIME_MILLIS") return timesOfDay(millis, true)
  if (converted === "TIME_MICROS") return timesOfDay(micros, true)
  const unsigned = converted?.startsWith("UINT_") || (logical?.type === "INTEGER" && !logical.isSigned)
  if (!unsigned) return { what: "integers", text: String, number: Number }
  const bits = type === "INT32" ? 32 : 64
  const value = (cell: unknown) => BigInt.asUintN(bits, big(cell))
  return { what: "integers", text: (cell) => String(value(cell)), number: (cell) => Number(value(cell)) }
}

const floorDivide = (a: bigint, b: bigint): bigint => (a >= 0n ? a / b : -((b - 1n - a) / b))

/** The day that is this number of days after 1970-01-01, such as `2024-02-29`. */
const day = (days: bigint): string | undefined => {
  const within = withinYears(Number(days))
  return within === undefined ? undefined : new Date(within * 86_400_000).toISOString().slice(0, 10)
}

const clock = (ticks: bigint, { perSecond, digits }: Unit): string => {
  const seconds = Number(ticks / perSecond)
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const fraction = String(ticks % perSecond).padStart(digits, "0")
  return `${parts.map((part) => String(part).padStart(2, "0")).join(":")}.${fraction}`
}

/** `2024-05-01T08:00:00.001Z`, with the digits of the unit; without `Z` where the time is a local one. */
const instant = (ticks: bigint, unit: Unit, utc: boolean): string | undefined => {
  const perDay = 86_400n * unit.perSecond
  const days = floorDivide(ticks, perDay)
  const date = day(days)
  return date && `${date}T${clock(ticks - days * perDay, unit)}${utc ? "Z" : ""}`
}

const timesOfDay = (unit: Unit, utc: boolean): CellType => ({
  what: "times of day",
  text: (cell) => timeOfDay(big(cell), unit, utc)
})

const timeOfDay = (ticks: bigint, unit: Unit, utc: boolean): string | undefined =>
  ticks < 0n || ticks > 86_400n * unit.perSecond ? undefined : `${clock(ticks, unit)}${utc ? "Z" : ""}`
