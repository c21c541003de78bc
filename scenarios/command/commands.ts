/**
 * The commands of `bicameral`, their arguments and what they print when they fail. `commandLine` takes their
 * handlers, which are loaded on demand: a party's process starts without what only `run` and `check` need.
 */
import { stripVTControlCharacters } from "node:util"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as CommandDescriptor from "@effect/cli/CommandDescriptor"
import * as HelpDoc from "@effect/cli/HelpDoc"
import { isValidationError } from "@effect/cli/ValidationError"
import { Cause, Data, Effect, Exit, Option } from "effect"
import { defectStatus, toldStatus } from "../../runtime/processes/process.ts"
import type { Place } from "../gateway/guard.ts"
import type { SaidOfFiles } from "../inspect/file-settings.ts"
import type { MemberOptions } from "../run/helper-process.ts"
import type { ActorOptions } from "../run/party-process.ts"
import type { ServingOptions } from "../run/serving-process.ts"
import type { InviteOptions } from "../setup/invite.ts"
import type { JoinOptions } from "../setup/join.ts"
import { type Answer, answer } from "../text/answer.ts"
import { version } from "../text/version.ts"
import { dataFiles, initArguments, written } from "./data-options.ts"
import { asksForJson, inJson, jsonLast, withoutJson } from "./json.ts"
import {
  actorArguments,
  againOut,
  archiveAction,
  archiveActions,
  archiveFolder,
  archiveOf,
  askers,
  auditOut,
  calibration,
  compare,
  type exportFormats,
  exportOut,
  faults,
  file,
  folder,
  folderToView,
  format,
  hosts,
  identityFile,
  inviteArguments,
  joinArguments,
  logsFolder,
  model,
  modulus,
  nkey,
  otherScenario,
  out,
  port,
  predictions,
  processes,
  quota,
  rows,
  seed,
  seeds,
  siteArguments,
  target,
  transport,
  trialEpochs,
  trialRows,
  user,
  view,
  withdrawn
} from "./options.ts"
import { type ServingHandlers, servingCommands, trialGateway } from "./serving-commands.ts"
import { asHelp, ValueRefused, WrongWords, wrongWords } from "./words.ts"

/** A request for `bicameral run`. */
export interface RunRequest {
  readonly file: string
  /** Without it: `out/` and the scenario's name. */
  readonly out: Option.Option<string>
  readonly transport: "nats" | "memory"
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
  /** A file of faults, in place of those of the scenario. */
  readonly faults: Option.Option<string>
  /** Whether to run without the faults first, and set both runs side by side. */
  readonly compare: boolean
  /** Whether to show it as a page. */
  readonly view: boolean
}

/** A request for `bicameral resume`. */
export interface ResumeRequest {
  readonly out: string
  /** Whether to show it as a page. */
  readonly view: boolean
}

/** A request for `bicameral view`. */
export interface ViewRequest {
  readonly folder: Option.Option<string>
  readonly port: Option.Option<number>
}

/** A request for `bicameral deal`. */
export type DealRequest = Pick<RunRequest, "file" | "out" | "seed">

/** A request for `bicameral train`. */
export interface TrainRequest {
  /** The out folder of the run in which the users uploaded. */
  readonly from: string
  /** Another scenario. */
  readonly scenario: Option.Option<string>
  /** Without it: the folder of that run, with `-again` behind its name. */
  readonly out: Option.Option<string>
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
}

/** A request for `bicameral archive`. */
export interface ArchiveRequest {
  readonly action: (typeof archiveActions)[number]
  readonly folder: string
  /** Whose cells alone are forgotten. */
  readonly user: Option.Option<string>
}

/** A request for `bicameral simulate`. */
export interface SimulateRequest {
  readonly file: string
  /** Both included. */
  readonly seeds: { readonly from: number; readonly to: number }
  /** A file of faults, in place of those of the scenario. */
  readonly faults: Option.Option<string>
  /** As many as there are cores where left out. */
  readonly processes: Option.Option<number>
}

/** A request for `bicameral check`. */
export interface CheckRequest {
  readonly file: string
  /** A file of hosts, for which the time of a run is predicted. */
  readonly hosts: Option.Option<string>
  /** A file of what their machines take, from `npm run bench -- calibrate`; the project's own by default. */
  readonly calibration: Option.Option<string>
}

/** A request for `bicameral audit`. */
export interface AuditRequest {
  /** A scenario, or the folder of an audit. */
  readonly target: string
  readonly out: Option.Option<string>
  readonly modulus: Option.Option<number>
  readonly rows: Option.Option<number>
  readonly epochs: Option.Option<number>
}

/** A request for `bicameral inspect`. */
export interface InspectRequest {
  readonly files: ReadonlyArray<string>
  /** How CSV files are written. */
  readonly written: SaidOfFiles
}

/** A request for `bicameral init`; what is left out is asked, or taken as it is proposed. */
export interface InitRequest {
  /** Data files and folders; the parts, with `join`. */
  readonly files: ReadonlyArray<string>
  /** How CSV files are written. */
  readonly written: SaidOfFiles
  readonly id: Option.Option<string>
  /** Whether rows are numbered, whatever ids the files have. */
  readonly numberRows: boolean
  /** Texts that mark missing cells besides the usual ones; these and the next two with commas between them. */
  readonly missing: Option.Option<string>
  /** Columns that are no part of the study. */
  readonly leaveOut: Option.Option<string>
  /** Columns of numbers of which some cells are texts, and all are to be. */
  readonly asText: Option.Option<string>
  readonly label: Option.Option<string>
  /** Names of the owners, with commas between them. */
  readonly users: Option.Option<string>
  /** Owners to whom the rows of a single file are dealt. */
  readonly owners: Option.Option<number>
  readonly heldOut: Option.Option<number>
  readonly name: Option.Option<string>
  readonly out: Option.Option<string>
  /** Whether all that is proposed is taken without a question. */
  readonly yes: boolean
  /** Whether one owner's part is written. */
  readonly part: boolean
  /** Whether a part has ranges. */
  readonly ranges: boolean
  /** Whether parts are put together. */
  readonly join: boolean
}

/** A request for `bicameral tune`. */
export interface TuneRequest {
  readonly file: string
  /** On whose rows alone; on those of all where left out. */
  readonly user: Option.Option<string>
}

/** A request for `bicameral predict`. */
export interface PredictRequest {
  /** The file of an opened model, or the folder of the run. */
  readonly model: string
  /** The data file with the rows. */
  readonly rows: string
  /** How it is written, if it is CSV. */
  readonly written: SaidOfFiles
  /** A file for the predictions; standard output where left out. */
  readonly out: Option.Option<string>
}

/** A request for `bicameral export`. */
export interface ExportRequest {
  /** The file of an opened model, or the folder of the run. */
  readonly model: string
  readonly format: (typeof exportFormats)[number]
  /** Beside the model where left out. */
  readonly out: Option.Option<string>
}

/** A request for `bicameral serve`. */
export interface ServeRequest {
  /** The out folder of the run. */
  readonly out: string
  readonly askers: number
  /** Rows that each of them may ask. */
  readonly quota: number
  /** Where HTTP requests are answered for the first of them. */
  readonly gateway: Option.Option<Place>
}

/** A request for `bicameral identity`. */
export interface IdentityRequest {
  /** The file of the identity, made if it is not there. */
  readonly file: string
  /** A new file for the seed of its NKEY. */
  readonly nkey: Option.Option<string>
}

/** A request for `bicameral invite`. */
export type InviteRequest = Omit<InviteOptions, "version">

/** A request for `bicameral join`. */
export type JoinRequest = Omit<JoinOptions, "version">

/** A request for `bicameral doctor`. */
export interface DoctorRequest {
  /** An invitation, or a scenario, of which the next three are needed. */
  readonly file: string
  readonly party: Option.Option<string>
  readonly identity: Option.Option<string>
  readonly state: Option.Option<string>
  /** Seconds that the other parties may take to answer. */
  readonly wait: number
}

/** An error for people. Its message names culprit and remedy. */
export interface Failure {
  readonly message: string
  /** The exit status of the program; 1 by default. */
  readonly exitStatus?: number
}

/** The handlers behind each command. */
export interface CommandHandlers<R> extends ServingHandlers<Failure, R> {
  /** Runs a scenario and prints the report. Fails, too, where an expectation did not hold. */
  readonly run: (request: RunRequest) => Effect.Effect<void, Failure, R>
  /** Runs a scenario until all its steps are dealt ahead; `resume` goes through the rest. */
  readonly deal: (request: DealRequest) => Effect.Effect<void, Failure, R>
  /** Trains from the archive of a run that has ended; otherwise as `run`. */
  readonly train: (request: TrainRequest) => Effect.Effect<void, Failure, R>
  /** Lists, shows or forgets archives. */
  readonly archive: (request: ArchiveRequest) => Effect.Effect<void, Failure, R>
  /** Resumes a run that was broken off; otherwise as `run`. */
  readonly resume: (request: ResumeRequest) => Effect.Effect<void, Failure, R>
  /** Shows a run as a page until it is interrupted. */
  readonly view: (request: ViewRequest) => Effect.Effect<void, Failure, R>
  /** Makes the report of a run again. Returns where it is. */
  readonly report: (out: string) => Effect.Effect<Answer, Failure, R>
  /** Simulates a scenario once for each seed. Fails, too, where a seed did. */
  readonly simulate: (request: SimulateRequest) => Effect.Effect<void, Failure, R>
  /** Returns what a run would do and cost. */
  readonly check: (request: CheckRequest) => Effect.Effect<Answer, Failure, R>
  /** Prints how settings of the training do on the rows to train on. */
  readonly tune: (request: TuneRequest) => Effect.Effect<void, Failure, R>
  /** Predicts the rows of a file with an opened model. */
  readonly predict: (request: PredictRequest) => Effect.Effect<void, Failure, R>
  /** Writes an opened model in the format of another program. */
  readonly export: (request: ExportRequest) => Effect.Effect<void, Failure, R>
  /** Prints what data files hold. */
  readonly inspect: (request: InspectRequest) => Effect.Effect<void, Failure, R>
  /** Prints the timeline of a run. */
  readonly inspectRun: (folder: string) => Effect.Effect<void, Failure, R>
  /** Writes a scenario, or a part of one. */
  readonly init: (request: InitRequest) => Effect.Effect<void, Failure, R>
  /** Audits a trial and prints who saw what. Fails, too, where somebody could learn more than is claimed. */
  readonly audit: (request: AuditRequest) => Effect.Effect<void, Failure, R>
  /** Returns the public text of an identity and where it goes; makes the identity if it is not there. */
  readonly identity: (request: IdentityRequest) => Effect.Effect<Answer, Failure, R>
  /** Returns the variables with the NKEYs of a scenario's parties. */
  readonly nkeys: (file: string) => Effect.Effect<Answer, Failure, R>
  /** Writes an invitation for each party of a scenario. */
  readonly invite: (request: InviteRequest) => Effect.Effect<void, Failure, R>
  /** Replies to an invitation, or takes part in its run. */
  readonly join: (request: JoinRequest) => Effect.Effect<void, Failure, R>
  /** Examines a party's site and prints what it finds. Fails, too, where something is wrong. */
  readonly doctor: (request: DoctorRequest) => Effect.Effect<void, Failure, R>
  /** Serves as one party until the run is over. */
  readonly actor: (options: ActorOptions) => Effect.Effect<void, Failure, R>
  /** Serves as one party of a served model until it is ended. */
  readonly servingActor: (options: ServingOptions) => Effect.Effect<void, Failure, R>
  /** Serves the model of a run until it is ended. */
  readonly serve: (request: ServeRequest) => Effect.Effect<void, Failure, R>
  /** Serves as a worker or a lane of a party until it is released. */
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

/** `bicameral actor`: one party, or a member of its process group. */
const actorCommand = <R>(handlers: Pick<CommandHandlers<R>, "actor" | "member" | "servingActor">) =>
  Command.make(
    "actor",
    actorArguments,
    ({ worker, lane, threads, scenario, state, serve, admissions, ...rest }) =>
      Effect.gen(function* () {
        const wrong = (reason: string) => new WrongWords({ reason, help: "bicameral actor" })
        if (serve && (worker || lane))
          return yield* wrong(
            "a served model has no workers and lanes: one process a party answers; leave --serve out"
          )
        if (!serve && Option.isSome(admissions))
          return yield* wrong("--admissions is for a party that serves a model; add --serve")
        if (worker && lane)
          return yield* wrong("--worker and --lane are two processes; start one after the other")
        if (worker || lane) {
          const kind = lane ? "lane" : "worker"
          const { role, run, identity } = rest
          return yield* handlers.member({ kind, role, run, identity, threads, state })
        }
        if (Option.isSome(threads))
          return yield* wrong(
            "--threads is for a --worker; a party's own are under placement.threads of the scenario"
          )
        const needed = (option: string, value: Option.Option<string>) =>
          Effect.mapError(value, () => new OptionNeeded({ role: rest.role, option }))
        const found = {
          ...rest,
          scenario: yield* needed("--scenario FILE", scenario),
          state: yield* needed("--state DIR", state)
        }
        yield* serve ? handlers.servingActor({ ...found, admissions }) : handlers.actor(found)
      })
  ).pipe(Command.withDescription("Runs one party, over the broker at NATS_URL, until the run is over"))

const auditCommand = <R>(handlers: Pick<CommandHandlers<R>, "audit">) =>
  Command.make(
    "audit",
    { target, out: auditOut, modulus, rows: trialRows, epochs: trialEpochs },
    handlers.audit
  ).pipe(
    Command.withDescription(
      "Runs a trial of a scenario and prints what each party saw, alone and together with others, and all that they could learn beyond what SECURITY.md claims"
    )
  )

const inspectRunCommand = <R>(handlers: Pick<CommandHandlers<R>, "inspectRun">) =>
  Command.make("inspect-run", { folder: logsFolder }, (request) => handlers.inspectRun(request.folder)).pipe(
    Command.withDescription(
      "Prints where the time of a run went, from the event logs of its parties: phases, the longest parts, waits, bytes, restarts"
    )
  )

const trainCommand = <R>(handlers: Pick<CommandHandlers<R>, "train">) =>
  Command.make(
    "train",
    { from: archiveFolder, scenario: otherScenario, out: againOut, seed },
    handlers.train
  ).pipe(
    Command.withDescription(
      "Trains another network, loss, rate or number of epochs from the archive of a run that has ended; the users come back for the model alone"
    )
  )

const archivesCommand = <R>(handlers: Pick<CommandHandlers<R>, "archive">) =>
  Command.make(
    "archive",
    { action: archiveAction, folder: archiveOf, user: withdrawn },
    ({ action: written, ...rest }) =>
      Effect.gen(function* () {
        const wrong = (reason: string) => new WrongWords({ reason, help: "bicameral archive" })
        const action = archiveActions.find((each) => each === written)
        if (action === undefined)
          return yield* wrong(`"${written}" is nothing to do with an archive; say list, show or forget`)
        if (action !== "forget" && Option.isSome(rest.user))
          return yield* wrong("--user is whose cells to forget; say forget, or leave it out")
        yield* handlers.archive({ action, ...rest })
      })
  ).pipe(
    Command.withDescription(
      "Lists and shows the archives at the clouds, and forgets them, or one user's cells in one"
    )
  )

/** What comes before there is a scenario. */
const firstCommands = <R>(handlers: Pick<CommandHandlers<R>, "inspect" | "init">) => ({
  inspect: Command.make("inspect", { files: dataFiles, written }, handlers.inspect).pipe(
    Command.withDescription(
      "Prints what data files hold, with cells' values and ranges, for their owner's eyes; proposes the columns of a scenario"
    )
  ),
  init: Command.make("init", initArguments, ({ from, given, ...rest }) =>
    handlers.init({ ...rest, files: [...Option.toArray(from), ...given] })
  ).pipe(
    Command.withDescription(
      "Writes a scenario from data files, with a few questions that Enter answers; or one owner's part of it, or from parts"
    )
  )
})

/** What comes before a run of parties on hosts of their own. */
const setupCommands = <R>(handlers: Pick<CommandHandlers<R>, "invite" | "join" | "doctor">) => ({
  invite: Command.make("invite", inviteArguments, ({ accept, fingerprints, ...request }) =>
    Effect.gen(function* () {
      const wrong = (reason: string) => new WrongWords({ reason, help: "bicameral invite" })
      if (accept && request.replies.length === 0)
        return yield* wrong("--accept takes replies; name their files")
      if (!accept && request.replies.length > 0)
        return yield* wrong(`${JSON.stringify(request.replies[0])} is one word too many without --accept`)
      const told = Option.match(fingerprints, {
        onNone: () => [],
        onSome: (text) => text.split(",").map((each) => each.trim())
      })
      yield* handlers.invite({ ...request, fingerprints: told })
    })
  ).pipe(
    Command.withDescription(
      "Writes a signed invitation for each party of a scenario, and takes their replies; each party then joins with its file"
    )
  ),
  join: Command.make("join", joinArguments, handlers.join).pipe(
    Command.withDescription(
      "Joins a run by an invitation: replies to it with an identity of its own, or takes part until the run is over"
    )
  ),
  doctor: Command.make("doctor", siteArguments, handlers.doctor).pipe(
    Command.withDescription(
      "Examines a party's site before a run, on the party's own machine: everything that can be wrong, each with its remedy"
    )
  )
})

/** A run of all parties on this machine, whole or in parts. */
const runCommands = <R>(handlers: Pick<CommandHandlers<R>, "run" | "deal" | "resume">) => {
  const run = Command.make("run", { file, out, transport, seed, faults, compare, view }, handlers.run).pipe(
    Command.withDescription(
      "Runs a scenario on this machine: every party, from the data to the decrypted model"
    )
  )
  const deal = Command.make("deal", { file, out, seed }, handlers.deal).pipe(
    Command.withDescription(
      "Runs a scenario until the randomness of all training steps is dealt and stored; bicameral resume then trains with it"
    )
  )
  const resume = Command.make("resume", { out: folder, view }, handlers.resume).pipe(
    Command.withDescription("Resumes an interrupted run over NATS from the state that its parties stored")
  )
  return { deal, resume, run }
}

/** What is done with a model once it is trained. */
const modelCommands = <R>(handlers: Pick<CommandHandlers<R>, "predict" | "export" | "serve">) => {
  const predict = Command.make("predict", { model, rows, written, out: predictions }, handlers.predict).pipe(
    Command.withDescription(
      "Predicts the rows of a data file with an opened model, and prints or writes labels and probabilities, or numbers"
    )
  )
  const exported = Command.make("export", { model, format, out: exportOut }, handlers.export).pipe(
    Command.withDescription(
      "Writes an opened model for other programs: ONNX with the preparation of rows inside, or safetensors; or a card that describes it"
    )
  )
  const serve = Command.make(
    "serve",
    { out: folder, askers, quota, gateway: trialGateway },
    handlers.serve
  ).pipe(
    Command.withDescription(
      "Serves the model of a run that has ended, which nobody opens for it: the clouds compute on shares of rows, and answer who asks"
    )
  )
  return { exported, predict, serve }
}

/** What shows a run to people. */
const viewCommands = <R>(handlers: Pick<CommandHandlers<R>, "view" | "report">) => ({
  shown: Command.make("view", { folder: folderToView, port }, handlers.view).pipe(
    Command.withDescription(
      "Shows a run as a page on the loopback: live while it goes, its report afterwards; until Ctrl-C"
    )
  ),
  report: Command.make("report", { out: folder }, (request) =>
    Effect.flatMap(handlers.report(request.out), answer)
  ).pipe(Command.withDescription("Makes report.html of a run again, from what is in its out folder"))
})

/** What has to do with who a party is. */
const identityCommands = <R>(handlers: Pick<CommandHandlers<R>, "identity" | "nkeys">) => ({
  identity: Command.make("identity", { file: identityFile, nkey }, (request) =>
    Effect.flatMap(handlers.identity(request), answer)
  ).pipe(
    Command.withDescription(
      "Prints the public text of a party's identity, for the scenario; makes FILE if it is not there"
    )
  ),
  nkeys: Command.make("nkeys", { file }, (request) =>
    Effect.flatMap(handlers.nkeys(request.file), answer)
  ).pipe(
    Command.withDescription(
      "Prints the environment of a broker with nats.conf: the public NKEYs of a scenario's parties"
    )
  )
})

/** The name of a command, and what words it takes. */
const usageOf = ({ descriptor }: { readonly descriptor: CommandDescriptor.Command<unknown> }) =>
  [[...CommandDescriptor.getNames(descriptor)][0] ?? "", CommandDescriptor.getUsage(descriptor)] as const

/**
 * The program as a function of its arguments. Every error is a failure; only those of the arguments are
 * printed.
 */
export const commandLine = <R>(handlers: CommandHandlers<R>) => {
  const { deal, resume, run } = runCommands(handlers)
  const train = trainCommand(handlers)
  const archive = archivesCommand(handlers)
  const simulate = Command.make("simulate", { file, seeds, faults, processes }, handlers.simulate).pipe(
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
      yield* answer(yield* handlers.check(request))
    })
  ).pipe(
    Command.withDescription(
      "Checks a scenario and its data; prints the plan, the predicted cost and, with --hosts, the predicted time"
    )
  )
  const tune = Command.make("tune", { file, user }, handlers.tune).pipe(
    Command.withDescription(
      "Tries rates, layers and epochs in the clear, on all rows or, with --user, on one owner's, and prints the best"
    )
  )
  const { exported, predict, serve } = modelCommands(handlers)
  const audit = auditCommand(handlers)
  const inspectRun = inspectRunCommand(handlers)
  const { init, inspect } = firstCommands(handlers)
  const { report, shown } = viewCommands(handlers)
  const actor = actorCommand(handlers)
  const { identity, nkeys } = identityCommands(handlers)
  const { admit, ask, gateway } = servingCommands(handlers)
  const { doctor, invite, join } = setupCommands(handlers)
  const all = [
    init,
    inspect,
    run,
    deal,
    train,
    archive,
    resume,
    shown,
    report,
    simulate,
    check,
    tune,
    predict,
    exported,
    serve,
    ask,
    gateway,
    audit,
    inspectRun,
    identity,
    nkeys,
    admit,
    invite,
    join,
    doctor,
    actor
  ] as const
  const bicameral = Command.make("bicameral").pipe(
    Command.withDescription(
      "Trains one neural network on the joined data of several owners, on two clouds that must not collude. With --json, every command prints one JSON document"
    ),
    Command.withSubcommands(all)
  )
  const parse = Command.run(bicameral, { name: "bicameral", version: version() })
  const usages = new Map(all.map(usageOf))
  return (given: ReadonlyArray<string>) => {
    const words = asHelp([...usages.keys()], jsonLast(given))
    const done = Effect.gen(function* () {
      const wrong = wrongWords(usages, words)
      if (wrong !== undefined) return yield* wrong
      const help = ["bicameral", ...words.filter((word) => usages.has(word)).slice(0, 1)].join(" ")
      yield* Effect.mapError(parse(["node", "bicameral", ...withoutJson(words)]), (error) =>
        isValidationError(error)
          ? new ValueRefused({ said: stripVTControlCharacters(HelpDoc.toAnsiText(error.error)).trim(), help })
          : error
      )
    }).pipe(Effect.provide(CliConfig.layer({ showBuiltIns: false })))
    if (!asksForJson(given)) return done
    const command = words.find((word) => usages.has(word)) ?? null
    return inJson(withoutJson(words), { command, version: version() }, (exit) => verdictOf(exit).status)(done)
  }
}

/** The exit status for the shell, and the lines for people on the standard error. */
export interface Verdict {
  readonly status: number
  readonly lines: ReadonlyArray<string>
}

/** The status that shells give a program which a signal has ended. */
export const interruptedStatus = 130

/**
 * How the program ends. Errors are printed by their message; of a defect, which is ours, only what people can
 * use.
 */
export const verdictOf = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (Exit.isSuccess(exit)) return { status: 0, lines: [] }
  const { cause } = exit
  const failure = Cause.failureOption(cause)
  if (Option.isSome(failure))
    return { status: statusOf(failure.value), lines: prefixed(messageOf(failure.value)) }
  const defect = Cause.dieOption(cause)
  if (Option.isNone(defect)) return { status: interruptedStatus, lines: ["bicameral: interrupted"] }
  return brokenDown(defect.value)
}

/** How the program ends on a fault of its own. A party that ends so is started again. */
export const brokenDown = (defect: unknown): Verdict => ({
  status: defectStatus,
  lines: [
    ...prefixed(`internal error: ${messageOf(defect)}`),
    "  This is a fault of the program. In a run, the event logs (parties/*/events.jsonl in the out folder) say more."
  ]
})

/** An error may set the exit status of the program, but never to one that stands for success. */
const statusOf = (error: unknown): number =>
  typeof error === "object" && error !== null && "exitStatus" in error && isStatus(error.exitStatus)
    ? error.exitStatus
    : toldStatus

const isStatus = (status: unknown): status is number =>
  typeof status === "number" && Number.isInteger(status) && status >= 1 && status <= 255

const messageOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error && typeof error.message === "string"
    ? error.message
    : String(error)

/** A message of several lines stays together: all but the first are indented. An empty one is left out. */
const prefixed = (message: string): ReadonlyArray<string> => {
  if (message === "") return []
  const [first = "", ...rest] = message.split("\n")
  return [`bicameral: ${first}`, ...rest.map((line) => `  ${line}`)]
}
