/**
 * The journal of a run on one machine, `journal.jsonl` in its out folder: what `run` shows while it continues, a line of JSON each,
 * with the time. `view` follows it, and the report lists what is worth remembering. It has phases and counts, which the director may
 * know, the lives of processes, and lines for people; nothing of any data.
 */
import { Either } from "effect"
import { phases } from "../../actors/party/phases.ts"
import { Schema } from "../../protocol/schema.ts"

const at = { time: Schema.Number }

const Line = Schema.Union(
  /** A process that carries a run out begins; in one that is resumed, another one. */
  Schema.Struct({
    ...at,
    event: Schema.Literal("begin"),
    scenario: Schema.String,
    run: Schema.String,
    transport: Schema.Literal("nats", "memory"),
    pid: Schema.Number,
    /** Actors with the names of their parties, in the order in which they are shown. */
    parties: Schema.Array(Schema.Struct({ actor: Schema.String, name: Schema.String }))
  }),
  Schema.Struct({ ...at, event: Schema.Literal("phase"), phase: Schema.Literal(...phases) }),
  Schema.Struct({
    ...at,
    event: Schema.Literal("progress"),
    actor: Schema.String,
    phase: Schema.String,
    done: Schema.Number,
    total: Schema.Number
  }),
  Schema.Struct({ ...at, event: Schema.Literal("up"), party: Schema.String }),
  /** Its work is done: it has ended. */
  Schema.Struct({ ...at, event: Schema.Literal("done"), party: Schema.String }),
  Schema.Struct({ ...at, event: Schema.Literal("died"), party: Schema.String, reason: Schema.String }),
  Schema.Struct({ ...at, event: Schema.Literal("back"), party: Schema.String, awayMs: Schema.Number }),
  Schema.Struct({ ...at, event: Schema.Literal("note"), text: Schema.String }),
  /** With the reason where it failed. */
  Schema.Struct({
    ...at,
    event: Schema.Literal("end"),
    succeeded: Schema.Boolean,
    reason: Schema.optionalWith(Schema.String, { exact: true })
  })
)
/** A line of the journal; `time` in milliseconds since 1970. */
export type JournalLine = typeof Line.Type
/** What is written, before it has its time. */
export type JournalEvent = JournalLine extends infer L
  ? L extends { time: number }
    ? Omit<L, "time">
    : never
  : never

const decode = Schema.decodeUnknownEither(Line)

/** A line of the journal; undefined for what is none, such as the last one of a process that was killed. */
export const journalLine = (text: string): JournalLine | undefined => {
  try {
    return Either.getOrUndefined(decode(JSON.parse(text)))
  } catch {
    return undefined
  }
}
