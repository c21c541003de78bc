/**
 * A whole run of a scenario on this machine: everything is checked first, then the parties are brought up, the director
 * takes them through the phases, and what came out is set beside the references and what the scenario expects. A run
 * over NATS that was broken off can be resumed.
 */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { Data, Effect, Option } from "effect"
import { agreementDigest } from "../../actors/party/agreement.ts"
import { modelEntry } from "../../actors/users/output.ts"
import type { Model } from "../../protocol/learning/model.ts"
import { seededKey } from "../../protocol/seeding.ts"
import type { LifeEvent } from "../../runtime/processes/supervision.ts"
import { agreementOf } from "../description/agreement.ts"
import { checkData, joinData } from "../description/joined.ts"
import { loadFaults, loadScenario } from "../description/load.ts"
import type { Scenario } from "../description/schema.ts"
import { type FaultsAtRun, faultsAtRun } from "../faults-injected/at-run.ts"
import { type FaultPlan, planFaults } from "../faults-injected/plan.ts"
import type { ProcessControl } from "../faults-injected/process-control.ts"
import { heldData, whyNoReference } from "../folders/held-data.ts"
import { credentialsIn } from "../folders/kept-credentials.ts"
import {
  beginIn,
  brokerEntry,
  openOut,
  partiesEntry,
  resumableRun,
  writeModel,
  writeResult
} from "../folders/out-folder.ts"
import { predictCost } from "../forecast/traffic.ts"
import { compareWithReferences, notCompared } from "../reference/comparison.ts"
import { foresee } from "../reference/foresight.ts"
import type { RunDisplay, RunResult } from "../report/result.ts"
import { duration } from "../text/units.ts"
import { assembleFibers, assembleProcesses } from "./parties.ts"
import { brokerIsThere } from "./run-broker.ts"
import { type Measured, resultOf } from "./run-result.ts"

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
  readonly onUp?: (control: ProcessControl) => void
  /** What a reference may take; what is left of the machine's memory where left out. */
  readonly memoryBytes?: number
}

/** What it takes to resume a run. */
export interface ResumeOptions extends Pick<RunOptions, "display" | "onUp"> {
  /** The out folder of the run. */
  readonly out: string
}

/** Faults are done to processes and what goes between them. */
export class FaultsNeedProcesses extends Data.TaggedError("FaultsNeedProcesses")<object> {
  readonly retryable = false
  override get message(): string {
    return "faults are injected into runs over NATS; take out --transport memory, or use bicameral simulate"
  }
}

/** The scenario is not that of the run. */
export class OtherScenario extends Data.TaggedError("OtherScenario")<{
  readonly folder: string
  readonly file: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the run in ${this.folder} can't be resumed: ${this.file} is another scenario than when the run began, or this another version of bicameral; put back what was there, or run the scenario again`
  }
}

/** Runs a scenario and writes `model.json`, `result.json` and the event logs to the out folder. */
export const runScenario = Effect.fn("Run.scenario")(function* (options: RunOptions) {
  const { file, out, transport, faults: faultsFile = Option.none() } = options
  const startedMs = performance.now()
  const checked = yield* checkScenario(file, Option.getOrUndefined(options.seed))
  const { agreement, scenario, tables } = checked
  const faults = Option.isSome(faultsFile) ? yield* loadFaults(faultsFile.value, scenario) : scenario.faults
  const plan = faults && (yield* planFaults(faults, agreement))
  if (plan !== undefined && transport === "memory") return yield* new FaultsNeedProcesses()
  if (transport === "nats") yield* brokerIsThere(agreement, scenario.placement)
  yield* openOut(out, inputsOf(file, scenario, faultsFile))
  const run = randomBytes(6).toString("hex")
  yield* beginIn(out, {
    file: resolve(file),
    run,
    transport,
    seed: agreement.seed ?? null,
    agreement: agreementDigest(agreement),
    // A run over memory is never resumed.
    data: transport === "memory" ? [] : yield* heldData(scenario, tables)
  })
  const disturbed = plan === undefined ? {} : { injected: { plan, file: faultsFile } }
  return yield* carryOut({ ...checked, ...options, ...disturbed, run, startedMs })
}, Effect.scoped)

/** The files that a run reads. */
const inputsOf = (
  file: string,
  { users }: Scenario,
  faults: Option.Option<string>
): ReadonlyArray<string> => [
  file,
  ...Option.toArray(faults),
  ...users.flatMap(({ holds }) => holds.map((held) => resolve(dirname(file), held.file)))
]

/** Resumes a run over NATS that was broken off: by an error, by a signal, or by the end of its machine. */
export const resumeRun = Effect.fn("Run.resume")(function* ({ out, ...options }: ResumeOptions) {
  const startedMs = performance.now()
  const { file, run, seed, agreement, data } = yield* resumableRun(out)
  const checked = yield* checkScenario(file, seed ?? undefined)
  const { scenario, tables } = checked
  if (agreementDigest(checked.agreement) !== agreement) return yield* new OtherScenario({ folder: out, file })
  const reason = yield* whyNoReference(data, yield* heldData(scenario, tables))
  if (reason !== undefined) options.display.note(`no reference will be trained: ${reason}`)
  // What is foreseen of other data is nothing of this run.
  const compared = reason === undefined ? {} : { referenceLeftOut: reason, foreseen: [] }
  const resumed = {
    ...checked,
    ...options,
    ...compared,
    file,
    out,
    run,
    startedMs,
    transport: "nats"
  } as const
  return { result: yield* carryOut(resumed), revealed: scenario.reveal }
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
    const predicted = predictCost(scenario, joined)
    const foreseen = yield* foresee(loaded, agreement, joined)
    return { scenario, agreement, tables: checked.tables, joined, predicted, foreseen }
  })

type Checked = Effect.Effect.Success<ReturnType<typeof checkScenario>>

interface Undertaking
  extends Checked,
    Pick<RunOptions, "file" | "out" | "transport" | "display" | "onUp" | "memoryBytes"> {
  readonly run: string
  /** When this process began with it. */
  readonly startedMs: number
  readonly injected?: { readonly plan: FaultPlan; readonly file: Option.Option<string> }
  /** Why no reference can be trained, such as data that are no longer those of the run. */
  readonly referenceLeftOut?: string
}

const carryOut = Effect.fn("Run.carryOut")(function* (undertaking: Undertaking) {
  const { agreement, display, file, onUp, out, run, scenario, transport } = undertaking
  for (const each of undertaking.foreseen) display.note(`warning: ${each}`)
  const folder = join(out, partiesEntry)
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
      const { credentials, houses } = yield* credentialsIn(out, folder)
      const broker = { folder: join(out, brokerEntry), credentials }
      const { injected } = undertaking
      if (injected !== undefined) disturbance = yield* faultsAtRun(injected.plan, folder, display.note)
      const disturbed =
        injected === undefined
          ? {}
          : { faultsFile: injected.file, onLine: (line: unknown) => disturbance?.said(line) }
      const { directed, control } = yield* assembleProcesses({ ...company, broker, houses, ...disturbed })
      disturbance?.up(control)
      onUp?.(control)
      return yield* directed
    })
  ).pipe(
    Effect.onError(() =>
      Effect.sync(() => {
        if (transport === "nats")
          display.note(`what the parties have is kept: bicameral resume ${out} resumes the run`)
      })
    )
  )
  return yield* conclude(undertaking, {
    outcome,
    recoveries,
    faults: disturbance?.counts() ?? null
  })
})

/** Writes the model and the result of a run whose parties have done their work. */
const conclude = Effect.fn("Run.conclude")(function* (
  undertaking: Undertaking,
  done: Pick<Measured, "outcome" | "recoveries" | "faults">
) {
  const { agreement, display, joined, memoryBytes, out, referenceLeftOut, run, transport } = undertaking
  const opened = join(out, partiesEntry, "user1", modelEntry)
  const modelText = yield* Effect.promise(() => readFile(opened, "utf8"))
  const remedy =
    transport === "nats" ? `see to it, then bicameral resume ${out}` : `the model is in ${opened}`
  yield* writeModel(out, modelText, remedy)
  const model = JSON.parse(modelText) as Model
  const seconds = Math.round(performance.now() - undertaking.startedMs) / 1000
  const measured = { ...undertaking, ...done, seconds }
  // Training the references may take long, or more memory than there is: the run's own result is safe before.
  const own = resultOf({ ...measured, compared: notCompared("not trained, since the run was broken off") })
  yield* writeResult(out, { ...own, awaitsReferences: true }, remedy)
  const compared = yield* Effect.promise(() =>
    compareWithReferences({
      agreement,
      run,
      joined,
      model,
      referenceLeftOut,
      memoryBytes,
      note: display.note
    })
  )
  const result = resultOf({ ...measured, compared })
  yield* writeResult(out, result, remedy)
  return result
})
