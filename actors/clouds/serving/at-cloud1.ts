/**
 * Serving at cloud 1, which follows: it takes part in the sessions that cloud 0 begins, says which requests both have, and
 * has the corrections of each batch, most of them ahead of it.
 */
import { Deferred, Duration, Effect, ExecutionStrategy, Exit, Schedule, Scope } from "effect"
import { sameBytes } from "../../../protocol/canonical.ts"
import { BeginService, RejoinService, ServeBatch } from "../../../protocol/messages/serving.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { onFrom } from "../../party/handlers.ts"
import { SessionOver } from "../../party/serving-errors.ts"
import type { Wake } from "./at-cloud0.ts"
import { dealtByBoth, dealtByKgc } from "./dealing.ts"
import type { Requests, Waiting } from "./requests.ts"
import { openSession, type ServingSession } from "./session.ts"
import { askDeadline, type SessionOptions } from "./session-options.ts"
import { makeStock } from "./stock.ts"

const rejoinPauseMs = 500
/** How long a batch of which no share is there yet is held back: cloud 0's are seeds, and are there first. */
const arrivalMs = 5

/** The session that cloud 0 began last. */
interface Current {
  readonly session: Uint8Array
  readonly own: ServingSession
  readonly stock: Effect.Effect.Success<ReturnType<typeof stockFor>>
  readonly scope: Scope.CloseableScope
  /** Completed once the batch before is computed: batches follow one another, as at cloud 0. */
  before: Deferred.Deferred<void>
}

/** The requests of a batch, as cloud 0 names them. */
type Asked = ReadonlyArray<Pick<Waiting, "asker" | "id" | "rows">>

const stockFor = (options: SessionOptions, session: Uint8Array, { deal }: ServingSession) =>
  Effect.gen(function* () {
    const { plan } = options
    return deal === undefined
      ? yield* makeStock(plan, yield* dealtByKgc(options, session))
      : yield* makeStock(plan, yield* dealtByBoth(options, session, deal))
  })

/** This cloud's shares of requests, as far as they are there: in a moment, if none is now. */
const arrived = (requests: Requests, { woken }: Wake, asked: Asked) => {
  const found = () =>
    asked.map(({ asker, id, rows }) => {
      const one = requests.of(asker, id)
      return one?.rows === rows ? one : undefined
    })
  const isThere = () => found().some((one) => one !== undefined)
  return woken.pipe(
    Effect.repeat({ until: isThere }),
    Effect.unless(isThere),
    Effect.timeoutOption(arrivalMs),
    Effect.map(found)
  )
}

export const servingAtCloud1 = (options: SessionOptions, requests: Requests, wake: Wake) =>
  Effect.gen(function* () {
    const party = yield* Party
    const outer = yield* Effect.scope
    const ask = askDeadline(options.agreement)
    const oneAtATime = yield* Effect.makeSemaphore(1)
    let current: Current | undefined

    const isCurrent = (session: Uint8Array): boolean =>
      current !== undefined && sameBytes(current.session, session)

    /** Ends a session: what waits stays, for the next. */
    const end = (over: Current | undefined) =>
      Effect.suspend(() => {
        if (current === over) current = undefined
        return over === undefined ? Effect.void : Scope.close(over.scope, Exit.void)
      })

    const follow = ({ session }: { readonly session: Uint8Array }) =>
      Effect.gen(function* () {
        if (isCurrent(session)) return {}
        yield* end(current)
        const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
        const own = yield* Scope.extend(openSession(options, session), scope)
        const stock = yield* Scope.extend(stockFor(options, session, own), scope)
        const before = yield* Deferred.make<void>()
        const begun: Current = { session, own, stock, scope, before }
        current = begun
        yield* Effect.forkIn(
          own.opened.pipe(
            Effect.zipRight(Deferred.succeed(before, undefined)),
            Effect.catchAll((error) => lost(begun, error))
          ),
          scope
        )
        return {}
      }).pipe(oneAtATime.withPermits(1))

    const lost = (over: Current, error: { readonly message: string }) =>
      Effect.zipRight(
        Effect.logWarning(`a session of serving is over: ${error.message}`),
        Effect.forkIn(end(over), outer)
      )

    /** Computes a batch after the one before, and answers its requests. */
    const compute = (of: Current, batch: ReadonlyArray<Waiting>, step: number, dealt: Uint8Array) =>
      Effect.gen(function* () {
        const before = of.before
        const done = yield* Deferred.make<void>()
        of.before = done
        yield* Effect.forkIn(
          Effect.gen(function* () {
            yield* Deferred.await(before)
            const { session } = of
            for (const { one, share } of yield* of.own.answered(step, batch, dealt))
              yield* requests.settle(one, { session, step, share })
            yield* Deferred.succeed(done, undefined)
          }).pipe(Effect.catchAll((error) => lost(of, error))),
          of.scope
        )
      })

    const serve = (asked: { readonly session: Uint8Array; readonly requests: Asked }) =>
      Effect.gen(function* () {
        const of = current
        if (of === undefined || !isCurrent(asked.session))
          return yield* new SessionOver({ party: party.name })
        const found = yield* arrived(requests, wake, asked.requests)
        if (current !== of) return yield* new SessionOver({ party: party.name })
        const missing = found.flatMap((one, place) => (one === undefined ? [place] : []))
        const batch = found.flatMap((one) => one ?? [])
        if (batch.length === 0) return { missing }
        const { dealt, refill, step } = yield* of.stock.take(batch.reduce((sum, { rows }) => sum + rows, 0))
        if (current !== of) return yield* new SessionOver({ party: party.name })
        yield* compute(of, batch, step, dealt)
        yield* refill
        return { step, missing }
      })

    // Cloud 0 may be in the middle of a session with an earlier process of this cloud.
    const rejoin = party
      .ask("cloud0", RejoinService, {}, ask)
      .pipe(Effect.retry(Schedule.spaced(Duration.millis(rejoinPauseMs))), Effect.ignore)
    return {
      handlers: [onFrom("cloud0", BeginService, follow), onFrom("cloud0", ServeBatch, serve)],
      rejoin
    }
  })
