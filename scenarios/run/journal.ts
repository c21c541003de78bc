/**
 * Keeps the journal of a run (`scenarios/report/journal.ts`): passes on to a display what happens, and appends it to `journal.jsonl` in
 * the out folder. Progress is written a few times a second at most. A line that can't be written is lost, and costs the run nothing.
 */
import { closeSync, openSync, writeSync } from "node:fs"
import { Cause, Effect, Exit, type Scope } from "effect"
import { type Agreement, actorsOf, displayName } from "../../actors/party/agreement.ts"
import { journalIn, type OutNotWritable } from "../folders/out-folder.ts"
import type { JournalEvent } from "../report/journal.ts"
import type { RunDisplay } from "../report/result.ts"

/** Progress of one actor is written at most so often. */
const progressPauseMs = 250

/** What a journal is about. */
export interface JournalOf {
  readonly agreement: Agreement
  readonly run: string
  readonly transport: "nats" | "memory"
  readonly out: string
}

/** A display that also keeps the journal, until the scope ends; how it ends is the last line. */
export const journaled = (
  display: RunDisplay,
  { agreement, out, run, transport }: JournalOf
): Effect.Effect<RunDisplay, OutNotWritable, Scope.Scope> =>
  Effect.gen(function* () {
    const file = openSync(yield* journalIn(out), "a", 0o666)
    const write = (event: JournalEvent) => {
      // The name of the event comes first: the file is recognised by it.
      const { event: name, ...rest } = event
      try {
        writeSync(file, `${JSON.stringify({ event: name, time: Date.now(), ...rest })}\n`)
      } catch {
        // The disk is full; where the run itself needs room, it says so.
      }
    }
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        write(endOf(exit))
        closeSync(file)
      })
    )
    write({
      event: "begin",
      scenario: agreement.scenario,
      run,
      transport,
      pid: process.pid,
      parties: [...actorsOf(agreement), "director"].map((actor) => ({
        actor,
        name: displayName(agreement, actor)
      }))
    })
    return journalDisplay(display, write, () => performance.now())
  })

const endOf = (exit: Exit.Exit<unknown, unknown>): JournalEvent => {
  if (Exit.isSuccess(exit)) return { event: "end", succeeded: true }
  if (Cause.isInterruptedOnly(exit.cause)) return { event: "end", succeeded: false, reason: "interrupted" }
  const error = Cause.squash(exit.cause)
  return { event: "end", succeeded: false, reason: error instanceof Error ? error.message : String(error) }
}

/** Passes on what happens, and writes it. */
export const journalDisplay = (
  display: RunDisplay,
  write: (event: JournalEvent) => void,
  nowMs: () => number
): RunDisplay => {
  const written = new Map<string, number>()
  return {
    note: (text) => {
      display.note(text)
      write({ event: "note", text })
    },
    phase: (phase) => {
      display.phase(phase)
      written.clear()
      write({ event: "phase", phase })
    },
    progress: (actor, phase, done, total) => {
      display.progress(actor, phase, done, total)
      const last = written.get(actor)
      if (done < total && last !== undefined && nowMs() - last < progressPauseMs) return
      written.set(actor, nowMs())
      write({ event: "progress", actor, phase, done, total })
    },
    life: (event) => {
      display.life?.(event)
      const { party } = event
      switch (event._tag) {
        case "Up":
          return write({ event: "up", party })
        case "Done":
          return write({ event: "done", party })
        case "Died":
          return write({ event: "died", party, reason: event.reason })
        case "Back":
          return write({ event: "back", party, awayMs: event.awayMs })
      }
    }
  }
}
