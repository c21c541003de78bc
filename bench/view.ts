/**
 * What it costs the process of a run to be watched: processor time for the journal, for following it and for sending what is shown to
 * a page, while two clouds report as often as is written. Beside a step: a training that has every core to itself loses
 * that share of one.
 */
import { mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { get } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { Effect } from "effect"
import type { JournalEvent } from "../scenarios/report/journal.ts"
import { journalDisplay } from "../scenarios/run/journal.ts"
import { FollowedRun } from "../scenarios/view/follow.ts"
import { serveView } from "../scenarios/view/server.ts"
import { announceMachine, ownProcessorMs, spreadOf, writeFigures } from "./measure.ts"

const seconds = 5
const turns = 5
const silent = { note: () => {}, phase: () => {}, progress: () => {} }

/** Processor milliseconds that this process takes in a second, while work reports steps to a display. */
const share = async (display: typeof silent): Promise<number> => {
  const begin = ownProcessorMs()
  const from = performance.now()
  while (performance.now() - from < 1000 * seconds) {
    display.progress()
    await pause(20)
  }
  return (ownProcessorMs() - begin) / ((performance.now() - from) / 1000)
}

export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const folder = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
  const file = openSync(join(folder, "journal.jsonl"), "a")
  const write = (event: JournalEvent) =>
    void writeSync(file, `${JSON.stringify({ time: Date.now(), ...event })}\n`)
  const names = ["kgc", "cloud0", "cloud1", "user1", "user2", "user3", "director"]
  write({
    ...{ event: "begin", scenario: "bench", run: "bench", transport: "nats", pid: process.pid },
    parties: names.map((name) => ({ actor: name, name }))
  })
  const kept = journalDisplay(silent, write, () => performance.now())
  kept.phase("train")
  let step = 0
  const reporting = {
    ...silent,
    progress: () => {
      step++
      for (const cloud of ["cloud0", "cloud1"]) kept.progress(cloud, "train", step, 1_000_000)
    }
  }
  const measured = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const followed = new FollowedRun({ folder, since: 0 })
        const { url } = yield* serveView({ followed, isOver: false, report: Effect.succeed(""), port: 0 })
        return yield* Effect.promise(() => inTurns(`${url}events`, reporting))
      })
    )
  )
  rmSync(folder, { recursive: true })
  const figures = Array.from(measured, ([what, samples]) => ({ what, msASecond: spreadOf(samples) }))
  for (const { what, msASecond: ms } of figures)
    console.log(
      `${what.padEnd(20)} ${ms.median.toFixed(2)} ms a second (${ms.least.toFixed(2)}–${ms.most.toFixed(2)})`
    )
  const added = figures[2]!.msASecond.median - figures[0]!.msASecond.median
  console.log(`journal and a page take ${(added / 10).toFixed(2)} % of a core`)
  writeFigures("view", { machine, figures })
}

/** Unwatched, with a journal, and with a page too, one after the other, several times. */
const inTurns = async (events: string, reporting: typeof silent) => {
  const measured = new Map<string, Array<number>>()
  const note = (what: string, value: number) => measured.set(what, [...(measured.get(what) ?? []), value])
  for (let turn = 0; turn < turns; turn++) {
    note("neither", await share(silent))
    note("journal", await share(reporting))
    // Its reading counts here as well, which a browser does in a process of its own.
    const page = get(events, (response) => response.resume())
    note("journal and a page", await share(reporting))
    page.on("error", () => {})
    page.destroy()
  }
  return measured
}
