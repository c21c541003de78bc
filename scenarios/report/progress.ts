/**
 * What a person sees during a run: one line a phase, with a bar and the time left if
 * the phase reports how far it is. On a terminal the line is redrawn in place; elsewhere (a file, a pipe)
 * plain lines are written, few. It learns phases and counts, which the director may know, and nothing else.
 */
import { clearLine, cursorTo } from "node:readline"
import { Effect, type Scope } from "effect"
import type { Phase } from "../../actors/party/phases.ts"
import { isForPrograms } from "../text/answer.ts"
import { duration, wholeSeconds } from "../text/units.ts"
import type { RunDisplay } from "./result.ts"

/** What happens in each phase, for people. */
export const phaseSentences: Readonly<Record<Phase, string>> = {
  setup: "the KGC makes the keys; clouds and users enrol and get theirs",
  upload: "each user splits its cells into two shares, encrypts both and sends one to each cloud",
  transform: "the clouds bring all cells under the joint key, which no cloud and no single user can decrypt",
  train: "the clouds train on numbers that neither can read",
  output: "the clouds encrypt the model; the users decrypt it together and test it on the rows they kept"
}

/** How far a phase is, over all actors that report it. */
export interface Standing {
  readonly phase: Phase
  readonly elapsedMs: number
  /** What `elapsedMs` was at the last report. */
  readonly reportedMs: number
  readonly done: number
  /** 0 if no actor has reported anything. */
  readonly total: number
}

const barWidth = 24
const phaseWidth = 11

/** From 0 to 1. */
const fraction = ({ done, total }: Standing): number => (total > 0 ? Math.min(1, done / total) : 0)

/** Milliseconds until the phase ends at its pace so far; undefined while that is not known yet. */
export const timeLeftMs = (standing: Standing): number | undefined => {
  const part = fraction(standing)
  if (part === 0) return undefined
  const { elapsedMs, reportedMs } = standing
  return Math.max(0, (reportedMs * (1 - part)) / part - (elapsedMs - reportedMs))
}

/** The line of the current phase, cut to the terminal's width. */
export const renderStanding = (standing: Standing, columns: number): string => {
  const part = fraction(standing)
  const left = timeLeftMs(standing)
  const filled = Math.round(part * barWidth)
  const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)} ${percent(part).padStart(5)}`
  const time =
    left === undefined
      ? wholeSeconds(Math.floor(standing.elapsedMs / 1000))
      : `${wholeSeconds(Math.ceil(left / 1000))} left`
  const line = [
    standing.phase.padEnd(phaseWidth),
    ...(standing.total > 0 ? [bar, " "] : []),
    time.padEnd(12),
    phaseSentences[standing.phase]
  ].join(" ")
  return cut(line, columns)
}

/** The line that stays when a phase is over. */
export const renderFinished = ({ phase, elapsedMs }: Standing, columns: number): string =>
  cut(
    `${phase.padEnd(phaseWidth)} ${duration(elapsedMs / 1000).padEnd(12)} ${phaseSentences[phase]}`,
    columns
  )

/** The line that is written now and then if there is no terminal. */
export const renderPlain = (standing: Standing): string => {
  const left = timeLeftMs(standing)
  const time = left === undefined ? "" : `, ${wholeSeconds(Math.ceil(left / 1000))} left`
  return `${standing.phase}: ${percent(fraction(standing))}${time}`
}

const percent = (part: number): string => `${Math.floor(part * 100)} %`

/** A line that is longer than the terminal would be broken and could not be redrawn in place. */
const cut = (line: string, columns: number): string =>
  line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`

/** The current phase: when it began, and what each actor has reported. */
class PhaseUnderWay {
  readonly phase: Phase
  readonly #startedMs: number
  readonly #nowMs: () => number
  #reportedMs = 0
  readonly #reports = new Map<string, { readonly done: number; readonly total: number }>()

  constructor(phase: Phase, nowMs: () => number) {
    this.phase = phase
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
  }

  report(actor: string, done: number, total: number): void {
    this.#reports.set(actor, { done, total })
    this.#reportedMs = this.#nowMs() - this.#startedMs
  }

  get standing(): Standing {
    let done = 0
    let total = 0
    for (const report of this.#reports.values()) {
      done += report.done
      total += report.total
    }
    const elapsedMs = this.#nowMs() - this.#startedMs
    return { phase: this.phase, elapsedMs, reportedMs: this.#reportedMs, done, total }
  }
}

/** A display, and what to call when the run is over, however it ended. */
export interface ClosableDisplay extends RunDisplay {
  readonly close: (succeeded: boolean) => void
}

/** What a display needs of the world outside. */
export interface DisplayOptions {
  readonly nowMs: () => number
  readonly writeLine: (line: string) => void
}

const plainPauseMs = 5_000

/** Lines for a file or a pipe: one a phase, and every few seconds at most how far it is. */
export const plainDisplay = ({ nowMs, writeLine }: DisplayOptions): ClosableDisplay => {
  let underWay: PhaseUnderWay | undefined
  let lastLineMs = 0
  const line = (text: string) => {
    lastLineMs = nowMs()
    writeLine(text)
  }
  return {
    note: line,
    phase: (phase) => {
      underWay = new PhaseUnderWay(phase, nowMs)
      line(`${phase}: ${phaseSentences[phase]}`)
    },
    progress: (actor, phase, done, total) => {
      if (underWay?.phase !== phase) return
      underWay.report(actor, done, total)
      if (nowMs() - lastLineMs >= plainPauseMs) line(renderPlain(underWay.standing))
    },
    close: () => {
      underWay = undefined
    }
  }
}

const redrawPauseMs = 125

/** What a line that is redrawn needs of a terminal. */
export type Terminal = NodeJS.WritableStream & { readonly columns?: number }

const usualColumns = 80

/** A terminal that does not say how wide it is, or says 0, is taken as one of 80 columns. */
const columnsOf = ({ columns = 0 }: Terminal): number => (columns >= 1 ? columns : usualColumns)

/** A line that is redrawn in place while its phase is under way. */
export const terminalDisplay = (
  terminal: Terminal,
  { nowMs, writeLine }: DisplayOptions
): ClosableDisplay => {
  let underWay: PhaseUnderWay | undefined
  let redrawing: NodeJS.Timeout | undefined
  const draw = () => {
    if (underWay === undefined) return
    cursorTo(terminal, 0)
    terminal.write(renderStanding(underWay.standing, columnsOf(terminal)))
    clearLine(terminal, toTheRight)
  }
  const start = () => {
    draw()
    redrawing = setInterval(draw, redrawPauseMs)
  }
  const stop = () => {
    if (redrawing === undefined) return
    clearInterval(redrawing)
    redrawing = undefined
    cursorTo(terminal, 0)
    clearLine(terminal, toTheRight)
  }
  const finish = () => {
    stop()
    if (underWay !== undefined) writeLine(renderFinished(underWay.standing, columnsOf(terminal)))
    underWay = undefined
  }
  return {
    note: (text) => {
      stop()
      writeLine(text)
      if (underWay !== undefined) start()
    },
    phase: (phase) => {
      finish()
      underWay = new PhaseUnderWay(phase, nowMs)
      start()
    },
    // The line is redrawn by the clock: a phase that reports often costs no more.
    progress: (actor, phase, done, total) => {
      if (underWay?.phase === phase) underWay.report(actor, done, total)
    },
    close: (succeeded) => {
      if (succeeded) return finish()
      stop()
      underWay = undefined
    }
  }
}

const toTheRight = 1

/** What of the environment says how to write to a terminal. */
export interface TerminalVariables {
  readonly TERM?: string
  readonly CI?: string
}

/**
 * Whether lines can be redrawn in place: on a terminal that has a cursor and is not the log of a build
 * server.
 */
export const redrawsLines = (isTerminal: boolean, { TERM, CI = "" }: TerminalVariables): boolean =>
  isTerminal && TERM !== "dumb" && ["", "0", "false"].includes(CI)

/**
 * The display that fits the standard output. It is closed with the scope, so that an error appears on a line
 * of its own.
 */
export const standardDisplay: Effect.Effect<RunDisplay, never, Scope.Scope> = Effect.acquireRelease(
  Effect.zipWith(Effect.console, isForPrograms, ({ unsafe }, forPrograms) => {
    const options = { nowMs: () => performance.now(), writeLine: (line: string) => unsafe.log(line) }
    const { stdout, env } = process
    return !forPrograms && redrawsLines(stdout.isTTY, env)
      ? terminalDisplay(stdout, options)
      : plainDisplay(options)
  }),
  (display, exit) => Effect.sync(() => display.close(exit._tag === "Success"))
)
