/**
 * Where the time of a run went, from its event logs: phases, when each party was up, at work or waiting, which
 * parts took longest, and who waited for whom. Pure. Of hosts whose clocks differ, times of different parties
 * differ by as much; durations do not.
 */
import { phases as phaseNames } from "../../actors/party/phases.ts"
import { roundsWith, waitedFor } from "../../runtime/messaging/rounds-in-spans.ts"
import type { EventLogs, Life, LoggedSpan, Status } from "./event-log.ts"
import { durationOf, type Interval, merged, overlapping, without } from "./intervals.ts"

/** A phase. One that is under way, or was when the run broke off, has no end. */
export interface TimedPhase {
  readonly name: string
  readonly startMs: number
  readonly endMs?: number
  readonly status?: Status
  readonly error?: string
}

/** What a party did, and when. */
export interface PartyTimeline {
  readonly actor: string
  readonly lives: ReadonlyArray<Life>
  /** Its processes that were killed, crashed or ended with an error, and were followed by another. */
  readonly restarts: number
  /** When it was at work. */
  readonly busy: ReadonlyArray<Interval>
  /** When it waited for an answer of another party. Rounds are not in it: a span only sums them. */
  readonly waiting: ReadonlyArray<Interval>
  /** Of the rounds within its spans. */
  readonly roundWaitMs: number
}

/** What took time at a party: spans of one name in one phase, without what other spans within them took. */
export interface Part {
  readonly phase?: string
  readonly actor: string
  readonly name: string
  readonly count: number
  /** Wall-clock time: what runs side by side counts once. Waits in rounds are left out. */
  readonly ms: number
  readonly longestMs: number
}

/** The time that one party waited for another. */
export interface Wait {
  readonly waiter: string
  readonly awaited: string
  /** The message that was to be answered, or `rounds`. */
  readonly what: string
  readonly count: number
  /** Wall-clock time of answers; the sum of rounds. */
  readonly ms: number
  /** How long the other was at work on the answers, as its own log says; the rest is on the way or in a queue. */
  readonly answeringMs?: number
}

export interface RunTimeline {
  readonly startMs: number
  readonly endMs: number
  /** `over`: the director ended well. `failed`: it ended with an error. `open`: the logs do not say. */
  readonly outcome: "over" | "failed" | "open"
  readonly phases: ReadonlyArray<TimedPhase>
  readonly parties: ReadonlyArray<PartyTimeline>
  /** The longest first. */
  readonly parts: ReadonlyArray<Part>
  readonly waits: ReadonlyArray<Wait>
  /** Rounds between the clouds within spans, by the party that saw the most. */
  readonly rounds: number
}

/** The timeline; undefined if the logs hold no time. */
export const timelineOf = (logs: EventLogs): RunTimeline | undefined => {
  const { events, lives, spans } = logs
  const starts = [...spans, ...lives].map(({ startMs }) => startMs).concat(events.map((e) => e.timeMs))
  if (starts.length === 0) return undefined
  const ends = spans.map(({ endMs }) => endMs).concat(lives.map(({ lastMs }) => lastMs))
  const startMs = least(starts)
  const endMs = -least([...ends, ...events.map((e) => e.timeMs)].map((ms) => -ms))
  const phases = phasesOf(logs)
  const inPhase = (ms: number) =>
    phases.findLast((phase) => phase.startMs <= ms && ms < (phase.endMs ?? Number.POSITIVE_INFINITY))?.name
  const own = ownTimes(spans)
  return {
    ...{ startMs, endMs, phases },
    outcome: outcomeOf(logs, phases),
    parties: logs.actors.map((actor) => partyOf(actor, logs, own)),
    parts: partsOf(own, inPhase),
    waits: [...waitsForAnswers(spans), ...waitsInRounds(spans)].sort((a, b) => b.ms - a.ms),
    rounds: -least(logs.actors.map((actor) => -roundsOf(spans.filter((span) => span.actor === actor))))
  }
}

/** Of any number of numbers, unlike `Math.min`. 0 of none. */
const least = (numbers: ReadonlyArray<number>): number =>
  numbers.length === 0 ? 0 : numbers.reduce((a, b) => Math.min(a, b))

const director = "director"
const ofPhase = "phase "

/** Phases as the director went through them; of several attempts at one, the whole time. */
const phasesOf = ({ lives, spans }: EventLogs): ReadonlyArray<TimedPhase> => {
  const found = new Map<string, TimedPhase>()
  for (const { actor, name, startMs, endMs, status, error } of spans) {
    const phase = name.startsWith(ofPhase) ? name.slice(ofPhase.length) : undefined
    if (actor !== director || phase === undefined) continue
    const before = found.get(phase)
    found.set(phase, {
      ...{ name: phase, status, startMs: Math.min(startMs, before?.startMs ?? startMs) },
      endMs: Math.max(endMs, before?.endMs ?? endMs),
      ...(error === undefined ? {} : { error })
    })
  }
  const timed = phaseNames.flatMap((name) => found.get(name) ?? [])
  const next = phaseNames[timed.length]
  const last = timed.at(-1)
  const begun = last?.endMs ?? lives.find(({ actor }) => actor === director)?.startMs
  const goesOn = next !== undefined && begun !== undefined && (last === undefined || last.status === "ok")
  return goesOn ? [...timed, { name: next, startMs: begun }] : timed
}

const outcomeOf = ({ lives }: EventLogs, phases: ReadonlyArray<TimedPhase>): RunTimeline["outcome"] => {
  const last = phases.at(-1)
  if (last?.status === "error" || lives.findLast(({ actor }) => actor === director)?.ended === "error")
    return "failed"
  return phases.length === phaseNames.length && last?.status === "ok" ? "over" : "open"
}

/** A span, and the time in it that no span within it took. */
interface OwnTime {
  readonly span: LoggedSpan
  readonly own: ReadonlyArray<Interval>
}

/** Handlers and requests that only wait are no work, and neither is what a phase takes at the director. */
const isWork = ({ actor, attributes, name }: LoggedSpan): boolean =>
  !name.startsWith("ask ") &&
  attributes.get("waits") !== true &&
  !(actor === director && name.startsWith(ofPhase))

const isAnswer = ({ name }: LoggedSpan): boolean => name.startsWith("answer ")

/**
 * Spans within another are those of its own party that name it as their parent. Within the handling of a request
 * are all that are none: a handler may wait for a fiber that others of its kind share, which has a parent elsewhere.
 */
const ownTimes = (spans: ReadonlyArray<LoggedSpan>): ReadonlyArray<OwnTime> => {
  const within = grouped(spans, ({ actor, parentId }) => `${actor} ${parentId}`)
  const others = new Map(
    Array.from(
      grouped(
        spans.filter((span) => !isAnswer(span)),
        ({ actor }) => actor
      ),
      ([actor, own]) => [actor, merged(own.map(intervalOf))]
    )
  )
  return spans.map((span) => {
    const inner = (within.get(`${span.actor} ${span.spanId}`) ?? []).map(intervalOf)
    const beside = isAnswer(span) ? overlapping(intervalOf(span), others.get(span.actor) ?? []) : []
    return { span, own: without(intervalOf(span), [...inner, ...beside]) }
  })
}

const grouped = <A>(all: ReadonlyArray<A>, keyOf: (each: A) => string): ReadonlyMap<string, Array<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const each of all) {
    const group = groups.get(keyOf(each))
    if (group === undefined) groups.set(keyOf(each), [each])
    else group.push(each)
  }
  return groups
}

const intervalOf = ({ startMs, endMs }: LoggedSpan): Interval => ({ startMs, endMs })

const partsOf = (times: ReadonlyArray<OwnTime>, inPhase: (ms: number) => string | undefined) => {
  const groups = grouped(
    times.filter(({ span }) => isWork(span)),
    ({ span: { actor, name, startMs } }) => JSON.stringify([inPhase(startMs), actor, name])
  )
  return Array.from(groups.values(), (group): Part => {
    const { actor, name, startMs } = group[0]!.span
    const phase = inPhase(startMs)
    const waited = sum(group.map(({ span }) => roundWaitOf(span)))
    return {
      ...(phase === undefined ? {} : { phase }),
      ...{ actor, name, count: group.length },
      ms: Math.max(0, durationOf(merged(group.flatMap(({ own }) => own))) - waited),
      longestMs: -least(group.map(({ span }) => span.startMs - span.endMs))
    }
  }).sort((a, b) => b.ms - a.ms)
}

const partyOf = (actor: string, logs: EventLogs, times: ReadonlyArray<OwnTime>): PartyTimeline => {
  const lives = logs.lives.filter((life) => life.actor === actor)
  const own = times.filter(({ span }) => span.actor === actor)
  return {
    ...{ actor, lives },
    restarts: lives.slice(0, -1).filter(isCrash).length,
    busy: merged(own.filter(({ span }) => isWork(span)).flatMap((time) => time.own)),
    waiting: merged(own.filter(({ span }) => !isWork(span)).flatMap((time) => time.own)),
    roundWaitMs: sum(own.map(({ span }) => roundWaitOf(span)))
  }
}

/** Whether a process that another followed did not leave by itself. One that is ended by a signal closes its log. */
export const isCrash = ({ ended }: Life): boolean => ended === undefined || ended === "error"

/** Asks, grouped by who asks whom for what; the answering party's span has the ask as its parent. */
const waitsForAnswers = (spans: ReadonlyArray<LoggedSpan>): ReadonlyArray<Wait> => {
  const answers = new Map<string, LoggedSpan>()
  for (const span of spans)
    if (isAnswer(span) && span.parentId !== undefined) answers.set(span.parentId, span)
  const asks = spans.filter(
    ({ attributes, name }) => name.startsWith("ask ") && typeof attributes.get("to") === "string"
  )
  const groups = grouped(asks, ({ actor, attributes, name }) =>
    JSON.stringify([actor, attributes.get("to"), name])
  )
  return Array.from(groups.values(), (group): Wait => {
    const { actor, attributes, name } = group[0]!
    const answered = group.flatMap(({ spanId }) => answers.get(spanId) ?? [])
    return {
      ...{ waiter: actor, awaited: String(attributes.get("to")), what: name.slice("ask ".length) },
      ...{ count: group.length, ms: durationOf(merged(group.map(intervalOf))) },
      ...(answered.length < group.length ? {} : { answeringMs: durationOf(merged(answered.map(intervalOf))) })
    }
  })
}

const waitsInRounds = (spans: ReadonlyArray<LoggedSpan>): ReadonlyArray<Wait> => {
  const found = new Map<string, { waiter: string; awaited: string; count: number; ms: number }>()
  for (const { actor, attributes } of spans)
    for (const [key, value] of attributes) {
      const awaited = peerIn(key)
      if (awaited === undefined || typeof value !== "number") continue
      const pair = `${actor} ${awaited}`
      const wait = found.get(pair) ?? { waiter: actor, awaited, count: 0, ms: 0 }
      if (key.startsWith(roundsWith)) wait.count += value
      else wait.ms += value
      found.set(pair, wait)
    }
  return Array.from(found.values(), (wait) => ({ ...wait, what: "rounds" }))
}

const peerIn = (attribute: string): string | undefined => {
  const prefix = [roundsWith, waitedFor].find((each) => attribute.startsWith(each))
  return prefix === undefined ? undefined : attribute.slice(prefix.length)
}

const sumOf = (prefix: string, { attributes }: LoggedSpan): number =>
  sum(
    Array.from(attributes, ([key, value]) =>
      key.startsWith(prefix) && typeof value === "number" ? value : 0
    )
  )
const roundWaitOf = (span: LoggedSpan): number => sumOf(waitedFor, span)
const roundsOf = (spans: ReadonlyArray<LoggedSpan>): number => sum(spans.map((s) => sumOf(roundsWith, s)))

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)
