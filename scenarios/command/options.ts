/** The arguments and options of the commands of `bicameral`, and what each may be. An error names the option and what it takes. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import { Option } from "effect"
import { maxAskers } from "../../protocol/messages/subjects.ts"
import { mostQuota } from "../../protocol/serving/quota.ts"
import { serviceFormats } from "../setup/services.ts"

export const file = Args.text({ name: "FILE" }).pipe(Args.withDescription("The scenario, a YAML file"))

export const identityFile = Args.text({ name: "FILE" }).pipe(
  Args.withDescription("The party's secret, one line that only its owner can read; never overwritten")
)

export const nkey = Options.text("nkey").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription(
    "Writes the seed of the identity's NKEY to this new file, for a broker or tool that connects with it"
  ),
  Options.optional
)

export const folder = Args.text({ name: "DIR" }).pipe(Args.withDescription("The out folder of the run"))

export const logsFolder = Args.text({ name: "DIR" }).pipe(
  Args.withDescription(
    "The out folder of a run, the folder of one party, or one to which the folders of several were copied"
  )
)

export const folderToView = folder.pipe(
  Args.withDescription("The out folder of the run; of those in out/ that of the latest run when left out"),
  Args.optional
)

export const view = Options.boolean("view").pipe(
  Options.withDescription(
    "Shows the run as a page on the loopback while it goes, and opens it where there is a desktop"
  )
)

export const model = Args.text({ name: "MODEL" }).pipe(
  Args.withDescription("An opened model: model.json, or the out folder of its run")
)

export const rows = Args.text({ name: "FILE" }).pipe(
  Args.withDescription(
    "The rows to predict: CSV, Parquet or IDX, perhaps compressed with gzip, with the columns of the model's features"
  )
)

export const predictions = Options.text("out").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription(
    "Writes the predictions to this file, Parquet if its name ends so and otherwise CSV, and prints what they are like; CSV on standard output when left out"
  ),
  Options.optional
)

export const target = Args.text({ name: "FILE|DIR" }).pipe(
  Args.withDescription(
    "A scenario, of which a trial is run; or the folder of an audit that was kept with --out"
  )
)

export const auditOut = Options.text("out").pipe(
  Options.withPseudoName("DIR"),
  Options.withDescription(
    "Keeps the report and the recording, which has all keys and cells of the trial, in this folder"
  ),
  Options.optional
)

/** An option whose text has to be understood: what is not gives the error. */
export const understood = <A>(
  option: string,
  placeholder: string,
  read: (text: string) => A | undefined,
  must: string
) =>
  Options.text(option).pipe(
    Options.withPseudoName(placeholder),
    Options.filterMap((text) => Option.fromNullable(read(text)), `--${option} must be ${must}`)
  )

/** A whole number in decimal digits: `1e3` and `0x10` are more likely slips than numbers. */
export const wholeNumber = (option: string, least: number, most: number, range: string) =>
  understood(
    option,
    "N",
    (text) => {
      const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
      return number >= least && number <= most ? number : undefined
    },
    `a whole number from ${range}, in digits`
  )

export const port = wholeNumber("port", 1, 65_535, "1 to 65535").pipe(
  Options.withDescription("The port on the loopback; any that is free when left out"),
  Options.optional
)

export const exportFormats = ["onnx", "safetensors", "card", "preparation"] as const

export const format = understood(
  "format",
  exportFormats.join("|"),
  (text) => exportFormats.find((each) => each === text),
  "onnx, safetensors, card or preparation"
).pipe(
  Options.withDescription(
    "onnx: raw columns in, labels with probabilities or numbers out; safetensors: the weights alone; card: a page on data, quality and security, from the out folder of the run; preparation: what an asker of a served model needs, without weights"
  )
)

export const exportOut = Options.text("out").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription("Where it goes; beside the model when left out"),
  Options.optional
)

export const seed = wholeNumber("seed", 0, Number.MAX_SAFE_INTEGER, "0 to 2^53 − 1").pipe(
  Options.withDescription(
    "Makes the run reproducible bit for bit, and not private; replaces the scenario's seed"
  ),
  Options.optional
)

export const out = Options.text("out").pipe(
  Options.withPseudoName("DIR"),
  Options.withDescription("Folder of the results; out/NAME when left out, with the scenario's name"),
  Options.optional
)

export const archiveFolder = Args.text({ name: "DIR" }).pipe(
  Args.withDescription("The out folder of the run in which the users uploaded, with archive: keep")
)

export const otherScenario = Options.text("scenario").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription(
    "Another scenario, of the same users and the same data; that of the run when left out"
  ),
  Options.optional
)

export const archiveActions = ["list", "show", "forget"] as const

export const archiveAction = Args.text({ name: archiveActions.join("|") }).pipe(
  Args.withDescription(
    "list: the archives in DIR and directly below it; show: what is in that of DIR; forget: erases it, with all that opens it"
  )
)

export const archiveOf = Args.text({ name: "DIR" }).pipe(
  Args.withDescription("The out folder of a run; to forget, a cloud's or a user's own folder too")
)

export const withdrawn = Options.text("user").pipe(
  Options.withPseudoName("NAME"),
  Options.withDescription("Forgets the cells of this user alone, at both clouds"),
  Options.optional
)

export const againOut = Options.text("out").pipe(
  Options.withPseudoName("DIR"),
  Options.withDescription(
    "Folder of the results; DIR-again when left out, next to the folder of the users' run"
  ),
  Options.optional
)

const transports = ["nats", "memory"] as const

export const transport = understood(
  "transport",
  transports.join("|"),
  (text) => transports.find((each) => each === text),
  transports.join(" or ")
).pipe(
  Options.withDescription("nats: each party a process, over a broker; memory: all in one process, no broker"),
  Options.withDefault("nats" as const)
)

export const faults = Options.text("faults").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription(
    "Faults to inject, in place of those of the scenario; see docs/reference/faults.md"
  ),
  Options.optional
)

export const compare = Options.boolean("compare").pipe(
  Options.withDescription("Runs the scenario without the faults first, and compares times and models")
)

export const hosts = Options.text("hosts").pipe(
  Options.withPseudoName("HOSTS"),
  Options.withDescription("A file of hosts: predicts the time of a run there; see docs/reference/hosts.md"),
  Options.optional
)

export const calibration = Options.text("calibration").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription("Speed of the hosts, as npm run bench -- calibrate writes it"),
  Options.optional
)

const seedsOf = (text: string): { readonly from: number; readonly to: number } | undefined => {
  const match = /^(\d{1,15})(?:\.\.(\d{1,15}))?$/.exec(text)
  if (match === null) return undefined
  const from = Number(match[1])
  const to = match[2] === undefined ? from : Number(match[2])
  return from <= to ? { from, to } : undefined
}

export const seeds = understood(
  "seeds",
  "A..B",
  seedsOf,
  "a seed or a range of them, such as 1..1000, from the lower to the higher, each of at most 15 digits"
).pipe(
  Options.withDescription("One seed or a range of seeds; 1..100 when left out"),
  Options.withDefault({ from: 1, to: 100 })
)

export const processes = wholeNumber("processes", 1, 256, "1 to 256").pipe(
  Options.withDescription("Number of simulating processes; the number of cores when left out"),
  Options.optional
)

const moduli = [512, 1024, 2048, 3072] as const

export const modulus = understood(
  "modulus",
  moduli.join("|"),
  (text) => moduli.find((each) => String(each) === text),
  "512, 1024, 2048 or 3072"
).pipe(Options.withDescription("Bits of the trial's modulus; 512 when left out"), Options.optional)

const most = 2 ** 31 - 1

export const trialRows = wholeNumber("rows", 8, most, `8 to ${most}`).pipe(
  Options.withDescription("About how many rows the trial takes; 96 when left out"),
  Options.optional
)

export const trialEpochs = wholeNumber("epochs", 1, most, `1 to ${most}`).pipe(
  Options.withDescription("At most so many epochs; 2 when left out"),
  Options.optional
)

export const askers = wholeNumber("askers", 0, maxAskers, `0 to ${maxAskers}`).pipe(
  Options.withDescription("Askers that are admitted beside the users of the run"),
  Options.withDefault(1)
)

export const quota = wholeNumber("quota", 1, mostQuota, `1 to ${mostQuota}`).pipe(
  Options.withPseudoName("ROWS"),
  Options.withDescription("Rows that each of these askers may ask in all"),
  Options.withDefault(100_000)
)

export const user = Options.text("user").pipe(
  Options.withPseudoName("NAME"),
  Options.withDescription("Takes the files of this user alone, which must hold whole rows"),
  Options.optional
)

const inFolder = (option: string, placeholder: string, description: string) =>
  Options.text(option).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(description),
    Options.optional
  )

export const inviteArguments = {
  file,
  replies: Args.text({ name: "REPLY" }).pipe(
    Args.withDescription("With --accept, the replies that bicameral join has written for the parties"),
    Args.repeated,
    Args.withDefault<ReadonlyArray<string>>([])
  ),
  accept: Options.boolean("accept").pipe(
    Options.withDescription("Takes replies, and writes the invitations anew with what is known then")
  ),
  fingerprints: inFolder(
    "fingerprints",
    "F,F…",
    "Fingerprints of the replies, as their parties told them over another way; asked for when left out"
  ),
  renew: Options.boolean("renew").pipe(
    Options.withDescription("Lets a reply replace an identity that is known")
  ),
  broker: inFolder("broker", "URL", "The broker's address, tls://HOST:PORT; as before when left out"),
  ca: inFolder(
    "ca",
    "FILE",
    "Certificates (PEM) of the authorities that sign the broker's; as before when left out, and at first those of Node"
  ),
  serverName: inFolder(
    "server-name",
    "NAME",
    "The name that the broker's certificate is for, where it is not that of the address"
  ),
  run: inFolder("run", "ID", "Name of the run; as before when left out, and at first made of name and time"),
  out: inFolder("out", "DIR", "Folder of the invitations; FILE.invitations without its ending when left out"),
  identity: inFolder(
    "identity",
    "FILE",
    "The inviter's identity, made if it is not there; inviter.identity in the folder when left out"
  ),
  format: understood(
    "format",
    serviceFormats.join("|"),
    (text) => serviceFormats.find((each) => each === text),
    serviceFormats.join(" or ")
  ).pipe(
    Options.withDescription("Also writes a file for each party that has it started by systemd or compose"),
    Options.optional
  )
}

export const joinArguments = {
  file: Args.text({ name: "INVITATION" }).pipe(
    Args.withDescription("The invitation of this party; what the party makes lies next to it")
  ),
  inviter: inFolder(
    "inviter",
    "F",
    "The inviter's fingerprint, as it was told over another way; asked for the first time when left out"
  ),
  renew: Options.boolean("renew").pipe(
    Options.withDescription("Makes another identity, and a reply with it, before a run begins")
  )
}

export const siteArguments = {
  file: Args.text({ name: "FILE" }).pipe(
    Args.withDescription("An invitation; or a scenario, with --party and the environment of that party")
  ),
  party: Options.text("party").pipe(
    Options.withPseudoName("ROLE"),
    Options.withDescription("Of a scenario, the party of this machine, as for bicameral actor"),
    Options.optional
  ),
  identity: Options.text("identity").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("Of a scenario, the party's identity, as for bicameral actor"),
    Options.optional
  ),
  state: Options.text("state").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription("Of a scenario, the folder that the party will have, as for bicameral actor"),
    Options.optional
  ),
  wait: wholeNumber("wait", 0, 86_400, "0 to 86400").pipe(
    Options.withDescription("Seconds that other parties may take to answer; 3 when left out"),
    Options.withDefault(3)
  )
}

export const actorArguments = {
  role: Args.text({ name: "ROLE" }).pipe(
    Args.withDescription("kgc, cloud0, cloud1, director, or a user: user1 or its name in the scenario")
  ),
  scenario: Options.text("scenario").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("The scenario, the same file for all parties; workers and lanes need none"),
    Options.optional
  ),
  run: Options.text("run").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("Name of the run, the same for all parties: 1 to 64 letters, digits and hyphens")
  ),
  identity: Options.text("identity").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription(
      "The party's identity, as bicameral identity makes it; when left out, ROLE.identity of the service manager's credentials"
    ),
    Options.optional
  ),
  state: Options.text("state").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription(
      "The party's own folder for its state and event log; optional for workers and lanes"
    ),
    Options.optional
  ),
  stateKey: Options.text("state-key").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription(
      "The key that the party's state is encrypted under, made at its first start; DIR.state-key, next to --state, when left out"
    ),
    Options.optional
  ),
  worker: Options.boolean("worker").pipe(
    Options.withAlias("join"),
    Options.withDescription("Joins a running party (kgc, cloud0 or cloud1) as a worker; needs its identity")
  ),
  lane: Options.boolean("lane").pipe(
    Options.withDescription("Joins a running cloud (cloud0 or cloud1) as a lane; needs its identity")
  ),
  threads: wholeNumber("threads", 1, 256, "1 to 256").pipe(
    Options.withDescription("Maximum concurrent jobs of a worker; the number of cores when left out"),
    Options.optional
  ),
  serve: Options.boolean("serve").pipe(
    Options.withDescription(
      "Serves the model of a run that has ended (kgc, cloud0 or cloud1), from the party's folder of that run"
    )
  ),
  admissions: Options.text("admissions").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription(
      "With --serve: a folder of admissions, NAME.json, of askers whom all users have admitted"
    ),
    Options.optional
  ),
  onlyDeal: Options.boolean("only-deal").pipe(
    Options.withDescription(
      "Of the director: it ends once all steps are dealt ahead, and another one goes through the rest"
    )
  ),
  reopens: Options.text("archive").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription(
      "Trains from the archive of this run, in which the users uploaded: the clouds open it again, and the users come for the output; the same for all parties"
    ),
    Options.optional
  ),
  from: Options.text("from").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription(
      "With --archive, of a cloud or a user: the folder that it had in that run, which is read and not changed"
    ),
    Options.optional
  ),
  fromKey: Options.text("from-state-key").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("The state key of --from; DIR.state-key, next to it, when left out"),
    Options.optional
  ),
  seed,
  faults
}
