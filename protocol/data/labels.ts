/**
 * Labels and categories, by their position in the public list. If every text of the list is a number, they are
 * compared as numbers, so that `0` equals `0.0`; otherwise as exact texts.
 */
import { missing } from "./cell-text.ts"
import { exactNumber, isDecimal, shown, spellingDifference, trimmed } from "./spelling.ts"
import type { CellProblem } from "./table.ts"

/** Whether labels are compared as numbers. */
export const areNumbers = (labels: ReadonlyArray<string>): boolean =>
  labels.every((label) => isDecimal(trimmed(label)))

/** The position of an earlier label in the list that equals this one; undefined if there is none. */
export const repeatedLabel = (labels: ReadonlyArray<string>): number | undefined => {
  const numbers = areNumbers(labels)
  const seen = new Set<string>()
  for (const [place, written] of labels.entries()) {
    const label = trimmed(written)
    const key = numbers ? exactNumber(label)! : label
    if (seen.has(key)) return place
    seen.add(key)
  }
  return undefined
}

/** Cached spellings, so that each is resolved once. */
const remembered = 100_000

/** The position of a cell's text in a list of labels, or of other values, or its fault. */
export const placeReader = (
  values: ReadonlyArray<string>,
  what: "label" | "value"
): ((text: string) => number | CellProblem) => {
  const labels = values.map(trimmed)
  const numbers = areNumbers(labels)
  const key = (text: string) => (numbers ? exactNumber(text) : text)
  const places = new Map(labels.map((each, place) => [key(each), place]))
  const known = new Map(labels.map((each, place) => [each, place]))
  return (text) => {
    const seen = known.get(text)
    if (seen !== undefined) return seen
    const place = places.get(key(text))
    if (place === undefined) return notListed(text, labels, what)
    if (known.size < remembered) known.set(text, place)
    return place
  }
}

const notListed = (text: string, labels: ReadonlyArray<string>, what: string): CellProblem => {
  const absent = missing(text)
  if (absent !== undefined) return absent
  const named = labels.slice(0, 20).map(shown).join(", ")
  const listed = labels.length > 20 ? `${named}, …` : named
  const difference = labels.map((label) => spellingDifference(text, label)).find((each) => each !== undefined)
  const hint = difference === undefined ? "" : ` (it differs from one of them only in ${difference})`
  return {
    reason: `is not one of the ${what}s ${listed}${hint}`,
    remedy:
      what === "label"
        ? "correct the label, or add it to the values of data.label"
        : "correct the value, add it to the values of the feature, or say other: true there"
  }
}
