/**
 * Keeps a process alive: one that was killed or crashed is restarted, with growing pauses, from the state it
 * kept. A process that ended after a reported error is not restarted, nor is one that dies again and again
 * soon after its start.
 */
import { Cause, Clock, Deferred, Duration, Effect, type Exit, Fiber, type Scope } from "effect"

/** A supervisor's report about a party. */
export type LifeEvent =
  | { readonly _tag: "Up"; readonly party: string; readonly pid: number }
  /** `killed` is whether a signal ended it. */
  | { readonly _tag: "Died"; readonly party: string; readonly reason: string; readonly killed: boolean }
  | { readonly _tag: "Back"; readonly party: string; readonly awayMs: number }
  /** It has ended normally. */
  | { readonly _tag: "Done"; readonly party: string }

/** A process that is up. */
export interface Living<E> {
  readonly pid: number
  /** Succeeds when it has ended normally; fails when it ended otherwise. */
  readonly exit: Effect.Effect<void, E>
}

export interface SupervisionOptions<P extends Living<E>, E> {
  readonly party: string
  /** Starts it and waits until it is ready; it is ended with the scope. */
  readonly launch: Effect.Effect<P, E, Scope.Scope>
  /** Whether this end warrants a restart. */
  readonly crashed: (error: E) => boolean
  readonly onEvent?: (event: LifeEvent) => void
}

export interface Supervised<P, E> {
  /** The process at its first start, once it is ready. */
  readonly ready: Effect.Effect<P, E>
  /** Succeeds when it has ended normally; fails when it is given up. */
  readonly ended: Effect.Effect<void, E>
  /** Of the current process. */
  readonly pid: () => number | undefined
}

/** From a clock that is never set. */
const nowMs = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

const firstPauseMs = 50
const longestPauseMs = 5_000
/** A shorter life counts towards giving up. */
const shortLifeMs = 5_000
/** It is given up after this number of short lives in a row. */
const shortLivesAtMost = 8

const isKilled = (error: object): boolean => "killed" in error && error.killed === true

export const supervise = <P extends Living<E>, E extends { readonly message: string }>(
  options: SupervisionOptions<P, E>
): Effect.Effect<Supervised<P, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { party, launch, crashed, onEvent = () => undefined } = options
    const ready = yield* Deferred.make<P, E>()
    let pid: number | undefined
    let diedAt: number | undefined
    const life = Effect.scoped(
      Effect.gen(function* () {
        const process = yield* launch
        pid = process.pid
        onEvent({ _tag: "Up", party, pid })
        if (diedAt !== undefined) onEvent({ _tag: "Back", party, awayMs: (yield* nowMs) - diedAt })
        yield* Deferred.succeed(ready, process)
        yield* process.exit
      })
    ).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          pid = undefined
        })
      )
    )
    const lives = Effect.gen(function* () {
      let short = 0
      while (true) {
        const born = yield* nowMs
        const exit: Exit.Exit<void, E> = yield* Effect.exit(life)
        if (exit._tag === "Success") {
          onEvent({ _tag: "Done", party })
          return
        }
        const failure = Cause.failureOption(exit.cause)
        if (failure._tag === "None" || !crashed(failure.value)) return yield* exit
        diedAt = yield* nowMs
        short = diedAt - born < shortLifeMs ? short + 1 : 1
        if (short >= shortLivesAtMost) return yield* exit
        onEvent({ _tag: "Died", party, reason: failure.value.message, killed: isKilled(failure.value) })
        yield* Effect.sleep(Duration.millis(Math.min(longestPauseMs, firstPauseMs * 2 ** (short - 1))))
      }
    })
    const fiber = yield* Effect.forkScoped(
      Effect.tapErrorCause(lives, (cause) => Deferred.failCause(ready, cause))
    )
    return { ready: Deferred.await(ready), ended: Fiber.join(fiber), pid: () => pid }
  })
