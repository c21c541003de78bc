/**
 * Archives at rest, in the out folders of runs that have ended or in single parties' folders: what is in them, and how
 * they, or one user's cells in them, are forgotten. What a file system or a disk keeps of erased files, copies that were
 * made before, and models that were trained on the cells are out of reach of that.
 */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { Data, Effect, Option } from "effect"
import { KeptByCloud0, masterKeyEntry } from "../../actors/clouds/transformation/archived-at-cloud0.ts"
import { archiveKeyEntry, KeptByCloud1 } from "../../actors/clouds/transformation/archived-at-cloud1.ts"
import { archiveEntry, isOfArchive } from "../../actors/clouds/transformation/at-cloud1.ts"
import type { Agreement } from "../../actors/party/agreement.ts"
import { KeptByUser, secretKeyEntry, uploadedEntry } from "../../actors/users/archived.ts"
import { type Archive, decodeArchive, encodeArchive } from "../../protocol/archive/archive.ts"
import { shown } from "../../protocol/data/spelling.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { holdFolder } from "../../runtime/storage/folder-lock.ts"
import type { KeptService } from "../../runtime/storage/kept.ts"
import { findKeptKey } from "../../runtime/storage/state-key.ts"
import { encrypted, folderStore, StoreFailed, stableFolder, writeOver } from "../../runtime/storage/store.ts"
import { type ArchivedRunIn, archivedRunIn, NoArchive } from "./archived-run.ts"
import { keepOnlyStateKeys } from "./kept-credentials.ts"
import { runOfFolder } from "./kept-folder.ts"
import { markedParty } from "./party-folder.ts"
import { requireNoTraining } from "./trainings.ts"

/** What a party has kept of a run, in its folder. */
interface PartyOfArchive extends KeptService {
  readonly actor: string
  readonly folder: string
}

/** No such user has cells in the archive. */
export class NotInArchive extends Data.TaggedError("NotInArchive")<{
  readonly folder: string
  readonly user: string
  readonly users: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    const rest = this.users.length === 0 ? "nobody's are left" : `those of ${this.users.join(", ")} are`
    return `no cells of ${shown(this.user)} are in the archive in ${this.folder}; ${rest}`
  }
}

/** A folder whose entries are replaced so that nothing of the old ones is left in their place. */
const replacing = (folder: string) =>
  Effect.map(folderStore(folder), (inner) => ({
    ...inner,
    put: (name: string, bytes: Uint8Array) =>
      Effect.tryPromise({
        try: () => writeOver(folder, name, bytes),
        catch: (cause) =>
          new StoreFailed({ operation: "write", place: join(folder, name), reason: fileReason(cause) })
      })
  }))

const partyIn = (folder: string, actor: string, secret: ArchivedRunIn["stateKeys"][string]) =>
  Effect.gen(function* () {
    yield* holdFolder(folder)
    const run = yield* runOfFolder(folder, actor)
    const store = yield* replacing(folder)
    const stable = encrypted(yield* replacing(join(folder, stableFolder)), { party: actor, run, secret })
    const party: PartyOfArchive = { actor, folder, run, store, stable }
    return party
  })

/** The parties whose folders are in an out folder, or whose folder it is, each held until the scope ends. */
const partiesIn = (folder: string) =>
  Effect.gen(function* () {
    const marked = yield* markedParty(folder)
    if (marked !== undefined) {
      const actor = marked.party
      return [yield* partyIn(folder, actor, yield* findKeptKey({ actor, folder, file: Option.none() }))]
    }
    const { folder: parties, stateKeys } = yield* archivedRunIn(folder)
    yield* holdFolder(folder)
    return yield* Effect.forEach(Object.entries(stateKeys), ([actor, secret]) =>
      partyIn(join(parties, actor), actor, secret)
    )
  })

/** What the parties agreed on when the users uploaded, as this party kept it. */
const agreementOf = ({ actor, stable }: PartyOfArchive) =>
  Effect.gen(function* () {
    const [entry, format] =
      actor === "cloud0"
        ? ([masterKeyEntry, KeptByCloud0] as const)
        : actor === "cloud1"
          ? ([archiveKeyEntry, KeptByCloud1] as const)
          : ([secretKeyEntry, KeptByUser] as const)
    const bytes = yield* stable.get(entry)
    if (Option.isNone(bytes)) return undefined
    const kept = yield* format.decode(bytes.value)
    return JSON.parse(kept.agreement) as Agreement
  })

/** Forgets a user at C0: what it recognises the user's shares by. Says whose are left, or nothing if there were none. */
const withdrawnAtCloud0 = ({ stable }: PartyOfArchive, user: string) =>
  Effect.gen(function* () {
    const kept = yield* KeptByCloud0.decode(Option.getOrThrow(yield* stable.get(masterKeyEntry)))
    const others = <A extends { readonly user: string }>(of: ReadonlyArray<A>) =>
      of.filter((each) => each.user !== user)
    if (others(kept.uploads).length === kept.uploads.length) return false
    const left = {
      ...kept,
      uploads: others(kept.uploads),
      shares: others(kept.shares),
      pieces: others(kept.pieces)
    }
    yield* stable.put(masterKeyEntry, yield* KeptByCloud0.encode(left))
    return true
  })

/** Forgets a user at C1: its ciphertexts, and the pieces of its share. */
const withdrawnAtCloud1 = ({ store }: PartyOfArchive, user: string) =>
  Effect.gen(function* () {
    const archive = yield* decodeArchive(Option.getOrThrow(yield* store.get(archiveEntry)))
    const uploads = archive.uploads.filter((upload) => upload.user !== user)
    const found = uploads.length < archive.uploads.length
    if (found) yield* store.put(archiveEntry, yield* encodeArchive({ ...archive, uploads }))
    for (const name of yield* store.list)
      if (name.startsWith(`${archiveEntry}-${user}-`)) yield* store.erase(name)
    return found
  })

/** Erases a user's cells from both clouds' folders, or from that of the one whose folder it is. Returns the user's name. */
export const forgetUser = Effect.fn("Archive.forgetUser")(function* (folder: string, name: string) {
  const parties = yield* partiesIn(folder)
  const clouds = parties.filter(({ actor }) => actor === "cloud0" || actor === "cloud1")
  yield* Effect.forEach(clouds, (cloud) => requireNoTraining(cloud.folder))
  const agreement = clouds.length === 0 ? undefined : yield* agreementOf(clouds[0]!)
  if (agreement === undefined)
    return yield* new NoArchive({ folder, reason: "it is neither a cloud's nor that of both" })
  const user = agreement.users.find((each) => each.name === name || each.actor === name)
  let found = false
  // C0 first: from then on it opens nothing of that user for C1.
  if (user !== undefined)
    for (const party of clouds.toSorted((one, other) => one.actor.localeCompare(other.actor)))
      if (
        yield* party.actor === "cloud0"
          ? withdrawnAtCloud0(party, user.actor)
          : withdrawnAtCloud1(party, user.actor)
      )
        found = true
  if (user !== undefined && found) return user.name
  const users = agreement.users.map((each) => each.name)
  return yield* new NotInArchive({ folder, user: name, users })
}, Effect.scoped)

/** Erases an archive with all that opens it, at all parties of an out folder or at the one whose folder it is. */
export const forgetAll = Effect.fn("Archive.forgetAll")(function* (folder: string) {
  const parties = yield* partiesIn(folder)
  yield* Effect.forEach(parties, (party) => requireNoTraining(party.folder))
  for (const { actor, store, stable } of parties) {
    const own = [masterKeyEntry, archiveKeyEntry, secretKeyEntry, uploadedEntry]
    for (const name of yield* stable.list) if (own.includes(name)) yield* stable.erase(name)
    if (actor === "cloud1")
      for (const name of yield* store.list) if (isOfArchive(name)) yield* store.erase(name)
  }
  if ((yield* markedParty(folder)) === undefined) yield* keepOnlyStateKeys(folder, [])
  return parties.map(({ actor }) => actor)
}, Effect.scoped)

/** An archive in an out folder. */
export interface ArchiveSeen {
  readonly folder: string
  readonly archive: Archive
  readonly uploaded: Agreement
  /** The parties that have kept something. */
  readonly parties: ReadonlyArray<string>
}

export const archiveIn = (folder: string) =>
  Effect.map(
    archivedRunIn(folder),
    ({ archive, uploaded, stateKeys }): ArchiveSeen => ({
      folder,
      archive,
      uploaded,
      parties: Object.keys(stateKeys)
    })
  )

/** The archives in a folder, or in those directly below it. */
export const archivesBelow = (folder: string) =>
  Effect.gen(function* () {
    const below = yield* Effect.promise(() =>
      readdir(folder, { withFileTypes: true }).then(
        (entries) => entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name)),
        () => []
      )
    )
    const looked = yield* Effect.forEach([folder, ...below.sort()], (each) => Effect.option(archiveIn(each)))
    return looked.flatMap((seen) => (Option.isSome(seen) ? [seen.value] : []))
  })
