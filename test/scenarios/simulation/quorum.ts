/** Simulated runs of which two of three users decrypt the model, under deaths of parties. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Option } from "effect"
import type { FaultPlan, PlannedEvent } from "../../../scenarios/faults-injected/plan.ts"
import { simulateRun } from "../../../scenarios/simulation/run.ts"
import { judge, loadSimulation, simulateUndisturbed } from "../../../scenarios/simulation/seeds.ts"
import type { SimulatedRun } from "../../../scenarios/simulation/verdict.ts"
import type { Simulation } from "../../../scenarios/simulation/world.ts"
import { splits, writeScenario } from "../../support/small-scenario.ts"

export const absenceTimeoutMs = 20_000

/** A simulation of such a run, and the run without faults. */
export interface Quorum {
  readonly simulation: Simulation
  readonly expected: SimulatedRun
}

export const quorum = async (changes: object = {}): Promise<Quorum> => {
  const loading = Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.rows, {
      seed: 5,
      training: { epochs: 1, batch: 24, rate: 0.25 },
      decryption: { threshold: 2 },
      // The checkers see messages before they are sealed, and held-out cells among them.
      reveal: ["metrics"],
      deadlines: { replyTimeoutMs: 60_000, absenceTimeoutMs },
      ...changes
    })
    return (yield* loadSimulation(file, Option.none())).simulation
  })
  const simulation = await Effect.runPromise(Effect.scoped(Effect.provide(loading, nodeContext)))
  return { simulation, expected: await simulateUndisturbed(simulation) }
}

export const underEvents = async ({ expected, simulation }: Quorum, events: ReadonlyArray<PlannedEvent>) => {
  const plan: FaultPlan = { seed: 0, healAfterMs: undefined, links: [], events }
  const run = await simulateRun(simulation, { seed: 0, plan, livenessMs: 4 * 3_600_000 })
  return { run, problems: judge(run, expected, plan, simulation.agreement) }
}

/** The death of a party, which comes back after a second unless told otherwise. */
export const killed = (
  party: string,
  moment: PlannedEvent["moment"],
  otherwise: Partial<PlannedEvent> = {}
): PlannedEvent => ({
  kind: "kill",
  groups: [],
  forMs: 1_000,
  byMs: 0,
  returns: true,
  party,
  moment,
  ...otherwise
})

/** The training has begun: all users have uploaded. */
export const uploaded = { on: "phase", phase: "train", afterMs: 1 } as const
export const opening = { on: "phase", phase: "output", afterMs: 0.5 } as const
