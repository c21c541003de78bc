/**
 * The world of one simulated run: its time, its network, its parties' disks, and all that is observed of it.
 */
import { Effect } from "effect"
import { type Agreement, planOf, trainsOnCiphertexts } from "../../actors/party/agreement.ts"
import { drawIdentities, type Identities } from "../../actors/party/identities.ts"
import { rootEntry } from "../../actors/party/root.ts"
import { evaluationCost } from "../../protocol/computation/cost.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { evaluates } from "../../protocol/learning/plan.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import type { Work } from "../../protocol/sharing/work.ts"
import { memoryStore, type StoreService } from "../../runtime/storage/store.ts"
import type { Hub } from "../../runtime/transport/memory.ts"
import type { VirtualRandomness } from "../../runtime/virtual/randomness.ts"
import { makeVirtualTime, type VirtualTime } from "../../runtime/virtual/time.ts"
import type { JobFailed } from "../../runtime/work/pool.ts"
import { type StepRounds, stepRoundsOf } from "../faults-injected/moments.ts"
import { type FaultPlan, partiesOf } from "../faults-injected/plan.ts"
import { type FrameWatch, watchFrames } from "./checkers/frames.ts"
import { type EvaluationRounds, MaskWatch } from "./checkers/masks.ts"
import type { Secrets } from "./checkers/secrets.ts"
import { Conditions } from "./conditions.ts"
import { simulatedModulusBits, simulatedPool } from "./keys.ts"
import { makeNetwork, type OnArrival } from "./network.ts"
import { RunRecord } from "./run-record.ts"
import { rootOf, secretsOf } from "./secrets.ts"

/** What a run of a scenario needs. */
export interface SimulationInput {
  readonly agreement: Agreement
  /** The users' cells, in the order of the agreement. */
  readonly tables: ReadonlyArray<ReadonlyArray<HeldTable>>
  readonly usersLeave: boolean
}

/** The same, ready to be simulated. */
export interface Simulation extends SimulationInput {
  /** What is secret in every run. */
  readonly secrets: Secrets
}

/** Prepares a simulation: under the simulator's own BCP key, which changes nothing about the model. */
export const simulationOf = (input: SimulationInput) =>
  Effect.map(secretsOf(input), (secrets): Simulation => {
    const { agreement } = input
    const security = { ...agreement.security, modulusBits: simulatedModulusBits, insecure: true }
    return { ...input, agreement: { ...agreement, security }, secrets }
  })

export interface SimulationOptions {
  readonly seed: number
  readonly plan: FaultPlan
  /** Longest the run may take after healing; in all, where links never heal. */
  readonly livenessMs: number
  readonly onArrival?: OnArrival
  /** Whether all steps are dealt first, as by `bicameral deal`. */
  readonly dealsFirst?: boolean
  /** Whether messages are sealed, as they are by default; not, to test what takes them apart with anything at all. */
  readonly sealed?: boolean
}

/** A party's two stores, which outlive its process. */
interface Disk {
  readonly store: StoreService
  readonly stable: StoreService
}

export interface World {
  readonly simulation: Simulation
  readonly dealsFirst: boolean
  readonly seed: number
  readonly plan: FaultPlan
  readonly sealed: boolean
  /** The director and all actors, by their wire names. */
  readonly parties: ReadonlyArray<string>
  readonly stepRounds: StepRounds
  readonly time: VirtualTime
  readonly conditions: Conditions
  readonly record: RunRecord
  readonly watch: FrameWatch
  readonly hub: Hub
  readonly disks: ReadonlyMap<string, Disk>
  readonly pool: Work<JobFailed>
  /** The parties' identities, the same for all of a run. */
  readonly identities: Identities
}

/** Shorter draws are left out: their bytes turn up by chance. */
const leastDrawnBytes = 16

/** Adds every longer draw of randomness to the secrets of a run. */
export const addDrawn =
  (secrets: Secrets) =>
  (bytes: Uint8Array): void => {
    if (bytes.length >= leastDrawnBytes) secrets.add("something drawn at random", bytes)
  }

/** How often, and in how many rounds, the clouds evaluate the model. */
const evaluationsOf = (agreement: Agreement, uploaded: number): EvaluationRounds | undefined => {
  const plan = planOf(agreement, uploaded)
  return evaluates(plan) ? { everySteps: plan.stepsPerEpoch, rounds: evaluationCost(plan).rounds } : undefined
}

/** The world of a run before it begins. `randomness` stands in for the operating system's meanwhile. */
export const makeWorld = (
  simulation: Simulation,
  { seed, plan, onArrival, dealsFirst = false, sealed = true }: SimulationOptions,
  secrets: Secrets,
  randomness: VirtualRandomness
): World => {
  const time = makeVirtualTime()
  const parties = partiesOf(simulation.agreement)
  const record = new RunRecord(time.nowMs)
  const stepRounds = stepRoundsOf(simulation.agreement)
  return {
    simulation,
    dealsFirst,
    seed,
    plan,
    sealed,
    parties,
    stepRounds,
    time,
    conditions: new Conditions(time.nowMs, plan.healAfterMs),
    record,
    watch: watchFrames(
      secrets,
      // On ciphertexts the same numbers come under other randomness when a step is made again.
      trainsOnCiphertexts(simulation.agreement)
        ? undefined
        : new MaskWatch(stepRounds.each, (uploaded) => evaluationsOf(simulation.agreement, uploaded))
    ),
    hub: makeNetwork({ seed, time, record, onArrival }),
    disks: new Map(parties.map((actor) => [actor, { store: memoryStore(), stable: memoryStore() }])),
    pool: simulatedPool(randomness, addDrawn(secrets)),
    identities: drawIdentities()
  }
}

const Root = format("root", Schema.Struct({ secret: Bytes }))

/** Gives every party its secret root, which is the same in every simulated run. */
export const storeRoots = ({ parties, disks }: World) =>
  Effect.forEach(
    parties,
    (actor) =>
      Effect.flatMap(Root.encode({ secret: rootOf(actor) }), (bytes) =>
        disks.get(actor)!.stable.put(rootEntry, bytes)
      ),
    { discard: true }
  )
