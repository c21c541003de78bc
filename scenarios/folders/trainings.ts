/**
 * The trainings that a cloud has begun from what it kept, as long as they have not ended: such a training has shares of all cells
 * in its own folder, so nobody is withdrawn from the archive meanwhile.
 */
import { createHash } from "node:crypto"
import { readdir, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Data, Effect, Option } from "effect"
import { Schema } from "../../protocol/schema.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { StoreFailed, writeWhole } from "../../runtime/storage/store.ts"
import { parsed, smallFile } from "./own-folder.ts"
import { isTrainingNote, markedParty } from "./party-folder.ts"

const NotedTraining = Schema.Struct({ run: Schema.String, folder: Schema.String })
type NotedTraining = typeof NotedTraining.Type

/** A training from the archive has not ended, and has cells of all users. */
export class TrainingUnfinished extends Data.TaggedError("TrainingUnfinished")<{ readonly folder: string }> {
  readonly retryable = false
  override get message(): string {
    return `the training in ${this.folder} has not ended, and has the cells that are to be forgotten; end it with bicameral resume, or delete its folder, and forget then`
  }
}

const attempt = <A>(folder: string, operation: string, work: () => Promise<A>) =>
  Effect.tryPromise({
    try: work,
    catch: (error) => new StoreFailed({ operation, place: folder, reason: fileReason(error) })
  })

/** Notes, in the folder that a cloud kept, the run and the folder of a training from it. */
export const noteTraining = (kept: string, { folder, run }: NotedTraining) => {
  const name = `training-${createHash("sha256").update(run).digest("hex").slice(0, 32)}`
  const text = `${JSON.stringify({ run, folder: resolve(folder) } satisfies NotedTraining)}\n`
  return attempt(kept, "write", () => writeWhole(kept, name, new TextEncoder().encode(text)))
}

const isUnfinished = ({ folder, run }: NotedTraining) =>
  Effect.map(markedParty(folder), (found) => found !== undefined && found.run === run && !found.ended)

/** Fails where a training from what was kept in a folder has not ended. Notes of others are erased. */
export const requireNoTraining = (kept: string) =>
  Effect.gen(function* () {
    for (const name of yield* attempt(kept, "read", () => readdir(kept))) {
      if (!isTrainingNote(name)) continue
      const text = yield* attempt(kept, "read", () => smallFile(join(kept, name)))
      const noted = Schema.decodeUnknownOption(NotedTraining)(parsed(text ?? ""))
      if (Option.isSome(noted) && (yield* isUnfinished(noted.value)))
        return yield* new TrainingUnfinished({ folder: noted.value.folder })
      yield* attempt(kept, "erase", () => rm(join(kept, name), { force: true }))
    }
  })
