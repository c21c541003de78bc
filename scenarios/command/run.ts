/**
 * `bicameral run`: runs a scenario and shows its progress, prints the report, and fails where an expectation
 * of the scenario did not hold.
 */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { FileSystem } from "@effect/platform"
import { Console, Data, Effect, Option } from "effect"
import { modelEntry } from "../../actors/users/output.ts"
import { projectRoot } from "../../protocol/artifact.ts"
import { checkData } from "../description/joined.ts"
import { loadFaults, loadScenario } from "../description/load.ts"
import type { Revelation, Scenario } from "../description/schema.ts"
import { claimOut } from "../folders/out-folder.ts"
import { standardDisplay } from "../report/progress.ts"
import { quorumLines, report, sideBySide } from "../report/report.ts"
import type { RunDisplay, RunResult } from "../report/result.ts"
import type { TrainOptions } from "../run/again.ts"
import type { DealOptions } from "../run/deal.ts"
import type { ResumeOptions, RunOptions } from "../run/run.ts"
import { answer } from "../text/answer.ts"
import { headline } from "../text/units.ts"
import type { DealRequest, ResumeRequest, RunRequest, TrainRequest } from "./commands.ts"
import { viewed } from "./view.ts"

/** The run finished, but not every expectation of the scenario held. */
export class ExpectationsFailed extends Data.TaggedError("ExpectationsFailed")<{
  readonly failed: ReadonlyArray<string>
  readonly of: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.failed.length} of ${this.of} expectations did not hold: ${this.failed.join("; ")}`
  }
}

/** The run finished, but its numbers mean nothing. */
export class ResultNotMeaningful extends Data.TaggedError("ResultNotMeaningful")<{
  readonly reasons: ReadonlyArray<string>
}> {
  readonly retryable = false
  readonly exitStatus = 2
  override get message(): string {
    return `the run ended, but its result is not meaningful: ${this.reasons.join("\n")}`
  }
}

/** `--compare` without anything to compare. */
export class NoFaultsToCompare extends Data.TaggedError("NoFaultsToCompare")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `--compare sets a run over NATS with faults beside one without; give a plan with --faults or in a section faults of ${this.file}`
  }
}

/** The faults changed the model, which they must not. */
export class ModelsDiffer extends Data.TaggedError("ModelsDiffer")<{
  readonly models: readonly [string, string]
}> {
  readonly retryable = false
  override get message(): string {
    return `the models with and without faults differ: ${this.models.join(", ")}; this is a fault of the program, please report it with both out folders`
  }
}

/** Runs by `runScenario`, showing how it goes, and prints the report. */
export const runAndReport = <E, R>(
  runScenario: (options: RunOptions) => Effect.Effect<RunResult, E, R>,
  request: RunRequest
) =>
  Effect.gen(function* () {
    const { compare, file, transport, seed, faults } = request
    const loaded = yield* loadScenario(file)
    const { scenario } = loaded
    if (compare && (transport === "memory" || (Option.isNone(faults) && scenario.faults === undefined)))
      return yield* new NoFaultsToCompare({ file })
    const out = Option.getOrElse(request.out, () => join("out", scenario.name))
    yield* Console.log(`${headline(scenario)}\n`)
    for (const line of quorumLines(scenario)) yield* Console.log(line)
    if (transport === "memory" && hasMembers(scenario.placement)) yield* Console.log(`${noMembers}\n`)
    const options = { file, out, transport, seed, faults }
    const run = (changes: Partial<RunOptions>) =>
      watched((display) => runScenario({ ...options, ...changes, display }))
    const shown = request.view ? viewed(out, run({})) : run({})
    if (!compare) return yield* reported(yield* shown, out, scenario.reveal)

    const quiet = join(out, undisturbedFolder)
    // The runs look at these themselves, and the folder is not to be marked for one that can't begin.
    yield* checkData(loaded)
    if (Option.isSome(faults)) yield* loadFaults(faults.value, scenario)
    yield* claimOut(out)
    yield* Console.log("without the faults:")
    const undisturbed = yield* run({ out: quiet, faults: Option.some(noFaults) })
    yield* Console.log("\nwith them:")
    const result = yield* shown
    yield* Console.log(["", ...sideBySide(undisturbed, result)].join("\n"))
    yield* sameModel(result, [quiet, out])
    yield* reported(result, out, scenario.reveal)
  })

const undisturbedFolder = "undisturbed"

/** Whether a party has processes in addition to its main process. */
const hasMembers = ({ lanes, workers }: Scenario["placement"]): boolean =>
  lanes > 1 || Object.values(workers).some((count) => count > 0)

const noMembers =
  "note: --transport memory runs everything in one process, so placement.workers and placement.lanes have no effect"

/**
 * A plan in which nothing happens: with it a run goes through all that a plan takes, and through no fault.
 */
const noFaults = fileURLToPath(new URL("scenarios/faults/none.yaml", projectRoot))

const sameModel = ({ seed }: RunResult, folders: readonly [string, string]) =>
  Effect.gen(function* () {
    if (seed === null)
      return yield* Console.log(
        "models       not compared: without a seed each run draws its own first weights"
      )
    const files = yield* FileSystem.FileSystem
    const [one, other] = [join(folders[0], modelEntry), join(folders[1], modelEntry)] as const
    if ((yield* files.readFileString(one)) !== (yield* files.readFileString(other)))
      return yield* new ModelsDiffer({ models: [one, other] })
    yield* Console.log("models       with and without faults the same, byte for byte")
  })

/** `bicameral deal`: runs a scenario until all its steps are dealt. */
export const dealAndReport = <E, R>(
  dealScenario: (options: DealOptions) => Effect.Effect<void, E, R>,
  { file, out: given, seed }: DealRequest
) =>
  Effect.gen(function* () {
    const { scenario } = yield* loadScenario(file)
    const out = Option.getOrElse(given, () => join("out", scenario.name))
    yield* Console.log(`${headline(scenario)}\n`)
    yield* watched((display) => dealScenario({ file, out, seed, display }))
    yield* answer({ text: `all steps are dealt: bicameral resume ${out} trains with them`, value: { out } })
  })

/** The result of a run, and what its scenario reveals. */
interface Ended {
  readonly result: RunResult
  readonly revealed: ReadonlyArray<Revelation>
}

/** `bicameral train`: a run from the archive of another. */
export const trainAndReport = <E, R>(
  trainAgain: (options: TrainOptions) => Effect.Effect<Ended, E, R>,
  { out: given, ...request }: TrainRequest
) =>
  Effect.gen(function* () {
    const out = Option.getOrElse(given, () => `${request.from.replace(/\/+$/, "")}-again`)
    const { result, revealed } = yield* watched((display) => trainAgain({ ...request, out, display }))
    yield* reported(result, out, revealed)
  })

/** `bicameral resume`: the same for a run that was broken off. */
export const resumeAndReport = <E, R>(
  resumeRun: (options: ResumeOptions) => Effect.Effect<Ended, E, R>,
  { out, view }: ResumeRequest
) =>
  Effect.gen(function* () {
    const run = watched((display) => resumeRun({ out, display }))
    const { result, revealed } = yield* view ? viewed(out, run) : run
    yield* reported(result, out, revealed)
  })

const watched = <A, E, R>(work: (display: RunDisplay) => Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const display = yield* standardDisplay
      display.note("checking the data and starting the parties")
      return yield* work(display)
    })
  )

const reported = (result: RunResult, out: string, revealed: ReadonlyArray<Revelation>) =>
  Effect.gen(function* () {
    yield* answer({ text: report(result, { out, revealed }), value: { out, ...result } })
    if (result.meaningless.length > 0) return yield* new ResultNotMeaningful({ reasons: result.meaningless })
    const failed = result.expectations.filter(({ held }) => !held).map(({ what }) => what)
    if (failed.length > 0) return yield* new ExpectationsFailed({ failed, of: result.expectations.length })
  })
