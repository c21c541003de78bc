/**
 * What may spoil the result of a run, as far as it can be seen before: a training that leaves the range of
 * the fixed-point numbers in its first steps, labels that no training row has, and settings that suit the data badly
 * (`advice.ts`). `check` says it, and `run` before it begins. What is certain to fail is an error instead (`consistency.ts`, `joined.ts`).
 */
import { Effect } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import { classesOf, featureCount } from "../../protocol/data/description.ts"
import type { FilledBlock } from "../../protocol/data/rows.ts"
import { shown } from "../../protocol/data/spelling.ts"
import { rangeText } from "../../protocol/learning/range.ts"
import type { JoinedData } from "../description/joined.ts"
import type { LoadedScenario } from "../description/load.ts"
import { describePath } from "../text/problems.ts"
import { listed } from "../text/units.ts"
import { adviceFor } from "./advice.ts"
import { choicesOf } from "./comparison.ts"
import { rehearse } from "./rehearsal.ts"

/** Warnings about a run of the scenario on its data, each with the place in the scenario that it is about. */
export const foresee = (
  { scenario, locate }: LoadedScenario,
  agreement: Agreement,
  joined: JoinedData
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const warning = (path: ReadonlyArray<PropertyKey>, text: string) =>
      `${locate(path)}: ${describePath(path)}: ${text}`
    const { dealerKey, ...choices } = choicesOf(agreement, joined)
    const { leftRangeIn: left, diverges, steps } = await rehearse(choices, joined)
    const missing = labelsWithoutRow(agreement, joined)
    const scaledTo = largest(agreement.data.scaleTo)
    // In the first step nothing but the data and the first weights can be too large.
    const atFault =
      (left === 1 && scaledTo > 1) || scaledTo > wideScale ? ["data", "scaleTo"] : ["training", "rate"]
    const same = agreement.seed === undefined ? "with weights and batches like those of a run, " : ""
    const near = joined
      .nearIds()
      .map(({ one, other, difference }) => `${shown(one)} and ${shown(other)} in ${difference}`)
    return [
      ...(near.length === 0
        ? []
        : [
            warning(
              ["users"],
              `ids are exact texts, and some that differ in their spelling alone are rows of their own: ${near.join(", ")}; write them alike if they mean the same row`
            )
          ]),
      ...(left === undefined
        ? []
        : [
            warning(
              atFault,
              `the training leaves the range of the fixed-point numbers (${rangeText(scenario.security.fractionalBits)}) in step ${left}, as its first steps show, ${same}computed in float64: the result will not be meaningful; use ${atFault[0] === "data" ? "[-1, 1], or a lower training.rate" : "a lower rate"}`
            )
          ]),
      ...(left === undefined && diverges
        ? [
            warning(
              ["training", "rate"],
              `the training diverges, as its first ${steps} steps show, ${same}computed in float64: it makes the model worse; use a lower rate`
            )
          ]
        : []),
      ...(missing.length === 0
        ? []
        : [
            warning(
              ["data", "label", "values"],
              `no row to train on has the ${missing.length === 1 ? "label" : "labels"} ${listed(missing)}, so the model can't learn ${missing.length === 1 ? "it" : "them"}; take out what does not occur, or bring rows that have it`
            )
          ]),
      ...adviceFor(agreement, joined).map(({ path, text }) => warning(path, text))
    ]
  })

/** No rate is to blame before data are as large as most people scale them. */
const wideScale = 16

const largest = (values: ReadonlyArray<number>): number => Math.max(...values.map(Math.abs))

/** The labels that no training row has. Reads as many rows as it takes to see all labels. */
const labelsWithoutRow = (
  { data }: Agreement,
  { placed, rows }: Pick<JoinedData, "placed" | "rows">
): ReadonlyArray<string> => {
  const features = featureCount(data)
  const classes = classesOf(data) ?? []
  const unseen = new Set(classes.keys())
  for (const { training } of placed)
    for (const block of training) if (unseen.size > 0) lookAt(block, features, unseen, rows.training)
  return [...unseen].map((index) => classes[index]!)
}

/** Takes the labels of a block's rows before `end` out of `unseen`, until none is left. */
const lookAt = (
  { columns, rows, cells }: FilledBlock,
  features: number,
  unseen: Set<number>,
  end: number
): void => {
  const labels = [...columns].flatMap((column, at) =>
    column < features ? [] : [{ at, label: column - features }]
  )
  if (labels.length === 0) return
  const row = new Float64Array(columns.length)
  for (let place = 0; rows[place]! < end && unseen.size > 0; place++) {
    cells.readRow(place, row, 0)
    for (const { at, label } of labels) if (row[at]! > 0) unseen.delete(label)
  }
}
