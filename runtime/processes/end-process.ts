/** Ends a child process by its id: first with SIGTERM, then with SIGKILL. */
import type { ChildProcess } from "node:child_process"
import { Duration, Effect } from "effect"

const politeMs = 3_000

/** Resolves when the process is gone. A process that has ended already, or never started, is left alone. */
export const endProcess = (child: ChildProcess): Effect.Effect<void> => {
  const running = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const exit = Effect.async<void>((resume) => {
    if (!running()) return resume(Effect.void)
    const done = () => resume(Effect.void)
    child.once("exit", done)
    return Effect.sync(() => child.off("exit", done))
  })
  return Effect.gen(function* () {
    if (!running()) return
    child.kill("SIGTERM")
    // This runs as a finalizer, which is uninterruptible: without the exception, the time limit would wait
    // for the exit.
    const ended = yield* Effect.timeoutOption(Effect.interruptible(exit), Duration.millis(politeMs))
    if (ended._tag === "Some") return
    child.kill("SIGKILL")
    yield* exit
  })
}
