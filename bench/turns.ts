/** Processes that are measured in turns, each a moment at a time: what slows the machine for a while slows all of them. */
import { Effect } from "effect"
import type { StretchEnd } from "./training-party.ts"

/** How long one is at it while the others wait. */
const turnMs = 1_500
/** After its pause a training gets into its stride. */
const strideMs = 100

/** From and until when, in milliseconds. */
export type Turn = readonly [from: number, to: number]

/** Waits for the end of a turn that begins now. */
export const turn = Effect.gen(function* () {
  const from = Date.now()
  yield* Effect.sleep(turnMs)
  return [from, Date.now()] as Turn
})

/** Processes that wait while others are measured. */
export const paused = (pids: ReadonlyArray<number>) => {
  const all = (signal: NodeJS.Signals) => () => {
    for (const pid of pids) {
      try {
        process.kill(pid, signal)
      } catch {
        // It has ended.
      }
    }
  }
  const goOn = all("SIGCONT")
  // Who is stopped does not see that this process ends.
  process.on("exit", goOn)
  const end = () => {
    goOn()
    process.off("exit", goOn)
  }
  return Effect.as(
    Effect.addFinalizer(() => Effect.sync(end)),
    { stop: Effect.sync(all("SIGSTOP")), goOn: Effect.sync(goOn) }
  )
}

/** Milliseconds of a step over some turns: of the stretches that lie in them whole. */
export const stepDuring = (ends: ReadonlyArray<StretchEnd>, turns: ReadonlyArray<Turn>): number => {
  let [ms, steps] = [0, 0]
  for (const [i, end] of ends.entries()) {
    const before = ends[i - 1]
    if (before === undefined || !turns.some(([from, to]) => before.at >= from + strideMs && end.at <= to))
      continue
    ms += end.at - before.at
    steps += end.last - before.last
  }
  if (steps === 0) throw new Error("no stretch of steps lies in a turn")
  return ms / steps
}
