/** The timeline of a run for a terminal: a bar a party over the phases, then what took longest and who waited. Pure. */
import { printable } from "../../protocol/data/spelling.ts"
import { count, counted, duration, size, table } from "../text/units.ts"
import type { EventLogs, Life } from "./event-log.ts"
import { coveredMs } from "./intervals.ts"
import {
  isCrash,
  type Part,
  type PartyTimeline,
  type RunTimeline,
  type TimedPhase,
  type Wait
} from "./run-timeline.ts"

/** Bytes that one party sent another; from the director's outcome, which only a run that ended has. */
export interface LinkBytes {
  readonly from: string
  readonly to: string
  readonly messages: number
  readonly bytes: number
}

export interface ShownTimeline {
  readonly timeline: RunTimeline
  readonly logs: EventLogs
  /** The most bytes first; undefined if the director's outcome is not there. */
  readonly links: ReadonlyArray<LinkBytes> | undefined
}

/** Rows of a table at most; all are in the JSON. */
const mostRows = 12
/** Less than this share of the run is left out of the tables. */
const leastShare = 0.005

export const timelineText = (shown: ShownTimeline, columns: number): string => {
  const { links, logs, timeline } = shown
  return [
    ...headLines(timeline),
    "",
    ...phaseLines(timeline),
    "",
    ...bars(timeline, columns),
    "",
    ...partyLines(timeline),
    "",
    ...partLines(timeline),
    "",
    ...waitLines(timeline),
    "",
    ...linkLines(links),
    ...complaints(logs, timeline)
  ].join("\n")
}

const outcomes: Readonly<Record<RunTimeline["outcome"], string>> = {
  over: "the run ended",
  failed: "the run failed",
  open: "the run is under way or was broken off"
}

const headLines = ({ startMs, endMs, outcome, rounds }: RunTimeline): ReadonlyArray<string> => [
  `${outcomes[outcome]}: ${duration((endMs - startMs) / 1000)} from ${new Date(startMs).toISOString()}, ${counted(rounds, "round")} between the clouds`
]

const phaseLines = ({ phases, startMs, endMs }: RunTimeline): ReadonlyArray<string> =>
  table([
    ["phase", "begins", "takes"],
    ...phases.map((phase) => [
      phase.name,
      duration((phase.startMs - startMs) / 1000),
      `${duration(((phase.endMs ?? endMs) - phase.startMs) / 1000)}${endOf(phase)}`
    ])
  ])

const endOf = ({ endMs, error, status }: TimedPhase): string => {
  if (endMs === undefined) return ", without an end"
  return status === "ok" ? "" : `, ${status === "error" ? printable(error ?? "failed") : "interrupted"}`
}

const leastBar = 20
const longestBar = 100

/** A row a party: each character is a stretch of time, by what the party did for most of it. */
const bars = (timeline: RunTimeline, columns: number): ReadonlyArray<string> => {
  const { endMs, parties, phases, startMs } = timeline
  const names = Math.max(5, ...parties.map(({ actor }) => actor.length))
  const width = Math.max(leastBar, Math.min(longestBar, columns - names - 3))
  const cellMs = Math.max(1, endMs - startMs) / width
  const cells = Array.from({ length: width }, (_, i) => ({
    startMs: startMs + i * cellMs,
    endMs: startMs + (i + 1) * cellMs
  }))
  const ruler = Array.from({ length: width }, () => " ")
  for (const { name, startMs: begins } of phases) {
    const at = Math.min(width - 1, Math.floor((begins - startMs) / cellMs))
    for (const [i, letter] of [..."|", ...name].entries()) if (at + i < width) ruler[at + i] = letter
  }
  return [
    `${" ".repeat(names)}  ${ruler.join("").trimEnd()}`,
    ...parties.map((party) => {
      const bar = cells.map((cell) => markOf(party, cell)).join("")
      return `${party.actor.padEnd(names)}  ${bar.trimEnd()}`
    }),
    `${" ".repeat(names)}  █ at work  ░ waiting for an answer  · up  × killed or crashed`
  ]
}

const markOf = (party: PartyTimeline, cell: { readonly startMs: number; readonly endMs: number }): string => {
  const died = party.lives
    .slice(0, -1)
    .some((life) => isCrash(life) && life.lastMs >= cell.startMs && life.lastMs < cell.endMs)
  if (died) return "×"
  const half = (cell.endMs - cell.startMs) / 2
  if (coveredMs(cell, party.busy) >= half) return "█"
  if (coveredMs(cell, party.waiting) >= half) return "░"
  return party.lives.length === 0 || party.lives.some((life) => isUp(life, cell)) ? "·" : " "
}

const isUp = ({ startMs, lastMs }: Life, cell: { readonly startMs: number; readonly endMs: number }) =>
  startMs < cell.endMs && lastMs >= cell.startMs

const partyLines = ({ parties }: RunTimeline): ReadonlyArray<string> =>
  table([
    ["party", "at work", "waits for answers", "waits in rounds", "starts", "restarts"],
    ...parties.map(({ actor, busy, lives, restarts, roundWaitMs, waiting }) => [
      actor,
      duration(Math.max(0, lengthOf(busy) - roundWaitMs) / 1000),
      duration(lengthOf(waiting) / 1000),
      duration(roundWaitMs / 1000),
      lives.length === 0 ? "not known" : count(lives.length),
      count(restarts)
    ])
  ])

const lengthOf = (intervals: PartyTimeline["busy"]): number =>
  intervals.reduce((total, { startMs, endMs }) => total + endMs - startMs, 0)

const partLines = ({ parts, startMs, endMs }: RunTimeline): ReadonlyArray<string> => {
  const shown = longest(parts, (endMs - startMs) * leastShare)
  return [
    "what took longest, without what it waited for",
    ...table([
      ["part", "party", "phase", "count", "time", "longest"],
      ...shown.map(({ actor, count: times, longestMs, ms, name, phase = "–" }) => [
        ...[printable(name), actor, phase, count(times)],
        ...[duration(ms / 1000), duration(longestMs / 1000)]
      ])
    ]),
    ...omitted(parts.length - shown.length)
  ]
}

const waitLines = ({ waits, startMs, endMs }: RunTimeline): ReadonlyArray<string> => {
  const between = waits.filter(({ waiter }) => waiter !== "director")
  const shown = longest(between, (endMs - startMs) * leastShare)
  return [
    "who waited for whom, but the director, which waits for all; what the other was not at work on was on its way",
    ...table([
      ["answer", "waits", "for", "count", "time", "of it at work"],
      ...shown.map((wait: Wait) => [
        ...[wait.what, wait.waiter, wait.awaited, count(wait.count), duration(wait.ms / 1000)],
        wait.answeringMs === undefined ? "–" : duration(wait.answeringMs / 1000)
      ])
    ]),
    ...omitted(between.length - shown.length)
  ]
}

const longest = <A extends Pick<Part, "ms">>(all: ReadonlyArray<A>, leastMs: number): ReadonlyArray<A> =>
  all.filter(({ ms }) => ms >= leastMs).slice(0, mostRows)

const omitted = (rows: number): ReadonlyArray<string> =>
  rows > 0 ? [`and ${count(rows)} shorter; --json has all`] : []

const linkLines = (links: ReadonlyArray<LinkBytes> | undefined): ReadonlyArray<string> => {
  if (links === undefined)
    return ["bytes: not known, since the director's outcome.json is not there; a run that ended has it"]
  const shown = links.slice(0, mostRows)
  return [
    "bytes sent",
    ...table([
      ["from", "to", "messages", "bytes"],
      ...shown.map(({ bytes, from, messages, to }) => [from, to, count(messages), size(bytes)])
    ]),
    ...omitted(links.length - shown.length)
  ]
}

/** Warnings and errors that parties logged, and spans that failed: the same one once, with its number. */
const complaints = ({ events, spans, unreadable }: EventLogs, { startMs }: RunTimeline) => {
  const found = new Map<string, { readonly line: string; times: number }>()
  const add = (timeMs: number, actor: string, what: string) => {
    const known = found.get(`${actor} ${what}`)
    if (known !== undefined) known.times++
    else
      found.set(`${actor} ${what}`, {
        line: `${duration((timeMs - startMs) / 1000)} ${actor}: ${what}`,
        times: 1
      })
  }
  for (const { actor, level, message, timeMs } of events)
    if (level === "WARN" || level === "ERROR" || level === "FATAL") add(timeMs, actor, printable(message))
  for (const { actor, endMs, error, name } of spans)
    if (error !== undefined) add(endMs, actor, `${printable(name)} failed: ${printable(error)}`)
  const lines = [...found.values()].map(({ line, times }) =>
    times === 1 ? line : `${line} (${count(times)} times)`
  )
  return [
    ...(lines.length === 0 ? [] : ["", "warnings and failures", ...lines.slice(0, mostRows)]),
    ...omitted(lines.length - mostRows),
    ...(unreadable === 0
      ? []
      : ["", `${counted(unreadable, "line")} of the logs could not be read and took no part`])
  ]
}
