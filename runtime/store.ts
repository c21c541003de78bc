/**
 * What a party keeps so that it is there after a crash: named bytes, written whole or not at all. One party's store is
 * never another's. What is secret is sealed by whoever puts it.
 */
import { randomUUID } from "node:crypto"
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Context, Data, Effect, Layer, Option } from "effect"

/** The place where a party keeps things can't be used. */
export class StoreFailed extends Data.TaggedError("StoreFailed")<{
  readonly operation: string
  readonly place: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `can't ${this.operation} ${this.place}: ${this.reason}; see that the folder exists, can be written and has room`
  }
}

/** Names are of letters, digits, dots, hyphens and underscores, and do not begin with a dot. */
export class Store extends Context.Tag("runtime/Store")<
  Store,
  {
    /** Once this returns, the bytes survive a crash; before, what was there under the name does. */
    readonly put: (name: string, bytes: Uint8Array) => Effect.Effect<void, StoreFailed>
    readonly get: (name: string) => Effect.Effect<Option.Option<Uint8Array>, StoreFailed>
    /** All names, in order. */
    readonly list: Effect.Effect<ReadonlyArray<string>, StoreFailed>
    readonly remove: (name: string) => Effect.Effect<void, StoreFailed>
  }
>() {}

/** A folder, which is made if it is not there. A file that can't be written is found out here, before anything is computed. */
export const directory = (folder: string): Layer.Layer<Store, StoreFailed> =>
  Layer.effect(
    Store,
    Effect.gen(function* () {
      const attempt = <A>(operation: string, place: string, run: () => Promise<A>) =>
        Effect.tryPromise({
          try: run,
          catch: (cause) => new StoreFailed({ operation, place, reason: reasonOf(cause) })
        })
      yield* attempt("write to", folder, async () => {
        await mkdir(folder, { recursive: true })
        await writeWhole(folder, ".probe", new Uint8Array(0))
        await rm(join(folder, ".probe"))
      })
      return Store.of({
        put: (name, bytes) =>
          Effect.zipRight(
            checkName(name),
            Effect.uninterruptible(
              attempt("write", join(folder, name), () => writeWhole(folder, name, bytes))
            )
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
          (await readdir(folder)).filter((name) => !name.startsWith(".")).sort()
        ),
        remove: (name) =>
          Effect.zipRight(
            checkName(name),
            attempt("remove", join(folder, name), async () => {
              await rm(join(folder, name), { force: true })
              await syncFolder(folder)
            })
          )
      })
    })
  )

/** This process's memory, for simulations and tests: what is put is copied, as a disk would. */
export const memory: Layer.Layer<Store> = Layer.sync(Store, () => {
  const kept = new Map<string, Uint8Array>()
  return Store.of({
    put: (name, bytes) =>
      Effect.zipRight(
        checkName(name),
        Effect.sync(() => void kept.set(name, bytes.slice()))
      ),
    get: (name) =>
      Effect.sync(() => Option.map(Option.fromNullable(kept.get(name)), (bytes) => bytes.slice())),
    list: Effect.sync(() => Array.from(kept.keys()).sort()),
    remove: (name) => Effect.sync(() => void kept.delete(name))
  })
})

const checkName = (name: string) =>
  /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name)
    ? Effect.void
    : Effect.dieMessage(`"${name}" is no name for something stored`)

/** Under another name first, and on the disk, so that a crash leaves the old or the new. */
const writeWhole = async (folder: string, name: string, bytes: Uint8Array) => {
  const draft = join(folder, `.${name}.${randomUUID()}`)
  try {
    const file = await open(draft, "wx", 0o600)
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

/** The new name, too, is on the disk only once its folder is. */
const syncFolder = async (folder: string) => {
  const handle = await open(folder, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))
