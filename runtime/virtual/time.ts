/**
 * Time that passes only when nothing else is left to do. The fibers of a process run under a scheduler that
 * keeps their order and a clock that jumps to the next event. Between two events the event loop runs until no
 * fiber has work left, so everything a fiber does must end in that turn: no threads, no sockets, no files. A
 * run is then a function of its inputs.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Clock, Duration, Effect, type Exit, Fiber, type Scheduler } from "effect"

/** An event; `cancel` removes it. */
export interface Due {
  readonly atMs: number
  readonly order: number
  readonly happen: () => void
  cancelled: boolean
}

/** How a run under virtual time ended; `Stuck`: every fiber waits for an event that will never come. */
export type Ending<A, E> =
  | { readonly _tag: "Ended"; readonly exit: Exit.Exit<A, E> }
  | { readonly _tag: "Stuck"; readonly atMs: number }
  | { readonly _tag: "OutOfTime"; readonly atMs: number }

/** A clock with events that need no fiber: `after` returns their canceller. */
export interface VirtualClock extends Clock.Clock {
  readonly after: (delayMs: number, happen: () => void) => () => void
}

export interface VirtualTime {
  readonly clock: Clock.Clock
  readonly scheduler: Scheduler.Scheduler
  /**
   * The clock of one party. `offsetMs` shifts its date, but not nanoseconds and waits, which a system counts
   * from the start of the machine. Nothing wakes up on it before `stoppedUntilMs`.
   */
  readonly clockOf: (offsetMs: () => number, stoppedUntilMs: () => number) => VirtualClock
  readonly nowMs: () => number
  /** Calls `happen` after `delayMs` milliseconds; returns a canceller. */
  readonly after: (delayMs: number, happen: () => void) => () => void
  /** Runs an effect and all its fibers to the end, or until `atMostMs` of virtual time has passed. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>, atMostMs: number) => Promise<Ending<A, E>>
}

/** How much a fiber does before others take their turn. */
const operationsATurn = 2048

/** The start of virtual clocks: a date, so that times in logs and files look like dates. */
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

  /** Runs until every fiber waits for time to pass. */
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
      /** Ends the fiber, so that nothing of it continues in another run. */
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

/** Events in order of time, then of creation: a binary heap. */
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

  /** Removes the next event that was not cancelled. */
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
