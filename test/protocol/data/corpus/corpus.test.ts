import { describe, expect, it } from "vitest"
import { again, slice } from "../../../support/sweep.ts"
import { corpus } from "./corpus.ts"
import { judged } from "./outcome.ts"

describe("corpus of data files", () => {
  it("has at least 200 files, each with a name of its own", () => {
    expect(corpus.length).toBeGreaterThan(200)
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length)
  })

  it("an even slice of it is read with exactly the cells, or refused with exactly the errors, expected", async () => {
    const wrong: Array<string> = []
    for (const data of slice(corpus, 250)) {
      for (const difference of await judged(data)) {
        wrong.push(`${data.name} ${difference}\n  ${again("npm run test:sweep", data.name)}`)
      }
    }
    expect(wrong.join("\n\n")).toBe("")
  })
})
