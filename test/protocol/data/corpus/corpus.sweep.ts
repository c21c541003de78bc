import { describe, expect, it } from "vitest"
import { full, seed, slice } from "../../../support/sweep.ts"
import { composed } from "./composed.ts"
import { corpus } from "./corpus.ts"
import { tried } from "./trial.ts"

describe("corpus of data files, whole", () => {
  it("is read with exactly the cells, or refused with exactly the errors, expected", async () => {
    expect(await tried(slice(corpus, corpus.length))).toBe("")
  })

  it("so are files drawn from all axes at once", async () => {
    const files = Array.from({ length: full ? 20_000 : 1_000 }, (_, i) => composed(seed * 1_000_000 + i))
    expect(await tried(slice(files, files.length))).toBe("")
  })

  it("ids of timestamps are the same in every time zone", async () => {
    const zone = process.env.TZ
    const moments = corpus.filter(({ name }) => /ids of type (date|.*seconds)/.test(name))
    expect(moments.length).toBeGreaterThan(5)
    try {
      for (const other of ["Asia/Tokyo", "America/St_Johns", "UTC"]) {
        process.env.TZ = other
        expect(await tried(moments)).toBe("")
      }
    } finally {
      if (zone === undefined) delete process.env.TZ
      else process.env.TZ = zone
    }
  })
})
