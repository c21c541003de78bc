/** How the director puts together what the users have found on held-out rows, as far as the scenario reveals it. */
import type { Effect } from "effect"
import type { OpenModel } from "../protocol/messages/control.ts"
import { type Metrics, metricsOf } from "../protocol/metrics/metrics.ts"
import { addTallies, correctOf, MalformedTally, tallyFromBytes } from "../protocol/metrics/tally.ts"
import { type Agreement, displayName, isTested, lossOf } from "./party/agreement.ts"

/** What a user answers when it has opened the model. */
export type Opened = Effect.Effect.Success<ReturnType<typeof OpenModel.reply.decode>>

/** The results of the test; each is absent unless revealed. */
export interface Tested {
  /** Held-out rows that were tested, and how many of them the model got right where the label has classes. */
  readonly tested?: { readonly correct?: number; readonly total: number } | undefined
  /** Absent also where no row was tested. */
  readonly metrics?: Metrics
}

/**
 * What all tested rows say together, from the users' replies by their actors. Where held-out rows are pooled, one user
 * tests; were there two, of users that found others absent, both have the same rows. Throws `MalformedTally`.
 */
export const testedBy = (agreement: Agreement, replies: ReadonlyArray<readonly [string, Opened]>): Tested => {
  if (!isTested(agreement)) return {}
  const { data, reveal } = agreement
  const all = replies.flatMap(([actor, { tested }]) => (tested === undefined ? [] : [{ actor, ...tested }]))
  for (const { actor, correct = 0, total } of all)
    if (correct > total)
      throw new MalformedTally({
        user: displayName(agreement, actor),
        reason: `has ${correct} right rows of ${total}`
      })
  const counted = reveal.heldOutRows ? all.sort((a, b) => b.total - a.total).slice(0, 1) : all
  const sum = (of: (each: (typeof all)[number]) => number) =>
    counted.reduce((total, each) => total + of(each), 0)
  const correct = reveal.accuracy ? { correct: sum((each) => each.correct ?? 0) } : {}
  const tested = { ...correct, total: sum(({ total }) => total) }
  if (reveal.metrics === undefined) return { tested }
  const tallies = counted.map(({ actor, correct: right, total, tally: bytes }) => {
    const user = displayName(agreement, actor)
    if (bytes === undefined) throw new MalformedTally({ user, reason: "is missing" })
    const tally = tallyFromBytes(data, user, total, bytes)
    if (reveal.accuracy && right !== correctOf(data, tally))
      throw new MalformedTally({ user, reason: "has another number of rows that are right than its user" })
    return tally
  })
  const added = addTallies(data, tallies)
  if (!added.sums.every(Number.isFinite))
    throw new MalformedTally({ user: "all users together", reason: "has sums that are not finite" })
  const metrics = metricsOf(data, lossOf(agreement), added)
  return { tested, ...(metrics === undefined ? {} : { metrics }) }
}
