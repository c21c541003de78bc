/** Libraries that could be replaced in one place have one importer each. */
import { readFileSync } from "node:fs"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { programFiles } from "./sources.ts"

const importers = new Map([
  ["@effect/schema", "protocol/schema.ts"],
  ["effect/Schema", "scenarios/gateway/api.ts"],
  ["msgpackr", "protocol/messages/codec.ts"]
])

/** The libraries of these that a text imports. */
const importedIn = (text: string): ReadonlyArray<string> =>
  [...new Set(ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName))].filter((name) =>
    importers.has(name)
  )

const found = programFiles.flatMap((file) =>
  importedIn(readFileSync(file, "utf8")).map((library) => [library, file] as const)
)

describe("a library with one importer", () => {
  it("is found where a file imports it, as a type too", () => {
    expect(importedIn('import type { Packr } from "msgpackr"\nimport * as S from "effect/Schema"')).toEqual([
      "msgpackr",
      "effect/Schema"
    ])
    expect(importedIn('import { Schema } from "../schema.ts"')).toEqual([])
  })

  it("is imported there, and nowhere else", () => {
    expect([...new Map(found)].sort()).toEqual([...importers].sort())
    expect(found).toHaveLength(importers.size)
  })
})
