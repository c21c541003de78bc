/**
 * Every party of a run over NATS is killed with SIGKILL in every phase, some in each run; the model is that of the undisturbed run,
 * byte for byte. A kill is triggered by what the run reports of itself, never by a clock.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { type Phase, phases } from "../../actors/director.ts"
import type { Hands } from "../../scenarios/parties.ts"
import type { RunDisplay } from "../../scenarios/result.ts"
import { runScenario } from "../../scenarios/run.ts"
import { runInMemory, splits, writeScenario } from "./small-scenario.ts"

const minutes = 60_000

const scenario = {
  seed: 5,
  training: { epochs: 40, batch: 8, rate: 0.25 },
  expect: { maxWeightDeviation: 0 }
}

const parties = ["kgc", "cloud0", "cloud1", "user1", "user2", "director", "broker"] as const
type Killed = (typeof parties)[number]

/** Who is killed in which phase of the k-th run: over as many runs as there are parties, each in each phase. */
const plan = (k: number): ReadonlyArray<readonly [Phase, Killed]> =>
  phases.map((phase, i) => [phase, parties[(k + 3 * i) % parties.length]!])

/** A display that kills: when a phase begins; in training, when the clouds have got somewhere. */
const killing = (kills: ReadonlyArray<readonly [Phase, Killed]>) => {
  const left = new Map(kills)
  const done: Array<string> = []
  let hands: Hands | undefined
  const kill = (phase: string) => {
    const victim = left.get(phase as Phase)
    if (victim === undefined || hands === undefined || !hands.signal(victim, "SIGKILL")) return
    left.delete(phase as Phase)
    done.push(`${victim} in ${phase}`)
  }
  const display: RunDisplay = {
    note: () => {},
    // The director begins while the others are still starting.
    life: (event) => {
      if (event._tag === "Up" && event.party === left.get("setup")) kill("setup")
    },
    phase: (phase) => {
      if (phase !== "train") kill(phase)
    },
    progress: (_, phase, steps) => {
      if (phase === "train" && steps >= 96) kill(phase)
    }
  }
  const onUp = (given: Hands) => {
    hands = given
  }
  return { display, done, onUp }
}

const read = (...path: ReadonlyArray<string>) => Effect.promise(() => readFile(join(...path), "utf8"))

describe("recovery - over NATS", () => {
  it.scopedLive(
    "whoever is killed in whatever phase, the model is that of the undisturbed run",
    () =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(splits.rows, scenario)
        yield* runInMemory(file, join(out, "undisturbed"))
        const undisturbed = yield* read(out, "undisturbed", "model.json")
        const killed = new Set<string>()
        for (const k of parties.keys()) {
          const { display, done, onUp } = killing(plan(k))
          const started = performance.now()
          const options = { file, out: join(out, String(k)), transport: "nats", seed: Option.none() } as const
          const result = yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
          console.log(
            k,
            ((performance.now() - started) / 1000).toFixed(1),
            done,
            result.recoveries,
            result.seconds
          )
          expect(yield* read(out, String(k), "model.json"), plan(k).join("; ")).toBe(undisturbed)
          expect(result.recoveries.map(({ party }) => party).sort()).toEqual(
            plan(k)
              .map(([, party]) => party)
              .sort()
          )
          for (const each of done) killed.add(each)
        }
        expect(killed.size).toBe(parties.length * phases.length)
      }),
    6 * minutes
  )
})
