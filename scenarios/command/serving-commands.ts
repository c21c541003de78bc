/** The commands around a model that the clouds serve: who may ask it, and asking it. Their arguments and requests. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, type Option } from "effect"
import { publicIdentity } from "../../protocol/channels/identity.ts"
import { maxAskers } from "../../protocol/messages/subjects.ts"
import { isAskerName, latestUntil } from "../../protocol/serving/admission-text.ts"
import { mostQuota } from "../../protocol/serving/quota.ts"
import type { GivenToRun } from "../description/agreement.ts"
import { type Place, placeOf } from "../gateway/guard.ts"
import type { SaidOfFiles } from "../inspect/file-settings.ts"
import { type Answer, answer } from "../text/answer.ts"
import { written } from "./data-options.ts"
import { predictions, rows, seed, understood, wholeNumber } from "./options.ts"

/** A request for `bicameral admit`. */
export interface AdmitRequest extends GivenToRun {
  /** The file of the admission; a new one where it is not there. */
  readonly file: string
  readonly scenario: string
  /** The identity of the user that signs; where left out, the admission is only shown. */
  readonly identity: Option.Option<string>
  /** The file by which the asker prepares its rows. */
  readonly preparation: Option.Option<string>
  readonly run: Option.Option<string>
  /** What the asker is called on the wire. */
  readonly as: Option.Option<string>
  /** Its public text. */
  readonly asker: Option.Option<string>
  readonly rows: Option.Option<number>
  readonly rowsADay: Option.Option<number>
  /** Seconds since 1970. */
  readonly until: Option.Option<number>
}

/** What an asker gives, however it asks. */
export interface Asking extends GivenToRun {
  readonly scenario: string
  readonly preparation: string
  /** The file of its identity. */
  readonly identity: Option.Option<string>
  readonly admission: Option.Option<string>
  /** Of a user of the run without an admission: what it is called on the wire, and the run. */
  readonly as: Option.Option<string>
  readonly run: Option.Option<string>
}

/** A request for `bicameral ask`. */
export interface AskRequest extends Asking {
  /** The data file with the rows. */
  readonly rows: string
  /** How it is written, if it is CSV. */
  readonly written: SaidOfFiles
  /** A file for the predictions; standard output where left out. */
  readonly out: Option.Option<string>
}

/** A request for `bicameral gateway`. */
export interface GatewayRequest extends Asking {
  readonly place: Place
  /** Other names by which it may be asked. */
  readonly names: ReadonlyArray<string>
  /** Whether it may listen where other machines reach it. */
  readonly open: boolean
}

const scenario = Options.text("scenario").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription("The scenario of the run, the same file for all parties and askers")
)

/** What the run was given beside its scenario. */
const givenToRun = {
  seed,
  reopens: Options.text("archive").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("Where the run trained from an archive: the run in which the users uploaded"),
    Options.optional
  )
}

const admissionFile = Args.text({ name: "FILE" }).pipe(
  Args.withDescription("The admission: a new file, or the one that another user has begun")
)

/** A day, from its beginning in UTC, or a minute of it. */
const timeOf = (text: string): number | undefined => {
  const [, day, minute = "00:00"] = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})Z)?$/.exec(text) ?? []
  const seconds = Date.parse(`${day}T${minute}:00Z`) / 1000
  const isDay = seconds >= 1 && new Date(1000 * seconds).toISOString().startsWith(`${day}T${minute}`)
  return isDay && seconds <= latestUntil ? seconds : undefined
}

const rowsOf = (option: string, description: string) =>
  wholeNumber(option, 1, mostQuota, `1 to ${mostQuota}`).pipe(
    Options.withDescription(description),
    Options.optional
  )

const admitOptions = {
  ...givenToRun,
  file: admissionFile,
  scenario,
  identity: Options.text("identity").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("Signs with the identity of a user; the admission is only shown when left out"),
    Options.optional
  ),
  preparation: Options.text("preparation").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription(
      "How rows are prepared, preparation.json; with a signature, the signing user's own is compared"
    ),
    Options.optional
  ),
  run: Options.text("run").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("Of a new admission: the run that made the model"),
    Options.optional
  ),
  as: understood(
    "as",
    "NAME",
    (text) => (isAskerName(text) ? text : undefined),
    `asker1 to asker${maxAskers}, or of a user of the run user1 and so on`
  ).pipe(
    Options.withDescription(
      `Of a new admission: what the asker is called at broker and clouds, asker1 to asker${maxAskers}`
    ),
    Options.optional
  ),
  asker: understood(
    "asker",
    "TEXT",
    (text) => (publicIdentity(text) === undefined ? undefined : text),
    "the public text of an identity, as bicameral identity prints it for the asker"
  ).pipe(
    Options.withDescription("Of a new admission: the asker's public text, as bicameral identity prints it"),
    Options.optional
  ),
  rows: rowsOf("rows", "Of a new admission: how many rows the asker may have predicted in all"),
  rowsADay: rowsOf("rows-a-day", "Of a new admission: how many rows on each day of UTC"),
  until: understood(
    "until",
    "DATE",
    timeOf,
    "a day such as 2027-01-31, or a minute such as 2027-01-31T12:00Z, in UTC"
  ).pipe(
    Options.withDescription("Of a new admission: when it ends, a day or a minute of UTC"),
    Options.optional
  )
}

const asking = {
  scenario,
  preparation: Options.text("preparation").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("How rows are prepared: preparation.json, from a user")
  ),
  identity: Options.text("identity").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription(
      "The asker's identity, as bicameral identity makes it; when left out, as of bicameral actor"
    ),
    Options.optional
  ),
  admission: Options.text("admission").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("The admission that all users have signed; a user of the run needs none"),
    Options.optional
  ),
  as: Options.text("as").pipe(
    Options.withPseudoName("NAME"),
    Options.withDescription("Of a user without an admission: its name on the wire, user1 and so on"),
    Options.optional
  ),
  run: Options.text("run").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("Of a user without an admission: the run that made the model"),
    Options.optional
  ),
  ...givenToRun
}

/** Where the gateway of a trial listens. */
export const trialGateway = understood(
  "gateway",
  "PORT",
  placeOf,
  "a port, or an address of the loopback and a port, such as 8080 or 127.0.0.1:8080"
).pipe(
  Options.withDescription(
    "Also answers HTTP requests at this port of the loopback, as bicameral gateway, for asker1"
  ),
  Options.optional
)

const place = understood(
  "at",
  "[ADDRESS:]PORT",
  placeOf,
  "a port, or an address and a port, such as 8080 or 127.0.0.1:8080"
).pipe(
  Options.withDescription(
    "Where it listens; on the loopback when there is no address, 127.0.0.1:8080 when left out"
  ),
  Options.withDefault({ host: "127.0.0.1", port: 8080 })
)

const gatewayOptions = {
  ...asking,
  place,
  names: Options.text("names").pipe(
    Options.withPseudoName("NAMES"),
    Options.withDescription("Further names by which requests may address it, with commas between them"),
    Options.map((text) => text.split(",").map((name) => name.trim())),
    Options.withDefault([] as ReadonlyArray<string>)
  ),
  open: Options.boolean("open").pipe(
    Options.withDescription("Lets it listen at an address that other machines reach")
  )
}

/** The handlers behind these commands. */
export interface ServingHandlers<E, R> {
  /** Has the rows of a file predicted by a model that the clouds serve. */
  readonly ask: (request: AskRequest) => Effect.Effect<void, E, R>
  /** Answers HTTP requests with what such a model predicts, until it is ended. */
  readonly gateway: (request: GatewayRequest) => Effect.Effect<void, E, R>
  /** Begins, signs or shows an admission; returns what it says. */
  readonly admit: (request: AdmitRequest) => Effect.Effect<Answer, E, R>
}

export const servingCommands = <E, R>(handlers: ServingHandlers<E, R>) => ({
  ask: Command.make("ask", { rows, written, out: predictions, ...asking }, handlers.ask).pipe(
    Command.withDescription(
      "Has the rows of a data file predicted by a model that two clouds serve, over the broker at NATS_URL; neither learns a row or an answer"
    )
  ),
  gateway: Command.make("gateway", gatewayOptions, handlers.gateway).pipe(
    Command.withDescription(
      "Answers HTTP requests of other programs on this machine with what a model predicts that two clouds serve, until it is ended"
    )
  ),
  admit: Command.make("admit", admitOptions, (request) =>
    Effect.flatMap(handlers.admit(request), answer)
  ).pipe(
    Command.withDescription(
      "Admits an asker to a model that the clouds serve: begins an admission, signs it for a user, or shows who has signed"
    )
  )
})
