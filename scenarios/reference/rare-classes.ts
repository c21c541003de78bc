/**
 * Classes and categories that hardly any row to train on has: a model can't learn them, and they may be slips of the pen.
 * Only as many rows are read as it takes to see enough of each.
 */
import type { Agreement } from "../../actors/party/agreement.ts"
import { featureCount, jointColumns } from "../../protocol/data/description.ts"
import { closest } from "../../protocol/data/near-names.ts"
import type { FilledBlock } from "../../protocol/data/rows.ts"
import { shown } from "../../protocol/data/spelling.ts"
import type { JoinedData } from "../description/joined.ts"
import { counted, listed } from "../text/units.ts"
import type { Advice } from "./advice.ts"

/** Rows of a class or a category that are enough not to speak of it. */
const enough = 5
/** Share of the rows above which so few are no wonder. */
const rareShare = 0.02

/** A value of a column, and the rows that were found to have it. */
interface Value {
  readonly source: string
  readonly text: string
  readonly isLabel: boolean
  rows: number
}

/** What is said of values that hardly any row has. */
export const rareClasses = (
  { data }: Agreement,
  { placed, rows }: Pick<JoinedData, "placed" | "rows">
): ReadonlyArray<Advice> => {
  const features = featureCount(data)
  const values = new Map(
    jointColumns(data).flatMap<[number, Value]>(({ of, source, what }, index) => {
      const text = typeof what === "object" && "values" in of ? of.values[what.value] : undefined
      // Values that are not listed are counted together, and may be none.
      return text === undefined ? [] : [[index, { source, text, isLabel: index >= features, rows: 0 }]]
    })
  )
  const open = new Set(values.keys())
  for (const { training } of placed)
    for (const block of training)
      for (const [column, found] of countIn(block, open, rows.training)) values.get(column)!.rows += found
  const all = [...values.values()]
  const unseen = all.filter((each) => each.isLabel && each.rows === 0).map(({ text }) => shown(text))
  const few = all.filter(({ rows: own }) => own > 0 && own < enough && own <= rareShare * rows.training)
  const told = few.map(({ isLabel, rows: own, source, text }) => {
    const common = all.filter((each) => each.source === source && each.rows >= enough)
    const meant = closest(
      text,
      common.map((each) => each.text)
    )
    const asks = meant === undefined ? "" : `; did you mean ${shown(meant)}?`
    const named = `${JSON.stringify(shown(text))} of ${shown(source)}`
    return { isLabel, text: `${named} (${counted(own, "row")}${asks})` }
  })
  return [...ofUnseen(unseen), ...ofFew(told)]
}

const ofUnseen = (labels: ReadonlyArray<string>): ReadonlyArray<Advice> => {
  if (labels.length === 0) return []
  const [noun, it] = labels.length === 1 ? ["label", "it"] : ["labels", "them"]
  return [
    {
      path: ["data", "label", "values"],
      text: `no row to train on has the ${noun} ${listed(labels)}, so the model can't learn ${it}; take out what does not occur, or bring rows that have it`
    }
  ]
}

const ofFew = (
  told: ReadonlyArray<{ readonly isLabel: boolean; readonly text: string }>
): ReadonlyArray<Advice> =>
  ([true, false] as const).flatMap((isLabel) => {
    const own = told.filter((each) => each.isLabel === isLabel).map(({ text }) => text)
    if (own.length === 0) return []
    return [
      {
        path: isLabel ? ["data", "label", "values"] : ["data", "features"],
        text: `hardly any row to train on has ${listed(own, mostNamed)}: a model learns little of it, and a slip of the pen is a ${isLabel ? "class" : "category"} of its own`
      }
    ]
  })

/** Values that are named. */
const mostNamed = 3

/**
 * How many rows before `end` have each value of these columns of a block; a column leaves `open` as soon as they are
 * enough, and the block is read until none is open.
 */
const countIn = (
  { columns, rows, cells }: FilledBlock,
  open: Set<number>,
  end: number
): ReadonlyMap<number, number> => {
  const found = new Map<number, number>()
  const row = new Float64Array(columns.length)
  let own = [...columns].flatMap((column, at) => (open.has(column) ? [{ at, column }] : []))
  for (let place = 0; rows[place]! < end && own.length > 0; place++) {
    cells.readRow(place, row, 0)
    for (const { at, column } of own) {
      // A class that weighs more or less than others is no 1.
      if (!(row[at]! > 0)) continue
      const count = (found.get(column) ?? 0) + 1
      found.set(column, count)
      if (count === enough) open.delete(column)
    }
    own = own.filter(({ column }) => open.has(column))
  }
  return found
}
