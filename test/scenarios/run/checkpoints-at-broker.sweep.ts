/** A run whose checkpoints are at the broker, of which the broker and a cloud are killed. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { drawCredentials, startOwnBroker } from "../../../runtime/broker/start.ts"
import { bucketStore } from "../../../runtime/storage/jetstream-store.ts"
import { brokerRequests } from "../../../runtime/transport/nats.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import {
  allOwn,
  disturbedRun,
  read,
  runInMemory,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"
import { type Kills, killing } from "./recovery-table.ts"

describe("recovery - over NATS", () => {
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
