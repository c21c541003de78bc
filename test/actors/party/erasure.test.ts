import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Ref } from "effect"
import {
  erasing,
  hasEnded,
  nothing,
  type Remains,
  recordFinish,
  refuseFinished
} from "../../../actors/party/erasure.ts"
import { StateKey } from "../../../runtime/storage/state-key.ts"
import { memoryStore, Stable, Store, type StoreService } from "../../../runtime/storage/store.ts"

const remains: Remains = {
  kept: ["the model"],
  sealed: { "secret-key": "its secret key" },
  erases: (name) => name.startsWith("archive"),
  others: []
}

/** A party's storage, which outlives its lives; a life may die after it has erased so many entries. */
const machine = Effect.gen(function* () {
  const [store, stable] = [memoryStore(), memoryStore()]
  for (const name of ["root", "standing", "declaration-user2", "declaration-user3", "weights-64"])
    yield* stable.put(name, new Uint8Array(9))
  for (const name of ["model.json", "archive", "archive-user1-0", "archive-user1-1"])
    yield* store.put(name, new Uint8Array(9))
  const destroyed = yield* Ref.make(0)
  const mortal = (real: StoreService, left: { entries: number }): StoreService => ({
    ...real,
    erase: (name) => (left.entries-- > 0 ? real.erase(name) : Effect.die("killed"))
  })
  const living = <A, E>(work: Effect.Effect<A, E, Store | Stable>, entries = Number.POSITIVE_INFINITY) => {
    const left = { entries }
    const key = { destroy: Ref.update(destroyed, (times) => times + 1), elsewhere: undefined }
    return Effect.provide(
      work,
      Layer.mergeAll(
        Layer.succeed(Store, mortal(store, left)),
        Layer.succeed(Stable, mortal(stable, left)),
        Layer.succeed(StateKey, Option.some(key))
      )
    )
  }
  const keep = Effect.flatMap(Stable, (own) => own.put("secret-key", new Uint8Array(5)))
  return { store, stable, destroyed, living, keep }
})

const said = {
  erased: ["archive", "declaration", "root", "standing", "weights"],
  kept: ["the model"],
  sealed: ["its secret key"]
}

describe("erasing", () => {
  it.effect("leaves what remains, says what went, and says the same however often it is asked", () =>
    Effect.gen(function* () {
      const { store, stable, destroyed, living, keep } = yield* machine
      expect(yield* living(hasEnded)).toBe(false)
      const erase = erasing(remains, keep)
      expect(yield* living(Effect.all([erase, erase], { concurrency: 2 }))).toEqual([said, said])
      expect(yield* living(erasing(remains, Effect.die("prepared again")))).toEqual(said)
      expect(yield* stable.list).toEqual(["secret-key"])
      expect(yield* store.list).toEqual(["ended", "model.json"])
      expect(yield* living(hasEnded)).toBe(true)
      expect(yield* Ref.get(destroyed)).toBe(0)
    })
  )

  it.effect("destroys the state key where nothing is left under it", () =>
    Effect.gen(function* () {
      const { stable, destroyed, living } = yield* machine
      expect(yield* living(erasing(nothing, Effect.void))).toMatchObject({ kept: [], sealed: [] })
      expect(yield* stable.list).toEqual([])
      expect(yield* Ref.get(destroyed)).toBe(1)
    })
  )

  it.effect("is finished by the next process wherever one was killed", () =>
    Effect.gen(function* () {
      for (let entries = 0; entries < 8; entries++) {
        const { store, stable, living, keep } = yield* machine
        expect(Exit.isFailure(yield* Effect.exit(living(erasing(remains, keep), entries)))).toBe(true)
        expect(yield* living(hasEnded)).toBe(true)
        expect(yield* living(erasing(remains, Effect.die("prepared again")))).toEqual(said)
        expect(yield* stable.list).toEqual(["secret-key"])
        expect(yield* store.list).toEqual(["ended", "model.json"])
      }
    })
  )

  it.effect("is not begun where what remains can't be stored", () =>
    Effect.gen(function* () {
      const { stable, living } = yield* machine
      expect(yield* Effect.flip(living(erasing(remains, Effect.fail("disk full"))))).toBe("disk full")
      expect(yield* living(hasEnded)).toBe(false)
      expect((yield* stable.list).length).toBe(5)
    })
  )

  it.effect("is over for good once the director has let the party end", () =>
    Effect.gen(function* () {
      const { living, keep } = yield* machine
      yield* living(recordFinish)
      yield* living(erasing(remains, keep))
      yield* living(refuseFinished("user1"))
      yield* living(recordFinish)
      const error = yield* Effect.flip(living(refuseFinished("user1")))
      expect(error).toMatchObject({ _tag: "RunEnded", party: "user1" })
      expect((error as Error).message).toContain(
        "has ended, and what it stored is erased; kept: the model, its secret key"
      )
    })
  )
})
