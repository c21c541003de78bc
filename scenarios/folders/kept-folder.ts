/**
 * The folder of a party in a run that has ended, where it left what a later run begins from (`actors/party/archived.ts`).
 * It is read and not changed, and nobody else uses it meanwhile.
 */

import { join } from "node:path"
import { Data, Effect, Layer, Option, type Redacted } from "effect"
import { holdFolder } from "../../runtime/storage/folder-lock.ts"
import { Kept, type KeptService } from "../../runtime/storage/kept.ts"
import { encrypted, folderStore, stableFolder } from "../../runtime/storage/store.ts"
import { markedParty } from "./party-folder.ts"

/** A folder is not what a party left when a run ended. */
export class NotAnEndedRun extends Data.TaggedError("NotAnEndedRun")<{
  readonly folder: string
  readonly actor: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.folder} ${this.reason}; name the folder that ${this.actor} had in the run in which the users uploaded, once that has ended`
  }
}

/** The run of which a folder is the party's. */
export const runOfFolder = (folder: string, actor: string) =>
  Effect.gen(function* () {
    const refuse = (reason: string) => new NotAnEndedRun({ folder, actor, reason })
    const found = yield* markedParty(folder)
    if (found === undefined) return yield* refuse("is no folder of a party")
    if (found.party !== actor) return yield* refuse(`is that of ${found.party}`)
    if (!found.ended) return yield* refuse(`is of the run ${found.run}, which has not ended`)
    return found.run
  })

/** What an actor left in its folder, under its state key of then. Its run has ended there. */
export const keptIn = (
  folder: string,
  actor: string,
  secret: Redacted.Redacted
): Effect.Effect<KeptService, Effect.Effect.Error<ReturnType<typeof runOfFolder>>> =>
  Effect.gen(function* () {
    const run = yield* runOfFolder(folder, actor)
    const store = yield* folderStore(folder)
    const stable = encrypted(yield* folderStore(join(folder, stableFolder)), { party: actor, run, secret })
    return { run, store, stable }
  })

/** The same for a party's process, which holds the folder until it ends. */
export const keptLayer = (folder: string, actor: string, secret: Redacted.Redacted) =>
  Layer.scoped(
    Kept,
    Effect.zipRight(holdFolder(folder), Effect.map(keptIn(folder, actor, secret), Option.some))
  )
