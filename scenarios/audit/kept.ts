/**
 * An audit that is kept: its report, as text and as JSON, and the recording, which has every key and every cell of the trial.
 * The folder is new or empty, or one of an earlier audit, whose files are replaced.
 */
import { readdir, readFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Data, Effect, Either } from "effect"
import type { Held, Recording, Seen } from "../../protocol/audit/recording.ts"
import { kinds } from "../../protocol/messages/envelope.ts"
import { Bytes, Count, format } from "../../protocol/messages/message.ts"
import { channels } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { writeWhole } from "../../runtime/storage/store.ts"
import { isOfTheSystem, makeFolder } from "../folders/own-folder.ts"
import type { TrialAbout } from "./prepare.ts"
import type { Trial } from "./trial.ts"

export const recordingEntry = "recording.msgpack"
export const reportEntry = "audit.txt"
export const auditEntry = "audit.json"
const entries: ReadonlyArray<string> = [recordingEntry, reportEntry, auditEntry]

/** The folder for an audit can't be used. */
export class AuditFolder extends Data.TaggedError("AuditFolder")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the folder ${this.folder} can't hold an audit: ${this.reason}; give a new or empty folder, or that of an earlier audit, with --out`
  }
}

/** A folder or file has no recording that can be audited. */
export class NoRecording extends Data.TaggedError("NoRecording")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `there is no recording to audit in ${this.folder}: ${this.reason}; give a scenario, or a folder that bicameral audit kept with --out`
  }
}

/** A trial and what it was of, as they are kept. */
export interface KeptTrial extends Trial {
  readonly about: TrialAbout
}

const Message = Schema.Struct({
  from: Schema.String,
  to: Schema.String,
  channel: Schema.Literal(...channels),
  kind: Schema.Literal(...kinds),
  tag: Schema.String,
  id: Schema.String,
  number: Count,
  body: Bytes
})

const RecordingFormat = format(
  "recording",
  Schema.Struct({
    format: Schema.Literal("bicameral audit recording"),
    version: Schema.Literal(1),
    /** What is plain data, as JSON. */
    about: Schema.String,
    seen: Schema.Array(Schema.Struct({ process: Schema.String, messages: Schema.Array(Message) })),
    frames: Schema.Array(Schema.Struct({ subject: Schema.String, data: Bytes })),
    held: Schema.Array(
      Schema.Struct({
        party: Schema.String,
        secrets: Schema.ReadonlyMap({ key: Schema.String, value: Bytes }),
        cells: Schema.Array(
          Schema.Struct({
            ids: Schema.Array(Schema.String),
            columns: Schema.Array(Count),
            rows: Schema.Array(Count),
            heldOut: Schema.Boolean,
            words: Bytes
          })
        ),
        shares: Schema.Array(
          Schema.Struct({ what: Schema.Literal("upload0", "upload1", "weights"), words: Bytes })
        )
      })
    )
  })
)

const bytesOf = (words: BigUint64Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
const wordsOf = (bytes: Uint8Array): BigUint64Array => new BigUint64Array(bytes.slice().buffer)

type Plain = Pick<Recording, "agreement" | "plan" | "run" | "computation"> & {
  readonly error?: string
  readonly about: TrialAbout
}

/** A trial as bytes. */
const encodeTrial = ({ recording, error, about }: KeptTrial) => {
  const { agreement, plan, run, computation, seen, frames, held } = recording
  const plain: Plain = {
    agreement,
    plan,
    run,
    computation,
    about,
    ...(error === undefined ? {} : { error })
  }
  return RecordingFormat.encode({
    format: "bicameral audit recording",
    version: 1,
    about: JSON.stringify(plain),
    seen: Array.from(seen, ([process, messages]) => ({
      process,
      messages: messages.map(({ process: _, ...message }) => message)
    })),
    frames,
    held: Array.from(held, ([party, { secrets, cells, shares }]) => ({
      party,
      secrets,
      cells: cells.map((each) => ({ ...each, words: bytesOf(each.words) })),
      shares: shares.map(({ what, words }) => ({ what, words: bytesOf(words) }))
    }))
  })
}

const decodeTrial = (bytes: Uint8Array) =>
  Either.map(RecordingFormat.decode(bytes), ({ about: text, seen, frames, held }): KeptTrial => {
    const { error, about, ...plain } = JSON.parse(text) as Plain
    const views = seen.map(
      ({ process, messages }) =>
        [process, messages.map((message): Seen => ({ process, ...message }))] as const
    )
    const parties = held.map(
      ({ party, secrets, cells, shares }) =>
        [
          party,
          {
            secrets,
            cells: cells.map((each) => ({ ...each, words: wordsOf(each.words) })),
            shares: shares.map(({ what, words }) => ({ what, words: wordsOf(words) }))
          } satisfies Held
        ] as const
    )
    return {
      recording: { ...plain, seen: new Map(views), frames, held: new Map(parties) },
      error,
      about
    }
  })

/** Refuses a folder that holds anything else than an audit. Makes it if it is not there. */
export const claimFolder = (folder: string) =>
  Effect.gen(function* () {
    const names = yield* Effect.tryPromise({
      try: async () => {
        await makeFolder(resolve(folder))
        return await readdir(folder)
      },
      catch: (cause) => new AuditFolder({ folder, reason: fileReason(cause) })
    })
    const others = names.filter((name) => !entries.includes(name) && !isOfTheSystem(name))
    if (others.length > 0)
      return yield* new AuditFolder({ folder, reason: `it holds ${others[0]}, which is no part of an audit` })
  })

/** Writes the files of an audit. Only their owner can read the recording. */
export const keepAudit = (folder: string, trial: KeptTrial, report: string, audit: object) =>
  Effect.gen(function* () {
    const recording = yield* Effect.orDie(encodeTrial(trial))
    yield* Effect.tryPromise({
      try: async () => {
        await writeWhole(folder, recordingEntry, recording)
        await writeWhole(folder, reportEntry, new TextEncoder().encode(`${report}\n`), 0o644)
        const json = `${JSON.stringify(audit, undefined, 2)}\n`
        await writeWhole(folder, auditEntry, new TextEncoder().encode(json), 0o644)
      },
      catch: (cause) => new AuditFolder({ folder, reason: fileReason(cause) })
    })
  })

/** The trial of an audit that was kept. */
export const keptTrial = (folder: string) =>
  Effect.gen(function* () {
    const bytes = yield* Effect.tryPromise({
      try: async () => new Uint8Array(await readFile(join(folder, recordingEntry))),
      catch: (cause) => new NoRecording({ folder, reason: `${recordingEntry}: ${fileReason(cause)}` })
    })
    return yield* Effect.mapError(
      decodeTrial(bytes),
      ({ message }) => new NoRecording({ folder, reason: message })
    )
  })
