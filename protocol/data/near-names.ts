/** Which of some names was meant by one that is none of them. Pure. */
import { shown } from "./spelling.ts"

/** Fewest insertions, deletions, replacements and swaps of neighbours from one text to the other. */
const editDistance = (from: string, to: string): number => {
  let before: ReadonlyArray<number> = []
  let last = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = last[j - 1]! + Number(from[i - 1] !== to[j - 1])
      const swapped =
        i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
          ? before[j - 2]! + 1
          : Infinity
      row.push(Math.min(replaced, swapped, last[j]! + 1, row[j - 1]! + 1))
    }
    before = last
    last = row
  }
  return last[to.length]!
}

/** Names without what spellings differ in: `batch_size` and `batchSize` are one. */
export const bareName = (name: string): string => name.toLowerCase().replace(/[-_ ]/g, "")

/** Known names that are compared with one at most. */
const mostKnown = 2_000

/** The known name that was most likely meant: another spelling, or one with a slip or two in it. */
export const closest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  if (name.length > 60 || known.length > mostKnown) return undefined
  const slips = Math.min(2, Math.floor(name.length / 3))
  const [best] = known
    .map((each) => ({ each, distance: editDistance(bareName(name), bareName(each)) }))
    .filter(({ distance }) => distance <= slips)
    .sort((a, b) => a.distance - b.distance)
  return best?.each
}

/** `; did you mean age?`, or nothing where no known name is near. */
export const didYouMean = (name: string, known: ReadonlyArray<string>): string => {
  const meant = closest(name, known)
  return meant === undefined ? "" : `; did you mean ${shown(meant)}?`
}
