/**
 * Whole stretches of corrections, handed to the training of a cloud and to its lanes: ahead of their use, but no further
 * than a bound, so that never all of them are in memory.
 */
import { Deferred, Effect } from "effect"
import { concatenate } from "../../../protocol/bytes.ts"
import { cutStep, type OwnMasks } from "../../../protocol/dealing/steps.ts"
import type { DealtPart } from "../../../protocol/messages/training.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { NotExpected } from "../../party/handlers.ts"
import { type Stretch, stepsOfStretch } from "../../party/stretches.ts"
import type { Supply, SupplyError, SupplyRequest } from "./provider.ts"

/** The corrections of the steps of a stretch, or of the slices of an evaluation, one after another; at C0 nothing. */
export type WholeStretch = Uint8Array | undefined

/** Where whole stretches come from. */
export interface StretchSource<E, R> {
  /** The stretches in their order, in groups that come together. */
  readonly groups: ReadonlyArray<ReadonlyArray<Stretch>>
  /** Groups that are ready or on their way before their turn, at least as many as there are strands. */
  readonly groupsAhead: number
  /** Each begins and gives what fetches a group. The groups go to the strands in turn, each once and in their order. */
  readonly strands: ReadonlyArray<Effect.Effect<FetchGroup<E, R>, E, R>>
}

export type FetchGroup<E, R> = (
  group: ReadonlyArray<Stretch>
) => Effect.Effect<ReadonlyArray<WholeStretch>, E, R>

/** The supply of a process and its lanes from a source, which it fetches from in the background. */
export const handOut = <E extends SupplyError, R>(
  { groups, groupsAhead, strands }: StretchSource<E, R>,
  { plan, order, stretches, part }: SupplyRequest
) =>
  Effect.gen(function* () {
    const { name } = yield* Party
    const ahead = yield* Effect.makeSemaphore(
      groupsAhead * Math.max(1, ...groups.map(({ length }) => length))
    )
    const slot = Deferred.make<WholeStretch, E | NotExpected>()
    const ready = yield* Effect.forEach(stretches, () => slot)
    // Lanes may still be waiting for what a session does not come to.
    const over = new NotExpected({ what: "a request for corrections of a session that is over", party: name })
    yield* Effect.addFinalizer(() =>
      Effect.forEach(ready, (each) => Deferred.fail(each, over), { discard: true })
    )
    // A strand that is faster than another must not take the room that an earlier group needs.
    const begun = yield* Effect.forEach(groups, () => Deferred.make<void>())
    const firstOf = groups.map((_, i) => groups.slice(0, i).reduce((sum, { length }) => sum + length, 0))
    const fetching = (begin: (typeof strands)[number], strand: number) =>
      Effect.gen(function* () {
        const fetch = yield* begin
        for (let i = strand; i < groups.length; i += strands.length) {
          if (i > 0) yield* Deferred.await(begun[i - 1]!)
          yield* ahead.take(groups[i]!.length)
          yield* Deferred.succeed(begun[i]!, undefined)
          for (const [place, whole] of (yield* fetch(groups[i]!)).entries())
            yield* Deferred.succeed(ready[firstOf[i]! + place]!, whole)
        }
      })
    yield* Effect.forkScoped(
      Effect.catchAllCause(
        Effect.forEach(strands, fetching, { concurrency: "unbounded", discard: true }),
        (cause) => Effect.forEach(ready, (each) => Deferred.failCause(each, cause), { discard: true })
      )
    )

    let next = 0
    const supply: Supply = {
      next: Effect.gen(function* () {
        const stretch = next++
        const whole = yield* Deferred.await(ready[stretch]!)
        // Lanes have theirs of the stretch before, without which this process could not have ended it.
        if (stretch > 0) ready[stretch - 1] = yield* slot
        yield* ahead.release(1)
        if (whole === undefined) return undefined
        return partOf({ plan, order }, stretches[stretch]!, whole, part)
      }),
      ofLane: ({ step, steps = 1, part }, lane) =>
        Effect.gen(function* () {
          const place = stretches.findIndex(({ first, last }) => first === step && last - first + 1 === steps)
          const stretch = stretches[place]
          const what = `a request for corrections of ${steps} steps from step ${step}`
          if (stretch === undefined || place < next - 1 || part === undefined)
            return yield* new NotExpected({ what, party: lane })
          const whole = yield* Deferred.await(ready[place]!)
          return whole === undefined ? new Uint8Array(0) : partOf({ plan, order }, stretch, whole, part)
        }),
      release: () => {}
    }
    return supply
  })

/** The corrections of a stretch for a process: of whole steps, or of its part of each. Lanes take no part in evaluations. */
const partOf = (
  of: Pick<OwnMasks, "plan" | "order">,
  stretch: Stretch,
  whole: Uint8Array,
  part: DealtPart | undefined
): Uint8Array => {
  if (part === undefined || stretch.first > of.plan.steps) return whole
  const steps = stepsOfStretch(stretch)
  const each = whole.length / steps.length
  return concatenate(
    steps.flatMap((step, i) => {
      const { gradients, update } = cutStep(of, step, whole.subarray(i * each, (i + 1) * each), part)
      return [gradients, update]
    })
  )
}
