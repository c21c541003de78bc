import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option } from "effect"
import * as Stores from "../../runtime/store.ts"

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
