/**
 * Time that passes only when nothing else is left to do: fibers of one process run under a scheduler that keeps their order and a clock
 * that jumps to the next thing that is due. Between two such things the event loop goes round until no fiber has anything left to do, so
 * whatever a fiber does must end in that turn: no threads, no sockets, no files. Then a run is a function of its inputs.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Clock, Duration, Effect, type Exit, Fiber, type Scheduler } from "effect"

/** Something that happens later; `cancel` makes it not happen. */
export interface Due {
  readonly atMs: number
  readonly order: number
  readonly happen: () => void
  cancelled: boolean
}

/** How a run under virtual time ended: `stuck` where every fiber waits for something that is never going to happen. */
export type Ending<A, E> =
  | { readonly _tag: "Ended"; readonly exit: Exit.Exit<A, E> }
  | { readonly _tag: "Stuck"; readonly atMs: number }
  | { readonly _tag: "OutOfTime"; readonly atMs: number }

/** A clock that also lets something happen later without a fiber: `after` gives what calls it off. */
export interface VirtualClock extends Clock.Clock {
  readonly after: (delayMs: number, happen: () => void) => () => void
}

export interface VirtualTime {
  readonly clock: Clock.Clock
  readonly scheduler: Scheduler.Scheduler
  /**
   * The clock of one party. Its date is ahead of (or behind) that of others by what `offsetMs` says, while nanoseconds and waits, which the
   * system counts from the start of the machine, are not. Nothing wakes up on it before `stoppedUntilMs`.
   */
  readonly clockOf: (offsetMs: () => number, stoppedUntilMs: () => number) => VirtualClock
  readonly nowMs: () => number
  /** Lets something happen after so many milliseconds; a function that calls it off. */
  readonly after: (delayMs: number, happen: () => void) => () => void
  /** Runs an effect and all that it forks to its end, or until so much virtual time has passed. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>, atMostMs: number) => Promise<Ending<A, E>>
}

/** How much a fiber does before others have their turn. */
const operationsATurn = 2048

/** Where virtual clocks begin: a date, so that what is written into logs and files looks like one. */
const epochMs = Date.UTC(2024, 0, 1)

export const makeVirtualTime = (): VirtualTime => {
  let nowMs = 0
  let order = 0
  let tasks: Array<() => void> = []
  const agenda = new Agenda()

  const scheduler: Scheduler.Scheduler = {
    shouldYield: (fiber) => (fiber.currentOpCount > operationsATurn ? 0 : false),
    scheduleTask: (task) => void tasks.push(task)
  }

  const after: VirtualTime["after"] = (delayMs, happen) => {
    const due: Due = { atMs: nowMs + Math.max(0, delayMs), order: order++, happen, cancelled: false }
    agenda.add(due)
    return () => {
      due.cancelled = true
    }
  }

  const clockOf: VirtualTime["clockOf"] = (...party) => partyClock({ nowMs: () => nowMs, after }, ...party)
  const clock = clockOf(
    () => 0,
    () => 0
  )

  const runTasks = () => {
    while (tasks.length > 0) {
      const batch = tasks
      tasks = []
      for (const task of batch) task()
    }
  }

  /** Until every fiber waits for time to pass. */
  const settle = async () => {
    for (;;) {
      runTasks()
      await turn()
      if (tasks.length === 0) return
    }
  }

  return {
    clock,
    scheduler,
    clockOf,
    nowMs: () => nowMs,
    after,
    run: async <A, E>(effect: Effect.Effect<A, E>, atMostMs: number): Promise<Ending<A, E>> => {
      const endsMs = nowMs + atMostMs
      const fiber = Effect.runFork(Effect.withClock(effect, clock), { scheduler })
      let exit: Exit.Exit<A, E> | undefined
      fiber.addObserver((ended) => {
        exit = ended
      })
      /** Lets the fiber go, so that nothing of it goes on in another run. */
      const abandon = async () => {
        Effect.runFork(Fiber.interruptFork(fiber), { scheduler })
        for (let n = 0; exit === undefined && n < 10_000; n++) {
          await settle()
          const due = agenda.next()
          if (due === undefined) break
          nowMs = Math.max(nowMs, due.atMs)
          due.happen()
        }
      }
      for (;;) {
        await settle()
        if (exit !== undefined) return { _tag: "Ended", exit }
        const due = agenda.next()
        if (due === undefined || due.atMs > endsMs) {
          const atMs = nowMs
          await abandon()
          return { _tag: due === undefined ? "Stuck" : "OutOfTime", atMs }
        }
        nowMs = due.atMs
        due.happen()
      }
    }
  }
}

/** A party's clock, as `VirtualTime.clockOf` describes it. */
const partyClock = (
  { nowMs, after }: Pick<VirtualTime, "nowMs" | "after">,
  offsetMs: () => number,
  stoppedUntilMs: () => number
): VirtualClock => {
  const afterOfParty: VirtualClock["after"] = (delayMs, happen) => {
    const wake = () => {
      const stillMs = stoppedUntilMs() - nowMs()
      if (stillMs > 0) cancel = after(stillMs, wake)
      else happen()
    }
    let cancel = after(delayMs, wake)
    return () => cancel()
  }
  const millis = () => Math.floor(epochMs + nowMs() + offsetMs())
  const nanos = () => BigInt(Math.floor((epochMs + nowMs()) * 1000)) * 1000n
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.async<void>((resume) =>
        Effect.sync(afterOfParty(Duration.toMillis(duration), () => resume(Effect.void)))
      ),
    after: afterOfParty
  }
}

/** What is due, the earliest first, and of those at the same time what was asked for first: a binary heap. */
class Agenda {
  readonly #heap: Array<Due> = []

  add(due: Due): void {
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!earlier(due, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  /** Takes the next that was not called off. */
  next(): Due | undefined {
    for (;;) {
      const first = this.#take()
      if (first === undefined || !first.cancelled) return first
    }
  }

  #take(): Due | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= heap.length) break
      const child = left + 1 < heap.length && earlier(heap[left + 1]!, heap[left]!) ? left + 1 : left
      if (!earlier(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const earlier = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
