/**
 * What may spoil the result of a run, as far as it can be seen before: a training that leaves the range of
 * the fixed-point numbers in its first steps, classes that hardly any training row has (`rare-classes.ts`), and settings
 * that suit the data badly (`advice.ts`). `check` says it, and `run` before it begins. What is certain to fail is an error instead (`consistency.ts`, `joined.ts`).
 */
import { Effect } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import { shown } from "../../protocol/data/spelling.ts"
import { rangeText } from "../../protocol/learning/range.ts"
import type { JoinedData } from "../description/joined.ts"
import type { LoadedScenario } from "../description/load.ts"
import { describePath } from "../text/problems.ts"
import { adviceFor } from "./advice.ts"
import { choicesOf } from "./comparison.ts"
import { rareClasses } from "./rare-classes.ts"
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
      ...[...rareClasses(agreement, joined), ...adviceFor(agreement, joined)].map(({ path, text }) =>
        warning(path, text)
      )
    ]
  })

/** No rate is to blame before data are as large as most people scale them. */
const wideScale = 16

const largest = (values: ReadonlyArray<number>): number => Math.max(...values.map(Math.abs))
