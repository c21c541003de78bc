/**
 * What is dealt for batches that are still to come: of each number of rows that was asked for lately, some. A batch then
 * waits for no dealer. A step is taken once.
 */
import { Effect, Fiber } from "effect"
import { servedCost } from "../../../protocol/computation/cost.ts"
import type { ForwardPlan } from "../../../protocol/learning/plan.ts"
import { paddedRows, stepOf } from "../../../protocol/serving/steps.ts"

/** Bytes of what is dealt ahead for one number of rows, at most, but for one batch. */
const bytesAhead = 16 * 2 ** 20
/** Batches at most. */
const batchesAhead = 8

/** A batch that is dealt for, or is being. */
interface Dealt<E> {
  readonly step: number
  readonly corrections: Fiber.RuntimeFiber<Uint8Array, E>
}

/** A stock for a session; `deal` asks for a step's corrections. What is under way ends with the scope. */
export const makeStock = <E, R>(plan: ForwardPlan, deal: (step: number) => Effect.Effect<Uint8Array, E, R>) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const ahead = new Map<number, Array<Dealt<E>>>()
    const counts = new Map<number, number>()
    const enough = (rows: number): number =>
      Math.max(1, Math.min(batchesAhead, Math.floor(bytesAhead / servedCost(plan, rows).dealtBytes)))
    const order = (rows: number) =>
      Effect.gen(function* () {
        const n = counts.get(rows) ?? 0
        counts.set(rows, n + 1)
        const step = stepOf(rows, n)
        const dealt: Dealt<E> = { step, corrections: yield* Effect.forkIn(deal(step), scope) }
        return dealt
      })
    const fill = (rows: number) =>
      Effect.gen(function* () {
        const stocked = ahead.get(rows) ?? []
        ahead.set(rows, stocked)
        while (stocked.length < enough(rows)) stocked.push(yield* order(rows))
      })
    /** The step and the corrections of a batch that has room for some rows. */
    const take = (rows: number) =>
      Effect.gen(function* () {
        const padded = paddedRows(rows)
        const { corrections, step } = ahead.get(padded)?.shift() ?? (yield* order(padded))
        const dealt = yield* Fiber.join(corrections)
        return { step, dealt, refill: fill(padded) }
      })
    yield* fill(1)
    return { take }
  })
