/**
 * Finds and reads the event logs below a folder: the out folder of a run, the folder of one party, or a folder
 * to which the folders of parties on several hosts were copied.
 */
import { createReadStream } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Data, Effect } from "effect"
import { fileReason } from "../../runtime/file-reason.ts"
import { EventLogReading, type EventLogs } from "../report/event-log.ts"
import { partiesEntry } from "./out-folder.ts"
import { eventsEntry } from "./party-folder.ts"

/** There is no event log where one was looked for. */
export class NoEventLogs extends Data.TaggedError("NoEventLogs")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.folder} ${this.reason}; give the out folder of a run, the folder of a party, or one with the folders of several parties`
  }
}

/** The event logs of a folder, in one of the places where they may be. */
export const eventLogFiles = (folder: string): Effect.Effect<ReadonlyArray<string>, NoEventLogs> =>
  Effect.gen(function* () {
    const entries = yield* entriesOf(folder)
    if (entries.includes(eventsEntry)) return [join(folder, eventsEntry)]
    const parties = entries.includes(partiesEntry) ? join(folder, partiesEntry) : folder
    const files = (yield* entriesOf(parties)).map((party) => join(parties, party, eventsEntry))
    const found = yield* Effect.promise(() => Promise.all(files.map(isFile)))
    const logs = files.filter((_, i) => found[i])
    if (logs.length === 0) return yield* new NoEventLogs({ folder, reason: "has no event log" })
    return logs
  })

/** Reads them all. A file is read in pieces, since the log of a long run is large. */
export const readEventLogs = (folder: string): Effect.Effect<EventLogs, NoEventLogs> =>
  Effect.gen(function* () {
    const reading = new EventLogReading()
    for (const file of yield* eventLogFiles(folder))
      yield* Effect.tryPromise({
        try: async () => {
          const input = createReadStream(file, "utf8")
          for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }))
            reading.add(line)
        },
        catch: (cause) => new NoEventLogs({ folder: file, reason: `can't be read: ${fileReason(cause)}` })
      })
    return reading.logs
  })

const entriesOf = (folder: string): Effect.Effect<ReadonlyArray<string>, NoEventLogs> =>
  Effect.tryPromise({
    try: async () => (await readdir(folder)).sort(),
    catch: (cause) => new NoEventLogs({ folder, reason: `can't be read: ${fileReason(cause)}` })
  })

const isFile = async (path: string): Promise<boolean> => {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
