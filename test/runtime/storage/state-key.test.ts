import { randomBytes } from "node:crypto"
import { chmod, mkdir, mkdtemp, open, readdir, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Redacted } from "effect"
import {
  drawStateKey,
  findStateKey,
  isStateKey,
  type StateKeyOptions,
  stateKeyFile
} from "../../../runtime/storage/state-key.ts"
import { Stable, stable, stableFolder } from "../../../runtime/storage/store.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-key-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** A party's folder, and how its key is found with these options and variables. */
const begun = Effect.gen(function* () {
  const base = yield* folder
  const state = join(base, "cloud0")
  yield* Effect.promise(() => mkdir(state))
  const find = (changes: Partial<StateKeyOptions> = {}, variables: Record<string, string> = {}) =>
    findStateKey({ actor: "cloud0", folder: state, file: Option.none(), ended: false, ...changes }).pipe(
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
    )
  const write = (path: string, text: string, mode = 0o600) =>
    Effect.promise(async () => {
      await writeFile(path, text)
      await chmod(path, mode)
    })
  /** Stores something under a key. */
  const stores = (secret: Redacted.Redacted, run = "r") =>
    Effect.provide(
      Effect.flatMap(Stable, (store) => store.put("root", new Uint8Array(3))),
      stable(state, { party: "cloud0", run, secret })
    )
  return { base, state, find, write, stores }
})

const text = () => randomBytes(32).toString("base64")

describe("the state key", () => {
  it.scoped("is made at the first start, next to the folder and not in it, for its owner only", () =>
    Effect.gen(function* () {
      const { base, state, find } = yield* begun
      const first = yield* find()
      expect((yield* Effect.promise(() => readdir(base))).sort()).toEqual(["cloud0", "cloud0.state-key"])
      expect(yield* Effect.promise(() => readdir(state))).toEqual([])
      expect((yield* Effect.promise(() => stat(stateKeyFile(state)))).mode & 0o777).toBe(0o600)
      expect(isStateKey(Redacted.value(first.secret))).toBe(true)
      expect(Redacted.value((yield* find()).secret)).toBe(Redacted.value(first.secret))
    })
  )

  it.scoped(
    "comes from the given file, else the service manager, else the environment, else the file next to it",
    () =>
      Effect.gen(function* () {
        const { base, state, find, write } = yield* begun
        const [given, managed, environment, beside] = [text(), text(), text(), text()]
        yield* write(join(base, "given"), given)
        yield* write(join(base, "cloud0.state-key"), beside)
        const credentials = join(base, "credentials")
        yield* Effect.promise(() => mkdir(credentials))
        const variables = { CLOUD0_STATE_KEY: environment, CREDENTIALS_DIRECTORY: credentials }
        const secretOf = (changes: Partial<StateKeyOptions>, all: Record<string, string>) =>
          Effect.map(find(changes, all), ({ secret }) => Redacted.value(secret))
        expect(yield* secretOf({}, {})).toBe(beside)
        expect(yield* secretOf({}, variables)).toBe(environment)
        yield* write(join(credentials, "cloud0.state-key"), `${managed}\n`, 0o400)
        expect(yield* secretOf({}, variables)).toBe(managed)
        expect(yield* secretOf({ file: Option.some(join(base, "given")) }, variables)).toBe(given)
        expect(state).toBe(join(base, "cloud0"))
      })
  )

  it.scoped("is refused where others can read it, where it goes with the folder, and where it is none", () =>
    Effect.gen(function* () {
      const { base, state, find, write } = yield* begun
      const refused = (file: string) =>
        Effect.map(Effect.flip(find({ file: Option.some(file) })), (error) => {
          expect(error).toMatchObject({ _tag: "StateKeyUnfit", party: "cloud0" })
          return error.message
        })
      const loose = join(base, "loose")
      yield* write(loose, text(), 0o640)
      expect(yield* refused(loose)).toContain(`can be read by others; run chmod 600 ${loose}`)
      expect(yield* refused(join(state, "key"))).toContain("lies in the folder that it protects")
      for (const [name, wrong] of Object.entries({ short: "c2hvcnQ=", empty: "", long: "A".repeat(5000) })) {
        yield* write(join(base, name), wrong)
        expect(yield* refused(join(base, name))).toContain("is not 32 bytes in base64; make one with")
      }
      const error = yield* Effect.flip(find({}, { CLOUD0_STATE_KEY: "p-password" }))
      expect(error.message).toContain("the state key of cloud0 in CLOUD0_STATE_KEY is not 32 bytes")
      expect(error.message).not.toContain("p-password")
    })
  )

  it.scoped("is not made anew where something is stored", () =>
    Effect.gen(function* () {
      const { state, find, stores } = yield* begun
      const { secret } = yield* find()
      yield* stores(secret)
      yield* Effect.promise(() => rm(stateKeyFile(state)))
      const error = yield* Effect.flip(find())
      expect(error).toMatchObject({ _tag: "StateKeyMissing", folder: state })
      expect(error.message).toMatch(/put the key back, name its file with --state-key, or start a new run$/)
      // Nothing is read any more of a run that has ended.
      yield* find({ ended: true })
    })
  )

  it.scoped("is known to be wrong before anything is read", () =>
    Effect.gen(function* () {
      const { state, find, stores } = yield* begun
      yield* stores((yield* find()).secret)
      const error = yield* Effect.flip(stores(drawStateKey()))
      expect(error).toMatchObject({ _tag: "StateKeyWrong", folder: join(state, stableFolder) })
      expect(error.message).toContain("give the key that this run was begun with")
    })
  )

  it.scoped(
    "is destroyed with what leads to it, as often as it is asked for; not where it is another's",
    () =>
      Effect.gen(function* () {
        const { base, find, write } = yield* begun
        const [real, link] = [join(base, "real"), join(base, "link")]
        yield* write(real, text())
        yield* Effect.promise(() => symlink(real, link))
        const held = yield* Effect.promise(() => open(real, "r"))
        yield* Effect.addFinalizer(() => Effect.promise(() => held.close()))
        const { destroy, elsewhere } = yield* find({ file: Option.some(link) })
        expect(elsewhere).toBeUndefined()
        yield* destroy
        yield* destroy
        expect(yield* Effect.promise(() => readdir(base))).toEqual(["cloud0"])
        // What still has the file open finds nothing but zeros.
        expect((yield* Effect.promise(() => held.readFile())).every((byte) => byte === 0)).toBe(true)
        const given = yield* find({}, { CLOUD0_STATE_KEY: text() })
        yield* given.destroy
        expect(given.elsewhere).toBe("whoever set its environment")
      })
  )
})
