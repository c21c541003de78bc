/**
 * A run on this machine that has ended and left an archive in its out folder: what the runner of a later training needs
 * of it. The runner has all parties' state keys, as it has had everything else of them; where each party runs on its
 * own, only that party has its key.
 */
import { join, resolve } from "node:path"
import { Data, Effect, Option } from "effect"
import { archiveKeyEntry, KeptByCloud1 } from "../../actors/clouds/transformation/archived-at-cloud1.ts"
import { archiveEntry } from "../../actors/clouds/transformation/at-cloud1.ts"
import type { Agreement } from "../../actors/party/agreement.ts"
import { type Archive, decodeArchive } from "../../protocol/archive/archive.ts"
import { holdFolder } from "../../runtime/storage/folder-lock.ts"
import { type RunSecrets, stateKeysIn } from "./kept-credentials.ts"
import { keptIn } from "./kept-folder.ts"
import { endedRunIn, partiesEntry } from "./out-folder.ts"
import type { Begun } from "./run-mark.ts"

/** A folder has no archive of a run that has ended. */
export class NoArchive extends Data.TaggedError("NoArchive")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `there is no archive in ${this.folder}: ${this.reason}; give the out folder of a run over NATS that has ended, with archive: keep`
  }
}

export interface ArchivedRunIn {
  /** The out folder, absolute. */
  readonly out: string
  readonly begun: Begun
  /** The folder of the parties' folders. */
  readonly folder: string
  readonly stateKeys: RunSecrets["stateKeys"]
  /** What the parties agreed on when the users uploaded. */
  readonly uploaded: Agreement
  readonly archive: Archive
}

/** The run whose archive is in an out folder. */
export const archivedRunIn = (folder: string) =>
  Effect.gen(function* () {
    const none = (reason: string) => new NoArchive({ folder, reason })
    const begun = yield* endedRunIn(folder).pipe(Effect.mapError(({ reason }) => none(reason)))
    const out = resolve(folder)
    const stateKeys = yield* stateKeysIn(out)
    const parties = join(out, partiesEntry)
    const key = stateKeys.cloud1
    if (key === undefined) return yield* none("the keys that open one are destroyed")
    const { stable, store } = yield* keptIn(join(parties, "cloud1"), "cloud1", key)
    const [kept, bytes] = [yield* stable.get(archiveKeyEntry), yield* store.get(archiveEntry)]
    if (Option.isNone(kept) || Option.isNone(bytes)) return yield* none("cloud 1 has none")
    const { agreement } = yield* KeptByCloud1.decode(kept.value)
    const archive = yield* decodeArchive(bytes.value)
    const uploaded = JSON.parse(agreement) as Agreement
    const found: ArchivedRunIn = { out, begun, folder: parties, stateKeys, uploaded, archive }
    return found
  })

/** The same, which nobody else changes until the scope ends. */
export const heldArchive = (folder: string) =>
  Effect.gen(function* () {
    yield* archivedRunIn(folder)
    yield* holdFolder(folder)
    return yield* archivedRunIn(folder)
  })
