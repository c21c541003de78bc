/** Every scenario that people may write is accepted with what it says, or refused with the problems that it has. */
import { describe, expect, it } from "vitest"
import { corpus } from "./corpus.ts"
import { checkCase, checkDrawnColumns } from "./corpus-checks.ts"

describe("scenario corpus", () => {
  it.each(corpus)("$name", checkCase)

  it("has a hundred scenarios and more, each of its own name", () => {
    expect(corpus.length).toBeGreaterThan(100)
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length)
  })

  it.each([1, 2, 3])("columns of any name are read as they are written: seed %i", checkDrawnColumns)
})
