/** The report and the journal of a run, in its out folder. */
import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { journalLine } from "../../../scenarios/report/journal.ts"
import { command } from "../../support/in-process.ts"
import { allOwn, read, runInMemory, splits, writeScenario } from "../../support/small-scenario.ts"

describe("the report of a run", () => {
  it.scopedLive("is there at its end with its journal, can be made again, and is the program's own", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows, { reveal: ["metrics", "heldOutRows"] })
      const { run } = yield* runInMemory(file, out, { report: true })
      const report = yield* read(out, "report.html")
      expect(report).toContain(`run ${run}`)
      // All that it shows was there when it was made.
      expect(report).not.toContain("are not there")
      expect(report).toContain("ROC area")
      const lines = (yield* read(out, "journal.jsonl")).trim().split("\n").map(journalLine)
      expect(
        lines.map((line) => line?.event).filter((event) => event !== "progress" && event !== "note")
      ).toEqual(["begin", "phase", "phase", "phase", "phase", "phase", "end"])
      expect(lines.at(-1)).toMatchObject({ event: "end", succeeded: true })
      yield* allOwn(out)

      yield* Effect.promise(() => rm(join(out, "report.html")))
      const made = yield* command("report", out)
      expect(made).toMatchObject({ status: 0, printed: `report       ${join(out, "report.html")}` })
      expect(yield* read(out, "report.html")).toContain(`run ${run}`)

      yield* Effect.promise(() => writeFile(join(out, "result.json"), '{"scenario":"leaves"}'))
      expect((yield* command("report", out)).complained).toContain(
        "its result.json is damaged or of another version"
      )
      yield* Effect.promise(() =>
        Promise.all(["result.json", "journal.jsonl"].map((name) => rm(join(out, name))))
      )
      expect((yield* command("view", out)).complained).toContain("it has no result.json")
    })
  )
})
