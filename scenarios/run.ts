/**
 * A whole run of a scenario on this machine: everything is checked first, then the parties are brought up, the director
 * takes them through the phases, and what came out is set beside the references and what the scenario expects.
 */
import { randomBytes } from "node:crypto"
import { dirname, join, resolve } from "node:path"
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Clock, Data, Effect, Option } from "effect"
import type { Agreement } from "../actors/agreement.ts"
import { direct, type RunOutcome } from "../actors/director.ts"
import { raised } from "../actors/raised.ts"
import { modelEntry } from "../actors/user-output.ts"
import type { Model } from "../protocol/learning/model.ts"
import { InvalidPlan } from "../protocol/learning/network.ts"
import { seededKey } from "../protocol/seeding.ts"
import { agreementOf } from "./agreement.ts"
import { type Comparison, compareWithReferences } from "./comparison.ts"
import { checkData, joinData } from "./joined.ts"
import { loadScenario } from "./load.ts"
import { assembleFibers, assembleProcesses } from "./parties.ts"
import { type PredictedCost, predictCost } from "./plan.ts"
import type { Expectation, PredictedAndMeasured, RunDisplay, RunResult } from "./result.ts"
import type { Scenario } from "./schema.ts"

export interface RunOptions {
  readonly file: string
  readonly out: string
  readonly transport: "nats" | "memory"
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
  readonly display: RunDisplay
}

/** Nothing can be written where the results should go. */
export class OutNotWritable extends Data.TaggedError("OutNotWritable")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the out folder ${this.folder} can't be written: ${this.reason}; choose another with --out`
  }
}

/** Makes a folder and those above it, one by one: Node's own way spins for ever where the file system says ENOENT to all. */
const makeFolder = (folder: string): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    if (yield* files.exists(folder)) return
    yield* makeFolder(dirname(folder))
    yield* files.makeDirectory(folder)
  })

/** Makes the out folder, proves that it can be written, and clears what an earlier run left in it. */
const prepareOut = Effect.fn("Run.prepareOut")(function* (folder: string) {
  const files = yield* FileSystem.FileSystem
  const parties = join(folder, "parties")
  yield* Effect.gen(function* () {
    yield* files.remove(parties, { recursive: true, force: true })
    yield* makeFolder(resolve(parties))
    for (const name of [modelEntry, "result.json"]) yield* files.remove(join(folder, name), { force: true })
    yield* files.writeFileString(join(parties, ".probe"), "")
    yield* files.remove(join(parties, ".probe"))
  }).pipe(Effect.mapError((error) => new OutNotWritable({ folder, reason: error.message })))
  return parties
})

/** Runs a scenario and writes `model.json`, `result.json` and the event logs to the out folder. */
export const runScenario = Effect.fn("Run.scenario")(function* (options: RunOptions) {
  const { display, file, out, transport } = options
  const started = yield* Clock.currentTimeMillis
  const loaded = yield* loadScenario(file)
  const { scenario } = loaded
  const seed = Option.getOrUndefined(options.seed) ?? scenario.seed
  const agreement = agreementOf(scenario, seed)
  const checked = yield* checkData(loaded)
  // Without a seed the users draw a salt of their own, and other rows are held out; the sizes are the same.
  const salt = seed === undefined ? new Uint8Array(randomBytes(16)) : seededKey(seed, "rows")
  const joined = joinData(scenario, checked, salt)
  const predicted = yield* raised([InvalidPlan], () => predictCost(scenario, joined))
  const folder = yield* prepareOut(out)

  const run = randomBytes(6).toString("hex")
  const company = { file, agreement, run, folder, tables: checked.tables }
  const outcome = yield* Effect.scoped(
    Effect.gen(function* () {
      const parties = yield* transport === "nats" ? assembleProcesses(company) : assembleFibers(company)
      return yield* directed(parties, scenario, agreement, display)
    })
  )
  const files = yield* FileSystem.FileSystem
  const modelText = yield* files.readFileString(join(folder, "user1", modelEntry))
  yield* files.writeFileString(join(out, modelEntry), modelText)
  const model = JSON.parse(modelText) as Model
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000
  const compared = yield* Effect.promise(() => compareWithReferences(agreement, run, joined, model))
  const result = resultOf({
    scenario,
    agreement,
    run,
    transport,
    joined,
    predicted,
    outcome,
    compared,
    seconds
  })
  yield* files.writeFileString(join(out, "result.json"), `${JSON.stringify(result, null, 2)}\n`)
  return result
})

type Assembly =
  | Effect.Effect.Success<ReturnType<typeof assembleProcesses>>
  | Effect.Effect.Success<ReturnType<typeof assembleFibers>>

/** Directs the parties; the loss of one ends the run at once. */
const directed = (parties: Assembly, scenario: Scenario, agreement: Agreement, display: RunDisplay) => {
  const { leave, loss, director } = parties as {
    readonly leave: Assembly["leave"]
    readonly loss: Effect.Effect<never, Effect.Effect.Error<Assembly["loss"]>>
    readonly director: Assembly["director"]
  }
  type LeaveError = Effect.Effect.Error<ReturnType<Assembly["leave"]["back"]>>
  return direct<LeaveError>({
    agreement,
    ...(scenario.placement.usersLeaveAfterUpload ? { leave } : {}),
    onPhase: (phase) => Effect.sync(() => display.phase(phase)),
    onProgress: (actor, phase, done, total) => Effect.sync(() => display.progress(actor, phase, done, total))
  }).pipe(Effect.provide(director), Effect.raceFirst(loss))
}

interface Measured {
  readonly scenario: Scenario
  readonly agreement: Agreement
  readonly run: string
  readonly transport: "nats" | "memory"
  readonly joined: ReturnType<typeof joinData>
  readonly predicted: PredictedCost
  readonly outcome: RunOutcome
  readonly compared: Comparison
  readonly seconds: number
}

const resultOf = (measured: Measured): RunResult => {
  const { agreement, run, transport, joined, predicted, outcome, compared } = measured
  const { tested } = outcome
  const accuracy = tested === undefined ? null : tested.correct / tested.total
  const judged = { accuracy, ...compared }
  return {
    scenario: agreement.scenario,
    run,
    transport,
    modulusBits: agreement.security.modulusBits,
    seed: agreement.seed ?? null,
    accuracy,
    tested: tested ?? null,
    referenceAccuracy: compared.referenceAccuracy,
    maxWeightDeviation: compared.maxWeightDeviation,
    rows: { training: joined.rows.training, heldOut: joined.rows.heldOut },
    steps: outcome.steps,
    rounds: { predicted: predicted.rounds, measured: outcome.rounds },
    bytes: bytesOf(predicted, outcome),
    seconds: { ...outcome.seconds, total: measured.seconds },
    peakMemoryBytes: transport === "nats" ? outcome.peakMemoryBytes : null,
    expectations: expectationsOf(measured.scenario, judged)
  }
}

/** Bytes on the wire, all of them, by the phase in which the plan has each kind of message. */
const bytesOf = (predicted: PredictedCost, outcome: RunOutcome): RunResult["bytes"] => {
  const phaseOf = new Map(predicted.traffic.map(({ tag, phase }) => [tag, phase as string]))
  const byPhase: Record<string, { predicted: number; measured: number }> = {}
  const entry = (phase: string) => {
    byPhase[phase] ??= { predicted: 0, measured: 0 }
    return byPhase[phase]
  }
  for (const { tag, bytes } of predicted.traffic) entry(phaseOf.get(tag)!).predicted += bytes
  for (const { tag, bytes } of outcome.traffic) entry(phaseOf.get(tag) ?? "other").measured += bytes
  const measured = outcome.traffic.reduce((sum, { bytes }) => sum + bytes, 0)
  return { predicted: predicted.bytes, measured, byPhase }
}

interface Judged {
  readonly accuracy: number | null
  readonly referenceAccuracy: number
  readonly maxWeightDeviation: number | null
}

const expectationsOf = ({ expect }: Scenario, judged: Judged): ReadonlyArray<Expectation> => {
  const { accuracy, referenceAccuracy, maxWeightDeviation } = judged
  const { minAccuracy, maxAccuracyGap, maxWeightDeviation: maxDeviation } = expect
  const gap = accuracy === null ? null : Math.abs(accuracy - referenceAccuracy)
  const expectation = (limit: number | undefined, what: string, held: boolean) =>
    limit === undefined ? [] : [{ what: `${what} ${limit}`, held }]
  return [
    ...expectation(minAccuracy, "accuracy at least", accuracy !== null && accuracy >= minAccuracy!),
    ...expectation(
      maxAccuracyGap,
      "difference to the float64 reference at most",
      gap !== null && gap <= maxAccuracyGap!
    ),
    ...expectation(
      maxDeviation,
      "deviation from the fixed-point reference at most",
      maxWeightDeviation !== null && maxWeightDeviation <= maxDeviation!
    )
  ]
}

/** Whether a figure is within a share of what was predicted. */
export const within = ({ predicted, measured }: PredictedAndMeasured, share: number): boolean =>
  Math.abs(measured - predicted) <= share * predicted
