/**
 * Serving at cloud 0, which leads: it begins the sessions, and has what waits computed, batch by batch. A batch is what has
 * come while the one before was computed, so many askers share the rounds of one, and a single asker waits for nobody.
 */
import { randomBytes } from "node:crypto"
import { Deferred, Duration, Effect, Option, Queue, Ref } from "effect"
import { sameBytes } from "../../../protocol/canonical.ts"
import {
  BeginService,
  DealServed,
  RejoinService,
  ServeBatch,
  serviceIdBytes
} from "../../../protocol/messages/serving.ts"
import { mostRows } from "../../../protocol/serving/steps.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { onFrom } from "../../party/handlers.ts"
import { RequestUnfit, SessionOver } from "../../party/serving-errors.ts"
import { yieldTurn } from "../../party/yield-turn.ts"
import { mayBeDealt } from "./dealing.ts"
import type { Requests, Waiting } from "./requests.ts"
import { openSession, type ServingSession } from "./session.ts"
import { askDeadline, type SessionOptions } from "./session-options.ts"

/**
 * A request whose other share is not there yet is looked at again after a quarter of the time that it has waited for that, but
 * for these bounds: a share may take long to arrive, and one that never does costs little until its asker's deadline.
 */
const missingPause = { shareOfWait: 0.25, leastMs: 2, mostMs: 500 }
const pauseBetweenSessionsMs = 200

const missingPauseMs = (waitedMs: number): number =>
  Math.min(missingPause.mostMs, Math.max(missingPause.leastMs, missingPause.shareOfWait * waitedMs))

/** Waits for what an asker's request wakes. */
export const makeWake = Effect.gen(function* () {
  const woken = yield* Queue.sliding<void>(1)
  return { wake: () => void Queue.unsafeOffer(woken, undefined), woken: Queue.take(woken) }
})

export type Wake = Effect.Effect.Success<typeof makeWake>

/** What can be computed now: in the order in which it came, as much as fits a batch. */
const nextBatch = (requests: Requests, nowMs: number): ReadonlyArray<Waiting> => {
  const batch: Array<Waiting> = []
  let rows = 0
  for (const one of requests.waiting) {
    if (one.lookAgainMs !== undefined && one.lookAgainMs > nowMs) continue
    if (rows + one.rows > mostRows) break
    batch.push(one)
    rows += one.rows
  }
  return batch
}

/** What cloud 1 wants dealt in the session that it is of, where the clouds deal. */
interface Dealing {
  readonly session: Uint8Array
  readonly asked: Queue.Queue<ReadonlyArray<number>>
}

/** Serves as cloud 0 until interrupted; `handlers` are to be served. */
export const servingAtCloud0 = (options: SessionOptions, requests: Requests, { wake, woken }: Wake) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { agreement } = options
    const ask = askDeadline(agreement)
    const now = Effect.clockWith(({ currentTimeMillis }) => currentTimeMillis)
    const again = yield* Ref.make(yield* Deferred.make<void>())
    const dealing = yield* Ref.make(Option.none<Dealing>())

    /** Cloud 1 has no share of these requests yet. */
    const setAside = (missing: ReadonlyArray<Waiting>) =>
      Effect.gen(function* () {
        const nowMs = yield* now
        for (const one of missing) {
          one.missingSinceMs ??= nowMs
          const pauseMs = missingPauseMs(nowMs - one.missingSinceMs)
          one.lookAgainMs = nowMs + pauseMs
          yield* Effect.forkDaemon(Effect.delay(Effect.sync(wake), Duration.millis(pauseMs + 1)))
        }
      })

    const serveBatch = (session: Uint8Array, { answered }: ServingSession, batch: ReadonlyArray<Waiting>) =>
      Effect.gen(function* () {
        const listed = batch.map(({ asker, id, rows }) => ({ asker, id, rows }))
        const { missing, step } = yield* party.ask("cloud1", ServeBatch, { session, requests: listed }, ask)
        const lacking = new Set(missing)
        yield* setAside(batch.filter((_, place) => lacking.has(place)))
        const computed = batch.filter((_, place) => !lacking.has(place))
        if (step === undefined) return
        for (const { one, share } of yield* answered(step, computed, undefined))
          yield* requests.settle(one, { session, step, share })
      })

    const serveBatches = (session: Uint8Array, own: ServingSession) =>
      Effect.gen(function* () {
        yield* party.ask("cloud1", BeginService, { session }, ask)
        yield* own.opened
        yield* Effect.logInfo("a session of serving has begun")
        for (;;) {
          // What arrives together is computed together.
          yield* yieldTurn
          const batch = nextBatch(requests, yield* now)
          if (batch.length === 0) yield* woken
          else yield* serveBatch(session, own, batch)
        }
      })

    const serveSession = Effect.gen(function* () {
      const session = new Uint8Array(randomBytes(serviceIdBytes))
      const own = yield* openSession(options, session)
      const { deal } = own
      const batches = serveBatches(session, own)
      if (deal === undefined) return yield* batches
      const asked = yield* Queue.unbounded<ReadonlyArray<number>>()
      yield* Ref.set(dealing, Option.some({ session, asked }))
      yield* Effect.raceFirst(batches, Effect.forever(Effect.flatMap(Queue.take(asked), deal)))
    }).pipe(Effect.scoped, Effect.ensuring(Ref.set(dealing, Option.none())))

    /** A session ends by an error, or since cloud 1 was started again; what waits stays for the next. */
    const sessions = Effect.gen(function* () {
      const restarted = yield* Deferred.make<void>()
      yield* Ref.set(again, restarted)
      yield* Effect.raceFirst(serveSession, Deferred.await(restarted)).pipe(
        Effect.catchAll((error) =>
          Effect.zipRight(
            Effect.logWarning(`a session of serving is over: ${error.message}`),
            Effect.sleep(Duration.millis(pauseBetweenSessionsMs))
          )
        )
      )
    }).pipe(Effect.forever)

    const rejoin = onFrom("cloud1", RejoinService, () =>
      Effect.as(
        Effect.flatMap(Ref.get(again), (restarted) => Deferred.succeed(restarted, undefined)),
        {}
      )
    )
    const dealServed = onFrom("cloud1", DealServed, ({ session, steps }) =>
      Effect.gen(function* () {
        const current = yield* Ref.get(dealing)
        if (Option.isNone(current) || !sameBytes(current.value.session, session))
          return yield* new SessionOver({ party: party.name })
        if (!mayBeDealt(steps))
          return yield* new RequestUnfit({ asker: "cloud1", why: "no such batches are dealt for at once" })
        yield* Queue.offer(current.value.asked, steps)
        return {}
      })
    )
    return { handlers: [rejoin, dealServed], serving: sessions }
  })
