import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option } from "effect"
import { within } from "../../runtime/deadline.ts"
import { inVirtualTime } from "../support/virtual-time.ts"

describe("a wait with an end", () => {
  const late = within(60_000, () => "late")

  it.effect("is over when what it waits for is there, also where nothing can be interrupted", () =>
    Effect.gen(function* () {
      const there = yield* Deferred.make<number>()
      const waits = [late(Deferred.await(there)), Effect.uninterruptible(late(Deferred.await(there)))]
      const fibers = yield* Effect.forEach(waits, Effect.forkDaemon)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(there, 7)
      // The clock of the test stands still: the deadline never comes.
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      for (const fiber of fibers) expect(yield* Fiber.poll(fiber)).toEqual(Option.some(Exit.succeed(7)))
    })
  )

  inVirtualTime("ends at its deadline with the error it was given", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(late(Effect.never)))
      yield* Effect.sleep(59_999)
      expect(yield* Fiber.poll(fiber)).toEqual(Option.none())
      yield* Effect.sleep(1)
      expect(yield* Fiber.join(fiber)).toBe("late")
    })
  )
})
