import { describe, expect, it } from "vitest"
import { slice } from "../../../support/sweep.ts"
import { composed } from "./composed.ts"
import { corpus } from "./corpus.ts"
import { tried } from "./trial.ts"

describe("corpus of data files", () => {
  it("has at least 200 files, each with a name of its own", () => {
    expect(corpus.length).toBeGreaterThan(200)
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length)
  })

  it("an even slice of it is read with exactly the cells, or refused with exactly the errors, expected", async () => {
    expect(await tried(slice(corpus, 150))).toBe("")
  })

  it("so are files drawn from all axes at once", async () => {
    const files = Array.from({ length: 60 }, (_, start) => composed(start))
    expect(await tried(files)).toBe("")
  })
})
