/**
 * Where the corrections of a served model come from: the KGC deals a batch when cloud 1 asks for it, or both clouds deal
 * together, several batches at once, in rounds of their own beside those of the batches.
 */
import { Deferred, Effect, Queue, Scope } from "effect"
import { servedCost } from "../../../protocol/computation/cost.ts"
import type { ForwardPlan } from "../../../protocol/learning/plan.ts"
import { DealServed, DealService } from "../../../protocol/messages/serving.ts"
import { servedSteps } from "../../../protocol/serving/dealer.ts"
import { sessionPrg } from "../../../protocol/serving/keys.ts"
import { rowsOfStep } from "../../../protocol/serving/steps.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { openDealing } from "../randomness/from-clouds.ts"
import { askDeadline, type SessionOptions, sessionPhase } from "./session-options.ts"

/** Batches that are dealt for at once, and bytes of their corrections, but for one batch. */
const mostTogether = 32
const bytesTogether = 8 * 2 ** 20

/** Whether these are batches, and not too many. */
export const mayBeDealt = (steps: ReadonlyArray<number>): boolean =>
  steps.length <= mostTogether && steps.every((step) => rowsOfStep(step) !== undefined)

/** Of steps that wait, the first ones that are dealt for at once. */
const dealtAtOnce = (plan: ForwardPlan, steps: ReadonlyArray<number>): ReadonlyArray<number> => {
  let bytes = 0
  const end = steps.findIndex((step, i) => {
    bytes += servedCost(plan, rowsOfStep(step)!).dealtBytes
    return i > 0 && (i === mostTogether || bytes > bytesTogether)
  })
  return end === -1 ? steps : steps.slice(0, end)
}

/** The dealing of a session that both clouds take part in, until the scope ends: at cloud 1 the corrections of each step. */
export const dealingTogether = (
  { agreement, cloud, plan }: SessionOptions,
  session: Uint8Array,
  key: Uint8Array
) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const prg = sessionPrg(key, session)
    const of = { peer: cloud === 0 ? "cloud1" : "cloud0", phase: sessionPhase("serve-deal", session), prg }
    // Cloud 1 may not know of the session yet: it is the first to deal.
    const begun = yield* Effect.cached(
      Effect.map(Scope.extend(openDealing(agreement, cloud, of), scope), ({ deal, ring }) => ({
        deal,
        stepOf: servedSteps(ring, prg, plan)
      }))
    )
    const oneAtATime = yield* Effect.makeSemaphore(1)
    return (steps: ReadonlyArray<number>) =>
      Effect.flatMap(begun, ({ deal, stepOf }) => deal(steps.map(stepOf))).pipe(
        oneAtATime.withPermits(1),
        Effect.withSpan("cloud.dealServed", { attributes: { steps: steps.length } })
      )
  })

export type DealTogether = Effect.Effect.Success<ReturnType<typeof dealingTogether>>

/** At cloud 1: asks the KGC for the corrections of a step. */
export const dealtByKgc = ({ agreement }: SessionOptions, session: Uint8Array) =>
  Effect.map(
    Party,
    (party) => (step: number) =>
      Effect.map(
        party.ask("kgc", DealService, { session, step }, askDeadline(agreement)),
        ({ corrections }) => corrections
      )
  )

/** At cloud 1: has both clouds deal for a step together with what else is to be dealt then. Fails with the first that fails. */
export const dealtByBoth = ({ agreement, plan }: SessionOptions, session: Uint8Array, deal: DealTogether) =>
  Effect.gen(function* () {
    const party = yield* Party
    type Failure = Effect.Effect.Error<ReturnType<typeof dealGroup>>
    const waiting = new Map<number, Deferred.Deferred<Uint8Array>>()
    const woken = yield* Queue.sliding<void>(1)
    const failed = yield* Deferred.make<never, Failure>()
    const dealGroup = (steps: ReadonlyArray<number>) =>
      Effect.zipRight(
        party.ask("cloud0", DealServed, { session, steps }, askDeadline(agreement)),
        deal(steps)
      )
    const dealNext = Effect.gen(function* () {
      yield* Queue.take(woken)
      while (waiting.size > 0) {
        const steps = dealtAtOnce(plan, [...waiting.keys()])
        const corrections = yield* dealGroup(steps)
        for (const [i, step] of steps.entries()) {
          yield* Deferred.succeed(waiting.get(step)!, corrections[i]!)
          waiting.delete(step)
        }
      }
    })
    yield* Effect.forkScoped(
      Effect.catchAll(Effect.forever(dealNext), (error) => Deferred.fail(failed, error))
    )
    return (step: number) =>
      Effect.gen(function* () {
        const dealt = yield* Deferred.make<Uint8Array>()
        waiting.set(step, dealt)
        yield* Queue.offer(woken, undefined)
        return yield* Effect.raceFirst(Deferred.await(dealt), Deferred.await(failed))
      })
  })
