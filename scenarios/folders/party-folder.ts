/**
 * The folder of one party, `--state`: what the party writes there, and the mark by which it is recognised.
 * A party overwrites what it finds under its names, so it takes a folder that is empty or its own, and no
 * other.
 */
import { chmod, readdir, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Data, Effect, Option, type Scope } from "effect"
import { sealedModelEntry } from "../../actors/clouds/output/seal-model.ts"
import { isDealt } from "../../actors/clouds/randomness/stored.ts"
import { archiveKeyEntry } from "../../actors/clouds/transformation/archived-at-cloud1.ts"
import { archiveEntry } from "../../actors/clouds/transformation/at-cloud1.ts"
import { endEntry } from "../../actors/party/erasure.ts"
import { modelEntry, preparationEntry } from "../../actors/users/output.ts"
import { Schema } from "../../protocol/schema.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { type FolderInUse, holdFolder, isHoldersFile } from "../../runtime/storage/folder-lock.ts"
import { isDraft, StoreFailed, stableFolder, writeWhole } from "../../runtime/storage/store.ts"
import { isEventLogOf } from "../../runtime/tracing.ts"
import { faultCountsFile, firedFile } from "../faults-injected/at-party.ts"
import { listed } from "../text/units.ts"
import { idOf, isOfTheSystem, makeFolder, type OwnFolder, parsed, smallFile } from "./own-folder.ts"

/** In the director's folder: what it learned of the run. */
export const outcomeEntry = "outcome.json"
/** The event log of a party, in its folder. */
export const eventsEntry = "events.jsonl"
/** The mark of a party's folder. */
export const partyMarkEntry = "party.json"

const named = new Set([
  ...[partyMarkEntry, eventsEntry, outcomeEntry, modelEntry, preparationEntry, firedFile],
  ...[archiveEntry, sealedModelEntry, endEntry],
  // Where version 0.2.0 kept the key of the archive's pieces.
  archiveKeyEntry,
  // Where version 0.1.0 tested whether it could write.
  ".probe"
])
/** Pieces of an archive in `archive-pieces.ts`. */
const archivePiece = /^archive-user\d+-\d+$/
/** Notes of trainings in `trainings.ts`. */
export const isTrainingNote = (name: string): boolean => /^training-[0-9a-f]{32}$/.test(name)
/** Entries of stable storage: `phase-train`, `declaration-user2`. */
const stableEntry = /^[a-z][a-z0-9-]*$/

const ownFile = { kind: "file" } as const
const isPassing = (name: string) => isHoldersFile(name) || isDraft(name)

const stableStorage: OwnFolder = {
  kind: "folder",
  entry: (name) => (stableEntry.test(name) || isPassing(name) || name === ".probe" ? ownFile : undefined)
}

/** What a party, or a member of one, writes in its folder. */
export const partyFolder: OwnFolder = {
  kind: "folder",
  entry: (name) => {
    if (name === stableFolder) return stableStorage
    const numbered =
      archivePiece.test(name) || isDealt(name) || isTrainingNote(name) || faultCountsFile.test(name)
    return named.has(name) || numbered || isPassing(name) ? ownFile : undefined
  }
}

/** The folder is another's. */
export class NotThePartysFolder extends Data.TaggedError("NotThePartysFolder")<{
  readonly folder: string
  readonly actor: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the folder ${this.folder} ${this.reason}; nothing was changed there. Give ${this.actor} an empty folder of its own with --state`
  }
}

const PartyMark = Schema.Struct({
  format: Schema.Literal("bicameral party"),
  version: Schema.Literal(1),
  party: Schema.String,
  run: Schema.String
})

/** Whose folder it is. */
export interface PartyOfRun {
  readonly actor: string
  readonly run: string
}

/**
 * Makes a party's folder if there is none, and holds it until the scope ends. Refuses one that is not its
 * own.
 */
export const holdPartyFolder = (
  folder: string,
  owner: PartyOfRun
): Effect.Effect<void, NotThePartysFolder | FolderInUse | StoreFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const { actor, run } = owner
    const attempt = <A>(work: () => Promise<A>) =>
      Effect.tryPromise({
        try: work,
        catch: (error) =>
          new StoreFailed({ operation: "use the folder", place: folder, reason: fileReason(error) })
      })
    const look = Effect.flatMap(
      attempt(() => standingOf(folder, owner)),
      (standing) =>
        standing._tag === "Foreign"
          ? new NotThePartysFolder({ folder, actor, reason: standing.reason })
          : Effect.succeed(standing)
    )
    if (folder === "") return yield* new NotThePartysFolder({ folder, actor, reason: "has no name" })
    yield* look
    yield* attempt(() => makeFolder(resolve(folder), 0o700))
    yield* holdFolder(folder)
    // From here on no other process of this program can change it; before, one may have.
    const marked = (yield* look)._tag === "Marked"
    yield* attempt(() => closeToOthers(folder))
    if (marked) return
    const mark: typeof PartyMark.Type = { format: "bicameral party", version: 1, party: actor, run }
    const text = `${JSON.stringify(mark)}\n`
    yield* attempt(() => writeWhole(folder, partyMarkEntry, new TextEncoder().encode(text)))
  })

/** Takes from everybody else what they may do in a party's folder, which its user may have made. */
const closeToOthers = async (folder: string): Promise<void> => {
  if (((await stat(folder)).mode & 0o077) !== 0) await chmod(folder, 0o700)
}

/** Whether a party has taken a folder for a run, and not ended there. */
export const hasBegun = (folder: string): Effect.Effect<boolean, StoreFailed> =>
  Effect.tryPromise({
    try: async () =>
      (await idOf(join(folder, partyMarkEntry))) !== undefined &&
      (await idOf(join(folder, endEntry))) === undefined,
    catch: (error) =>
      new StoreFailed({ operation: "use the folder", place: folder, reason: fileReason(error) })
  })

/** Whether the party that holds its folder has begun to erase what it stored, as a run ends. */
export const hasEndRecord = (folder: string): Effect.Effect<boolean, StoreFailed> =>
  Effect.tryPromise({
    try: async () => (await idOf(join(folder, endEntry))) !== undefined,
    catch: (error) =>
      new StoreFailed({ operation: "use the folder", place: folder, reason: fileReason(error) })
  })

/** The party whose folder it is, its run, and whether that has ended there; undefined where it is no party's. */
export const markedParty = (
  folder: string
): Effect.Effect<
  { readonly party: string; readonly run: string; readonly ended: boolean } | undefined,
  StoreFailed
> =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({
      try: () => smallFile(join(folder, partyMarkEntry)),
      catch: (error) => new StoreFailed({ operation: "read", place: folder, reason: fileReason(error) })
    })
    const mark = Option.getOrUndefined(Schema.decodeUnknownOption(PartyMark)(parsed(text ?? "")))
    if (mark === undefined) return undefined
    return { party: mark.party, run: mark.run, ended: yield* hasEndRecord(folder) }
  })

type Standing =
  | { readonly _tag: "Marked" }
  | { readonly _tag: "Free" }
  | { readonly _tag: "Foreign"; readonly reason: string }

const foreign = (reason: string): Standing => ({ _tag: "Foreign", reason })

const standingOf = async (folder: string, { actor, run }: PartyOfRun): Promise<Standing> => {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []
    throw error
  })
  const text = await smallFile(join(folder, partyMarkEntry))
  if (text !== undefined) {
    const mark = Option.getOrUndefined(Schema.decodeUnknownOption(PartyMark)(parsed(text ?? "")))
    if (mark === undefined) return foreign(`has a ${partyMarkEntry} that is not of this version of bicameral`)
    if (mark.party !== actor) return foreign(`is that of ${mark.party}`)
    return mark.run === run ? { _tag: "Marked" } : foreign(`has what ${actor} keeps of the run ${mark.run}`)
  }
  const counted = names.filter((name) => !isOfTheSystem(name) && !isPassing(name))
  if (counted.length === 0) return { _tag: "Free" }
  // Version 0.1.0 set no mark; its event log says whose it is.
  const log = join(folder, eventsEntry)
  if (counted.includes(eventsEntry) && counted.includes(stableFolder) && isEventLogOf(actor, log))
    return { _tag: "Free" }
  return foreign(`is not empty, and bicameral has not written there: it holds ${listed(counted.sort())}`)
}
