/** The scenarios that come with the project, from their files as they are, under a modulus that makes them quick. */
import { cp, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { parse, stringify } from "yaml"
import { runInMemory, temporaryFolder } from "../../support/small-scenario.ts"

const scenarios = fileURLToPath(new URL("../../../scenarios", import.meta.url))

const quickly = (name: string) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const file = join(folder, `${name}.yaml`)
    yield* Effect.promise(async () => {
      const scenario = parse(await readFile(join(scenarios, `${name}.yaml`), "utf8")) as object
      await writeFile(file, stringify({ ...scenario, security: { modulusBits: 512, insecure: true } }))
      await cp(join(scenarios, "data"), join(folder, "data"), { recursive: true })
    })
    return yield* runInMemory(file, join(folder, "out"))
  })

describe("a scenario of the project", () => {
  it.scopedLive.each(["two-of-three", "three-clinics", "passengers", "progression"])(
    "%s ends as it expects",
    (name) =>
      Effect.gen(function* () {
        const result = yield* quickly(name)
        expect(result.expectations.length).toBeGreaterThan(0)
        expect(result.expectations.filter(({ held }) => !held)).toEqual([])
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        if (name === "two-of-three")
          expect(result.openers).toMatchObject({ threshold: 2, opened: ["north", "south", "west"] })
      })
  )
})
