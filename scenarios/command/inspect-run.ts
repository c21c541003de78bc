/** `bicameral inspect-run`: where the time of a run went, from the event logs of its parties. */
import { join } from "node:path"
import { Effect } from "effect"
import type { RunOutcome } from "../../actors/director.ts"
import { NoEventLogs, readEventLogs } from "../folders/event-logs.ts"
import { partiesEntry } from "../folders/out-folder.ts"
import { parsed, smallFile } from "../folders/own-folder.ts"
import { outcomeEntry } from "../folders/party-folder.ts"
import type { EventLogs } from "../report/event-log.ts"
import { type RunTimeline, timelineOf } from "../report/run-timeline.ts"
import { type LinkBytes, timelineText } from "../report/timeline-text.ts"
import { answer } from "../text/answer.ts"

/** Prints the timeline of the run in a folder, as it is now. */
export const inspectRun = Effect.fn("InspectRun")(function* (folder: string, columns: number) {
  const logs = yield* readEventLogs(folder)
  const timeline = timelineOf(logs)
  if (timeline === undefined)
    return yield* new NoEventLogs({ folder, reason: "has event logs without a line that can be read" })
  const links = yield* linksIn(folder)
  yield* answer({
    text: timelineText({ timeline, logs, links }, columns),
    value: timelineJson(timeline, logs, links)
  })
})

/** Times are milliseconds since 1970. */
const timelineJson = (
  timeline: RunTimeline,
  { events, unreadable }: EventLogs,
  links: ReadonlyArray<LinkBytes> | undefined
) => ({
  ...timeline,
  links: links ?? null,
  warnings: events
    .filter(({ level }) => level !== "INFO" && level !== "DEBUG" && level !== "TRACE")
    .map(({ details: _, ...event }) => event),
  unreadable
})

/** What the director wrote down of the traffic, by link. */
const linksIn = (folder: string): Effect.Effect<ReadonlyArray<LinkBytes> | undefined> =>
  Effect.promise(async () => {
    for (const place of [join(partiesEntry, "director"), "director", ""]) {
      const text = await smallFile(join(folder, place, outcomeEntry))
      const { traffic } = (parsed(text ?? "") ?? {}) as Partial<Pick<RunOutcome, "traffic">>
      if (Array.isArray(traffic)) return byLink(traffic)
    }
    return undefined
  })

const byLink = (traffic: RunOutcome["traffic"]): ReadonlyArray<LinkBytes> => {
  const found = new Map<string, { from: string; to: string; messages: number; bytes: number }>()
  for (const { from, to, messages, bytes } of traffic) {
    const link = found.get(`${from} ${to}`) ?? { from, to, messages: 0, bytes: 0 }
    link.messages += messages
    link.bytes += bytes
    found.set(`${from} ${to}`, link)
  }
  return [...found.values()].sort((a, b) => b.bytes - a.bytes)
}
