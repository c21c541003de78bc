/**
 * A whole run of a scenario on this machine. Everything is checked first; then the parties are brought up,
 * the director takes them through the phases, and the result is compared with the references and the
 * scenario's expectations. A run over NATS that was broken off can be resumed.
 */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { Data, Effect, Option } from "effect"
import type { RunOutcome } from "../../actors/director.ts"
import { agreementDigest, opensModel } from "../../actors/party/agreement.ts"
import { usersOf } from "../../actors/party/identities.ts"
import { modelEntry } from "../../actors/users/output.ts"
import type { Model } from "../../protocol/learning/model.ts"
import { givenUrl } from "../../runtime/broker/start.ts"
import { identitiesOfScenario } from "../description/agreement.ts"
import { loadFaults } from "../description/load.ts"
import type { Scenario } from "../description/schema.ts"
import { type FaultsAtRun, faultsAtRun } from "../faults-injected/at-run.ts"
import { type FaultPlan, planFaults } from "../faults-injected/plan.ts"
import type { ProcessControl } from "../faults-injected/process-control.ts"
import { heldData, whyNoReference } from "../folders/held-data.ts"
import { credentialsIn, keepOnlyStateKeys } from "../folders/kept-credentials.ts"
import {
  beginIn,
  brokerEntry,
  openOut,
  partiesEntry,
  resumableRun,
  writeModel,
  writeResult
} from "../folders/out-folder.ts"
import { type PredictedCost, predictCost } from "../forecast/traffic.ts"
import { compareWithReferences, notCompared } from "../reference/comparison.ts"
import type { RunDisplay, RunResult } from "../report/result.ts"
import { duration } from "../text/units.ts"
import { keepReport } from "../view/report-file.ts"
import { requireRoom } from "./disk-room.ts"
import { assembleFibers } from "./fibers.ts"
import { journaled } from "./journal.ts"
import type { ArchivedRun } from "./parties.ts"
import { type Prepared, prepareRun } from "./prepare.ts"
import { prepareAgain } from "./prepare-again.ts"
import { assembleProcesses, outcomeOf } from "./processes.ts"
import { brokerIsThere, identitiesGivenFor } from "./run-broker.ts"
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
  /** Gets control of the parties' processes once they are up, before the director begins. */
  readonly onUp?: (control: ProcessControl) => void
  /** The memory that a reference may take; by default what is left of the machine's. */
  readonly memoryBytes?: number
  /** Whether the run ends with its report, as it does unless many are run for another purpose. */
  readonly report?: boolean
}

/** What it takes to resume a run. */
export interface ResumeOptions extends Pick<RunOptions, "display" | "onUp"> {
  /** The out folder of the run. */
  readonly out: string
}

/** Faults happen to processes and to messages between them, so a run without processes can have none. */
export class FaultsNeedProcesses extends Data.TaggedError("FaultsNeedProcesses")<object> {
  readonly retryable = false
  override get message(): string {
    return "faults are injected into runs over NATS; take out --transport memory, or use bicameral simulate"
  }
}

/** The scenario differs from that of the run. */
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
  const prepared = yield* prepareRun(file, Option.getOrUndefined(options.seed))
  const { agreement, scenario } = prepared
  const faults = Option.isSome(faultsFile) ? yield* loadFaults(faultsFile.value, scenario) : scenario.faults
  const plan = faults && (yield* planFaults(faults, agreement))
  if (plan !== undefined && transport === "memory") return yield* new FaultsNeedProcesses()
  if (transport === "nats") {
    yield* brokerIsThere(agreement, scenario.placement)
    yield* requireRoom(out, prepared.predicted.storedBytes)
  }
  const run = yield* beginRun(prepared, { file, out, transport }, faultsFile)
  const disturbed = plan === undefined ? {} : { injected: { plan, file: faultsFile } }
  return yield* carryOut({ ...prepared, ...options, ...disturbed, run, startedMs })
}, Effect.scoped)

/** Marks the out folder for a run that begins, and names it. */
export const beginRun = (
  { agreement, data, scenario }: Prepared,
  { file, out, transport }: Pick<RunOptions, "file" | "out" | "transport">,
  faultsFile: Option.Option<string> = Option.none()
) =>
  Effect.gen(function* () {
    yield* openOut(out, inputsOf(file, scenario, faultsFile))
    const run = randomBytes(6).toString("hex")
    yield* beginIn(out, {
      file: resolve(file),
      run,
      transport,
      seed: agreement.seed ?? null,
      agreement: agreementDigest(agreement),
      // A run over memory is never resumed.
      data: transport === "memory" ? [] : yield* heldData(scenario, data.tables)
    })
    return run
  })

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
  const { archive, file, run, seed, agreement, data: begunWith } = yield* resumableRun(out)
  if (archive !== undefined) {
    const again = yield* prepareAgain(archive, file, seed ?? undefined)
    if (agreementDigest(again.agreement) !== agreement) return yield* new OtherScenario({ folder: out, file })
    const context = { ...again, ...options, out, run, startedMs, transport: "nats" as const }
    return { result: yield* carryOut(context), revealed: again.scenario.reveal }
  }
  const prepared = yield* prepareRun(file, seed ?? undefined)
  const { data, scenario } = prepared
  if (agreementDigest(prepared.agreement) !== agreement)
    return yield* new OtherScenario({ folder: out, file })
  const reason = yield* whyNoReference(begunWith, yield* heldData(scenario, data.tables))
  if (reason !== undefined) options.display.note(`no reference will be trained: ${reason}`)
  // What is foreseen of other data says nothing about this run.
  const compared = reason === undefined ? {} : { referenceLeftOut: reason, foreseen: [] }
  const resumed = {
    ...prepared,
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

/** Everything about one run, from its preparation to its result. */
interface RunContext
  extends Omit<Prepared, "data">,
    Partial<Pick<Prepared, "data">>,
    Pick<RunOptions, "file" | "out" | "transport" | "display" | "onUp" | "memoryBytes" | "report"> {
  readonly run: string
  /** When this process began with it. */
  readonly startedMs: number
  readonly injected?: { readonly plan: FaultPlan; readonly file: Option.Option<string> }
  /** Why no reference can be trained, such as data that are no longer those of the run. */
  readonly referenceLeftOut?: string
  /** Where the data come from the archive of an earlier run. */
  readonly archived?: ArchivedRun
}

/** Runs what is prepared to its result. Says how to resume it where it fails. */
export const carryOut = Effect.fn("Run.carryOut")(function* (given: RunContext) {
  const display = yield* journaled(given.display, given)
  const context = { ...given, display }
  const { foreseen, out, scenario, transport } = context
  for (const each of foreseen) display.note(`warning: ${each}`)
  if (identitiesOfScenario(scenario).size > 0 && (transport === "memory" || (yield* givenUrl) === undefined))
    display.note("a run on one machine makes up its parties' identities; those of the scenario are not used")
  const done = yield* Effect.if(transport === "memory", {
    onTrue: () => runFibers(context),
    onFalse: () => runProcesses(context)
  }).pipe(
    Effect.onError(() =>
      Effect.sync(() => {
        if (transport === "nats")
          display.note(`what the parties have is kept: bicameral resume ${out} resumes the run`)
      })
    )
  )
  return yield* conclude(context, done)
}, Effect.scoped)

/** What is known of a run once its parties have done their work. */
type Done = Pick<Measured, "outcome" | "recoveries" | "faults">

/** What the parties of a run are started from. */
type PartiesContext = Pick<RunContext, "agreement" | "scenario" | "run" | "out" | "display">

const partiesOptions = ({ agreement, scenario, run, out, display }: PartiesContext) => ({
  agreement,
  placement: scenario.placement,
  run,
  folder: join(out, partiesEntry),
  display
})

/** Runs all parties as fibers of this process. */
const runFibers = (context: RunContext) =>
  assembleFibers({ ...partiesOptions(context), tables: context.data?.tables ?? [] }).pipe(
    Effect.flatMap(({ directed }) => directed),
    Effect.scoped,
    Effect.map((outcome): Done => ({ outcome, recoveries: [], faults: null }))
  )

/** Runs each party as a process, and destroys what it took. Where an earlier process came to the end, nothing is left to run. */
const runProcesses = (context: RunContext) =>
  Effect.gen(function* () {
    const { out } = context
    const before = yield* outcomeOf(partiesOptions(context).folder)
    const done: Done =
      before === undefined ? yield* runToTheEnd(context) : { outcome: before, recoveries: [], faults: null }
    const { kept } = done.outcome
    yield* keepOnlyStateKeys(
      out,
      Object.keys(kept).filter((actor) => kept[actor]!.sealed.length > 0)
    )
    return done
  })

/** Runs each party as a process, through the faults of the run's plan if it has one. */
const runToTheEnd = (context: RunContext) =>
  Effect.gen(function* () {
    const { agreement, archived, display, file, injected, onUp, out } = context
    const options = partiesOptions(context)
    const recoveries: Array<RunResult["recoveries"][number]> = []
    let faults: FaultsAtRun | undefined
    const observed: RunDisplay = {
      ...display,
      phase: (phase) => {
        display.phase(phase)
        faults?.phase(phase)
      },
      life: (event) => {
        faults?.life(event)
        if (event._tag === "Back" && faults?.isHeldDown(event.party) !== true) {
          const seconds = event.awayMs / 1000
          recoveries.push({ party: event.party, seconds })
          display.note(`${event.party} came back after ${duration(seconds)}`)
        }
        display.life?.(event)
      }
    }
    const directed = Effect.gen(function* () {
      const { identities: made, stateKeys } = yield* credentialsIn(out, options.folder)
      const identities = made ?? (yield* identitiesGivenFor(agreement))
      if (injected !== undefined) faults = yield* faultsAtRun(injected.plan, options.folder, display.note)
      const { directed, control } = yield* assembleProcesses({
        ...options,
        file,
        display: observed,
        broker: { folder: join(out, brokerEntry), credentials: usersOf(identities) },
        identities,
        stateKeys,
        ...(archived && { archived }),
        ...(injected === undefined
          ? {}
          : { faultsFile: injected.file, onLine: (line: unknown) => faults?.said(line) })
      })
      faults?.up(control)
      onUp?.(control)
      return yield* directed
    })
    const outcome = yield* Effect.scoped(directed)
    // Processes write their counts as they end, with the scope.
    const done: Done = { outcome, recoveries, faults: faults?.counts() ?? null }
    return done
  })

/** Runs each party as a process until all steps are dealt; what they stored is then resumed from. */
export const dealProcesses = (context: PartiesContext & Pick<RunContext, "file" | "onUp">) =>
  Effect.gen(function* () {
    const { agreement, file, onUp, out } = context
    const options = partiesOptions(context)
    const { identities: made, stateKeys } = yield* credentialsIn(out, options.folder)
    const identities = made ?? (yield* identitiesGivenFor(agreement))
    const { control, dealt } = yield* assembleProcesses({
      ...options,
      ...{ file, identities, stateKeys, onlyDeals: true },
      broker: { folder: join(out, brokerEntry), credentials: usersOf(identities) }
    })
    onUp?.(control)
    yield* dealt
  }).pipe(Effect.scoped)

/** What was predicted: of a training that ended before its time, for the epochs that there were. */
const predictedFor = (
  { archived, joined, predicted, scenario }: RunContext,
  { curve }: RunOutcome
): PredictedCost => {
  const { training } = scenario
  if (curve === undefined || curve.length === training.epochs) return predicted
  const reopens = archived !== undefined
  return predictCost({ ...scenario, training: { ...training, epochs: curve.length } }, joined, { reopens })
}

/** Writes the result of a run whose model nobody opens. */
const concludeUnopened = (context: RunContext, done: Done) =>
  Effect.gen(function* () {
    const seconds = Math.round(performance.now() - context.startedMs) / 1000
    const compared = notCompared("nobody opens the model: the clouds serve it")
    const predicted = predictedFor(context, done.outcome)
    const result = resultOf({ ...context, ...done, predicted, seconds, compared })
    yield* writeResult(context.out, result, `see to it, then bicameral resume ${context.out}`)
    return result
  })

/** Writes the model and the result of a run whose parties have done their work. */
const conclude = Effect.fn("Run.conclude")(function* (context: RunContext, done: Done) {
  const { agreement, display, joined, memoryBytes, out, referenceLeftOut, run, transport } = context
  if (!opensModel(agreement)) return yield* concludeUnopened(context, done)
  const { report = true } = context
  const [reader = "user1"] = done.outcome.openers?.opened ?? []
  const decrypted = join(out, partiesEntry, reader, modelEntry)
  const modelText = yield* Effect.promise(() => readFile(decrypted, "utf8"))
  const remedy =
    transport === "nats" ? `see to it, then bicameral resume ${out}` : `the model is in ${decrypted}`
  yield* writeModel(out, modelText, remedy)
  const model = JSON.parse(modelText) as Model
  const seconds = Math.round(performance.now() - context.startedMs) / 1000
  const predicted = predictedFor(context, done.outcome)
  const measured = { ...context, ...done, predicted, seconds }
  // Training the references may take long, or more memory than there is. The run's own result is safe before.
  const own = resultOf({ ...measured, compared: notCompared("not trained, since the run was broken off") })
  yield* writeResult(out, { ...own, awaitsReferences: true }, remedy)
  const note = display.note
  const compared = yield* Effect.promise(() =>
    compareWithReferences({ agreement, run, joined, model, referenceLeftOut, memoryBytes, note })
  )
  const result = resultOf({ ...measured, compared })
  yield* writeResult(out, result, remedy)
  // All that it shows is kept: where it can't be made, it can be made later.
  if (report)
    yield* Effect.catchAll(keepReport(out), ({ message }) =>
      Effect.sync(() => display.note(`the report could not be made: ${message}`))
    )
  return result
})
