/**
 * Parties of runs over NATS are killed with SIGKILL; the model is that of the undisturbed run, byte for byte. Here a party dies in each
 * phase; `recovery.sweep.ts` has the whole table, and runs without a seed.
 */
import { mkdirSync, rmdirSync } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import { readEventLogs } from "../../../scenarios/folders/event-logs.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { timelineOf } from "../../../scenarios/report/run-timeline.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { disturbedRun, splits, writeScenario } from "../../support/small-scenario.ts"
import { plan, survives } from "./recovery-table.ts"

describe("recovery - over NATS", () => {
  it.scopedLive("a run of which a party is killed in each phase has the model of the undisturbed run", () =>
    survives(plan(0))
  )
})

describe("recovery - a party whose program breaks down", () => {
  it.scopedLive("comes back as one that was killed does", () =>
    Effect.gen(function* () {
      const faults = { links: [{ loss: 0 }] }
      const { file, out } = yield* writeScenario(splits.rows, { ...disturbedRun, faults })
      const obstacle = join(out, "parties", "cloud0", "faults-fired")
      let control: ProcessControl | undefined
      const deaths: Array<string> = []
      const display: RunDisplay = {
        note: () => {},
        progress: () => {},
        // A folder where the process expects a file is an error that nobody has foreseen.
        phase: (phase) => {
          if (phase !== "upload") return
          mkdirSync(obstacle)
          control?.signal("cloud0", "SIGKILL")
        },
        life: (event) => {
          if (event._tag !== "Died" || event.party !== "cloud0") return
          deaths.push(event.reason)
          if (deaths.length === 2) rmdirSync(obstacle)
        }
      }
      const onUp = (given: ProcessControl) => {
        control = given
      }
      const options = { file, out, transport: "nats", seed: Option.none(), display, onUp } as const
      const result = yield* runScenario(options).pipe(Effect.provide(nodeContext))
      expect(deaths.length).toBe(2)
      expect(deaths[0]).toContain("(SIGKILL)")
      expect(deaths[1]).toMatch(/\(70\); it said last:\nbicameral: internal error: EISDIR/)
      expect(result.maxWeightDeviation).toBe(0)
      const timeline = timelineOf(yield* readEventLogs(out))!
      expect(timeline.outcome).toBe("over")
      const restarts = timeline.parties.map(({ actor, restarts }) => [actor, restarts] as const)
      expect(restarts.filter(([, times]) => times > 0)).toEqual([["cloud0", expect.any(Number)]])
      expect(timeline.rounds).toBe(result.rounds.measured)
    })
  )
})
