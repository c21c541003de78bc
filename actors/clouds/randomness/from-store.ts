/**
 * Randomness that was dealt before the training: C1 stores the corrections of all steps, and reads them again some
 * stretches ahead of their use. C0 needs nothing but its key.
 */
import { Effect, type Redacted } from "effect"
import type { Stretch } from "../../party/stretches.ts"
import { handOut } from "./handing-out.ts"
import type { RandomnessProvider, SupplyRequest } from "./provider.ts"
import type { StretchStore } from "./stored.ts"

/** Stretches that are read before their turn. */
const stretchesAhead = 2

export const randomnessFromStore = (
  { get }: StretchStore,
  prgKey: Redacted.Redacted<Uint8Array>
): RandomnessProvider => ({
  prgKey,
  supply: (request) => {
    const groups = request.stretches.map((stretch) => [stretch])
    const read = (group: ReadonlyArray<Stretch>) => Effect.forEach(group, get)
    return handOut({ groups, groupsAhead: stretchesAhead, strands: [Effect.succeed(read)] }, request)
  }
})

/** Has a provider deal, and stores what is not there yet: a process that was killed meanwhile resumes where it was. */
export const dealAhead = ({ supply }: RandomnessProvider, store: StretchStore, request: SupplyRequest) =>
  Effect.gen(function* () {
    const stretches = yield* store.missing(request.stretches)
    const { next, release } = yield* supply({ ...request, stretches })
    for (const stretch of stretches) {
      const corrections = (yield* next)!
      yield* store.put(stretch, corrections)
      release(corrections)
    }
  }).pipe(Effect.scoped, Effect.withSpan("cloud.dealAhead"))
