/**
 * A whole run of a scenario on this machine: everything is checked first, then the parties are brought up, the director
 * takes them through the phases, and what came out is set beside the references and what the scenario expects. A run
 * over NATS that was broken off goes on where it was.
 */
import { randomBytes } from "node:crypto"
import { dirname, join, resolve } from "node:path"
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Clock, Data, Effect, Option, Redacted } from "effect"
import type { RunOutcome } from "../actors/director.ts"
import { drawGroupSecrets } from "../actors/group/process-group.ts"
import { type Agreement, agreementDigest } from "../actors/party/agreement.ts"
import { raised } from "../actors/party/typed-throws.ts"
import { modelEntry } from "../actors/users/output.ts"
import type { Model } from "../protocol/learning/model.ts"
import { InvalidPlan } from "../protocol/learning/network.ts"
import { seededKey } from "../protocol/seeding.ts"
import { drawCredentials, givenUrl } from "../runtime/broker/start.ts"
import { holdFolder } from "../runtime/folder-lock.ts"
import type { LifeEvent } from "../runtime/supervision.ts"
import { agreementOf } from "./agreement.ts"
import { type Comparison, compareWithReferences } from "./comparison.ts"
import { type FaultPlan, planFaults } from "./faults.ts"
import { type FaultsAtRun, faultsAtRun } from "./faults-at-run.ts"
import { checkData, joinData } from "./joined.ts"
import { loadFaults, loadScenario } from "./load.ts"
import { assembleFibers, assembleProcesses, type Hands } from "./parties.ts"
import { type PredictedCost, predictCost } from "./plan.ts"
import type { Expectation, PredictedAndMeasured, RunDisplay, RunResult } from "./result.ts"
import type { Scenario } from "./schema.ts"
import { duration } from "./units.ts"

export interface RunOptions {
  readonly file: string
  readonly out: string
  readonly transport: "nats" | "memory"
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
  /** A file of faults, in place of those of the scenario. */
  readonly faults?: Option.Option<string>
  readonly display: RunDisplay
  /** Given hold of the parties' processes when they are up, before the director begins. */
  readonly onUp?: (hands: Hands) => void
}

/** What it takes to go on with a run. */
export interface ResumeOptions extends Pick<RunOptions, "display" | "onUp"> {
  /** The out folder of the run. */
  readonly out: string
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

/** Faults are done to processes and what goes between them. */
export class FaultsNeedProcesses extends Data.TaggedError("FaultsNeedProcesses")<object> {
  readonly retryable = false
  override get message(): string {
    return "faults are injected into runs over NATS; take out --transport memory, or use bicameral simulate"
  }
}

/** There is no run in the folder that could go on. */
export class NothingToResume extends Data.TaggedError("NothingToResume")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `nothing to resume in ${this.folder}: ${this.reason}`
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

/** What the out folder of a run says of it, for whoever resumes it. */
interface Begun {
  readonly file: string
  readonly run: string
  readonly seed: number | null
  /** Hexadecimal SHA-256 of the agreement. */
  readonly agreement: string
}

const begunEntry = "run.json"
const credentialsEntry = "credentials.json"
const partiesFolder = "parties"
const brokerFolder = "broker"

/** Makes the out folder and holds it, proves that it can be written, and clears what an earlier run left in it. */
const prepareOut = Effect.fn("Run.prepareOut")(function* (folder: string) {
  const files = yield* FileSystem.FileSystem
  const parties = join(folder, partiesFolder)
  const unwritable = (error: { readonly message: string }) =>
    new OutNotWritable({ folder, reason: error.message })
  yield* Effect.mapError(makeFolder(resolve(folder)), unwritable)
  yield* Effect.catchTag(holdFolder(folder), "StoreFailed", ({ reason }) => unwritable({ message: reason }))
  yield* Effect.gen(function* () {
    for (const each of [parties, join(folder, brokerFolder)])
      yield* files.remove(each, { recursive: true, force: true })
    yield* makeFolder(resolve(parties))
    for (const name of [modelEntry, "result.json", begunEntry, credentialsEntry])
      yield* files.remove(join(folder, name), { force: true })
    yield* files.writeFileString(join(parties, ".probe"), "")
    yield* files.remove(join(parties, ".probe"))
  }).pipe(Effect.mapError(unwritable))
})

/** What is kept of a run's credentials: passwords at the broker, and the secrets of the houses. */
interface KeptCredentials {
  readonly passwords: Readonly<Record<string, string>>
  readonly houses: Readonly<Record<string, string>>
}

/** The credentials of a run that is under way here, or new ones, which are kept: the parties' stored state is under them. */
const credentialsIn = Effect.fn("Run.credentials")(function* (out: string) {
  const files = yield* FileSystem.FileSystem
  const file = join(out, credentialsEntry)
  if (yield* files.exists(file)) {
    const kept = JSON.parse(yield* files.readFileString(file)) as KeptCredentials
    return {
      credentials: mapValues(kept.passwords, (password, user) => ({
        user,
        password: Redacted.make(password)
      })),
      houses: mapValues(kept.houses, (secret) => Redacted.make(secret))
    }
  }
  // A broker that is there already has passwords of its own, which are nobody's to keep here.
  const credentials = givenUrl() === undefined ? drawCredentials() : {}
  const drawn = { credentials, houses: drawGroupSecrets() }
  const kept: KeptCredentials = {
    passwords: mapValues(drawn.credentials, ({ password }) => Redacted.value(password)),
    houses: mapValues(drawn.houses, Redacted.value)
  }
  yield* files.writeFileString(file, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
  return drawn
})

const mapValues = <A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A, key: string) => B
): Record<string, B> => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]))

/** Runs a scenario and writes `model.json`, `result.json` and the event logs to the out folder. */
export const runScenario = Effect.fn("Run.scenario")(function* (options: RunOptions) {
  const { file, out, transport, faults: faultsFile = Option.none() } = options
  const started = yield* Clock.currentTimeMillis
  const checked = yield* checkScenario(file, Option.getOrUndefined(options.seed))
  const faults = Option.isSome(faultsFile) ? yield* loadFaults(faultsFile.value) : checked.scenario.faults
  const plan = faults && (yield* planFaults(faults, checked.agreement))
  if (plan !== undefined && transport === "memory") return yield* new FaultsNeedProcesses()
  yield* prepareOut(out)
  const run = randomBytes(6).toString("hex")
  const files = yield* FileSystem.FileSystem
  const { agreement } = checked
  if (transport === "nats") {
    const begun: Begun = {
      file: resolve(file),
      run,
      seed: agreement.seed ?? null,
      agreement: agreementDigest(agreement)
    }
    yield* files.writeFileString(join(out, begunEntry), `${JSON.stringify(begun, null, 2)}\n`)
  }
  const disturbed = plan === undefined ? {} : { injected: { plan, file: faultsFile } }
  return yield* carryOut({ ...checked, ...options, ...disturbed, run, started })
}, Effect.scoped)

/** Goes on with a run over NATS that was broken off: by an error, by a signal, or by the end of its machine. */
export const resumeRun = Effect.fn("Run.resume")(function* ({ out, ...options }: ResumeOptions) {
  const started = yield* Clock.currentTimeMillis
  const files = yield* FileSystem.FileSystem
  const nothing = (reason: string) => new NothingToResume({ folder: out, reason })
  const text = yield* files
    .readFileString(join(out, begunEntry))
    .pipe(Effect.mapError(() => nothing("no run over NATS was begun there")))
  if (yield* files.exists(join(out, "result.json")))
    return yield* nothing("its run has ended, see its result.json")
  yield* holdFolder(out)
  const { file, run, seed, agreement } = JSON.parse(text) as Begun
  const checked = yield* checkScenario(file, seed ?? undefined)
  if (agreementDigest(checked.agreement) !== agreement)
    return yield* nothing(
      `${file} is another scenario than when the run began, or this another version of bicameral`
    )
  const result = yield* carryOut({ ...checked, ...options, file, out, run, started, transport: "nats" })
  return { result, revealed: checked.scenario.reveal }
}, Effect.scoped)

/** Reads and checks the scenario and all data. */
const checkScenario = (file: string, givenSeed: number | undefined) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario(file)
    const { scenario } = loaded
    const seed = givenSeed ?? scenario.seed
    const agreement = agreementOf(scenario, seed)
    const checked = yield* checkData(loaded)
    // Without a seed the users draw a salt of their own, and other rows are held out; the sizes are the same.
    const salt = seed === undefined ? new Uint8Array(randomBytes(16)) : seededKey(seed, "rows")
    const joined = joinData(scenario, checked, salt)
    const predicted = yield* raised([InvalidPlan], () => predictCost(scenario, joined))
    return { scenario, agreement, tables: checked.tables, joined, predicted }
  })

type Checked = Effect.Effect.Success<ReturnType<typeof checkScenario>>

interface Undertaking extends Checked, Pick<RunOptions, "file" | "out" | "transport" | "display" | "onUp"> {
  readonly run: string
  /** When this process began with it. */
  readonly started: number
  readonly injected?: { readonly plan: FaultPlan; readonly file: Option.Option<string> }
}

const carryOut = Effect.fn("Run.carryOut")(function* (undertaking: Undertaking) {
  const { agreement, display, file, joined, onUp, out, predicted, run, scenario, started, transport } =
    undertaking
  const files = yield* FileSystem.FileSystem
  const folder = join(out, partiesFolder)
  const recoveries: Array<RunResult["recoveries"][number]> = []
  let disturbance: FaultsAtRun | undefined
  const phase: RunDisplay["phase"] = (begun) => {
    display.phase(begun)
    disturbance?.phase(begun)
  }
  const life = (event: LifeEvent) => {
    disturbance?.life(event)
    if (event._tag === "Back") {
      const seconds = event.awayMs / 1000
      recoveries.push({ party: event.party, seconds })
      display.note(`${event.party} came back after ${duration(seconds)}`)
    }
    display.life?.(event)
  }
  const company = {
    file,
    agreement,
    placement: scenario.placement,
    run,
    folder,
    tables: undertaking.tables,
    display: { ...display, life, phase }
  }
  const outcome = yield* Effect.scoped(
    Effect.gen(function* () {
      if (transport === "memory")
        return yield* Effect.flatMap(assembleFibers(company), ({ directed }) => directed)
      const { credentials, houses } = yield* credentialsIn(out)
      const broker = { folder: join(out, brokerFolder), credentials }
      const { injected } = undertaking
      if (injected !== undefined) disturbance = yield* faultsAtRun(injected.plan, folder, display.note)
      const disturbed =
        injected === undefined
          ? {}
          : { faultsFile: injected.file, onLine: (line: unknown) => disturbance?.said(line) }
      const { directed, hands } = yield* assembleProcesses({ ...company, broker, houses, ...disturbed })
      disturbance?.up(hands)
      onUp?.(hands)
      return yield* directed
    })
  ).pipe(
    Effect.onError(() =>
      Effect.sync(() => {
        if (transport === "nats")
          display.note(`what the parties have is kept: bicameral resume ${out} goes on with it`)
      })
    )
  )
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
    recoveries,
    faults: disturbance?.counts() ?? null,
    seconds
  })
  yield* files.writeFileString(join(out, "result.json"), `${JSON.stringify(result, null, 2)}\n`)
  return result
})

interface Measured {
  readonly scenario: Scenario
  readonly agreement: Agreement
  readonly run: string
  readonly transport: "nats" | "memory"
  readonly joined: ReturnType<typeof joinData>
  readonly predicted: PredictedCost
  readonly outcome: RunOutcome
  readonly compared: Comparison
  readonly recoveries: RunResult["recoveries"]
  readonly faults: RunResult["faults"]
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
    recoveries: measured.recoveries,
    faults: measured.faults,
    peakMemoryBytes: transport === "nats" ? outcome.peakMemoryBytes : null,
    expectations: expectationsOf(measured.scenario, judged)
  }
}

/** Bytes on the wire, all of them, by the phase in which the plan has each kind of message. */
const bytesOf = (predicted: PredictedCost, outcome: RunOutcome): RunResult["bytes"] => {
  const phases = new Map(predicted.traffic.map(({ tag, phase }) => [tag, phase as string]))
  // Rounds that were gone through again carry the number of their epoch.
  const phaseOf = (tag: string) => phases.get(tag.replace(/\.\d+$/, "")) ?? "other"
  const byPhase: Record<string, { predicted: number; measured: number }> = {}
  const entry = (phase: string) => {
    byPhase[phase] ??= { predicted: 0, measured: 0 }
    return byPhase[phase]
  }
  for (const { tag, bytes } of predicted.traffic) entry(phaseOf(tag)).predicted += bytes
  for (const { tag, bytes } of outcome.traffic) entry(phaseOf(tag)).measured += bytes
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
