/**
 * The commands of `bicameral`, their arguments and what they say when they fail. What the commands do is given to
 * `commandLine` and loaded when it is asked for: a party's process starts without what only `run` and `check` need.
 */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import { isValidationError } from "@effect/cli/ValidationError"
import { Cause, Console, Data, Effect, Exit, Option } from "effect"
import { defectStatus, toldStatus } from "../../runtime/processes/process.ts"
import type { MemberOptions } from "../run/helper-process.ts"
import type { ActorOptions } from "../run/party-process.ts"
import {
  actorArguments,
  calibration,
  compare,
  faults,
  file,
  folder,
  hosts,
  out,
  processes,
  seed,
  seeds,
  transport
} from "./options.ts"
import { version } from "./version.ts"
import { asHelp, WrongWords, wrongWords } from "./words.ts"

/** What `bicameral run` was asked for. */
export interface RunRequest {
  readonly file: string
  /** Without it: `out/` and the scenario's name. */
  readonly out: Option.Option<string>
  readonly transport: "nats" | "memory"
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
  /** A file of faults, in place of those of the scenario. */
  readonly faults: Option.Option<string>
  /** Whether it is run without the faults first, to set both side by side. */
  readonly compare: boolean
}

/** What `bicameral simulate` was asked for. */
export interface SimulateRequest {
  readonly file: string
  /** Both included. */
  readonly seeds: { readonly from: number; readonly to: number }
  /** A file of faults, in place of those of the scenario. */
  readonly faults: Option.Option<string>
  /** As many as there are cores where left out. */
  readonly processes: Option.Option<number>
}

/** What `bicameral check` was asked for. */
export interface CheckRequest {
  readonly file: string
  /** A file of hosts, for which the time of a run is predicted. */
  readonly hosts: Option.Option<string>
  /** What their machines take, as `npm run bench -- calibrate` measures it; what comes with the project where left out. */
  readonly calibration: Option.Option<string>
}

/** An error that people are told: by its message, which names culprit and remedy. */
export interface Failure {
  readonly message: string
  /** The status with which it ends the program; 1 where left out. */
  readonly exitStatus?: number
}

/** What the commands do. */
export interface Deeds<R> {
  /** Runs a scenario and gives the report; fails also where an expectation did not hold. */
  readonly run: (request: RunRequest) => Effect.Effect<void, Failure, R>
  /** Goes on with a run that was broken off; otherwise as `run`. */
  readonly resume: (out: string) => Effect.Effect<void, Failure, R>
  /** Simulates a scenario once a seed; fails also where a seed did. */
  readonly simulate: (request: SimulateRequest) => Effect.Effect<void, Failure, R>
  /** Gives what a run would do and cost. */
  readonly check: (request: CheckRequest) => Effect.Effect<string, Failure, R>
  /** Is one party until the run is over. */
  readonly actor: (options: ActorOptions) => Effect.Effect<void, Failure, R>
  /** Is a worker or a lane of a party until it is let go. */
  readonly member: (options: MemberOptions) => Effect.Effect<void, Failure, R>
}

/** A party that is no worker was started without what it needs. */
export class OptionNeeded extends Data.TaggedError("OptionNeeded")<{
  readonly role: string
  readonly option: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.role} needs ${this.option}; only a worker does without`
  }
}

/** The program, from the words after its name; every error is a failure, none is printed but those of the arguments. */
export const commandLine = <R>(deeds: Deeds<R>) => {
  const run = Command.make("run", { file, out, transport, seed, faults, compare }, deeds.run).pipe(
    Command.withDescription(
      "Runs a scenario on this machine: every party, from the data to the decrypted model"
    )
  )
  const resume = Command.make("resume", { out: folder }, (request) => deeds.resume(request.out)).pipe(
    Command.withDescription("Resumes an interrupted run over NATS from the state that its parties stored")
  )
  const simulate = Command.make("simulate", { file, seeds, faults, processes }, deeds.simulate).pipe(
    Command.withDescription(
      "Runs a scenario once per seed on a virtual network that injects faults; every run must end with the same model"
    )
  )
  const check = Command.make("check", { file, hosts, calibration }, (request) =>
    Effect.gen(function* () {
      if (Option.isSome(request.calibration) && Option.isNone(request.hosts)) {
        const reason = "--calibration tells what the machines of --hosts take; give --hosts HOSTS too"
        return yield* new WrongWords({ reason, help: "bicameral check" })
      }
      yield* Console.log(yield* deeds.check(request))
    })
  ).pipe(
    Command.withDescription(
      "Checks a scenario and its data; prints the plan, the predicted cost and, with --hosts, the predicted time"
    )
  )
  const actor = Command.make("actor", actorArguments, ({ worker, lane, threads, scenario, state, ...rest }) =>
    Effect.gen(function* () {
      const wrong = (reason: string) => new WrongWords({ reason, help: "bicameral actor" })
      if (worker && lane)
        return yield* wrong("--worker and --lane are two processes; start one after the other")
      if (worker || lane) {
        const kind = lane ? "lane" : "worker"
        return yield* deeds.member({ kind, role: rest.role, run: rest.run, threads, state })
      }
      if (Option.isSome(threads))
        return yield* wrong(
          "--threads is for a --worker; a party's own are under placement.threads of the scenario"
        )
      const needed = (option: string, value: Option.Option<string>) =>
        Effect.mapError(value, () => new OptionNeeded({ role: rest.role, option }))
      yield* deeds.actor({
        ...rest,
        scenario: yield* needed("--scenario FILE", scenario),
        state: yield* needed("--state DIR", state)
      })
    })
  ).pipe(Command.withDescription("Runs one party, over the broker at NATS_URL, until the run is over"))
  const bicameral = Command.make("bicameral").pipe(
    Command.withDescription(
      "Trains one neural network on the joined data of several owners, on two clouds that see none of it"
    ),
    Command.withSubcommands([run, resume, simulate, check, actor])
  )
  const parse = Command.run(bicameral, { name: "bicameral", version: version() })
  const usages = new Map([
    ["run", Command.getUsage(run)],
    ["resume", Command.getUsage(resume)],
    ["simulate", Command.getUsage(simulate)],
    ["check", Command.getUsage(check)],
    ["actor", Command.getUsage(actor)]
  ])
  return (given: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const words = asHelp([...usages.keys()], given)
      const wrong = wrongWords(usages, words)
      if (wrong !== undefined) return yield* wrong
      yield* parse(["node", "bicameral", ...words])
    }).pipe(Effect.provide(CliConfig.layer({ showBuiltIns: false })))
}

/** What the shell is told, and what is said to people on the standard error. */
export interface Verdict {
  readonly status: number
  readonly lines: ReadonlyArray<string>
}

/** The status that shells give what a signal has ended. */
export const interruptedStatus = 130

/** How the program ends. Errors are told by their message; of a defect, which is ours, no more than people can use. */
export const verdictOf = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (Exit.isSuccess(exit)) return { status: 0, lines: [] }
  const { cause } = exit
  const failure = Cause.failureOption(cause)
  if (Option.isSome(failure)) return { status: statusOf(failure.value), lines: said(failure.value) }
  const defect = Cause.dieOption(cause)
  if (Option.isNone(defect)) return { status: interruptedStatus, lines: ["bicameral: interrupted"] }
  return brokenDown(defect.value)
}

/** How the program ends on what is a fault of its own. A party that does is started again. */
export const brokenDown = (defect: unknown): Verdict => ({
  status: defectStatus,
  lines: [
    ...prefixed(`internal error: ${messageOf(defect)}`),
    "  This is a fault of the program. In a run, the event logs (parties/*/events.jsonl in the out folder) say more."
  ]
})

/** An error may say with which status it ends the program; never with one that stands for success. */
const statusOf = (error: unknown): number =>
  typeof error === "object" && error !== null && "exitStatus" in error && isStatus(error.exitStatus)
    ? error.exitStatus
    : toldStatus

const isStatus = (status: unknown): status is number =>
  typeof status === "number" && Number.isInteger(status) && status >= 1 && status <= 255

const said = (error: unknown): ReadonlyArray<string> =>
  // The argument's error has been told already, in the words of the parser.
  isValidationError(error) ? ["bicameral: see bicameral --help"] : prefixed(messageOf(error))

const messageOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error && typeof error.message === "string"
    ? error.message
    : String(error)

/** A message of several lines keeps together: all but the first are indented. Of an empty one there is nothing to say. */
const prefixed = (message: string): ReadonlyArray<string> => {
  if (message === "") return []
  const [first = "", ...rest] = message.split("\n")
  return [`bicameral: ${first}`, ...rest.map((line) => `  ${line}`)]
}
