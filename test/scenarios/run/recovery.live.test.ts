/**
 * Parties of runs over NATS are killed with SIGKILL; the model is that of the undisturbed run, byte for byte. Here a party dies in each
 * phase; `recovery.sweep.ts` has the whole table, and runs without a seed.
 */
import { mkdirSync, rmdirSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { drawCredentials, startOwnBroker } from "../../../runtime/broker/start.ts"
import { bucketStore } from "../../../runtime/storage/jetstream-store.ts"
import { brokerRequests } from "../../../runtime/transport/nats.ts"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import {
  allOwn,
  disturbedRun,
  read,
  runInMemory,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"
import { type Kills, killing, plan, survives } from "./recovery-table.ts"

describe("recovery - over NATS", () => {
  it.scopedLive("a run of which a party is killed in each phase has the model of the undisturbed run", () =>
    survives(plan(0))
  )

  it.scopedLive("with checkpoints at the broker a cloud goes on from there, and has none in its folder", () =>
    Effect.gen(function* () {
      const placement = { checkpoints: "jetstream" }
      const { file, out } = yield* writeScenario(splits.rows, { ...disturbedRun, placement })
      yield* runInMemory(file, join(out, "undisturbed"))
      const killed = join(out, "killed")
      const kills: Kills = [
        ["upload", "broker"],
        ["train", "cloud0"]
      ]
      const { display, done, onUp } = killing(kills)
      const options = { file, out: killed, transport: "nats", seed: Option.none() } as const
      yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
      expect(done).toEqual(["broker in upload", "cloud0 in train"])
      expect(yield* read(killed, "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
      for (const cloud of ["cloud0", "cloud1"]) {
        const kept = yield* Effect.promise(() => readdir(join(killed, "parties", cloud, "stable")))
        expect(kept.filter((name) => name.startsWith("weights-"))).toEqual([])
      }
      // The broker had both clouds' shares, under their state keys, and has none once the run has ended.
      const { run } = JSON.parse(yield* read(killed, "run.json")) as { run: string }
      const broker = yield* startOwnBroker({
        storing: true,
        folder: join(killed, "broker"),
        credentials: drawCredentials()
      })
      for (const party of ["cloud0", "cloud1"]) {
        const bucket = bucketStore(
          yield* brokerRequests({ servers: [broker.url], ...broker.credentials[party]! }),
          party,
          run
        )
        expect(yield* bucket.list).toEqual([])
      }
      // Cloud 1 has seen it all: that training began at the first step once, and again later on.
      const log = yield* read(killed, "parties", "cloud1", "events.jsonl")
      const firsts = log
        .split("\n")
        .filter((line) => line.includes('"steps"'))
        .map((line) => Number(/"first":(\d+)/.exec(line)?.[1]))
      expect(firsts.filter((first) => first === 1)).toEqual([1])
      expect(firsts.length).toBeGreaterThan(1)
      yield* allOwn(killed)
    })
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
    })
  )
})
