import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { checkpointsIn } from "../../../../actors/clouds/training/checkpoints.ts"
import { memoryStore, type StoreService } from "../../../../runtime/storage/store.ts"

const share = (step: number) => new Uint8Array([step])

/** A disk that takes its time: what is put is there once the latch of its name, if there is one, is open. */
const slow = (inner: StoreService, latches: Readonly<Record<string, Effect.Latch>>): StoreService => ({
  ...inner,
  put: (name, bytes) =>
    Effect.zipRight(
      Effect.suspend(() => latches[name]?.await ?? Effect.void),
      inner.put(name, bytes)
    )
})

/** As the training does: it continues while a checkpoint is being stored, and waits for it at the next. */
const cloud = (store: StoreService) => {
  const checkpoints = checkpointsIn(store)
  let keeping: Fiber.Fiber<void, unknown> = Fiber.void
  return {
    steps: checkpoints.steps,
    comesTo: (step: number) =>
      Effect.gen(function* () {
        yield* Fiber.join(keeping)
        keeping = yield* Effect.fork(checkpoints.keep(step, share(step)))
        yield* Effect.yieldNow()
      }),
    kept: Effect.suspend(() => Fiber.join(keeping))
  }
}

describe("checkpoints", () => {
  it.effect("the last three are kept, whatever order their numbers would have as words", () =>
    Effect.gen(function* () {
      const checkpoints = checkpointsIn(memoryStore())
      for (const step of [64, 128, 1024]) yield* checkpoints.keep(step, share(step))
      expect(yield* checkpoints.steps).toEqual([64, 128, 1024])
      yield* checkpoints.keep(1088, share(1088))
      expect(yield* checkpoints.steps).toEqual([128, 1024, 1088])
      expect(yield* checkpoints.load(128)).toEqual(share(128))
      expect(yield* Effect.flip(checkpoints.load(64))).toMatchObject({
        _tag: "StoreFailed",
        place: "weights-64"
      })
    })
  )

  it.scoped("both clouds have one in common, however much slower one of them keeps than the other", () =>
    Effect.gen(function* () {
      const store = memoryStore()
      const latches = { "weights-2": yield* Effect.makeLatch() }
      const [fast, late] = [cloud(memoryStore()), cloud(slow(store, latches))]
      for (const each of [fast, late]) yield* each.comesTo(1)
      for (const each of [fast, late]) yield* each.comesTo(2)
      // The fast cloud is a round ahead: the other has all but come to 3, where it would wait for its 2.
      yield* fast.comesTo(3)
      yield* fast.kept
      expect(yield* late.steps).toEqual([1])
      expect(yield* fast.steps).toContain(1)
      // Nor can it get further ahead: when it has kept 4, the other has come to 3 and has its 2.
      yield* latches["weights-2"].open
      yield* late.comesTo(3)
      yield* fast.comesTo(4)
      yield* fast.kept
      expect(yield* fast.steps).toEqual([2, 3, 4])
      expect(yield* late.steps).toContain(2)
    })
  )
})
