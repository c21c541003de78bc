/** The command line in this process: what it printed, what it complained of and its exit status. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Console, Effect } from "effect"
import { startActor } from "../../scenarios/actor.ts"
import { checkScenario } from "../../scenarios/check.ts"
import { commandLine, verdictOf } from "../../scenarios/commands.ts"
import { startMember } from "../../scenarios/member.ts"
import { resumeRun, runScenario } from "../../scenarios/run.ts"
import { resumeAndReport, runAndReport } from "../../scenarios/run-and-report.ts"
import { simulateAndReport } from "../../scenarios/simulate.ts"

export const command = (...words: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const printed: Array<string> = []
    const complained: Array<string> = []
    const log = (...said: ReadonlyArray<unknown>) => void printed.push(said.join(" "))
    const console: Console.Console = {
      ...(yield* Console.consoleWith(Effect.succeed)),
      log: (...said) => Effect.sync(() => log(...said)),
      error: (...said) => Effect.sync(() => void complained.push(said.join(" "))),
      unsafe: { ...globalThis.console, log }
    }
    const program = commandLine({
      run: (request) => runAndReport(runScenario, request),
      resume: (folder) => resumeAndReport(resumeRun, folder),
      simulate: simulateAndReport,
      check: checkScenario,
      actor: startActor,
      member: startMember
    })
    const exit = yield* program(words).pipe(
      Effect.provide(nodeContext),
      Effect.withConsole(console),
      Effect.exit
    )
    const { lines, status } = verdictOf(exit)
    return { status, printed: printed.join("\n"), complained: [...complained, ...lines].join("\n") }
  })
