/**
 * A cloud's shares of the weights, stored from time to time: the last three, so that the other cloud has one
 * of them too.
 */
import { Context, Effect, Option } from "effect"
import type { StoreError, StoreService } from "../../../runtime/storage/store.ts"
import { existing } from "../../party/once.ts"

/** Where they are stored, if not in the party's stable storage. */
export class CheckpointStore extends Context.Reference<CheckpointStore>()("actors/CheckpointStore", {
  defaultValue: () => Option.none<StoreService>()
}) {}

export interface Checkpoints {
  /** Stores the share after a step, and removes all but the two before it. */
  readonly keep: (step: number, words: Uint8Array) => Effect.Effect<void, StoreError>
  readonly load: (step: number) => Effect.Effect<Uint8Array, StoreError>
  /** The steps that are stored, ascending. */
  readonly steps: Effect.Effect<ReadonlyArray<number>, StoreError>
  /** Removes all. Whatever is there before the first session is of an earlier run of the same name. */
  readonly clear: Effect.Effect<void, StoreError>
}

const prefix = "weights-"
/**
 * The training continues while a checkpoint is being stored, and waits for it only when the next one is due.
 * Suppose this cloud has stored its checkpoint k. The other cloud, which is at most a round behind, has come
 * to its own k and waited for its k − 1, or is about to: it is certain to have k − 2. So both clouds have a
 * common step, wherever they started.
 */
const stored = 3

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
        for (const old of (yield* steps).slice(0, -stored)) yield* store.remove(`${prefix}${old}`)
      }),
    load: (step) => existing(store, `${prefix}${step}`),
    steps,
    clear: Effect.flatMap(steps, (all) =>
      Effect.forEach(all, (step) => store.remove(`${prefix}${step}`), { discard: true })
    )
  }
}
