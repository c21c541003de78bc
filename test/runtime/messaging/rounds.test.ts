/** When a party requests a round again. That rounds arrive is in `conformance.ts`. */
import { Effect, Fiber } from "effect"
import { describe, expect } from "vitest"
import type { Envelope } from "../../../protocol/messages/envelope.ts"
import type { Computation } from "../../../runtime/messaging/contract.ts"
import { defaultLimits } from "../../../runtime/messaging/limits.ts"
import type { Post } from "../../../runtime/messaging/post.ts"
import { makeRounds } from "../../../runtime/messaging/rounds.ts"
import { Ledger } from "../../../runtime/messaging/traffic.ts"
import { inVirtualTime } from "../../support/virtual-time.ts"

const body = new Uint8Array(3)
const message = (kind: Envelope["kind"], id: string, number: number): Envelope => ({
  ...{ kind, id, tag: "train", number, of: kind === "fragment" ? 1000 : 0, body }
})

/** Rounds of a party that sends nothing, and the requests for rounds that it would send. */
const rounds = Effect.gen(function* () {
  const clock = yield* Effect.clock
  const began = clock.unsafeCurrentTimeMillis()
  const requested: Array<number> = []
  const post = {
    ...{ clock, limits: defaultLimits, ledger: new Ledger(), traced: false },
    transport: { status: () => "connected", maxPayloadBytes: 1e6, frame: (n: number) => new Uint8Array(n) },
    post: () => requested.push(clock.unsafeCurrentTimeMillis() - began),
    postKept: () => {},
    sendNow: () => undefined,
    ...{ forget: () => {}, note: () => {} }
  } as unknown as Post
  const keeping = makeRounds(post)
  const { drive } = yield* keeping.open("cloud1", "train", { deadlineMs: 60_000, firstMs: 60_000 })
  const computation = function* (): Computation<number> {
    const [theirs] = yield [() => body]
    return theirs!.length
  }
  const driven = yield* Effect.fork(drive(1, computation()))
  yield* Effect.yieldNow()
  return { keeping, requested, driven }
})

describe("a missing round", () => {
  inVirtualTime("is requested again after a second, and after ever longer pauses", () =>
    Effect.gen(function* () {
      const { driven, keeping, requested } = yield* rounds
      yield* Effect.sleep(10_000)
      expect(requested).toEqual([1000, 2750, 5750])
      keeping.receive(message("round", "", 1), "cloud1")
      expect(yield* Fiber.join(driven)).toMatchObject({ value: 3 })
    })
  )

  inVirtualTime("is not requested as long as its fragments arrive, but is once they cease", () =>
    Effect.gen(function* () {
      const { driven, keeping, requested } = yield* rounds
      for (let i = 0; i < 20; i++) {
        yield* Effect.sleep(500)
        keeping.arriving(message("fragment", "1", i), "cloud1")
        // Of another round, and of another peer: these say nothing of it.
        keeping.arriving(message("fragment", "2", i), "cloud1")
        keeping.arriving(message("fragment", "1", i), "user1")
      }
      expect(requested).toEqual([])
      yield* Effect.sleep(900)
      keeping.arriving(message("fragment", "2", 20), "cloud1")
      yield* Effect.sleep(200)
      expect(requested).toEqual([11_000])
      keeping.receive(message("round", "", 1), "cloud1")
      expect(yield* Fiber.join(driven)).toMatchObject({ value: 3 })
    })
  )
})
