/**
 * Keeps a process alive: one that was killed or broke down is started again, with growing pauses, and has the state it kept. One
 * that ended with an error of its own is not, and neither is one that dies again and again as soon as it is up.
 */
import { Cause, Clock, Deferred, Duration, Effect, type Exit, Fiber, type Scope } from "effect"

/** What a supervisor tells of a party. */
export type LifeEvent =
  | { readonly _tag: "Up"; readonly party: string; readonly pid: number }
  /** `killed` is whether a signal ended it. */
  | { readonly _tag: "Died"; readonly party: string; readonly reason: string; readonly killed: boolean }
  | { readonly _tag: "Back"; readonly party: string; readonly awayMs: number }

/** A process that is up. */
export interface Living<E> {
  readonly pid: number
  /** Succeeds when it has ended as it should, fails when it ended otherwise. */
  readonly exit: Effect.Effect<void, E>
}

export interface SupervisionOptions<P extends Living<E>, E> {
  readonly party: string
  /** Starts it and waits until it is ready; it is ended with the scope. */
  readonly launch: Effect.Effect<P, E, Scope.Scope>
  /** Whether what it ended with is worth another start. */
  readonly crashed: (error: E) => boolean
  readonly onEvent?: (event: LifeEvent) => void
}

export interface Supervised<P, E> {
  /** The process as it was when it was ready first. */
  readonly ready: Effect.Effect<P, E>
  /** Succeeds when it has ended as it should, fails when it is given up. */
  readonly ended: Effect.Effect<void, E>
  /** Of the process that is up. */
  readonly pid: () => number | undefined
}

/** Of a clock that nobody sets. */
const nowMs = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

const firstPauseMs = 50
const longestPauseMs = 5_000
/** A life that is shorter counts towards giving up. */
const shortLifeMs = 5_000
/** So many short lives in a row, and it is given up. */
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
        if (exit._tag === "Success") return
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
