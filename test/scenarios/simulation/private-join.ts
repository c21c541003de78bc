/** Simulated runs with a private join, and the death of a user at one of its messages. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { expect } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { FaultPlan } from "../../../scenarios/faults-injected/plan.ts"
import { simulateRun } from "../../../scenarios/simulation/run.ts"
import { judge, loadSimulation, simulateUndisturbed } from "../../../scenarios/simulation/seeds.ts"
import type { SimulatedRun } from "../../../scenarios/simulation/verdict.ts"
import type { Simulation } from "../../../scenarios/simulation/world.ts"
import { type Split, splits, writeScenario } from "../../support/small-scenario.ts"

interface Undisturbed {
  readonly simulation: Simulation
  readonly expected: SimulatedRun
}

/** A simulation of three users of the small scenario, and its undisturbed run. */
export const undisturbedOf = (split: Split, changes: object) =>
  Effect.gen(function* () {
    const few = { reveal: [], training: { epochs: 1, batch: 24, rate: 0.25 }, ...changes }
    const { file } = yield* writeScenario(split, few)
    const { simulation } = yield* loadSimulation(file, Option.none())
    const expected = yield* Effect.promise(() => simulateUndisturbed(simulation))
    return { simulation, expected }
  }).pipe(Effect.provide(nodeContext))

/** Of users with blocks of a table who join privately. */
export const undisturbed = undisturbedOf(splits.blocks, { join: "private" })

/** A user, and what it sends when it is killed: each sends four of each, requests and replies. */
export interface Death {
  readonly party: string
  readonly tag: string
  readonly nth: number
}

export const deaths: ReadonlyArray<Death> = ["user1", "user2", "user3"].flatMap((party) =>
  ["CommitIds", "RaiseIds", "Declaration"].flatMap((tag) => [1, 2, 3, 4].map((nth) => ({ party, tag, nth })))
)

/** Demands the undisturbed model of a run in which a user dies so. */
export const survives = ({ simulation, expected }: Undisturbed, { party, tag, nth }: Death) =>
  Effect.gen(function* () {
    const moment = { on: "message", tag, nth } as const
    const kill = { kind: "kill", party, moment, groups: [], forMs: 1_000, byMs: 0, returns: true } as const
    const plan: FaultPlan = { seed: 1, healAfterMs: undefined, links: [], events: [kill] }
    const run = yield* Effect.promise(() => simulateRun(simulation, { seed: 1, plan, livenessMs: 600_000 }))
    expect(judge(run, expected, plan, simulation.agreement), `${party} at ${tag} ${nth}`).toEqual([])
    expect(run.faults.get("kill")).toBe(1)
  })
