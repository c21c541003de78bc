/** Words for yes and no, and dates: texts that stand for numbers. */
import type { DateFormat } from "./description.ts"
import type { CellProblem } from "./table.ts"

/** In English, German, Dutch, the languages of Scandinavia, French, Spanish, Italian and Portuguese. */
const [yes, no] = [
  new Set(["true", "yes", "y", "t", "1", "1.0", "on", "ja", "j", "oui", "si", "sí", "sì", "sim"]),
  new Set(["false", "no", "n", "f", "0", "0.0", "off", "nein", "nee", "nej", "nei", "non", "não", "nao"])
]

/** 1 for a word for yes, 0 for one for no. */
export const readBoolean = (text: string): number | CellProblem => {
  const word = text.toLowerCase()
  if (yes.has(word)) return 1
  return no.has(word)
    ? 0
    : {
        reason: "is neither yes nor no",
        remedy: "write true and false, yes and no, or 1 and 0; or list the texts as values of the feature"
      }
}

const iso =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?(Z|[+-]\d{2}:?\d{2})?)?$/
const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/
const slashed = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/

const notADate: CellProblem = {
  reason: "is not a date",
  remedy: "write dates as 2021-03-01, or say how they are written as format of the feature"
}

const msADay = 86_400_000

/** Days from 1970-01-01 to a date; a time of the day is a fraction. Times without a zone count as UTC. */
export const readDate = (text: string, format?: DateFormat): number | CellProblem => {
  const time = iso.exec(text)
  if (time !== null && (format === undefined || format === "YYYY-MM-DD")) {
    const [, year, month, day, hours = 0, minutes = 0, seconds = 0, zone] = time
    const rest = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) / 86_400
    const days = daysTo(Number(year), Number(month), Number(day))
    return typeof days === "number" ? days + rest - zoneDays(zone) : days
  }
  const dots = dotted.exec(text)
  if (dots !== null && (format === undefined || format === "DD.MM.YYYY"))
    return daysTo(Number(dots[3]), Number(dots[2]), Number(dots[1]))
  const slashes = slashed.exec(text)
  if (slashes === null) return notADate
  const [first, second, year] = [Number(slashes[1]), Number(slashes[2]), Number(slashes[3])]
  if (format === "DD/MM/YYYY") return daysTo(year, second, first)
  if (format === "MM/DD/YYYY") return daysTo(year, first, second)
  return {
    reason: "is a date whose first part may be the day or the month",
    remedy: "say format: DD/MM/YYYY or format: MM/DD/YYYY for the feature"
  }
}

const zoneDays = (zone: string | undefined): number => {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone ?? "") ?? []
  if (sign === undefined) return 0
  return ((sign === "-" ? -1 : 1) * (60 * Number(hours) + Number(minutes))) / 1440
}

const daysTo = (year: number, month: number, day: number): number | CellProblem => {
  const date = new Date(Date.UTC(2000, month - 1, day))
  date.setUTCFullYear(year, month - 1, day)
  // The 31st of February would be a day of March.
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() / msADay : notADate
}
