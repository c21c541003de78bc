/** `bicameral audit` in this process: what it prints, keeps and ends with. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { command } from "../support/in-process.ts"
import { read, splits, writeScenario } from "../support/small-scenario.ts"

/** Whether the coupling finds something, as it does where a pad serves twice. */
const fault = vi.hoisted(() => ({ found: false }))
vi.mock("../../protocol/audit/coupling.ts", async (original) => {
  const real = await original<typeof import("../../protocol/audit/coupling.ts")>()
  const auditCoupling: typeof real.auditCoupling = async (coupling) =>
    fault.found
      ? [{ coalition: real.coalitionOf(coupling), what: "it depends on others", where: "round 1 of step 1" }]
      : real.auditCoupling(coupling)
  return { ...real, auditCoupling }
})

describe("bicameral audit", () => {
  it.scopedLive("prints who saw what, keeps it, and audits what was kept", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows, { seed: 5 })
      const out = join(folder, "audit")
      const { complained, printed, status } = yield* command("audit", file, "--rows", "24", "--out", out)
      expect(complained).toBe("")
      expect(status).toBe(0)
      expect(printed).toContain("a modulus of 512 bits, without the seed")
      expect(printed).toContain("no findings: nobody learned more than SECURITY.md says")
      expect(yield* read(out, "audit.txt")).toBe(`${printed}\n`)
      const audit = JSON.parse(yield* read(out, "audit.json"))
      expect(audit).toMatchObject({ format: "bicameral audit", findings: [], error: null })
      expect(printed).toContain("a training of this form, 4 → 6 → 2 units on 11 rows of 3 users in 1 lane")
      expect(audit.coupling).toEqual({ rows: 11, units: [4, 6, 2], lanes: 1, users: 3 })
      expect(audit.users[2]).toEqual({ actor: "user3", name: "west" })
      expect(audit.views.length).toBeGreaterThan(10)

      const again = yield* command("audit", out)
      expect(again).toEqual({ status: 0, printed, complained: "" })
      fault.found = true
      const unlike = yield* command("audit", out)
      expect(unlike.status).toBe(3)
      expect(unlike.printed.split("\n").slice(-5)).toEqual([
        "4 findings",
        ...["cloud0", "cloud0 with user1, user2", "cloud1", "cloud1 with user1, user2"].map(
          (coalition) => `  ${coalition}: it depends on others; in round 1 of step 1`
        )
      ])
      const sized = yield* command("audit", out, "--epochs", "1")
      expect(sized.status).toBe(1)
      expect(sized.complained).toContain("--epochs is for a trial, and the trial of")

      yield* Effect.promise(() => writeFile(join(out, "recording.msgpack"), "something else"))
      const spoilt = yield* command("audit", out)
      expect(spoilt.status).toBe(1)
      expect(spoilt.complained).toContain("there is no recording to audit in")
      yield* Effect.promise(() => writeFile(join(out, "notes.txt"), "mine"))
      const taken = yield* command("audit", file, "--out", out)
      expect(taken.complained).toContain("can't hold an audit: it holds notes.txt")
    })
  )
})
