/** Virtual time and virtual randomness: what a run under them does follows from its inputs alone. */
import { randomBytes, randomUUID } from "node:crypto"
import { setImmediate } from "node:timers/promises"
import { Effect, Either, Exit, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { answer, begin, drawIdentity } from "../../../protocol/channels/noise.ts"
import { replaceRandomness } from "../../../runtime/virtual/randomness.ts"
import { makeVirtualTime } from "../../../runtime/virtual/time.ts"

const day = 86_400_000

describe("virtual time", () => {
  it("passes at once, in the order of what is due", async () => {
    const time = makeVirtualTime()
    const order: Array<string> = []
    const nap = (name: string, ms: number) =>
      Effect.andThen(
        Effect.sleep(ms),
        Effect.sync(() => order.push(`${name} ${time.nowMs()}`))
      )
    const work = Effect.all([nap("late", day / 2), nap("early", 5), nap("same", 5), nap("now", 0)], {
      concurrency: "unbounded"
    })
    const started = performance.now()
    const ending = await time.run(work, day)
    expect(ending._tag).toBe("Ended")
    expect(order).toEqual(["now 0", "early 5", "same 5", `late ${day / 2}`])
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it("waits for the event loop before it passes", async () => {
    const time = makeVirtualTime()
    const turns = Effect.gen(function* () {
      for (let n = 0; n < 10; n++) yield* Effect.promise(() => setImmediate())
      return time.nowMs()
    })
    const ending = await time.run(Effect.raceFirst(turns, Effect.as(Effect.sleep(1), -1)), day)
    expect(ending).toMatchObject({ _tag: "Ended", exit: Exit.succeed(0) })
  })

  it("says where nothing is going to happen any more, and where it takes too long", async () => {
    const stuck = await makeVirtualTime().run(
      Effect.async(() => undefined),
      day
    )
    expect(stuck).toMatchObject({ _tag: "Stuck", atMs: 0 })
    const late = await makeVirtualTime().run(Effect.sleep(11), 10)
    expect(late._tag).toBe("OutOfTime")
  })

  it("ends the fibers of a run that it gives up", async () => {
    const time = makeVirtualTime()
    let ended = 0
    const work = Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended++)))
      yield* Fiber.join(fiber)
    })
    await time.run(work, 10)
    expect(ended).toBe(1)
  })

  it("gives a party a wrong date and right waits, and no wake-up while it is stopped", async () => {
    const time = makeVirtualTime()
    const clock = time.clockOf(
      () => 3_600_000,
      () => 50
    )
    const work = Effect.gen(function* () {
      const ahead = clock.unsafeCurrentTimeMillis() - time.clock.unsafeCurrentTimeMillis()
      yield* Effect.sleep(10)
      return {
        ahead,
        wokeAt: time.nowMs(),
        nanos: clock.unsafeCurrentTimeNanos() - time.clock.unsafeCurrentTimeNanos()
      }
    }).pipe(Effect.withClock(clock))
    const ending = await time.run(work, day)
    expect(ending).toMatchObject({ exit: Exit.succeed({ ahead: 3_600_000, wokeAt: 50, nanos: 0n }) })
  })
})

describe("virtual randomness", () => {
  const drawAll = async (seed: string) => {
    const drawn: Array<Uint8Array> = []
    const randomness = replaceRandomness(seed, (bytes) => drawn.push(bytes))
    try {
      const [own, peer] = [drawIdentity(), drawIdentity()]
      const prologue = new Uint8Array(0)
      const begun = Either.getOrThrow(begin({ own, peer: peer.publicKey, prologue }))
      const answered = Either.getOrThrow(answer({ own: peer, peer: own.publicKey, prologue }, begun.message))
      return {
        bytes: randomBytes(40),
        uuid: randomUUID(),
        handshake: answered.hash,
        drawn
      }
    } finally {
      randomness.giveBack()
    }
  }

  it("is the same for the same seed, down to keys and handshakes, and another for another", async () => {
    const [one, again, other] = [await drawAll("a"), await drawAll("a"), await drawAll("b")]
    expect(again).toEqual(one)
    expect(other.bytes).not.toEqual(one.bytes)
    expect(other.handshake).not.toEqual(one.handshake)
    expect(one.drawn.some((bytes) => Buffer.compare(bytes, one.bytes) === 0)).toBe(true)
  })

  it("is the system's again afterwards, and is never replaced twice", async () => {
    await drawAll("a")
    const replaced = replaceRandomness("a", () => undefined)
    const seeded = randomBytes(16)
    expect(() => replaceRandomness("b", () => undefined)).toThrow(/replaced already/)
    replaced.giveBack()
    expect(randomBytes(16)).not.toEqual(seeded)
    const again = replaceRandomness("a", () => undefined)
    expect(randomBytes(16)).toEqual(seeded)
    again.giveBack()
  })
})
