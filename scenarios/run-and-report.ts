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
import type { RunResult } from "./result.ts"
import type { RunOptions } from "./run.ts"

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
    const { file, transport, seed } = request
    const { scenario } = yield* loadScenario(file)
    const out = Option.getOrElse(request.out, () => join("out", scenario.name))
    yield* Console.log(`${scenario.name}: ${scenario.description.trim()}\n`)
    const result = yield* Effect.scoped(
      Effect.gen(function* () {
        const display = yield* standardDisplay
        display.note("checking the data and starting the parties")
        return yield* runScenario({ file, out, transport, seed, display })
      })
    )
    yield* Console.log(report(result, { out, revealed: scenario.reveal }))
    const failed = result.expectations.filter(({ held }) => !held).map(({ what }) => what)
    if (failed.length > 0) return yield* new ExpectationsFailed({ failed, of: result.expectations.length })
  })
