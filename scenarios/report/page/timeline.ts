/** The timeline of a run as it is drawn: without long pauses, no finer than can be seen, the owners first. Pure. */
import { type Interval, merged } from "../intervals.ts"
import { isCrash, type RunTimeline } from "../run-timeline.ts"

export interface DrawnParty {
  readonly actor: string
  readonly busy: ReadonlyArray<Interval>
  readonly waiting: ReadonlyArray<Interval>
  /** When its processes died that were followed by another. */
  readonly deaths: ReadonlyArray<number>
}

/** Times are in milliseconds from the beginning. */
export interface DrawnTimeline {
  readonly endMs: number
  readonly phases: ReadonlyArray<Interval & { readonly phase: string }>
  readonly parties: ReadonlyArray<DrawnParty>
  /** How long nobody did anything, as between a run that was broken off and its resumption: left out. */
  readonly leftOutMs: number
}

/** When nobody does anything for so long, the time is left out. */
const longPauseMs = 60_000
/** How wide a pause that is left out is drawn, as a share of the whole. */
const pauseShare = 0.01
/** Finer than this share of the whole, nothing can be seen. */
const finest = 1 / 1500

/** The union of stretches, those that lie closer than a gap as one. */
const joined = (stretches: ReadonlyArray<Interval>, gapMs: number): ReadonlyArray<Interval> =>
  merged(stretches.map(({ startMs, endMs }) => ({ startMs, endMs: endMs + gapMs }))).map(
    ({ startMs, endMs }) => ({ startMs, endMs: endMs - gapMs })
  )

/** Times of the clock as times of the timeline, without long pauses. */
const clockOf = (all: ReadonlyArray<Interval>) => {
  const stretches = joined(all, longPauseMs)
  const worked = stretches.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0)
  const pauseMs = worked * pauseShare
  let at = 0
  const places = stretches.map(({ startMs, endMs }) => {
    const place = { startMs, endMs, at }
    at += endMs - startMs + pauseMs
    return place
  })
  const place = (time: number) => {
    const own = places.findLast(({ startMs }) => startMs <= time) ?? places[0]!
    return own.at + Math.min(Math.max(time, own.startMs), own.endMs) - own.startMs
  }
  const whole = stretches.at(-1)!.endMs - stretches[0]!.startMs
  return { place, endMs: Math.max(1, at - pauseMs), leftOutMs: whole - worked }
}

const order = ["user", "cloud0", "cloud1", "kgc", "director"]
const rankOf = (actor: string) => order.findIndex((kind) => actor.startsWith(kind))

/** Of a run in which no party has done anything, there is none. */
export const drawnTimeline = ({ parties, phases }: RunTimeline): DrawnTimeline | undefined => {
  const ended = phases.flatMap(({ name, startMs, endMs }) =>
    endMs === undefined ? [] : [{ phase: name, startMs, endMs }]
  )
  const all = [...ended, ...parties.flatMap(({ busy, waiting }) => [...busy, ...waiting])]
  if (!all.some(({ startMs, endMs }) => endMs > startMs)) return undefined
  const { place, endMs, leftOutMs } = clockOf(all)
  const placed = (each: Interval) => ({ startMs: place(each.startMs), endMs: place(each.endMs) })
  const seen = (stretches: ReadonlyArray<Interval>) => joined(stretches.map(placed), endMs * finest)
  return {
    endMs,
    leftOutMs,
    phases: ended.map((each) => ({ phase: each.phase, ...placed(each) })),
    parties: parties
      .toSorted(
        (a, b) => rankOf(a.actor) - rankOf(b.actor) || a.actor.localeCompare(b.actor, "en", { numeric: true })
      )
      .map(({ actor, busy, lives, waiting }) => ({
        actor,
        busy: seen(busy),
        waiting: seen(waiting),
        deaths: lives
          .slice(0, -1)
          .filter(isCrash)
          .map(({ lastMs }) => place(lastMs))
      }))
  }
}
