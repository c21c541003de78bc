import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { storedRun } from "../../../../actors/clouds/upload/stored-run.ts"
import { RunAssembly } from "../../../../protocol/sharing/upload.ts"
import { memoryStore, Stable, StoreFailed, type StoreService } from "../../../../runtime/storage/store.ts"

const assembly = () => new RunAssembly("user1", 4, 2)
const open = (store: StoreService) => Effect.provideService(storedRun("run", assembly()), Stable, store)

const [half, rest] = [new Uint8Array([1, 2, 3, 4]), new Uint8Array([5, 6, 7, 8])]
const otherHalf = new Uint8Array([9, 9, 9, 9])

describe("a kept run", () => {
  it.effect("is put together again from what an earlier process has confirmed", () =>
    Effect.gen(function* () {
      const store = memoryStore()
      const earlier = yield* open(store)
      yield* earlier.place({ first: 2, ciphertexts: rest })
      const later = yield* open(store)
      expect(later.complete()).toBe(false)
      yield* later.place({ first: 2, ciphertexts: rest })
      yield* later.place({ first: 0, ciphertexts: half })
      expect(later.complete()).toBe(true)
      expect(yield* later.whole).toEqual(new Uint8Array([...half, ...rest]))
      yield* later.forget
      expect(yield* store.list).toEqual([])
    })
  )

  it.effect("of two versions of a piece that come at once the first stays, in memory and in storage", () =>
    Effect.gen(function* () {
      const inner = memoryStore()
      const written = yield* Effect.makeLatch()
      const store: StoreService = {
        ...inner,
        put: (name, bytes) => Effect.zipRight(written.await, inner.put(name, bytes))
      }
      const run = yield* open(store)
      const first = yield* Effect.fork(run.place({ first: 0, ciphertexts: half }))
      yield* Effect.yieldNow()
      const second = yield* Effect.fork(run.place({ first: 0, ciphertexts: otherHalf }))
      yield* Effect.yieldNow()
      expect(run.complete()).toBe(false)
      yield* written.open
      yield* Fiber.joinAll([first, second])
      yield* run.place({ first: 2, ciphertexts: rest })
      const whole = new Uint8Array([...half, ...rest])
      expect(yield* run.whole).toEqual(whole)
      expect(yield* Effect.flatMap(open(inner), ({ whole }) => whole)).toEqual(whole)
    })
  )

  it.effect("a piece that could not be kept is not confirmed, and is kept when it comes again", () =>
    Effect.gen(function* () {
      const inner = memoryStore()
      let full = true
      const noRoom = new StoreFailed({ operation: "write", place: "run-0", reason: "no space left" })
      const store: StoreService = {
        ...inner,
        put: (name, bytes) => Effect.suspend(() => (full ? noRoom : inner.put(name, bytes)))
      }
      const run = yield* open(store)
      expect(yield* Effect.exit(run.place({ first: 0, ciphertexts: half }))).toEqual(Exit.fail(noRoom))
      full = false
      yield* run.place({ first: 0, ciphertexts: otherHalf })
      yield* run.place({ first: 2, ciphertexts: rest })
      expect(run.complete()).toBe(true)
      expect(yield* Effect.flatMap(open(inner), ({ whole }) => whole)).toEqual(yield* run.whole)
    })
  )
})
