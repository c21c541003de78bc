import { PassThrough } from "node:stream"
import { describe, expect, it, vi } from "vitest"
import {
  phaseSentences,
  plainDisplay,
  redrawsLines,
  renderFinished,
  renderPlain,
  renderStanding,
  type Standing,
  terminalDisplay,
  timeLeftMs
} from "../../../scenarios/report/progress.ts"

const standing: Standing = { phase: "train", elapsedMs: 10_000, reportedMs: 10_000, done: 25, total: 100 }

/** A display whose clock stands until it is moved. */
const observed = () => {
  const lines: Array<string> = []
  let now = 0
  const display = plainDisplay({ nowMs: () => now, writeLine: (line) => lines.push(line) })
  return {
    lines,
    display,
    pass: (milliseconds: number) => {
      now += milliseconds
    }
  }
}

describe("progress", () => {
  it("reckons the time left from the pace so far", () => {
    expect(timeLeftMs(standing)).toBe(30_000)
  })

  it("counts the time left down between reports, not up", () => {
    expect(timeLeftMs({ ...standing, elapsedMs: 14_000 })).toBe(26_000)
    expect(timeLeftMs({ ...standing, elapsedMs: 90_000 })).toBe(0)
  })

  it("claims no time left before anything is done", () => {
    expect(timeLeftMs({ ...standing, done: 0 })).toBeUndefined()
    expect(timeLeftMs({ ...standing, done: 0, total: 0 })).toBeUndefined()
  })

  it("draws a bar, the share done, the time left and what is happening", () => {
    expect(renderStanding(standing, 200)).toBe(
      `train       ██████░░░░░░░░░░░░░░░░░░  25 %   30 s left    ${phaseSentences.train}`
    )
  })

  it("draws no bar for a phase that reports nothing, but the time it has taken", () => {
    const text = renderStanding({ ...standing, phase: "setup", done: 0, total: 0 }, 200)
    expect(text).toBe(`setup       10 s         ${phaseSentences.setup}`)
  })

  it("keeps every line narrower than the terminal, so that it can be redrawn in place", () => {
    for (const columns of [20, 40, 80, 120]) {
      expect(renderStanding(standing, columns).length).toBeLessThan(columns)
      expect(renderFinished(standing, columns).length).toBeLessThan(columns)
    }
  })

  it("does not go beyond the whole when an actor reports more than it announced", () => {
    expect(renderPlain({ ...standing, done: 101 })).toBe("train: 100 %, 0 s left")
  })
})

describe("plain display", () => {
  it("writes one line a phase and, for long phases, one every few seconds", () => {
    const { display, lines, pass } = observed()
    display.phase("transform")
    for (let done = 1; done <= 20; done++) {
      pass(1_000)
      display.progress("cloud0", "transform", done, 20)
    }
    expect(lines).toEqual([
      `transform: ${phaseSentences.transform}`,
      "transform: 25 %, 15 s left",
      "transform: 50 %, 10 s left",
      "transform: 75 %, 5 s left",
      "transform: 100 %, 0 s left"
    ])
  })

  it("adds up what several actors report of a phase", () => {
    const { display, lines, pass } = observed()
    display.phase("transform")
    display.progress("cloud0", "transform", 5, 10)
    pass(6_000)
    display.progress("cloud1", "transform", 0, 10)
    expect(lines.at(-1)).toBe("transform: 25 %, 18 s left")
  })

  it("takes no notice of a report that comes after its phase", () => {
    const { display, lines, pass } = observed()
    display.phase("train")
    pass(6_000)
    display.progress("cloud0", "transform", 10, 10)
    expect(lines).toHaveLength(1)
  })
})

describe("terminal display", () => {
  const onTerminal = (size: { readonly columns?: number } = { columns: 60 }) => {
    const terminal = Object.assign(new PassThrough(), size)
    const lines: Array<string> = []
    const display = terminalDisplay(terminal, {
      nowMs: () => 0,
      writeLine: (line) => lines.push(line)
    })
    return { display, lines, drawn: () => String(terminal.read() ?? "") }
  }

  it("redraws the phase under way in place and leaves one line of each that is over", () => {
    const { display, lines, drawn } = onTerminal()
    display.phase("upload")
    display.note("a word in between")
    display.phase("train")
    expect(drawn()).toContain("train       0 s")
    display.close(true)
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["a", "upload", "train"])
  })

  it("redraws the line by the clock while its phase is under way, and no longer", () => {
    vi.useFakeTimers()
    const { display, drawn } = onTerminal()
    display.phase("train")
    drawn()
    display.progress("cloud0", "train", 1, 2)
    expect(drawn()).toBe("")
    vi.advanceTimersByTime(1_000)
    expect(drawn().match(/50 %/g)).toHaveLength(8)
    display.close(false)
    // What is left of the line is wiped out, so that an error begins on a clean one.
    expect(drawn()).toBe("\u001b[1G\u001b[0K")
    vi.advanceTimersByTime(1_000)
    expect(drawn()).toBe("")
    vi.useRealTimers()
  })

  it("does not call a phase finished in which the run failed", () => {
    const { display, lines } = onTerminal()
    display.phase("setup")
    display.close(false)
    expect(lines).toEqual([])
  })

  it("takes a terminal that does not say its width as one of 80 columns", () => {
    for (const size of [{ columns: 0 }, {}, { columns: Number.NaN }, { columns: -1 }]) {
      const { display, lines, drawn } = onTerminal(size)
      display.phase("setup")
      expect(drawn()).toContain("setup       0 s          the KGC makes the keys")
      display.close(true)
      expect(lines[0]).toMatch(/^setup {7}0\.0 s .*…$/)
      expect(lines[0]).toHaveLength(79)
    }
  })

  it("draws no line wider than a terminal of 12 columns, or of 1", () => {
    for (const columns of [12, 1]) {
      const { display, lines } = onTerminal({ columns })
      display.phase("setup")
      display.close(true)
      expect(lines[0]!.length).toBeLessThanOrEqual(Math.max(1, columns - 1))
    }
  })
})

describe("what lines are redrawn on", () => {
  it("is a terminal, unless it has no cursor or is the log of a build server", () => {
    expect(redrawsLines(true, { TERM: "xterm-256color" })).toBe(true)
    expect(redrawsLines(true, {})).toBe(true)
    expect(redrawsLines(true, { TERM: "xterm", CI: "false" })).toBe(true)
    expect(redrawsLines(true, { TERM: "dumb" })).toBe(false)
    expect(redrawsLines(true, { TERM: "xterm", CI: "true" })).toBe(false)
    expect(redrawsLines(false, { TERM: "xterm" })).toBe(false)
  })
})
