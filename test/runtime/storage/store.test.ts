import { chmod, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Option, Redacted } from "effect"
import * as Stores from "../../../runtime/storage/store.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-store-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const suite = (name: string, layer: Layer.Layer<Stores.Store, Stores.StoreFailed>) =>
  describe(`${name} store`, () => {
    it.effect("gives back what was put last, and nothing for another name", () =>
      Effect.gen(function* () {
        const store = yield* Stores.Store
        yield* store.put("share", new Uint8Array([1, 2]))
        yield* store.put("share", new Uint8Array([3]))
        expect(yield* store.get("share")).toEqual(Option.some(new Uint8Array([3])))
        expect(yield* store.get("other")).toEqual(Option.none())
      }).pipe(Effect.provide(layer))
    )

    it.effect("lists and removes", () =>
      Effect.gen(function* () {
        const store = yield* Stores.Store
        for (const key of ["b", "a", "c.1"]) yield* store.put(key, new Uint8Array(1))
        yield* store.remove("b")
        yield* store.remove("never-there")
        expect(yield* store.list).toEqual(["a", "c.1"])
      }).pipe(Effect.provide(layer))
    )

    it.effect("erases what is there, and does not mind what is not", () =>
      Effect.gen(function* () {
        const store = yield* Stores.Store
        yield* store.put("secret", new Uint8Array(3_000_000).fill(7))
        yield* store.erase("secret")
        yield* store.erase("never-there")
        expect(yield* store.list).toEqual([])
        expect(yield* store.get("secret")).toEqual(Option.none())
      }).pipe(Effect.provide(layer))
    )

    it.effect("keeps its own copy", () =>
      Effect.gen(function* () {
        const store = yield* Stores.Store
        const bytes = new Uint8Array([1, 2, 3])
        yield* store.put("x", bytes)
        bytes.fill(0)
        expect(Option.getOrThrow(yield* store.get("x"))).toEqual(new Uint8Array([1, 2, 3]))
      }).pipe(Effect.provide(layer))
    )

    it.effect("refuses a name that leads elsewhere", () =>
      Effect.gen(function* () {
        const store = yield* Stores.Store
        for (const key of ["../x", "a/b", ".hidden", ""])
          expect(Exit.isFailure(yield* Effect.exit(store.put(key, new Uint8Array(1))))).toBe(true)
      }).pipe(Effect.provide(layer))
    )
  })

suite("memory", Stores.memory)
suite("directory", Layer.unwrapScoped(Effect.map(folder, (path) => Stores.directory(path))))

describe("directory store", () => {
  it.scoped("outlives the process, and leaves no drafts", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const open = <A, E>(use: Effect.Effect<A, E, Stores.Store>) =>
        Effect.provide(use, Stores.directory(path))
      yield* open(Effect.flatMap(Stores.Store, (store) => store.put("kept", new Uint8Array([9]))))
      expect(yield* open(Effect.flatMap(Stores.Store, (store) => store.get("kept")))).toEqual(
        Option.some(new Uint8Array([9]))
      )
      expect(yield* Effect.promise(() => readdir(path))).toEqual(["kept"])
    })
  )

  it.scoped("overwrites what it erases, and follows no link", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const elsewhere = join(yield* folder, "elsewhere")
      yield* Effect.promise(() => writeFile(elsewhere, "another's"))
      const store = yield* Stores.folderStore(path)
      yield* store.put("secret", new Uint8Array(70_000).fill(7))
      const held = yield* Effect.promise(() => open(join(path, "secret"), "r"))
      yield* Effect.addFinalizer(() => Effect.promise(() => held.close()))
      yield* Effect.promise(() => symlink(elsewhere, join(path, "link")))
      for (const name of ["secret", "link"]) yield* store.erase(name)
      expect((yield* Effect.promise(() => held.readFile())).every((byte) => byte === 0)).toBe(true)
      expect(yield* Effect.promise(() => readFile(elsewhere, "utf8"))).toBe("another's")
      expect(yield* Effect.promise(() => readdir(path))).toEqual([])
    })
  )

  it.scoped("removes the drafts of a process that was killed, and nothing else", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const others = [
        ".held-1-2-3",
        ".share",
        ".share.not-a-draft",
        "share.8c9f1a52-7e4b-4d6a-9b1f-0c2d3e4f5a6b"
      ]
      const drafts = [
        ".share.8c9f1a52-7e4b-4d6a-9b1f-0c2d3e4f5a6b",
        ".a.b.00000000-0000-4000-8000-000000000000"
      ]
      for (const name of [...others, ...drafts])
        yield* Effect.promise(() => writeFile(join(path, name), "half"))
      yield* Layer.build(Stores.directory(path))
      expect(yield* Effect.promise(() => readdir(path))).toEqual(others)
    })
  )

  it.scoped("says at once where it can't write", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = join(path, "a-file")
      yield* Effect.promise(() => writeFile(file, "x"))
      yield* Effect.promise(() => chmod(file, 0o400))
      const error = yield* Effect.flip(Layer.build(Stores.directory(join(file, "store"))))
      expect(error).toMatchObject({ _tag: "StoreFailed", operation: "write to" })
      expect(error.message).toContain(file)
    })
  )
})

describe("stable storage", () => {
  const owner = { party: "cloud0", run: "r", secret: Redacted.make("p-0123456789abcdef") }
  const words = new TextEncoder().encode("a share of the weights")

  it.scoped("shows nothing of what it keeps, and gives it back to its owner only", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const open = (changes: Partial<Stores.StableOwner> = {}) =>
        Effect.map(Layer.build(Stores.stable(path, { ...owner, ...changes })), Context.get(Stores.Stable))
      yield* Effect.flatMap(open(), (store) => store.put("weights-64", words))
      expect(yield* Effect.flatMap(open(), (store) => store.get("weights-64"))).toEqual(Option.some(words))
      const file = join(path, Stores.stableFolder, "weights-64")
      expect((yield* Effect.promise(() => readFile(file))).includes("share")).toBe(false)
      for (const other of [{ party: "cloud1" }, { run: "s" }, { secret: Redacted.make("p-another") }]) {
        expect(yield* Effect.flip(open(other))).toMatchObject({ _tag: "StateKeyWrong" })
        const store = Stores.encrypted(yield* Stores.folderStore(join(path, Stores.stableFolder)), {
          ...owner,
          ...other
        })
        const error = yield* Effect.flip(store.get("weights-64"))
        expect(error).toMatchObject({ _tag: "StoredBytesChanged", name: "weights-64" })
      }
    })
  )

  it.effect("finds out what was changed, cut short or put under another name", () =>
    Effect.gen(function* () {
      const inner = Stores.memoryStore()
      const store = Stores.encrypted(inner, owner)
      yield* store.put("root", words)
      const sealed = Option.getOrThrow(yield* inner.get("root"))
      const changed = sealed.slice()
      changed[20]! ^= 1
      yield* inner.put("changed", changed)
      yield* inner.put("moved", sealed)
      yield* inner.put("short", sealed.slice(0, 5))
      for (const name of ["changed", "moved", "short"])
        expect(yield* Effect.flip(store.get(name))).toMatchObject({ _tag: "StoredBytesChanged", name })
      expect(yield* store.get("root")).toEqual(Option.some(words))
      expect(yield* store.get("nothing")).toEqual(Option.none())
    })
  )
})
