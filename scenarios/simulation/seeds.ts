/** Many simulated runs of one scenario: what each seed does to it, and whether the run survived. */
import { Effect, Option } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import { agreementOf } from "../description/agreement.ts"
import type { Faults } from "../description/faults.ts"
import { checkData } from "../description/joined.ts"
import { loadFaults, loadScenario } from "../description/load.ts"
import { requireOpened } from "../description/opened.ts"
import { describePlan, drawFaults, type FaultPlan, lostForGood, planFaults } from "../faults-injected/plan.ts"
import { simulateRun } from "./run.ts"
import type { SimulatedRun } from "./verdict.ts"
import { type Simulation, simulationOf } from "./world.ts"

/** What a seed did, and how the run ended. Plain data, to go from process to process. */
export interface SeedResult {
  readonly seed: number
  /** Why the run did not survive; empty where it did. */
  readonly problems: ReadonlyArray<string>
  readonly plan: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
  readonly faults: Readonly<Record<string, number>>
  readonly messages: number
  readonly virtualMs: number
  readonly trace: string
}

/**
 * Longest a run may take after healing: more than the longest pause before a message is sent again, and its
 * answer.
 */
const livenessMs = 60_000
/** The phases of a run, one more for the time before. */
const phasesInAll = 6

const undisturbed: FaultPlan = { seed: 0, healAfterMs: 0, links: [], events: [] }

/** Reads a scenario file, and a file of faults where there is one, ready to be simulated. */
export const loadSimulation = (file: string, faultsFile: Option.Option<string>) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario(file)
    const { scenario } = loaded
    yield* requireOpened(scenario, file, "a simulation")
    const { tables } = yield* checkData(loaded)
    const simulation = yield* simulationOf({
      agreement: agreementOf(scenario),
      tables,
      usersLeave: scenario.placement.usersLeaveAfterUpload
    })
    const faults = Option.isSome(faultsFile) ? yield* loadFaults(faultsFile.value, scenario) : scenario.faults
    // Names are checked before anything runs.
    if (faults !== undefined) yield* planFaults(faults, simulation.agreement)
    return { simulation, faults }
  })

/** The undisturbed run, which every seed is compared with. Throws where even that fails. */
export const simulateUndisturbed = async (simulation: Simulation): Promise<SimulatedRun> => {
  const run = await simulateRun(simulation, { seed: 0, plan: undisturbed, livenessMs })
  if (run.error !== undefined || run.violations.length > 0)
    throw new Error(`the undisturbed run failed: ${[run.error ?? "", ...run.violations].join("; ")}`)
  return run
}

/** The faults of a seed: the plan's where there is one, otherwise drawn. */
export const planOfSeed = (faults: Faults | undefined, agreement: Agreement, seed: number): FaultPlan =>
  faults === undefined ? drawFaults(seed, agreement) : Effect.runSync(planFaults(faults, agreement, seed))

/** Simulates a seed and judges it. */
export const simulateSeed = async (
  simulation: Simulation,
  faults: Faults | undefined,
  expected: SimulatedRun,
  seed: number
): Promise<SeedResult> => {
  const { agreement } = simulation
  const plan = planOfSeed(faults, agreement, seed)
  const mostMs =
    plan.healAfterMs === undefined ? phasesInAll * agreement.deadlines.phaseTimeoutMs : livenessMs
  const run = await simulateRun(simulation, { seed, plan, livenessMs: mostMs })
  return {
    seed,
    problems: judge(run, expected, plan, agreement),
    plan: describePlan(plan),
    history: run.history,
    faults: Object.fromEntries(run.faults),
    messages: run.messages,
    virtualMs: run.virtualMs,
    trace: run.trace
  }
}

/** What is wrong with a run under a plan, compared with one without faults. */
export const judge = (
  run: SimulatedRun,
  expected: SimulatedRun,
  plan: FaultPlan,
  agreement: Agreement
): ReadonlyArray<string> => {
  const problems = [...run.violations]
  const { model, outcome } = run
  if (model === undefined || outcome === undefined) {
    const error = run.error ?? "user1 has no model"
    const excused = [...lostForGood(plan), ...withFullDisks(plan)]
    if (!excused.some((actor) => names(error, actor, agreement))) problems.push(`it ended with: ${error}`)
    return problems
  }
  if (Buffer.compare(model, expected.model!) !== 0)
    problems.push("the model is not that of the undisturbed run")
  if (outcome.steps !== expected.outcome!.steps)
    problems.push(`${outcome.steps} steps were trained instead of ${expected.outcome!.steps}`)
  if (JSON.stringify(outcome.curve) !== JSON.stringify(expected.outcome!.curve))
    problems.push("the curve is not that of the undisturbed run")
  return problems
}

/** Parties whose disk is full: they may give up. */
const withFullDisks = ({ events }: FaultPlan): ReadonlyArray<string> =>
  events.flatMap(({ kind, party }) => (kind === "disk-full" && party !== undefined ? [party] : []))

const names = (error: string, actor: string, { users }: Agreement): boolean => {
  const user = users.find((each) => each.actor === actor)
  return error.includes(actor) || (user !== undefined && error.includes(user.name))
}
