/**
 * `bicameral run`: runs a scenario under the eyes of a person, prints the report, and fails where something that the
 * scenario expects did not hold.
 */
import { join } from "node:path"
import { Console, Data, Effect, Option } from "effect"
import type { RunRequest } from "./commands.ts"
import { loadScenario } from "./load.ts"
import { standardDisplay } from "./progress.ts"
import { report } from "./report.ts"
import type { RunDisplay, RunResult } from "./result.ts"
import type { ResumeOptions, RunOptions } from "./run.ts"
import type { Revelation } from "./schema.ts"

/** The run went through, but not all that the scenario expects held. */
export class ExpectationsFailed extends Data.TaggedError("ExpectationsFailed")<{
  readonly failed: ReadonlyArray<string>
  readonly of: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.failed.length} of ${this.of} expectations did not hold: ${this.failed.join("; ")}`
  }
}

/** Runs by `runScenario`, showing how it goes, and prints the report. */
export const runAndReport = <E, R>(
  runScenario: (options: RunOptions) => Effect.Effect<RunResult, E, R>,
  request: RunRequest
) =>
  Effect.gen(function* () {
    const { file, transport, seed, faults } = request
    const { scenario } = yield* loadScenario(file)
    const out = Option.getOrElse(request.out, () => join("out", scenario.name))
    yield* Console.log(`${scenario.name}: ${scenario.description.trim()}\n`)
    const result = yield* watched((display) => runScenario({ file, out, transport, seed, faults, display }))
    yield* reported(result, out, scenario.reveal)
  })

/** `bicameral resume`: the same for a run that was broken off. */
export const resumeAndReport = <E, R>(
  resumeRun: (
    options: ResumeOptions
  ) => Effect.Effect<{ readonly result: RunResult; readonly revealed: ReadonlyArray<Revelation> }, E, R>,
  out: string
) =>
  Effect.gen(function* () {
    const { result, revealed } = yield* watched((display) => resumeRun({ out, display }))
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
    yield* Console.log(report(result, { out, revealed }))
    const failed = result.expectations.filter(({ held }) => !held).map(({ what }) => what)
    if (failed.length > 0) return yield* new ExpectationsFailed({ failed, of: result.expectations.length })
  })
