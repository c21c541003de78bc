/** The arguments and options of the commands of `bicameral`, and what each may be. An error names the option and what it takes. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import { Option } from "effect"

export const file = Args.text({ name: "FILE" }).pipe(Args.withDescription("The scenario, a YAML file"))

export const folder = Args.text({ name: "DIR" }).pipe(Args.withDescription("The out folder of the run"))

/** An option whose text has to be understood: what is not gives the error. */
const understood = <A>(
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
const wholeNumber = (option: string, least: number, most: number, range: string) =>
  understood(
    option,
    "N",
    (text) => {
      const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
      return number >= least && number <= most ? number : undefined
    },
    `a whole number from ${range}, in digits`
  )

export const seed = wholeNumber("seed", 0, Number.MAX_SAFE_INTEGER, "0 to 2^53 − 1").pipe(
  Options.withDescription("Makes the run repeat bit for bit, and not private; replaces the scenario's seed"),
  Options.optional
)

export const out = Options.text("out").pipe(
  Options.withPseudoName("DIR"),
  Options.withDescription("Folder of the results; out/ and the scenario's name when left out"),
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
  Options.withDescription("Faults to inject, in place of those of the scenario; see docs/faults.md"),
  Options.optional
)

export const compare = Options.boolean("compare").pipe(
  Options.withDescription("Runs it without the faults first, and prints what they cost in time")
)

export const hosts = Options.text("hosts").pipe(
  Options.withPseudoName("HOSTS"),
  Options.withDescription("Hosts and links, a YAML file: predicts the time of a run there; see docs/cost.md"),
  Options.optional
)

export const calibration = Options.text("calibration").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription("What the hosts' machines take, as npm run bench -- calibrate writes it"),
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
  Options.withDescription("One seed or a range; default 1..100"),
  Options.withDefault({ from: 1, to: 100 })
)

export const processes = wholeNumber("processes", 1, 256, "1 to 256").pipe(
  Options.withDescription("How many simulate at a time; as many as there are cores when left out"),
  Options.optional
)

export const actorArguments = {
  role: Args.text({ name: "ROLE" }).pipe(
    Args.withDescription("kgc, cloud0, cloud1, director, or a user: user1 or its name in the scenario")
  ),
  scenario: Options.text("scenario").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("The scenario, the same for all parties; a worker needs none"),
    Options.optional
  ),
  run: Options.text("run").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("Name of the run, the same for all parties: letters, digits and hyphens")
  ),
  kgcKey: Options.text("kgc-key").pipe(
    Options.withPseudoName("BASE64"),
    Options.withDescription(
      "The verification key that the KGC prints when it starts; clouds and users need it"
    ),
    Options.optional
  ),
  state: Options.text("state").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription(
      "The party's own folder: what it keeps, and its event log; a worker may do without"
    ),
    Options.optional
  ),
  worker: Options.boolean("worker").pipe(
    Options.withAlias("join"),
    Options.withDescription(
      "Joins a party that runs, as one of its workers: kgc, cloud0 or cloud1; needs its password and house secret"
    )
  ),
  lane: Options.boolean("lane").pipe(
    Options.withDescription(
      "Joins a cloud that runs, as one of its lanes: cloud0 or cloud1; needs its password and house secret"
    )
  ),
  threads: wholeNumber("threads", 1, 256, "1 to 256").pipe(
    Options.withDescription("Jobs that a worker is at at a time; as many as there are cores when left out"),
    Options.optional
  ),
  seed,
  faults
}
