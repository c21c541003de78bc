/**
 * Storage of a party: named bytes, written whole or not at all. `Store` holds what the party leaves for
 * readers of its folder: the archive, the models. `Stable` holds what it needs after a crash, encrypted under
 * a key of its own and verified on reading. Parties share no store.
 */
import { randomUUID } from "node:crypto"
import { type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Context, Data, Effect, Layer, Option, Redacted } from "effect"
import { derive, sealFresh, unsealFresh } from "../../protocol/aead.ts"
import { fileReason } from "../file-reason.ts"

/** A party's storage can't be used. */
export class StoreFailed extends Data.TaggedError("StoreFailed")<{
  readonly operation: string
  readonly place: string
  readonly reason: string
  /** Set when the store is not a folder. */
  readonly remedy?: string
}> {
  readonly retryable = false
  override get message(): string {
    const { remedy = "see that the folder exists, can be written and has room" } = this
    return `can't ${this.operation} ${this.place}: ${this.reason}; ${remedy}`
  }
}

/**
 * A stored entry can't be decrypted: it was changed, stored under another name, or belongs to another party.
 */
export class StoredBytesChanged extends Data.TaggedError("StoredBytesChanged")<{
  readonly party: string
  readonly name: string
}> {
  readonly retryable = false
  override get message(): string {
    return `what ${this.party} kept as ${this.name} can't be decrypted with its key: it was changed, or kept under another state key; put a good copy back or start a new run`
  }
}

/** The state key is not the one that the stored state is under. */
export class StateKeyWrong extends Data.TaggedError("StateKeyWrong")<{
  readonly party: string
  readonly folder: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the state key of ${this.party} is not the one that ${this.folder} is encrypted under; give the key that this run was begun with, or start a new run`
  }
}

export type StoreError = StoreFailed | StoredBytesChanged

/** Names consist of letters, digits, dots, hyphens and underscores, and do not begin with a dot. */
export interface StoreService {
  /** Once this returns, the bytes survive a crash; until then, the entry's former bytes do. */
  readonly put: (name: string, bytes: Uint8Array) => Effect.Effect<void, StoreFailed>
  readonly get: (name: string) => Effect.Effect<Option.Option<Uint8Array>, StoreError>
  /** All names, in order. */
  readonly list: Effect.Effect<ReadonlyArray<string>, StoreFailed>
  readonly remove: (name: string) => Effect.Effect<void, StoreFailed>
  /** Removes it for good: overwritten before, as far as what is below lets one. */
  readonly erase: (name: string) => Effect.Effect<void, StoreFailed>
}

/** What the party leaves behind. Its writers seal what is secret. */
export class Store extends Context.Tag("runtime/Store")<Store, StoreService>() {}

/** Stable storage: what the party resumes from after a crash. Nobody else can read it. */
export class Stable extends Context.Tag("runtime/Stable")<Stable, StoreService>() {}

/** The owner of stable storage, and the secret that its key is derived from. */
export interface StableOwner {
  readonly party: string
  readonly run: string
  /** The state key (`state-key.ts`): at least 16 bytes that nobody can guess, nor anybody else knows. */
  readonly secret: Redacted.Redacted
}

const keyBytes = 32

/**
 * A store whose entries are encrypted with AES-256-GCM, each bound to its name, under HKDF-SHA256 of the
 * owner's secret.
 */
export const encrypted = (inner: StoreService, { party, run, secret }: StableOwner): StoreService => {
  const info = `bicameral stable storage of ${party}`
  const key = derive(Redacted.value(secret), run, info, keyBytes)
  return {
    ...inner,
    put: (name, bytes) => Effect.suspend(() => inner.put(name, sealFresh(key, Buffer.from(name), bytes))),
    get: (name) =>
      Effect.flatMap(inner.get(name), (found) => {
        if (Option.isNone(found)) return Effect.succeed(Option.none())
        const bytes = unsealFresh(key, Buffer.from(name), found.value)
        return Option.isNone(bytes) ? new StoredBytesChanged({ party, name }) : Effect.succeed(bytes)
      })
  }
}

/**
 * A folder, which is made if necessary, and which no other process writes to (`folder-lock.ts`). Fails here,
 * before anything is computed, if it can't be written to. Drafts of a killed process are removed.
 */
export const folderStore = (folder: string): Effect.Effect<StoreService, StoreFailed> =>
  Effect.gen(function* () {
    const attempt = <A>(operation: string, place: string, run: () => Promise<A>) =>
      Effect.tryPromise({
        try: run,
        catch: (cause) => new StoreFailed({ operation, place, reason: fileReason(cause) })
      })
    yield* attempt("write to", folder, async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const probe = join(folder, draftOf("probe"))
      await (await open(probe, "wx", 0o600)).close()
      await rm(probe)
      for (const name of await readdir(folder))
        if (isDraft(name)) await rm(join(folder, name), { force: true })
    })
    const store: StoreService = {
      put: (name, bytes) =>
        Effect.zipRight(
          checkName(name),
          Effect.uninterruptible(attempt("write", join(folder, name), () => writeWhole(folder, name, bytes)))
        ),
      get: (name) =>
        Effect.zipRight(
          checkName(name),
          attempt("read", join(folder, name), () =>
            readFile(join(folder, name)).then(
              (bytes) => Option.some(new Uint8Array(bytes)),
              (error: NodeJS.ErrnoException) => {
                if (error.code === "ENOENT") return Option.none<Uint8Array>()
                throw error
              }
            )
          )
        ),
      list: attempt("list", folder, async () =>
        (await readdir(folder, { withFileTypes: true }))
          .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
          .map(({ name }) => name)
          .sort()
      ),
      remove: (name) =>
        Effect.zipRight(
          checkName(name),
          attempt("remove", join(folder, name), async () => {
            await rm(join(folder, name), { force: true })
            await syncFolder(folder)
          })
        ),
      erase: (name) =>
        Effect.zipRight(
          checkName(name),
          attempt("erase", join(folder, name), async () => {
            await overwrite(join(folder, name))
            await rm(join(folder, name), { force: true })
            await syncFolder(folder)
          })
        )
    }
    return store
  })

/** The folder of a party: what it leaves behind. */
export const directory = (folder: string): Layer.Layer<Store, StoreFailed> =>
  Layer.effect(Store, folderStore(folder))

/** Where in its folder a party's stable storage is. */
export const stableFolder = "stable"

/** An empty entry that only the key of the first start opens. */
const keyCheckEntry = "key-check"

/**
 * Stable storage in the folder of a party, under its own key. Another key than that of the first start is refused,
 * unless the run has `ended`: nothing is read then, and the key may be destroyed.
 */
export const stable = (
  folder: string,
  owner: StableOwner,
  ended = false
): Layer.Layer<Stable, StoreFailed | StateKeyWrong> =>
  Layer.effect(
    Stable,
    Effect.gen(function* () {
      const place = join(folder, stableFolder)
      const inner = yield* folderStore(place)
      const own = encrypted(inner, owner)
      if (ended) return own
      const names = yield* inner.list
      if (names.length === 0) yield* own.put(keyCheckEntry, new Uint8Array(0))
      else if (names.includes(keyCheckEntry))
        yield* Effect.catchTag(
          own.get(keyCheckEntry),
          "StoredBytesChanged",
          () => new StateKeyWrong({ party: owner.party, folder: place })
        )
      return own
    })
  )

/** This process's memory, for simulations and tests. Entries are copied, as a disk would. */
export const memoryStore = (): StoreService => {
  const kept = new Map<string, Uint8Array>()
  return {
    put: (name, bytes) =>
      Effect.zipRight(
        checkName(name),
        Effect.sync(() => void kept.set(name, bytes.slice()))
      ),
    get: (name) =>
      Effect.sync(() => Option.map(Option.fromNullable(kept.get(name)), (bytes) => bytes.slice())),
    list: Effect.sync(() => Array.from(kept.keys()).sort()),
    remove: (name) => Effect.sync(() => void kept.delete(name)),
    erase: (name) =>
      Effect.sync(() => {
        kept.get(name)?.fill(0)
        kept.delete(name)
      })
  }
}

/** Both in memory, new and empty. */
export const memory: Layer.Layer<Store | Stable> = Layer.merge(
  Layer.sync(Store, memoryStore),
  Layer.sync(Stable, memoryStore)
)

const checkName = (name: string) =>
  /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name)
    ? Effect.void
    : Effect.dieMessage(`"${name}" is no name for something stored`)

const draftOf = (name: string) => `.${name}.${randomUUID()}`

/** Whether a file of this name is a draft left by a killed process. */
export const isDraft = (name: string): boolean =>
  /^\..+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name)

/**
 * Writes a draft under another name, syncs it and renames it, so that a crash leaves the old file or the new.
 */
export const writeWhole = async (
  folder: string,
  name: string,
  bytes: Uint8Array,
  mode = 0o600
): Promise<void> => {
  const draft = join(folder, draftOf(name))
  try {
    const file = await open(draft, "wx", mode)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, join(folder, name))
    await syncFolder(folder)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** Bytes that are written at a time. */
const overwriteBytes = 1 << 20

/**
 * Writes zeros over a file, where it lies, and syncs it; a link is left alone. A file system that writes every
 * version to a new place, and a disk that spreads wear, keep the old bytes: what is secret is encrypted besides.
 */
export const overwrite = async (path: string): Promise<void> => {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw error
  })
  if (!found?.isFile()) return
  const file = await open(path, "r+")
  try {
    await fillWithZeros(file)
  } finally {
    await file.close()
  }
}

/** Writes a file anew as `writeWhole` does, and then zeros over what it was. */
export const writeOver = async (folder: string, name: string, bytes: Uint8Array): Promise<void> => {
  const before = await open(join(folder, name), "r+")
  try {
    await writeWhole(folder, name, bytes)
    await fillWithZeros(before)
  } finally {
    await before.close()
  }
}

const fillWithZeros = async (file: FileHandle): Promise<void> => {
  const { size } = await file.stat()
  const zeros = new Uint8Array(Math.min(overwriteBytes, size))
  for (let at = 0; at < size; )
    at += (await file.write(zeros, 0, Math.min(zeros.length, size - at), at)).bytesWritten
  await file.sync()
}

/** The new name is on the disk only once its folder is. */
const syncFolder = async (folder: string) => {
  const handle = await open(folder, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
