#!/usr/bin/env node
/**
 * The program `bicameral`: connects the commands with their handlers, and this process with both. A signal
 * interrupts the work, so that every scope is closed and no broker or party stays behind.
 */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { runMain } from "@effect/platform-node/NodeRuntime"
import { Effect, Logger } from "effect"
import { environment } from "../../runtime/environment.ts"
import { type WorkingFolderGone, workingFolder } from "../../runtime/processes/process.ts"
import { showsColours, watchOutput, withPlainText } from "../../runtime/processes/standard-output.ts"
import { brokenDown, commandLine, interruptedStatus, type Verdict, verdictOf } from "./commands.ts"
import { withShortLines } from "./help.ts"
import { asksAboutItself } from "./words.ts"

const output = watchOutput(process.stdout, process.stderr)

/** What a run needs. Faults of the environment are found here, before any party is started. */
const toRun = Effect.gen(function* () {
  const { collectorFromEnvironment } = yield* Effect.promise(() => import("../../runtime/tracing.ts"))
  yield* collectorFromEnvironment
  return yield* Effect.promise(() => Promise.all([import("./run.ts"), import("../run/run.ts")]))
})

const bicameral = commandLine({
  run: (request) =>
    Effect.flatMap(toRun, ([{ runAndReport }, { runScenario }]) => runAndReport(runScenario, request)),
  deal: (request) =>
    Effect.flatMap(
      Effect.zipRight(
        toRun,
        Effect.promise(() => Promise.all([import("./run.ts"), import("../run/deal.ts")]))
      ),
      ([{ dealAndReport }, { dealScenario }]) => dealAndReport(dealScenario, request)
    ),
  train: (request) =>
    Effect.flatMap(
      Effect.zipRight(
        toRun,
        Effect.promise(() => Promise.all([import("./run.ts"), import("../run/again.ts")]))
      ),
      ([{ trainAndReport }, { trainAgain }]) => trainAndReport(trainAgain, request)
    ),
  archive: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./archive.ts")),
      ({ archiveCommand }) => archiveCommand(request)
    ),
  resume: (request) =>
    Effect.flatMap(toRun, ([{ resumeAndReport }, { resumeRun }]) => resumeAndReport(resumeRun, request)),
  view: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./view.ts")),
      // The address is what it is for.
      ({ viewRun }) => Effect.raceFirst(viewRun(request), output.lost)
    ),
  report: (out) =>
    Effect.flatMap(
      Effect.promise(() => import("./view.ts")),
      ({ makeReport }) => makeReport(out)
    ),
  simulate: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./simulate.ts")),
      // Its output is its only result.
      ({ simulateAndReport }) => Effect.raceFirst(simulateAndReport(request), output.lost)
    ),
  check: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./check.ts")),
      ({ checkScenario }) => checkScenario(request)
    ),
  tune: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./tune.ts")),
      ({ tuneScenario }) => tuneScenario(request)
    ),
  predict: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./predict.ts")),
      // Its output is its result.
      ({ predictRows }) => Effect.raceFirst(predictRows(request), output.lost)
    ),
  export: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./export.ts")),
      ({ exportModel }) => exportModel(request)
    ),
  inspect: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./inspect.ts")),
      ({ inspectFiles }) => inspectFiles(request)
    ),
  inspectRun: (folder) =>
    Effect.flatMap(
      Effect.promise(() => import("./inspect-run.ts")),
      ({ inspectRun }) => inspectRun(folder, process.stdout.columns || 100)
    ),
  init: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./init.ts")),
      ({ initScenario }) => initScenario(request)
    ),
  audit: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./audit.ts")),
      // Its output is its result.
      ({ auditAndReport }) => Effect.raceFirst(auditAndReport(request), output.lost)
    ),
  identity: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./identity.ts")),
      ({ showIdentity }) => showIdentity(request)
    ),
  nkeys: (file) =>
    Effect.flatMap(
      Effect.promise(() => import("./identity.ts")),
      ({ showNkeys }) => showNkeys(file)
    ),
  ask: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./ask.ts")),
      // Its output is its result.
      ({ askRows }) => Effect.raceFirst(askRows(request), output.lost)
    ),
  gateway: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./ask.ts")),
      ({ runGateway }) => Effect.raceFirst(runGateway(request), output.lost)
    ),
  admit: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./admit.ts")),
      ({ admitAsker }) => admitAsker(request)
    ),
  invite: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./setup.ts")),
      ({ inviteParties }) => inviteParties(request)
    ),
  join: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./setup.ts")),
      ({ joinRun }) => joinRun(request)
    ),
  doctor: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./doctor.ts")),
      ({ examineSite }) => examineSite(request)
    ),
  actor: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("../run/party-process.ts")),
      ({ runActor }) => runActor(options)
    ),
  servingActor: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("../run/serving-process.ts")),
      ({ runServing }) => runServing(options)
    ),
  serve: (request) =>
    Effect.flatMap(
      Effect.promise(() => import("./serve.ts")),
      ({ serveModelOfRun }) => Effect.raceFirst(serveModelOfRun(request), output.lost)
    ),
  member: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("../run/helper-process.ts")),
      ({ runMember }) => runMember(options)
    )
})

let signal: NodeJS.Signals = "SIGINT"
process.once("SIGTERM", () => {
  signal = "SIGTERM"
})

const tell = ({ lines }: Verdict) => {
  for (const line of lines) console.error(line)
}

// Thrown outside of all fibers, by a callback of a socket or of a promise that nothing awaits.
process.on("uncaughtException", (error) => {
  // Nothing else shows where it came from.
  console.error(error?.stack)
  const verdict = brokenDown(error)
  tell(verdict)
  process.exit(verdict.status)
})

const words = process.argv.slice(2)
// No name of a file means anything without it; help and version name none.
const folder: Effect.Effect<unknown, WorkingFolderGone> = asksAboutItself(words) ? Effect.void : workingFolder

const asked = Effect.zipRight(folder, bicameral(words))

const answered = asksAboutItself(words) ? withShortLines(asked) : asked

answered.pipe(
  output.during,
  withPlainText({
    output: showsColours(process.stdout, environment()),
    errors: showsColours(process.stderr, environment())
  }),
  Effect.provide(nodeContext),
  // Standard output is for the report and the ready line; the parties' own logs are files.
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, end) => {
      const verdict = verdictOf(exit)
      const { status } = verdict
      tell(verdict)
      // All scopes are closed. Dying of the signal is the custom, and does not wait as `process.exit` does
      // for a search for primes, which can't be cancelled.
      if (status === interruptedStatus) process.kill(process.pid, signal)
      end(status)
    }
  })
)
