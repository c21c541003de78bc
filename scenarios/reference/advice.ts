/**
 * What makes a training worse than it need be, as far as its settings and the data show it beforehand: steps that are too
 * few or too many, features that fill a small part of their range, and validation rows that are too few to decide by.
 */
import { type Agreement, planOf } from "../../actors/party/agreement.ts"
import { isStandard, jointColumns } from "../../protocol/data/description.ts"
import type { FilledBlock } from "../../protocol/data/rows.ts"
import { shown } from "../../protocol/data/spelling.ts"
import type { JoinedData } from "../description/joined.ts"
import { counted, listed } from "../text/units.ts"

/** A piece of advice, and the place in the scenario that it is about. */
export interface Advice {
  readonly path: ReadonlyArray<PropertyKey>
  readonly text: string
}

/** Fewer steps move the weights too little. */
const leastSteps = 100
/** Batches below this make a training of so many steps much longer than larger ones, and no better. */
const tinyBatch = 8
const manySteps = 20_000
/** A feature that fills less of its range than this learns so much slower than the others. */
const leastFilled = 0.05
/** So many columns of one range are scaled alike on purpose, unless most of them are narrow. */
const manyAlike = 16
/** Rows of a user that are looked at for it. */
const rowsLookedAt = 10_000
/** The share of right rows among fewer is uncertain by more than a twentieth. */
const leastValidation = 100

/** Advice about a training on these rows. */
export const adviceFor = (
  agreement: Agreement,
  { rows, placed }: Pick<JoinedData, "rows" | "placed">
): ReadonlyArray<Advice> => {
  const plan = planOf(agreement, rows.uploaded)
  const { batch, steps } = plan
  const narrow = narrowFeatures(agreement, placed)
  const validation = plan.validation?.rows ?? 0
  return [
    ...(steps < leastSteps
      ? [
          {
            path: ["training", "epochs"],
            text: `${counted(steps, "step")} in all are few to learn from; use more epochs${batch > 32 ? ", or a smaller batch" : ""}`
          }
        ]
      : []),
    ...(steps > manySteps && batch < tinyBatch && plan.rows >= 32
      ? [
          {
            path: ["training", "batch"],
            text: `batches of ${counted(batch, "row")} make ${steps} steps; with a batch of 32 the training takes a fraction of them, and learns as well`
          }
        ]
      : []),
    ...(narrow.length > 0
      ? [
          {
            path: ["data", "features"],
            text: `${listed(narrow)} ${narrow.length === 1 ? "fills" : "fill"} less than a twentieth of the range in the rows at hand, and so counts for little; use scale: standard, or a narrower range`
          }
        ]
      : []),
    ...(plan.validation?.patience !== undefined && validation < leastValidation
      ? [
          {
            path: ["validation"],
            text: `training.stop goes by the loss on ${counted(validation, "row")}, which is mostly chance below ${leastValidation}; hold more rows for it, or leave stop out`
          }
        ]
      : [])
  ]
}

/**
 * Names of features that are scaled by their range, and of which nobody's rows fill much of it. Many columns of one range,
 * such as pixels, are left out where most of them fill it: what is small among them is meant to be.
 */
const narrowFeatures = ({ data }: Agreement, placed: JoinedData["placed"]): ReadonlyArray<string> => {
  const width = Math.abs(data.scaleTo[1] - data.scaleTo[0])
  const ends = new Map<number, Ends>()
  for (const { training } of placed) for (const block of training) widen(ends, block)
  const ranged = jointColumns({ ...data, label: { numbers: [] } }).flatMap(({ name, what, of }, index) => {
    const found = ends.get(index)
    if (what !== "number" || !("range" in of) || isStandard(of) || found === undefined) return []
    return [{ name, range: `${of.range}`, filled: (found.high - found.low) / width }]
  })
  const narrow = ranged.filter(({ filled }) => filled > 0 && filled < leastFilled)
  const [all, fewer] = [countsOf(ranged), countsOf(narrow)]
  return narrow.flatMap(({ name, range }) => {
    const alike = all.get(range)!
    return alike >= manyAlike && fewer.get(range)! * 2 <= alike ? [] : [shown(name)]
  })
}

/** How many columns have each range. */
const countsOf = (columns: ReadonlyArray<{ readonly range: string }>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const { range } of columns) counts.set(range, (counts.get(range) ?? 0) + 1)
  return counts
}

interface Ends {
  low: number
  high: number
}

/** Widens what is known of columns by the first rows of a block. */
const widen = (ends: Map<number, Ends>, { rows, columns, cells }: FilledBlock): void => {
  const row = new Float64Array(columns.length)
  for (let place = 0; place < Math.min(rows.length, rowsLookedAt); place++) {
    cells.readRow(place, row, 0)
    columns.forEach((column, at) => {
      const value = row[at]!
      const known = ends.get(column)
      if (known === undefined) ends.set(column, { low: value, high: value })
      else {
        known.low = Math.min(known.low, value)
        known.high = Math.max(known.high, value)
      }
    })
  }
}
