/** A cloud's shares of the weights, kept from time to time: the last three, so that one is there that the other cloud has too. */
import { Context, Effect, Option } from "effect"
import { type StoreError, StoreFailed, type StoreService } from "../../../runtime/storage/store.ts"

/** Where they are, if not in the party's stable storage. */
export class CheckpointStore extends Context.Reference<CheckpointStore>()("actors/CheckpointStore", {
  defaultValue: () => Option.none<StoreService>()
}) {}

export interface Checkpoints {
  /** Keeps the share after a step, and forgets all but the two before it. */
  readonly keep: (step: number, words: Uint8Array) => Effect.Effect<void, StoreError>
  readonly load: (step: number) => Effect.Effect<Uint8Array, StoreError>
  /** The steps that are kept, ascending. */
  readonly steps: Effect.Effect<ReadonlyArray<number>, StoreError>
  /** Forgets all: before the first session, what is there is an earlier run's of the same name. */
  readonly clear: Effect.Effect<void, StoreError>
}

const prefix = "weights-"
/**
 * The training goes on while a checkpoint is being kept, and waits for it only where it comes to the next. So when this cloud has kept
 * its checkpoint k, the other, which is at most a round behind, has come to its own k and waited for its k-1, or is about
 * to: what it has for certain is k-2. Both come to the same steps, wherever they began.
 */
const kept = 3

export const checkpointsIn = (store: StoreService): Checkpoints => {
  const steps = Effect.map(store.list, (names) =>
    names
      .filter((name) => name.startsWith(prefix))
      .map((name) => Number(name.slice(prefix.length)))
      .sort((a, b) => a - b)
  )
  return {
    keep: (step, words) =>
      Effect.gen(function* () {
        yield* store.put(`${prefix}${step}`, words)
        for (const old of (yield* steps).slice(0, -kept)) yield* store.remove(`${prefix}${old}`)
      }),
    load: (step) =>
      Effect.flatMap(store.get(`${prefix}${step}`), (found) =>
        found._tag === "Some"
          ? Effect.succeed(found.value)
          : new StoreFailed({
              operation: "read",
              place: `${prefix}${step}`,
              reason: "it is not there any more"
            })
      ),
    steps,
    clear: Effect.flatMap(steps, (all) =>
      Effect.forEach(all, (step) => store.remove(`${prefix}${step}`), { discard: true })
    )
  }
}
