import { describe, expect, it } from "vitest"
import { EventLogReading } from "../../../scenarios/report/event-log.ts"
import { timelineOf } from "../../../scenarios/report/run-timeline.ts"
import { timelineText } from "../../../scenarios/report/timeline-text.ts"

const at = (seconds: number) => new Date(1_700_000_000_000 + 1000 * seconds).toISOString()

const start = (actor: string, seconds: number, pid = 1) => ({ actor, type: "start", time: at(seconds), pid })
const end = (actor: string, seconds: number, status = "ok") => ({
  ...{ actor, type: "end", time: at(seconds), status }
})

let spans = 0
/** A span of a party, in seconds from the beginning of the run. */
const span = (actor: string, name: string, from: number, to: number, more: object = {}) => ({
  ...{ actor, type: "span", time: at(from), name, traceId: "t", spanId: `s${++spans}` },
  ...{ durationMs: 1000 * (to - from), status: "ok", attributes: {}, ...more }
})

const logsOf = (lines: ReadonlyArray<object | string>) => {
  const reading = new EventLogReading()
  for (const line of lines) reading.add(typeof line === "string" ? line : JSON.stringify(line))
  return reading.logs
}

const read = (lines: ReadonlyArray<object | string>) => timelineOf(logsOf(lines))!

const phasesOver = [
  span("director", "phase setup", 0, 1),
  span("director", "phase upload", 1, 3),
  span("director", "phase transform", 3, 4),
  span("director", "phase train", 4, 9),
  span("director", "phase output", 9, 10)
]

describe("an event log", () => {
  it("is read line by line; what a crash cut, and what is of no known kind, is counted and left out", () => {
    const whole = JSON.stringify(span("kgc", "kgc.deal", 0, 1))
    const noTime = { ...start("kgc", 0), time: "yesterday" }
    const noSpan = { ...span("kgc", "x", 0, 1), durationMs: "long" }
    const noActor = { ...start("kgc", 0), actor: 7 }
    const ofOtherKind = { ...start("kgc", 0), type: "sneeze" }
    const lines = [whole, whole.slice(0, 60), "", "null", "[]", noTime, noSpan, noActor, ofOtherKind]
    const logs = logsOf(lines)
    expect(logs.spans.map(({ name }) => name)).toEqual(["kgc.deal"])
    expect(logs.unreadable).toBe(7)
  })

  it("without a line that can be read has no timeline", () => {
    expect(timelineOf(logsOf(["{", "{}"]))).toBeUndefined()
  })
})

describe("the timeline of a run", () => {
  it("has the phases of the director, and is over when the last has ended", () => {
    const timeline = read([start("director", 0), ...phasesOver, end("director", 11)])
    expect(timeline.outcome).toBe("over")
    expect(timeline.phases.map(({ name }) => name)).toEqual([
      "setup",
      "upload",
      "transform",
      "train",
      "output"
    ])
    expect(timeline.endMs - timeline.startMs).toBe(11_000)
  })

  it("shows the phase that a run was in when it broke off, without an end", () => {
    const timeline = read([start("director", 0), ...phasesOver.slice(0, 3)])
    expect(timeline.outcome).toBe("open")
    expect(timeline.phases.at(-1)).toEqual({ name: "train", startMs: timeline.startMs + 4_000 })
  })

  it("shows the phase that failed with its error, and none after it", () => {
    const failed = span("director", "phase upload", 1, 3, { status: "error", error: "user2 did not answer" })
    const timeline = read([start("director", 0), phasesOver[0]!, failed, end("director", 3, "error")])
    expect(timeline.outcome).toBe("failed")
    expect(timeline.phases.map(({ name, error }) => [name, error])).toEqual([
      ["setup", undefined],
      ["upload", "user2 did not answer"]
    ])
  })

  it("counts a process that left no end and was followed by another as a restart, and no other", () => {
    const lines = [
      ...phasesOver,
      ...[start("cloud0", 0, 1), span("cloud0", "cloud.train", 4, 6), start("cloud0", 7, 2)],
      ...[start("user1", 0, 3), end("user1", 3), start("user1", 9, 4)]
    ]
    const { parties } = read(lines)
    const [cloud0, , user1] = parties
    expect(cloud0).toMatchObject({ actor: "cloud0", restarts: 1 })
    expect(cloud0!.lives.map(({ pid }) => pid)).toEqual([1, 2])
    expect(user1).toMatchObject({ actor: "user1", restarts: 0 })
    const logs = logsOf(lines)
    const text = timelineText({ timeline: timelineOf(logs)!, logs, links: undefined }, 80)
    const bar = (actor: string) => text.split("\n").find((line) => line.startsWith(`${actor} `))!
    expect(bar("cloud0")).toContain("×")
    expect(bar("user1")).not.toContain("×")
  })

  it("counts the time of a part once where it runs side by side, and without the parts within it", () => {
    const outer = span("cloud0", "cloud.train", 4, 9)
    const within = { parentId: outer.spanId }
    const timeline = read([
      ...phasesOver,
      outer,
      span("cloud0", "steps", 5, 7, within),
      span("cloud0", "steps", 6, 8, within),
      span("cloud1", "steps", 4, 9, within)
    ])
    const part = (actor: string, name: string) =>
      timeline.parts.find((each) => each.actor === actor && each.name === name)
    expect(part("cloud0", "steps")).toMatchObject({ count: 2, ms: 3_000, longestMs: 2_000, phase: "train" })
    expect(part("cloud0", "cloud.train")).toMatchObject({ ms: 2_000 })
    expect(timeline.parts[0]).toMatchObject({ actor: "cloud1", ms: 5_000 })
  })

  it("takes waits for answers and waits in rounds out of the work, and says how long the other worked", () => {
    const asked = span("cloud1", "ask Deal", 4, 7, { attributes: { to: "kgc.deal" } })
    const unanswered = span("cloud1", "ask Deal", 7, 8, { attributes: { to: "kgc.deal" } })
    const answered = span("kgc", "answer Deal", 5, 6, { parentId: asked.spanId })
    const attributes = { "rounds with cloud1": 12, "ms waited for cloud1": 1_500 }
    const steps = span("cloud0", "steps", 4, 9, { attributes })
    const { parts, parties, rounds, waits } = read([...phasesOver, asked, answered, steps])
    expect(rounds).toBe(12)
    expect(waits).toContainEqual({
      ...{ waiter: "cloud1", awaited: "kgc.deal", what: "Deal", count: 1, ms: 3_000, answeringMs: 1_000 }
    })
    expect(waits).toContainEqual({
      ...{ waiter: "cloud0", awaited: "cloud1", what: "rounds", count: 12, ms: 1_500 }
    })
    expect(parts.find(({ name }) => name === "steps")).toMatchObject({ ms: 3_500 })
    expect(parts.some(({ name }) => name.startsWith("ask "))).toBe(false)
    expect(parties.find(({ actor }) => actor === "cloud1")).toMatchObject({
      busy: [],
      waiting: [{ startMs: expect.any(Number), endMs: expect.any(Number) }]
    })
    const lost = read([...phasesOver, asked, answered, unanswered]).waits
    expect(lost.find(({ what }) => what === "Deal")).not.toHaveProperty("answeringMs")
  })

  it("takes the handling of a request for work only where the party does nothing else", () => {
    const handled = span("cloud1", "answer Train", 4, 9)
    const elsewhere = span("cloud1", "cloud.train", 5, 8, { parentId: "of another" })
    const other = span("cloud0", "cloud.train", 4, 9, { parentId: "of another" })
    const { parts } = read([...phasesOver, handled, elsewhere, other])
    expect(parts.find(({ name }) => name === "answer Train")).toMatchObject({ ms: 2_000 })
  })

  it("takes a handler that only waits for no work", () => {
    const waiting = span("kgc", "answer Subscribed", 0, 9, { attributes: { from: "kgc.w-1", waits: true } })
    expect(read([...phasesOver, waiting]).parts).toEqual([])
    const working = span("kgc", "answer Subscribed", 0, 9, { attributes: { from: "kgc.w-1" } })
    expect(read([...phasesOver, working]).parts).toHaveLength(1)
  })

  it("is told with what was warned of, once and with its number, and without control characters", () => {
    const warned = { actor: "kgc", type: "event", time: at(2), level: "WARN", message: "odd \u001b[2J" }
    const logs = logsOf([...phasesOver, warned, warned, { ...warned, level: "INFO", message: "fine" }])
    const text = timelineText({ timeline: timelineOf(logs)!, logs, links: [] }, 80)
    expect(text).toMatch(/2\.0 s kgc: odd .*\(2 times\)/)
    expect(text).not.toContain("\u001b")
    expect(text).not.toContain("fine")
  })
})
