import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { FileSystem, Path } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { readTable, requireOwnFile } from "../../../scenarios/description/data-files.ts"

const description: DataDescription = {
  id: "id",
  features: [{ name: "size", range: [0, 1e6] }],
  label: { column: "kind", values: ["ash", "elm"] },
  scaleTo: [-1, 1]
}

const read = (file: string) => readTable({ user: "ada", file, columns: ["size"] }, description)
const refusal = (file: string) => Effect.map(Effect.flip(read(file)), ({ message }) => message)

/** A folder that is gone after the test. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bicameral-data-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const rows = 150_000
const table = `id,size\n${Array.from({ length: rows }, (_, row) => `a long enough id ${row},${row}`).join("\n")}\n`

describe("data files - on this machine", () => {
  it.scopedLive("are read in pieces, also behind gzip", () =>
    Effect.gen(function* () {
      const path = yield* folder
      writeFileSync(join(path, "a.csv"), table)
      writeFileSync(join(path, "a.csv.gz"), gzipSync(table))
      for (const name of ["a.csv", "a.csv.gz"]) {
        const { ids, columns } = yield* read(join(path, name))
        expect([ids.length, ids[0], ids[rows - 1]]).toEqual([
          rows,
          "a long enough id 0",
          `a long enough id ${rows - 1}`
        ])
        expect(columns.get("size")!.values[rows - 1]).toBe(rows - 1)
      }
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("are the scenario's own wherever links lead to", () =>
    Effect.gen(function* () {
      const [study, elsewhere] = [yield* folder, yield* folder]
      const scenario = join(study, "study.yaml")
      mkdirSync(join(study, "own"))
      writeFileSync(join(study, "own", "a.csv"), table)
      writeFileSync(join(elsewhere, "a.csv"), table)
      symlinkSync(join(study, "own"), join(study, "inside"))
      symlinkSync(elsewhere, join(study, "outside"))
      symlinkSync("/etc/passwd", join(study, "passwd.csv"))
      symlinkSync(study, join(elsewhere, "study"))
      yield* requireOwnFile(scenario, join(study, "inside", "a.csv"))
      yield* requireOwnFile(join(elsewhere, "study", "study.yaml"), join(elsewhere, "study", "own", "a.csv"))
      for (const file of ["outside/a.csv", "passwd.csv", "inside/../../a.csv"])
        expect(yield* Effect.flip(requireOwnFile(scenario, join(study, file))), file).toMatchObject({
          _tag: "Unreadable",
          reason: expect.stringContaining("is outside of")
        })
      const allowing = new Map([["BICAMERAL_DATA_ROOT", join(elsewhere, "")]])
      yield* requireOwnFile(scenario, join(study, "outside", "a.csv")).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(allowing))
      )
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("are refused where the path is no file", () =>
    Effect.gen(function* () {
      const path = yield* folder
      execFileSync("mkfifo", [join(path, "pipe")])
      expect(yield* refusal(path)).toBe(`is a folder; ${path} is where user ada should have its data`)
      expect(yield* refusal(join(path, "pipe"))).toContain("is a pipe; ")
      expect(yield* refusal("/dev/zero")).toContain("is a device; ")
      expect(yield* refusal(join(path, "none.csv"))).toContain("there is no such file; ")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.effect("are refused where they may not be read", () => {
    const denied = new SystemError({ reason: "PermissionDenied", module: "FileSystem", method: "stat" })
    const layer = FileSystem.layerNoop({ stat: () => Effect.fail(denied) })
    return Effect.map(refusal("a.csv").pipe(Effect.provide([layer, Path.layer])), (message) =>
      expect(message).toContain("may not be read by this process")
    )
  })

  it.scopedLive.each(["longer", "shorter"] as const)(
    "are refused where they become %s while they are read",
    (how) =>
      Effect.gen(function* () {
        const file = join(yield* folder, "a.csv")
        writeFileSync(file, table)
        const real = yield* FileSystem.FileSystem
        // The other program writes once the file has been opened and its size is known.
        const layer = Layer.succeed(FileSystem.FileSystem, {
          ...real,
          open: (path, options) =>
            Effect.map(real.open(path, options), (opened) => {
              let isFirst = true
              const seek: typeof opened.seek = (offset, from) => {
                if (isFirst) writeFileSync(file, how === "longer" ? `${table}more,1\n` : "id,size\n")
                isFirst = false
                return opened.seek(offset, from)
              }
              return { ...opened, stat: opened.stat, seek, read: (buffer) => opened.read(buffer) }
            })
        })
        expect(yield* refusal(file).pipe(Effect.provide(layer))).toContain("was changed while it was read")
      }).pipe(Effect.provide(NodeContext.layer))
  )
})
