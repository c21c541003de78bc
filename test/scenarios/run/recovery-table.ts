/**
 * Runs over NATS in which parties are killed with SIGKILL, and what is demanded of them: the model of the undisturbed run, byte for
 * byte. A kill is triggered by what the run reports of itself, never by a clock.
 */
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { expect } from "@effect/vitest"
import { Effect, Option } from "effect"
import { type Phase, phases } from "../../../actors/party/phases.ts"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { disturbedRun, read, runInMemory, splits, writeScenario } from "../../support/small-scenario.ts"

export const parties = ["kgc", "cloud0", "cloud1", "user1", "user2", "director", "broker"] as const
type Killed = (typeof parties)[number] | "user3"
export type Kills = ReadonlyArray<readonly [Phase, Killed]>

/** The party that is killed in each phase of the k-th run: over as many runs as there are parties, each party in each phase. */
export const plan = (k: number): Kills =>
  phases.map((phase, i) => [phase, parties[(k + 3 * i) % parties.length]!])

/** A display that kills: when a phase begins, or as soon as the victim is up in it; in training, when the clouds have got somewhere. */
export const killing = (kills: Kills) => {
  const left = new Map(kills)
  const done: Array<string> = []
  let control: ProcessControl | undefined
  let begun = "setup"
  const kill = (phase: string) => {
    const victim = left.get(phase as Phase)
    if (victim === undefined || control === undefined || !control.signal(victim, "SIGKILL")) return
    left.delete(phase as Phase)
    done.push(`${victim} in ${phase}`)
  }
  const display: RunDisplay = {
    note: () => {},
    // The director begins while the others are still starting, and users who left come back for the output.
    life: (event) => {
      if (begun !== "train" && event._tag === "Up" && event.party === left.get(begun as Phase)) kill(begun)
    },
    phase: (phase) => {
      begun = phase
      if (phase !== "train") kill(phase)
    },
    progress: (_, phase, steps) => {
      if (phase === "train" && steps >= 96) kill(phase)
    }
  }
  const onUp = (given: ProcessControl) => {
    control = given
  }
  return { display, done, onUp }
}

/** Demands of a run with these kills, all of which happen, the model of the undisturbed run and a report of each recovery. */
export const survives = (kills: Kills, changes: object = {}) =>
  Effect.gen(function* () {
    const { file, out } = yield* writeScenario(splits.rows, { ...disturbedRun, ...changes })
    const { metrics } = yield* runInMemory(file, join(out, "undisturbed"))
    const { display, done, onUp } = killing(kills)
    const options = { file, out: join(out, "killed"), transport: "nats", seed: Option.none() } as const
    const result = yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
    expect([...done].sort()).toEqual(kills.map(([phase, party]) => `${party} in ${phase}`).sort())
    expect(yield* read(out, "killed", "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
    expect(metrics).not.toBe(undefined)
    expect(result.metrics).toEqual(metrics)
    expect(result.recoveries.map(({ party }) => party).sort()).toEqual(kills.map(([, party]) => party).sort())
  })

const hybrid = { modulusBits: 512, insecure: true, upload: "hybrid" }

/** Other kinds of runs, and kills in each phase of each. */
export const otherRuns = {
  "a hybrid upload": [
    { security: hybrid },
    { setup: "user1", upload: "cloud1", transform: "cloud0", train: "cloud1", output: "user3" }
  ],
  "users who leave after the upload": [
    { placement: { usersLeaveAfterUpload: true } },
    { setup: "director", upload: "user1", transform: "kgc", train: "cloud0", output: "user2" }
  ],
  "a private join": [
    { join: "private" },
    { setup: "user2", upload: "user1", transform: "user3", train: "cloud0", output: "user2" }
  ],
  "joint statistics": [
    {
      data: {
        features: ["length", "width", "veins", "weight"],
        label: { column: "kind", values: ["ash", "elm"] }
      }
    },
    { setup: "user3", upload: "user2", transform: "user1", train: "cloud1", output: "user1" }
  ],
  "a hybrid upload of users who leave": [
    { placement: { usersLeaveAfterUpload: true }, security: hybrid },
    { setup: "cloud0", upload: "user2", transform: "cloud1", train: "broker", output: "director" }
  ]
} as const

/** What of them is killed, as a list. */
export const killsOf = (kills: Readonly<Record<Phase, string>>): Kills => Object.entries(kills) as Kills
