/**
 * What is known of a run while it continues: the journal so far, folded line by line, and what the page shows of that at a moment.
 * Pure.
 */
import { type Phase, phases } from "../../actors/party/phases.ts"
import type { JournalLine } from "../report/journal.ts"
import { phaseSentences, type Standing, timeLeftMs } from "../report/progress.ts"
import { duration, wholeSeconds } from "../text/units.ts"

/** A party of a run that was broken off has stopped; of one that is gone nothing is known. */
type PartyState = "starting" | "up" | "down" | "done" | "stopped" | "not known"

interface PartyLife {
  readonly actor: string
  readonly name: string
  state: PartyState
  deaths: number
}

interface Reported {
  readonly time: number
  readonly done: number
  readonly total: number
}

interface PhaseLife {
  readonly phase: Phase
  readonly startedMs: number
  endedMs?: number
}

/** Something that people are told. */
interface Told {
  readonly time: number
  readonly kind: "phase" | "fault" | "death" | "recovery" | "note"
  readonly text: string
}

/** More of them are in the journal. */
const mostTold = 120
/** The throughput is that of the last so many milliseconds. */
const rateWindowMs = 15_000

/** The state of a run, as far as its journal has been read. */
export class LiveRun {
  #begun: Extract<JournalLine, { event: "begin" }> | undefined
  #end: Extract<JournalLine, { event: "end" }> | undefined
  readonly #parties = new Map<string, PartyLife>()
  #phases: Array<PhaseLife> = []
  /** What each actor has reported of the current phase, lately. */
  readonly #reports = new Map<string, Array<Reported>>()
  #told: Array<Told> = []
  /** When the last line was written. */
  #lastMs = 0

  /** The process that carries the run out, and whether it has said how the run ended. */
  get begun() {
    return this.#begun
  }
  get isOver(): boolean {
    return this.#end !== undefined
  }

  /** Takes the next line. */
  add(line: JournalLine): void {
    this.#lastMs = line.time
    if (line.event === "begin") this.#begin(line)
    else if (line.event === "phase") this.#enter(line.phase, line.time)
    else if (line.event === "progress") this.#report(line)
    else if (line.event === "note") this.#note(line.time, line.text)
    else if (line.event === "end") {
      this.#finishPhase(line.time, line.succeeded)
      this.#end = line
    } else this.#live(line)
  }

  #begin(line: Extract<JournalLine, { event: "begin" }>): void {
    const before = this.#begun
    if (before?.run !== line.run) {
      this.#phases = []
      this.#told = []
    }
    this.#begun = line
    this.#end = undefined
    this.#reports.clear()
    this.#parties.clear()
    // Over memory all of them are this process.
    const state = line.transport === "memory" ? "up" : "starting"
    for (const { actor, name } of line.parties) this.#parties.set(actor, { actor, name, state, deaths: 0 })
    if (before?.run === line.run) this.#tell(line.time, "note", "the run is resumed")
  }

  #enter(phase: Phase, time: number): void {
    this.#finishPhase(time)
    this.#phases = this.#phases.filter((each) => each.phase !== phase)
    this.#phases.push({ phase, startedMs: time })
    this.#reports.clear()
    this.#tell(time, "phase", `${phase}: ${phaseSentences[phase]}`)
  }

  /** A phase that was broken off has no end. */
  #finishPhase(time: number, succeeded = true): void {
    const current = this.#phases.at(-1)
    if (current !== undefined && succeeded) current.endedMs ??= time
  }

  #report({ actor, phase, time, done, total }: Extract<JournalLine, { event: "progress" }>): void {
    if (this.#phases.at(-1)?.phase !== phase) return
    const own = this.#reports.get(actor) ?? []
    own.push({ time, done, total })
    while (own.length > 2 && own[1]!.time <= time - rateWindowMs) own.shift()
    this.#reports.set(actor, own)
  }

  #live(line: Extract<JournalLine, { readonly party: string }>): void {
    const { event, party, time } = line
    const state = event === "died" ? "down" : event === "done" ? "done" : "up"
    const known = this.#parties.get(party) ?? { actor: party, name: party, state, deaths: 0 }
    known.state = state
    this.#parties.set(party, known)
    if (event === "died") {
      known.deaths += 1
      this.#tell(time, "death", `${known.name} died: ${line.reason.split("\n")[0]}`)
    }
    if (event === "back")
      this.#tell(time, "recovery", `${known.name} came back after ${duration(line.awayMs / 1000)}`)
  }

  #note(time: number, text: string): void {
    // What follows of it was told by the death and the return.
    if (/ (came back after|died and is started again)/.test(text)) return
    this.#tell(time, text.startsWith("fault: ") ? "fault" : "note", text)
  }

  #tell(time: number, kind: Told["kind"], text: string): void {
    this.#told = [...this.#told, { time, kind, text }].slice(-mostTold)
  }

  /** How far the current phase is. */
  #standing(now: number): Standing | undefined {
    const current = this.#phases.at(-1)
    if (current === undefined) return undefined
    const last = [...this.#reports.values()].map((own) => own.at(-1)!)
    return {
      phase: current.phase,
      elapsedMs: now - current.startedMs,
      reportedMs: Math.max(0, ...last.map(({ time }) => time - current.startedMs)),
      done: last.reduce((sum, { done }) => sum + done, 0),
      total: last.reduce((sum, { total }) => sum + total, 0)
    }
  }

  /** Of the phase, done in a second by each actor in the mean; undefined where that is not known. */
  #rate(): number | undefined {
    const rates = [...this.#reports.values()].flatMap((own) => {
      const [first, last] = [own[0]!, own.at(-1)!]
      return last.time > first.time ? [(1000 * (last.done - first.done)) / (last.time - first.time)] : []
    })
    return rates.length === 0 ? undefined : rates.reduce((sum, each) => sum + each, 0) / rates.length
  }

  /** What the page shows. `isAlive` is whether the process of the run is there. */
  shown(now: number, isAlive: boolean): Shown {
    const begun = this.#begun
    const end = this.#end
    const status: Status =
      begun === undefined
        ? "waiting"
        : end !== undefined
          ? end.succeeded
            ? "ended"
            : "failed"
          : isAlive
            ? "running"
            : "lost"
    const standing = status === "running" ? this.#standing(now) : undefined
    const left = standing && timeLeftMs(standing)
    // A run that is gone takes no more time.
    const until = status === "lost" ? this.#lastMs : (end?.time ?? now)
    const rate = status === "running" ? this.#rate() : undefined
    return {
      status,
      scenario: begun?.scenario ?? "",
      run: begun?.run ?? "",
      sentence: sentence(status, standing, end?.reason),
      elapsed: begun === undefined ? "" : wholeSeconds(Math.floor((until - begun.time) / 1000)),
      left: left === undefined ? "" : wholeSeconds(Math.ceil(left / 1000)),
      rate: rate === undefined ? undefined : Number(rate.toPrecision(3)),
      unit: standing?.phase === "train" ? "steps a second" : "pieces a second",
      done: standing !== undefined && standing.total > 0 ? standing.done / standing.total : undefined,
      phases: this.#shownPhases(until, status),
      parties: [...this.#parties.values()].map((party) => ({
        ...party,
        state: stateNow(party.state, status)
      })),
      told: this.#told.map(({ time, kind, text }) => ({
        at: wholeSeconds(Math.max(0, Math.floor((time - (begun?.time ?? time)) / 1000))),
        kind,
        text
      }))
    }
  }

  #shownPhases(until: number, status: Status): Shown["phases"] {
    return phases.map((phase) => {
      const own = this.#phases.find((each) => each.phase === phase)
      const isCurrent = own !== undefined && own.endedMs === undefined && status === "running"
      return {
        phase,
        state:
          own === undefined
            ? "to come"
            : isCurrent
              ? "under way"
              : own.endedMs === undefined
                ? "broken off"
                : "done",
        time: own === undefined ? "" : duration(((own.endedMs ?? until) - own.startedMs) / 1000)
      }
    })
  }
}

type Status = "waiting" | "running" | "ended" | "failed" | "lost"

/** The page at one moment; all texts are for people. */
export interface Shown {
  readonly status: Status
  readonly scenario: string
  readonly run: string
  readonly sentence: string
  readonly elapsed: string
  readonly left: string
  readonly rate: number | undefined
  readonly unit: string
  /** From 0 to 1; undefined where the phase reports nothing. */
  readonly done: number | undefined
  readonly phases: ReadonlyArray<{ readonly phase: Phase; readonly state: string; readonly time: string }>
  readonly parties: ReadonlyArray<Readonly<PartyLife>>
  readonly told: ReadonlyArray<{ readonly at: string; readonly kind: Told["kind"]; readonly text: string }>
}

/** What a party is in a run that stands so: what was told of it last holds only while the run continues. */
const stateNow = (told: PartyState, status: Status): PartyState => {
  if (told === "done" || told === "down" || status === "running") return told
  return status === "failed" ? "stopped" : status === "lost" ? "not known" : told
}

const sentence = (status: Status, standing: Standing | undefined, reason = ""): string => {
  switch (status) {
    case "waiting":
      return "Waiting for the run to begin."
    case "running":
      return standing === undefined
        ? "Checking the data and starting the parties."
        : `${standing.phase}: ${phaseSentences[standing.phase]}.`
    case "ended":
      return "The run has ended."
    case "failed":
      return `The run was broken off: ${reason}`
    case "lost":
      return "The process of the run is gone without a word. What the parties stored is kept: bicameral resume continues it."
  }
}
