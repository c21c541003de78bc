/** What is shown of a run while it continues, from its journal. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { type JournalEvent, type JournalLine, journalLine } from "../../../scenarios/report/journal.ts"
import { journalDisplay } from "../../../scenarios/run/journal.ts"
import { FollowedRun } from "../../../scenarios/view/follow.ts"
import { LiveRun } from "../../../scenarios/view/live.ts"

const begin: JournalLine = {
  ...{ event: "begin", time: 1_000, scenario: "leaves", run: "r1", transport: "nats", pid: 7 },
  parties: [
    { actor: "cloud0", name: "cloud0" },
    { actor: "user1", name: "north" }
  ]
} as const
const train: JournalLine = { event: "phase", time: 11_000, phase: "train" }
const progress = (time: number, actor: string, done: number): JournalLine => ({
  ...{ event: "progress", time, actor, phase: "train", done, total: 100 }
})

const liveOf = (...lines: ReadonlyArray<JournalLine>) => {
  const live = new LiveRun()
  for (const line of lines) live.add(line)
  return live
}

describe("a run that is watched", () => {
  it("waits, runs, ends, fails or is gone", () => {
    expect(liveOf().shown(0, false).status).toBe("waiting")
    expect(liveOf(begin).shown(2_000, true)).toMatchObject({ status: "running", elapsed: "1 s" })
    expect(liveOf(begin).shown(2_000, false).status).toBe("lost")
    expect(liveOf(begin, { event: "end", time: 5_000, succeeded: true }).shown(9_000, false)).toMatchObject({
      status: "ended",
      elapsed: "4 s"
    })
    const failed = { event: "end", time: 21_000, succeeded: false, reason: "cloud0: no room" } as const
    expect(liveOf(begin, train, failed).shown(30_000, false)).toMatchObject({
      status: "failed",
      sentence: "The run was broken off: cloud0: no room",
      phases: [{}, {}, {}, { phase: "train", state: "broken off", time: "10 s" }, { state: "to come" }]
    })
  })

  it("says of no party that it is up, and counts no time, once the run is broken off or gone", () => {
    const lines: ReadonlyArray<JournalLine> = [
      begin,
      { event: "up", time: 2_000, party: "cloud0" },
      { event: "died", time: 8_000, party: "user1", reason: "killed" }
    ]
    const states = (shown: ReturnType<LiveRun["shown"]>) => shown.parties.map(({ state }) => state)
    const failed = { event: "end", time: 9_000, succeeded: false, reason: "cloud0: no room" } as const
    expect(states(liveOf(...lines).shown(9_000, true))).toEqual(["up", "down"])
    expect(states(liveOf(...lines, failed).shown(9_000, false))).toEqual(["stopped", "down"])
    const gone = liveOf(...lines).shown(90_000, false)
    expect(states(gone)).toEqual(["not known", "down"])
    expect(gone).toMatchObject({ status: "lost", elapsed: "7 s" })
  })

  it("has the progress of all that report, the time that is left and the pace of the last seconds", () => {
    const live = liveOf(begin, train, progress(12_000, "cloud0", 10), progress(12_000, "cloud1", 10))
    expect(live.shown(12_000, true)).toMatchObject({ done: 0.1, left: "9 s", rate: undefined })
    live.add(progress(13_000, "cloud0", 30))
    live.add(progress(13_000, "cloud1", 20))
    expect(live.shown(13_000, true)).toMatchObject({
      done: 0.25,
      left: "6 s",
      rate: 15,
      unit: "steps a second"
    })
    // Of another phase it says nothing.
    live.add({ event: "progress", time: 14_000, actor: "cloud0", phase: "upload", done: 9, total: 10 })
    expect(live.shown(13_000, true).done).toBe(0.25)
    live.add({ event: "phase", time: 15_000, phase: "output" })
    expect(live.shown(15_000, true)).toMatchObject({ done: undefined, left: "", rate: undefined })
  })

  it("knows who is up, down and done, by their own names", () => {
    const live = liveOf(
      begin,
      { event: "up", time: 1, party: "user1" },
      { event: "up", time: 1, party: "broker" }
    )
    expect(live.shown(2, true).parties.map(({ actor, state }) => [actor, state])).toEqual([
      ["cloud0", "starting"],
      ["user1", "up"],
      ["broker", "up"]
    ])
    live.add({ event: "died", time: 2_000, party: "user1", reason: "killed\nmore" })
    expect(live.shown(2, true).parties[1]).toMatchObject({ state: "down", deaths: 1 })
    live.add({ event: "up", time: 3_000, party: "user1" })
    live.add({ event: "back", time: 3_000, party: "user1", awayMs: 1_000 })
    live.add({ event: "note", time: 3_000, text: "user1 came back after 1.0 s" })
    live.add({ event: "note", time: 4_000, text: "fault: kill cloud0" })
    live.add({ event: "done", time: 5_000, party: "user1" })
    const { parties, told } = live.shown(2, true)
    expect(parties[1]).toMatchObject({ state: "done", deaths: 1 })
    expect(told).toEqual([
      { at: "1 s", kind: "death", text: "north died: killed" },
      { at: "2 s", kind: "recovery", text: "north came back after 1.0 s" },
      { at: "3 s", kind: "fault", text: "fault: kill cloud0" }
    ])
  })

  it("goes on where the same run is resumed, and forgets another", () => {
    const live = liveOf(begin, { event: "phase", time: 2_000, phase: "setup" }, train)
    live.add({ ...begin, time: 60_000 })
    expect(live.shown(60_000, true).told.at(-1)!.text).toBe("the run is resumed")
    live.add({ ...begin, time: 90_000, run: "r2" })
    expect(live.shown(90_000, true)).toMatchObject({ told: [], run: "r2" })
  })
})

describe("the journal", () => {
  it("has what a display is told, progress a few times a second and its end always", () => {
    const events: Array<JournalEvent> = []
    const passed: Array<string> = []
    let now = 0
    const display = journalDisplay(
      {
        note: (text) => passed.push(text),
        phase: (phase) => passed.push(phase),
        progress: (_, __, done) => passed.push(String(done))
      },
      (event) => events.push(event),
      () => now
    )
    display.phase("train")
    for (now = 0; now <= 900; now += 100) display.progress("cloud0", "train", now / 100, 9)
    display.note("x")
    display.life?.({ _tag: "Done", party: "user1" })
    expect(passed).toEqual(["train", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "x"])
    expect(events.map((event) => ("done" in event ? event.done : event.event))).toEqual([
      "phase",
      0,
      3,
      6,
      9,
      "note",
      "done"
    ])
  })

  it("has lines that can be read again, and none of what is none", () => {
    expect(journalLine(JSON.stringify(begin))).toEqual(begin)
    for (const wrong of ["", "{", "null", '{"event":"begin","time":1}', '{"event":"other","time":1}'])
      expect(journalLine(wrong)).toBe(undefined)
  })

  it("is followed while it grows, through half a line, and from its beginning where it is another file", () => {
    const folder = mkdtempSync(join(tmpdir(), "bicameral-follow-"))
    try {
      const file = join(folder, "journal.jsonl")
      const followed = new FollowedRun({ folder, since: 500 })
      const status = () => {
        followed.read()
        return [followed.shown().scenario, followed.shown().phases.filter(({ time }) => time !== "").length]
      }
      expect(status()).toEqual(["", 0])
      const [first, second] = [begin, train].map(
        (line) => `${JSON.stringify({ ...line, pid: process.pid })}\n`
      )
      writeFileSync(file, first! + second!.slice(0, 9))
      expect(status()).toEqual(["leaves", 0])
      writeFileSync(file, second!.slice(9), { flag: "a" })
      expect(status()).toEqual(["leaves", 1])
      // That of a run which began before one looked.
      writeFileSync(file, JSON.stringify({ ...begin, time: 499 }).concat("\n"))
      expect(status()).toEqual(["", 0])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
