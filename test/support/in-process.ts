/** The command line in this process: what it printed, what it complained of and its exit status. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Console, Effect } from "effect"
import { admitAsker } from "../../scenarios/command/admit.ts"
import { archiveCommand } from "../../scenarios/command/archive.ts"
import { askRows, runGateway } from "../../scenarios/command/ask.ts"
import { auditAndReport } from "../../scenarios/command/audit.ts"
import { checkScenario } from "../../scenarios/command/check.ts"
import { commandLine, verdictOf } from "../../scenarios/command/commands.ts"
import { examineSite } from "../../scenarios/command/doctor.ts"
import { exportModel } from "../../scenarios/command/export.ts"
import { showIdentity, showNkeys } from "../../scenarios/command/identity.ts"
import { initScenario } from "../../scenarios/command/init.ts"
import { inspectFiles } from "../../scenarios/command/inspect.ts"
import { inspectRun } from "../../scenarios/command/inspect-run.ts"
import { predictRows } from "../../scenarios/command/predict.ts"
import { dealAndReport, resumeAndReport, runAndReport, trainAndReport } from "../../scenarios/command/run.ts"
import { serveModelOfRun } from "../../scenarios/command/serve.ts"
import { inviteParties, joinRun } from "../../scenarios/command/setup.ts"
import { simulateAndReport } from "../../scenarios/command/simulate.ts"
import { tuneScenario } from "../../scenarios/command/tune.ts"
import { makeReport, viewRun } from "../../scenarios/command/view.ts"
import { trainAgain } from "../../scenarios/run/again.ts"
import { dealScenario } from "../../scenarios/run/deal.ts"
import { runMember } from "../../scenarios/run/helper-process.ts"
import { runActor } from "../../scenarios/run/party-process.ts"
import { resumeRun, runScenario } from "../../scenarios/run/run.ts"
import { runServing } from "../../scenarios/run/serving-process.ts"

export const command = (...words: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const printed: Array<string> = []
    const complained: Array<string> = []
    const log = (...said: ReadonlyArray<unknown>) => void printed.push(said.join(" "))
    const complain = (...said: ReadonlyArray<unknown>) => void complained.push(said.join(" "))
    const console: Console.Console = {
      ...(yield* Console.consoleWith(Effect.succeed)),
      log: (...said) => Effect.sync(() => log(...said)),
      error: (...said) => Effect.sync(() => complain(...said)),
      unsafe: { ...globalThis.console, log, error: complain }
    }
    const program = commandLine({
      run: (request) => runAndReport(runScenario, request),
      deal: (request) => dealAndReport(dealScenario, request),
      train: (request) => trainAndReport(trainAgain, request),
      archive: archiveCommand,
      view: viewRun,
      report: makeReport,
      resume: (request) => resumeAndReport(resumeRun, request),
      simulate: simulateAndReport,
      check: checkScenario,
      tune: tuneScenario,
      predict: predictRows,
      export: exportModel,
      inspect: inspectFiles,
      inspectRun: (folder) => inspectRun(folder, 100),
      init: initScenario,
      audit: auditAndReport,
      identity: showIdentity,
      nkeys: showNkeys,
      admit: admitAsker,
      ask: askRows,
      gateway: runGateway,
      invite: inviteParties,
      join: joinRun,
      doctor: examineSite,
      actor: runActor,
      servingActor: runServing,
      serve: serveModelOfRun,
      member: runMember
    })
    const exit = yield* program(words).pipe(
      Effect.provide(nodeContext),
      Effect.withConsole(console),
      Effect.exit
    )
    const { lines, status } = verdictOf(exit)
    return { status, printed: printed.join("\n"), complained: [...complained, ...lines].join("\n") }
  })
