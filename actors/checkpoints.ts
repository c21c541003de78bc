/** A cloud's shares of the weights, kept from time to time: the last two, so that one is there that the other cloud has too. */
import { Effect } from "effect"
import { type StoreError, StoreFailed, type StoreService } from "../runtime/store.ts"

export interface Checkpoints {
  /** Keeps the share after a step, and forgets all but the one before it. */
  readonly keep: (step: number, words: Uint8Array) => Effect.Effect<void, StoreError>
  readonly load: (step: number) => Effect.Effect<Uint8Array, StoreError>
  /** The steps that are kept, ascending. */
  readonly steps: Effect.Effect<ReadonlyArray<number>, StoreError>
}

const prefix = "weights-"
const kept = 2

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
    steps
  }
}
