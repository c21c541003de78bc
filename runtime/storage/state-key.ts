/**
 * The secret that a party's stable storage is encrypted under (`store.ts`): 32 bytes from the operating system,
 * of which nobody else knows anything, the broker included. It lies outside the party's folder, so that a copy
 * of the folder alone opens nothing, and once it is destroyed no copy does.
 */
import { randomBytes } from "node:crypto"
import { open, readdir, realpath, rm } from "node:fs/promises"
import { basename, dirname, join, relative, resolve } from "node:path"
import { Context, Data, Effect, Option, Redacted } from "effect"
import { variable } from "../environment.ts"
import { fileReason } from "../file-reason.ts"
import { overwrite, StoreFailed, stableFolder, writeWhole } from "./store.ts"

/** The environment variable with the state key of an actor. */
export const stateKeyVariable = (actor: string): string => `${actor.toUpperCase()}_STATE_KEY`

/** The name of the state key among the credentials of the service manager, in `$CREDENTIALS_DIRECTORY`. */
export const stateKeyCredential = (actor: string): string => `${actor}.state-key`

/** The file of the state key if nothing else is given: next to the party's folder, not in it. */
export const stateKeyFile = (folder: string): string => `${resolve(folder)}.state-key`

/** Something is stored, and the key that it is encrypted under is not there. */
export class StateKeyMissing extends Data.TaggedError("StateKeyMissing")<{
  readonly party: string
  readonly folder: string
  readonly place: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.folder} has what ${this.party} stored, and the state key for it is not in ${this.place}; put the key back, name its file with --state-key, or start a new run`
  }
}

/** What should be a state key is none, or is not kept as one. */
export class StateKeyUnfit extends Data.TaggedError("StateKeyUnfit")<{
  readonly party: string
  readonly place: string
  /** The fault and its remedy. */
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the state key of ${this.party} in ${this.place} ${this.reason}`
  }
}

const keyBytes = 32
/** No key is longer; what is, is another file. */
const longestText = 256

/** A new key, as text: 32 bytes in base64. */
export const drawStateKey = (): Redacted.Redacted => Redacted.make(randomBytes(keyBytes).toString("base64"))

/** Whether a text is that of a key. */
export const isStateKey = (text: string): boolean =>
  /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, "base64").length === keyBytes

/** What becomes of a key that nothing is stored under any more. */
export interface StateKeyHolder {
  /** Destroys the key, if it is this process's to destroy. May be repeated. */
  readonly destroy: Effect.Effect<void, StoreFailed>
  /** Who else has it, in words; undefined where nobody has once it is destroyed. */
  readonly elsewhere: string | undefined
}

/** The state key of this process's party; nothing where its stable storage is its memory. */
export class StateKey extends Context.Reference<StateKey>()("runtime/StateKey", {
  defaultValue: () => Option.none<StateKeyHolder>()
}) {}

export interface FoundStateKey extends StateKeyHolder {
  readonly secret: Redacted.Redacted
}

export interface StateKeyOptions {
  readonly actor: string
  /** The party's folder. */
  readonly folder: string
  /** The file of `--state-key`. */
  readonly file: Option.Option<string>
  /** The party has erased what it stored, and the key may be destroyed already. */
  readonly ended: boolean
}

/**
 * The state key of a party whose folder this process holds: from the given file, else from the service manager,
 * else from the environment, else from a file next to the folder. A file that is not there is made at the first start.
 */
export const findStateKey = (
  options: StateKeyOptions
): Effect.Effect<FoundStateKey, StateKeyMissing | StateKeyUnfit | StoreFailed> =>
  Effect.gen(function* () {
    const { actor, folder, file } = options
    if (Option.isSome(file)) return yield* keyInFile(options, resolve(file.value))
    const credentials = yield* variable("CREDENTIALS_DIRECTORY")
    if (credentials !== undefined) {
      const place = join(credentials, stateKeyCredential(actor))
      // The service manager looks after who may read it, by means that its mode does not show.
      const text = yield* textOf(actor, place, { private: false })
      if (text !== undefined) return yield* given(actor, place, text, "the service manager")
    }
    const name = stateKeyVariable(actor)
    const text = yield* variable(name)
    if (text !== undefined) return yield* given(actor, name, text, "whoever set its environment")
    return yield* keyInFile(options, stateKeyFile(folder))
  })

/** The environment variable with the state key that an actor had in an earlier run. */
export const keptKeyVariable = (actor: string): string => `${actor.toUpperCase()}_KEPT_STATE_KEY`

/**
 * The state key under which a party left something in the folder of an earlier run: from the given file, else from the
 * environment, else from a file next to the folder. It is not made if it is not there.
 */
export const findKeptKey = ({
  actor,
  folder,
  file
}: Omit<StateKeyOptions, "ended">): Effect.Effect<
  Redacted.Redacted,
  StateKeyMissing | StateKeyUnfit | StoreFailed
> =>
  Effect.gen(function* () {
    const name = keptKeyVariable(actor)
    const inEnvironment = Option.isSome(file) ? undefined : yield* variable(name)
    if (inEnvironment !== undefined)
      return (yield* given(actor, name, inEnvironment, "whoever set its environment")).secret
    const place = Option.match(file, { onNone: () => stateKeyFile(folder), onSome: (path) => resolve(path) })
    const text = yield* textOf(actor, place)
    if (text === undefined) return yield* new StateKeyMissing({ party: actor, folder, place })
    return (yield* given(actor, place, text, "its owner")).secret
  })

const given = (actor: string, place: string, text: string, elsewhere: string) =>
  isStateKey(text.trim())
    ? Effect.succeed({ secret: Redacted.make(text.trim()), destroy: Effect.void, elsewhere })
    : new StateKeyUnfit({ party: actor, place, reason: notAKey })

const notAKey = "is not 32 bytes in base64; make one with `openssl rand -base64 32`"

const keyInFile = ({ actor, folder, ended }: StateKeyOptions, place: string) =>
  Effect.gen(function* () {
    const unfit = (reason: string) => new StateKeyUnfit({ party: actor, place, reason })
    const attempt = attempting(place)
    if (isWithin(resolve(folder), place))
      return yield* unfit(
        "lies in the folder that it protects, and would go with every copy of it; put it elsewhere"
      )
    const found: FoundStateKey = {
      secret: drawStateKey(),
      destroy: attempt("remove", () => destroyed(place)),
      elsewhere: undefined
    }
    const text = yield* textOf(actor, place)
    if (text !== undefined) {
      if (!isStateKey(text.trim())) return yield* unfit(notAKey)
      return { ...found, secret: Redacted.make(text.trim()) }
    }
    if (ended) return found
    const stored = yield* attempt("read", () => readdir(join(folder, stableFolder)).catch(() => []))
    if (stored.length > 0) return yield* new StateKeyMissing({ party: actor, folder, place })
    const line = new TextEncoder().encode(`${Redacted.value(found.secret)}\n`)
    yield* attempt("write", () => writeWhole(dirname(place), basename(place), line))
    return found
  })

const isWithin = (folder: string, path: string): boolean => {
  const way = relative(folder, path)
  return !way.startsWith("..") && way !== ""
}

const attempting =
  (place: string) =>
  <A>(operation: string, work: () => Promise<A>) =>
    Effect.tryPromise({
      try: work,
      catch: (cause) => new StoreFailed({ operation, place, reason: fileReason(cause) })
    })

/** The text of a key's file; undefined if there is none. A private one must not be readable by others. */
const textOf = (actor: string, place: string, mustBe = { private: true }) =>
  Effect.gen(function* () {
    const unfit = (reason: string) => new StateKeyUnfit({ party: actor, place, reason })
    const attempt = attempting(place)
    const file = yield* attempt("read", () =>
      open(place, "r").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined
        throw error
      })
    )
    if (file === undefined) return undefined
    return yield* Effect.gen(function* () {
      const { mode, size, ...found } = yield* attempt("read", async () => {
        const stat = await file.stat()
        return { mode: stat.mode, size: stat.size, isFile: stat.isFile() }
      })
      if (!found.isFile || size > longestText) return yield* unfit(notAKey)
      if (mustBe.private && (mode & 0o077) !== 0)
        return yield* unfit(`can be read by others; run chmod 600 ${place}`)
      return yield* attempt("read", () => file.readFile("utf8"))
    }).pipe(Effect.ensuring(Effect.promise(() => file.close())))
  })

/** Overwrites and removes a key's file, and a link that leads to it. */
const destroyed = async (place: string): Promise<void> => {
  const real = await realpath(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw error
  })
  if (real !== undefined) {
    await overwrite(real)
    await rm(real, { force: true })
  }
  await rm(place, { force: true })
}
