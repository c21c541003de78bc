/** From files to a scenario that passes `check`, by the built program, without a terminal. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { bicameral } from "../../support/program.ts"
import { clinics, folderOf } from "./tables.ts"

describe("the program", () => {
  it.scopedLive("asks nobody who is not there, and says what to give", () =>
    Effect.gen(function* () {
      const { complained, status } = yield* bicameral(["init"])
      expect(complained).toMatch(
        /standard input is no terminal that could answer questions; give --yes .* --label/
      )
      expect(status).toBe(1)
    })
  )

  it.scopedLive("writes a scenario from a folder, which passes check", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(clinics)
      const out = join(folder, "clinics.yaml")
      const { complained, printed, status } = yield* bicameral([
        "init",
        "--files",
        folder,
        "--out",
        out,
        "--yes"
      ])
      expect({ complained, status }).toEqual({ complained: "", status: 0 })
      expect(printed).toMatch(
        /wrote .*clinics\.yaml: 3 owners with other rows each; 120 rows[\s\S]*passes bicameral check/
      )
    })
  )

  it.scopedLive("prints as JSON what files hold", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(clinics)
      const { printed, status } = yield* bicameral([
        "inspect",
        "--json",
        join(folder, "hill.csv"),
        join(folder, "valley.tsv")
      ])
      expect(status).toBe(0)
      expect(JSON.parse(printed)).toMatchObject({
        command: "inspect",
        result: [{ dialect: { separator: "semicolon" } }, { dialect: { separator: "tab" } }]
      })
    })
  )
})
