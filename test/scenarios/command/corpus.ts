/**
 * Command lines as people type them, each with its outcome: accepted, with what is done or printed, or refused with an error that
 * names the culprit and the remedy. None may be called a fault of the program, and nothing is done of what is refused.
 */

import { readFileSync } from "node:fs"
import { drawIdentities, identityIn, keysOf } from "../../../actors/party/identities.ts"
import { publicTextOf } from "../../../protocol/channels/identity.ts"
import { keysText, keysVariable } from "../../../scenarios/run/identities.ts"
import { identitiesGiven } from "../../support/identities-given.ts"

/** What is said of a refused command line, all of it on the standard error. */
interface Refused {
  readonly status: 1
  readonly says: ReadonlyArray<RegExp>
}

/** A command line that is only parsed. */
export interface ParsedCase {
  readonly name: string
  readonly words: ReadonlyArray<string>
  /** What of the request is expected, or what is printed where nothing is done. */
  readonly outcome: Refused | { readonly status: 0; readonly asked: object | string } | Printed
}

interface Printed {
  readonly status: 0
  readonly prints: RegExp
}

/** A command line with all that it does, in a folder that has `leaves.yaml` with its data, and these files. */
export interface CommandCase {
  readonly name: string
  /** `{dir}` stands for the folder. */
  readonly words: ReadonlyArray<string>
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  /** Replaces what the environment has; the broker of a run is not in it. */
  readonly env?: Readonly<Record<string, string>>
  readonly outcome: Refused | Printed
}

const refused = (...says: ReadonlyArray<RegExp>): Refused => ({ status: 1, says })
const asked = (request: object | string) => ({ status: 0, asked: request }) as const
const printed = (prints: RegExp): Printed => ({ status: 0, prints })

const parsed = (
  words: ReadonlyArray<string>,
  outcome: ParsedCase["outcome"],
  name = `bicameral ${words.map((word) => (/^[\w./=-]+$/.test(word) ? word : `'${word}'`)).join(" ")}`
): ParsedCase => ({ name, words, outcome })

const kgc = ["actor", "kgc", "--scenario", "a.yaml", "--state", "s"]

/** Accepted. */
const accepted: ReadonlyArray<ParsedCase> = [
  parsed(["inspect", "a.csv"], asked({ files: ["a.csv"] })),
  parsed(["inspect", "--json", "a.csv", "b.csv"], asked({ files: ["a.csv", "b.csv"] })),
  parsed(
    ["inspect", "a.csv", "--encoding", "latin1"],
    asked({ files: ["a.csv"], written: { encoding: { all: "latin1", named: new Map() } } })
  ),
  parsed(
    ["inspect", "a.csv", "b=c.csv", "--decimal", "comma,b=c.csv=point"],
    asked({ written: { decimal: { all: "comma", named: new Map([["b=c.csv", "point"]]) } } })
  ),
  parsed(
    ["init", "--missing", "unknown", "--leave-out", "a,b", "--as-text", "c", "--number-rows"],
    asked({
      missing: { value: "unknown" },
      leaveOut: { value: "a,b" },
      asText: { value: "c" },
      numberRows: true
    })
  ),
  parsed(["init"], asked({ files: [], yes: false, part: false, join: false })),
  parsed(["init", ".", "--yes"], asked({ files: ["."], yes: true })),
  parsed(["init", "--files", "a.csv", "b.csv", "--yes"], asked({ files: ["a.csv", "b.csv"], yes: true })),
  parsed(
    ["init", "--join", "a.part.yaml", "b.part.yaml"],
    asked({ files: ["a.part.yaml", "b.part.yaml"], join: true })
  ),
  parsed(
    ["init", "--part", "--files", "a.csv", "--ranges"],
    asked({ files: ["a.csv"], part: true, ranges: true })
  ),
  parsed(["run", "a.yaml"], asked({ file: "a.yaml", transport: "nats", compare: false })),
  parsed(["run", "--", "a.yaml"], asked({ file: "a.yaml" })),
  parsed(["run", "a b.yaml"], asked({ file: "a b.yaml" })),
  parsed(["run", "Übung.yaml", "--out", "Ergebnisse März"], asked({ file: "Übung.yaml" })),
  parsed(["run", "--compare", "a.yaml", "--faults", "f.yaml"], asked({ file: "a.yaml", compare: true })),
  parsed(["run", "a.yaml", "--out=--x"], asked({ out: { value: "--x" } })),
  parsed(["run", "a.yaml", "--seed=0"], asked({ seed: { value: 0 } })),
  parsed(
    ["run", "a.yaml", "--seed", "9007199254740991"],
    asked({ seed: { value: Number.MAX_SAFE_INTEGER } })
  ),
  parsed(["run", "a.yaml", "--seed", "007"], asked({ seed: { value: 7 } })),
  parsed(["run", "--transport", "memory", "a.yaml"], asked({ transport: "memory" })),
  parsed(["check", "-"], asked({ file: "-" })),
  parsed(["check", `${"a".repeat(5000)}.yaml`], asked({}), "bicameral check with a name of 5,000 letters"),
  parsed(["simulate", "a.yaml", "--seeds", "7"], asked({ seeds: { from: 7, to: 7 } })),
  parsed(
    ["simulate", "--seeds", "0..999999999999999", "a.yaml"],
    asked({ seeds: { to: 999_999_999_999_999 } })
  ),
  parsed(["simulate", "a.yaml", "--processes", "256"], asked({ processes: { value: 256 } })),
  parsed(["audit", "a.yaml", "--rows", "8"], asked({ target: "a.yaml", rows: { value: 8 } })),
  parsed(["resume", "out/leaves"], asked({ out: "out/leaves", view: false })),
  parsed(["resume", "--view", "out/leaves"], asked({ out: "out/leaves", view: true })),
  parsed(["inspect-run", "out/leaves"], asked("out/leaves")),
  parsed(
    ["admit", "a.json", "--scenario", "a.yaml", "--until", "2027-02-01T06:30Z", "--as", "asker8"],
    asked({ file: "a.json", until: { value: 1_801_463_400 }, as: { value: "asker8" } })
  ),
  parsed(["run", "--view", "a.yaml"], asked({ file: "a.yaml", view: true })),
  parsed(["view"], asked({})),
  parsed(
    ["view", "out/leaves", "--port", "8080"],
    asked({ port: { value: 8080 }, folder: { value: "out/leaves" } })
  ),
  parsed(["view", "--port", "0"], refused(/--port must be a whole number from 1 to 65535/)),
  parsed(["report", "out/leaves"], asked("out/leaves")),
  parsed([...kgc, "--run", "r-1"], asked({ role: "kgc", run: "r-1" })),
  parsed(["actor", "cloud0", "--join", "--run", "r", "--threads", "2"], asked({ kind: "worker" })),
  parsed(["actor", "cloud0", "--lane", "--run", "r"], asked({ kind: "lane" })),
  parsed(
    ["invite", "a.yaml", "--broker", "tls://b:4222", "--format", "systemd"],
    asked({ file: "a.yaml", replies: [], broker: { value: "tls://b:4222" }, format: { value: "systemd" } })
  ),
  parsed(
    ["invite", "a.yaml", "--accept", "kgc.reply", "user1.reply", "--fingerprints", "ab cd, ef"],
    asked({ replies: ["kgc.reply", "user1.reply"], fingerprints: ["ab cd", "ef"], renew: false })
  ),
  parsed(["join", "user1.invitation"], asked({ file: "user1.invitation", renew: false })),
  parsed(
    ["doctor", "a.yaml", "--party", "kgc", "--wait", "0"],
    asked({ file: "a.yaml", party: { value: "kgc" }, wait: 0 })
  ),
  parsed(["--log-level", "debug", "check", "a.yaml"], asked({ file: "a.yaml" })),
  parsed([], printed(/COMMANDS[\s\S]*- run [\s\S]*- actor /)),
  parsed(["--help"], printed(/COMMANDS/)),
  parsed(["run", "--help"], printed(/--transport nats\|memory/)),
  parsed(["run", "--bogus", "-h"], printed(/--transport/)),
  parsed(["frobnicate", "--help"], printed(/COMMANDS/)),
  parsed(["check", "--", "-h"], asked({ file: "-h" })),
  parsed(["--version"], printed(/^\d+\.\d+\.\d+/)),
  parsed(["--completions", "bash"], printed(/COMPREPLY/))
]

const help = (command: string) => new RegExp(`; see bicameral ${command} --help$`)
const choose =
  /choose one of init, inspect, run, deal, train, archive, resume, view, report, simulate, check, tune, predict, export, serve, ask, gateway, audit, inspect-run, identity, nkeys, admit, invite, join, doctor, actor; see bicameral --help$/

/** Wrong words, names and places. */
const wrongWords: ReadonlyArray<ParsedCase> = [
  parsed(["frobnicate", "a.yaml"], refused(/"frobnicate" is no command/, choose)),
  parsed(["Run", "a.yaml"], refused(/"Run" is no command/, choose)),
  parsed(["invite", "a.yaml", "kgc.reply"], refused(/"kgc\.reply" is one word too many without --accept/)),
  parsed(["invite", "a.yaml", "--accept"], refused(/--accept takes replies/, help("invite"))),
  parsed(["invite", "a.yaml", "--format", "docker"], refused(/--format must be systemd or compose/)),
  parsed(["join"], refused(/join needs INVITATION/, help("join"))),
  parsed(["a.yaml"], refused(/"a\.yaml" is no command/, choose)),
  parsed([""], refused(/"" is no command/, choose)),
  parsed(["--seed", "1", "run", "a.yaml"], refused(/"--seed" is no command/, choose)),
  parsed(["run"], refused(/run needs FILE/, help("run"))),
  parsed(["inspect"], refused(/inspect needs FILE/, help("inspect"))),
  parsed(["inspect", "a.csv", ""], refused(/FILE is empty/, help("inspect"))),
  parsed(["inspect", "a.csv", "~/b.csv"], refused(/FILE begins with ~/, help("inspect"))),
  parsed(["inspect", "a.csv", "--encoding", "latin2"], refused(/--encoding must be one of utf-8, /)),
  parsed(["init", "a.csv", "--held-out", "1"], refused(/--held-out must be a number from 0 to below 1/)),
  parsed(["init", "a.csv", "--owners", "1"], refused(/--owners must be a whole number from 2 to 16/)),
  parsed(["report"], refused(/report needs DIR/, help("report"))),
  parsed(["view", "out", "out2"], refused(/"out2" is one word too many: view takes one DIR/)),
  parsed(["resume"], refused(/resume needs DIR/, help("resume"))),
  parsed(["admit", "a.json"], refused(/admit needs --scenario FILE/, help("admit"))),
  parsed(
    ["admit", "a.json", "--scenario", "a.yaml", "--until", "2027-02-30"],
    refused(/--until must be a day such as 2027-01-31/)
  ),
  parsed(
    ["admit", "a.json", "--scenario", "a.yaml", "--rows", "0"],
    refused(/--rows must be a whole number from 1 to 4294967295/)
  ),
  parsed(
    ["admit", "a.json", "--scenario", "a.yaml", "--as", "kgc"],
    refused(/--as must be asker1 to asker8/)
  ),
  parsed(
    ["admit", "a.json", "--scenario", "a.yaml", "--asker", "x"],
    refused(/--asker must be the public text/)
  ),
  parsed(["audit"], refused(/audit needs FILE\|DIR/, help("audit"))),
  parsed(["audit", "a.yaml", "--modulus", "2047"], refused(/--modulus must be 512, 1024, 2048 or 3072/)),
  parsed(["run", ""], refused(/FILE is empty/, help("run"))),
  parsed(
    ["run", "my", "scenario.yaml"],
    refused(/"scenario\.yaml" is one word too many: run takes one FILE/, /quotes/)
  ),
  parsed(["check", "--", "a", "--hosts"], refused(/"--hosts" is one word too many/)),
  parsed(
    ["run", "a.yaml", "--sed", "1"],
    refused(/run has no option --sed \(did you mean --seed\?\); it takes --out, --transport, --seed/)
  ),
  parsed(
    ["check", "a.yaml", "--seed", "1"],
    refused(/check has no option --seed; it takes --hosts, --calibration/)
  ),
  parsed(["resume", "out", "--seed", "1"], refused(/resume has no option --seed; it takes --view, --json;/)),
  parsed(["run", "a.yaml", "-o", "x"], refused(/run has no option -o/)),
  parsed(["run", "a.yaml", "--Out", "x"], refused(/run has no option --Out/)),
  parsed(["run", "a.yaml", "—seed", "1"], refused(/"—seed" is one word too many/)),
  parsed(["run", "--out"], refused(/--out has no value; write --out DIR/, help("run"))),
  parsed(["run", "a.yaml", "--out"], refused(/--out has no value; write --out DIR/)),
  parsed(["run", "--out", "--seed", "1", "a.yaml"], refused(/--out has no value; write --out DIR/)),
  parsed(["run", "--out", "a.yaml"], refused(/run needs FILE/)),
  parsed(["run", "a.yaml", "--out", ""], refused(/the value of --out is empty; write --out DIR/)),
  parsed(["run", "~/a.yaml"], refused(/FILE begins with ~/, /write the whole path/, help("run"))),
  parsed(["run", "a.yaml", "--out=~/out"], refused(/the value of --out begins with ~/, /whole path/)),
  parsed(["resume", "~ada"], refused(/DIR begins with ~/)),
  parsed(["run", "./~/a.yaml", "--out", "a~"], asked({ file: "./~/a.yaml", out: { value: "a~" } })),
  parsed(
    ["check", "a.yaml", "--calibration", "c.json"],
    refused(/--calibration tells what the machines of --hosts take; give --hosts HOSTS too/, help("check"))
  ),
  parsed(["run", "a.yaml", "--faults="], refused(/the value of --faults is empty; write --faults FILE/)),
  parsed(["run", "a.yaml", "--seed", "1", "--seed=2"], refused(/--seed is given twice; take one out/)),
  parsed(["run", "--compare", "a.yaml", "--compare"], refused(/--compare is given twice/)),
  parsed(["run", "a.yaml", "--transport", "pigeon"], refused(/--transport must be nats or memory/)),
  parsed(["run", "a.yaml", "--transport", "NATS"], refused(/--transport must be nats or memory/)),
  parsed(["actor", "--run", "r"], refused(/actor needs ROLE/, help("actor"))),
  parsed(kgc, refused(/actor needs --run ID/, help("actor"))),
  parsed(["actor", "kgc", "--run", "r", "--state", "s"], refused(/kgc needs --scenario FILE/)),
  parsed(["actor", "kgc", "--run", "r", "--scenario", "a.yaml"], refused(/kgc needs --state DIR/)),
  parsed(
    [...kgc, "--run", "r", "--threads", "2"],
    refused(/--threads is for a --worker/, /placement\.threads/)
  ),
  parsed(
    ["actor", "cloud0", "--worker", "--lane", "--run", "r"],
    refused(/--worker and --lane are two processes/)
  ),
  parsed(["actor", "cloud0", "--worker", "--join", "--run", "r"], refused(/--join is given twice/)),
  parsed(["--log-level", "loud", "check", "a.yaml"], refused(/--log-level must be one of all, trace, debug/)),
  parsed(["check", "a.yaml", "--log-level"], refused(/--log-level must be one of all, trace, debug/)),
  parsed(["--wizard"], refused(/--wizard asks questions, and standard input is no terminal/)),
  parsed(
    ["--completions", "fishy"],
    refused(/--completions must be one of sh, bash, fish, zsh; see bicameral --help/)
  )
]

const wholeSeed = /--seed must be a whole number from 0 to 2\^53 − 1, in digits/

/** Numbers that are none, or out of their range. */
const numbers: ReadonlyArray<ParsedCase> = [
  ...["-1", "1.5", "1e3", "0x10", "9007199254740992", "+1", "1_000", " 1", "١", "NaN", "Infinity", "one"].map(
    (seed) => parsed(["run", "a.yaml", "--seed", seed], refused(wholeSeed))
  ),
  ...["5..1", "1..1000000000000000", "1-5", "1..", "..5", "1...3", "-1", "all"].map((seeds) =>
    parsed(
      ["simulate", "a.yaml", "--seeds", seeds],
      refused(/--seeds must be a seed or a range of them, such as 1\.\.1000/)
    )
  ),
  ...["0", "257", "-1", "1.5", "1000000000000000000000000000000"].flatMap((count) => [
    parsed(
      ["simulate", "a.yaml", "--processes", count],
      refused(/--processes must be a whole number from 1 to 256/)
    ),
    parsed(
      ["actor", "kgc", "--worker", "--run", "r", "--threads", count],
      refused(/--threads must be a whole number from 1 to 256/)
    )
  ])
]

/** Command lines that are parsed, and whose handlers only note what they were asked. */
export const parsedCases: ReadonlyArray<ParsedCase> = [...accepted, ...wrongWords, ...numbers]

const scenario = "{dir}/leaves.yaml"
const command = (
  name: string,
  words: ReadonlyArray<string>,
  outcome: CommandCase["outcome"],
  more: Pick<CommandCase, "files" | "env"> = {}
): CommandCase => ({ name, words, outcome, ...more })

const check = (name: string, file: string, says: ReadonlyArray<RegExp>, files: CommandCase["files"] = {}) =>
  command(name, ["check", file], refused(...says), { files })

/** Paths that lead to something else than a scenario. */
const scenarioFiles: ReadonlyArray<CommandCase> = [
  command("check of a scenario", ["check", scenario], printed(/^leaves: Three growers tell ashes from elms/)),
  check("check of a file that is not there", "{dir}/none.yaml", [
    /none\.yaml: there is no such file; give the path/
  ]),
  check("check of a folder", "{dir}", [/is a folder; give the path of a scenario file/]),
  check("check of a device", "/dev/null", [/\/dev\/null: is a device; give the path of a scenario file/]),
  check("check of -", "-", [/-: there is no such file/]),
  check("check below a file", `${scenario}/x`, [/leaves\.yaml\/x: .*give the path of a scenario file/]),
  check("check of a name that is too long", `{dir}/${"a".repeat(300)}`, [
    /no name is that long; give the path/
  ]),
  check("check of an empty file", "{dir}/e.yaml", [/e\.yaml:1: /], { "e.yaml": "" }),
  check("check of bytes", "{dir}/b.yaml", [/b\.yaml: is not a text in UTF-8/], {
    "b.yaml": new Uint8Array(64)
  }),
  command(
    "audit of a folder without a recording",
    ["audit", "{dir}"],
    refused(/there is no recording to audit in .*recording\.msgpack/, /give a scenario, or a folder/)
  ),
  command(
    "audit of a folder, with the size of a trial",
    ["audit", "{dir}", "--epochs", "1"],
    refused(/--epochs is for a trial, and the trial of .* is over/)
  ),
  command("audit of nothing", ["audit", "{dir}/none.yaml"], refused(/none\.yaml: there is no such file/)),
  command(
    "audit into a folder with other files",
    ["audit", scenario, "--out", "{dir}"],
    refused(/the folder .* can't hold an audit: it holds /, /give a new or empty folder/)
  ),
  command("run of a folder", ["run", "{dir}"], refused(/is a folder; give the path of a scenario file/)),
  command(
    "simulate of a folder",
    ["simulate", "{dir}"],
    refused(/is a folder; give the path of a scenario file/)
  )
]

const withHosts = (name: string, text: string, ...says: ReadonlyArray<RegExp>) =>
  command(name, ["check", scenario, "--hosts", "{dir}/h.yaml"], refused(...says), {
    files: { "h.yaml": text }
  })
const aMachine = `links: { lan: { delayMs: 1, megabitsPerSecond: 1000 }, wan: { delayMs: 1, megabitsPerSecond: 1000 } }
hosts: [{ name: a, site: a, cores: 2 }]
placement: { broker: a, kgc: a, cloud0: a, cloud1: a, users: [a] }
`

const calibration = readFileSync("scenarios/forecast/calibration.json", "utf8")

/** Other files that a command is given. */
const otherFiles: ReadonlyArray<CommandCase> = [
  command(
    "check with hosts, and a calibration of another modulus",
    ["check", scenario, "--hosts", "{dir}/h.yaml", "--calibration", "{dir}/c.json"],
    refused(
      /c\.json: bcp: has no figures for a modulus of 512 bits, only for 511, 1024, 2048, 3072/,
      /npm run bench -- calibrate measures this machine and writes a calibration/
    ),
    { files: { "h.yaml": aMachine, "c.json": calibration.replace('"512":', '"511":') } }
  ),
  command(
    "check with hosts, and a calibration of nothing",
    ["check", scenario, "--hosts", "{dir}/h.yaml", "--calibration", "{dir}/c.json"],
    refused(/c\.json:1: machine: is missing; add it/, /and 6 more problems like these/, /npm run bench/),
    { files: { "h.yaml": aMachine, "c.json": "{}" } }
  ),
  command("check with hosts", ["check", scenario, "--hosts", "{dir}/h.yaml"], printed(/predicted time/), {
    files: { "h.yaml": aMachine }
  }),
  command(
    "check with hosts that are not there",
    ["check", scenario, "--hosts", "{dir}/h.yaml"],
    refused(/h\.yaml: there is no such file; give the path of a file of hosts/)
  ),
  withHosts(
    "check with a scenario in place of hosts",
    "name: leaves\n",
    /h\.yaml:1: name: is not known here/
  ),
  command(
    "check with the scenario in place of hosts, whole",
    ["check", scenario, "--hosts", scenario],
    refused(/leaves\.yaml: is a scenario; give the path of a file of hosts/)
  ),
  command(
    "check of hosts in place of a scenario",
    ["check", "{dir}/h.yaml"],
    refused(/h\.yaml: is a file of hosts; give the path of a scenario/),
    { files: { "h.yaml": aMachine } }
  ),
  command(
    "simulate with a scenario in place of faults",
    ["simulate", scenario, "--faults", scenario],
    refused(/leaves\.yaml: is a scenario; give the path of a plan of faults/)
  ),
  command(
    "check of a file below a file",
    ["check", `${scenario}/x`],
    refused(/there is no such file: a part of its path is a file, not a folder; give the path/)
  ),
  withHosts(
    "check with hosts that are null",
    "null\n",
    /h\.yaml:1: .*links, sharedCores, hosts, placement, threads/
  ),
  withHosts(
    "check with hosts whose numbers are texts",
    aMachine.replace("delayMs: 1", 'delayMs: "1"'),
    /h\.yaml:1: links\.lan\.delayMs: must be a number from 0 to 60000/
  ),
  withHosts(
    "check with hosts of endless speed",
    aMachine.replace("megabitsPerSecond: 1000", "megabitsPerSecond: .inf"),
    /h\.yaml:1: links\.lan\.megabitsPerSecond: must be a number above 0/
  ),
  withHosts(
    "check with hosts of next to no core",
    aMachine.replace("cores: 2", "cores: 1e-300"),
    /h\.yaml:2: hosts\[0\]\.cores: must be a number above 0, from 0\.001 to 10\^9/
  ),
  withHosts(
    "check with a placement on a host that is none",
    aMachine.replace("kgc: a", "kgc: b"),
    /h\.yaml:\d: .*b" .*is no host.*; add it to hosts/
  ),
  command(
    "check with hosts in place of a calibration",
    ["check", scenario, "--hosts", "{dir}/h.yaml", "--calibration", "{dir}/h.yaml"],
    refused(
      /h\.yaml: is a file of hosts; give the path of a calibration/,
      /npm run bench -- calibrate measures this machine/
    ),
    { files: { "h.yaml": aMachine } }
  ),
  command(
    "run with faults that are not there",
    ["run", scenario, "--out", "{dir}/out", "--faults", "{dir}/f.yaml"],
    refused(/f\.yaml: there is no such file; give the path/)
  ),
  command(
    "simulate with a folder of faults",
    ["simulate", scenario, "--faults", "{dir}"],
    refused(/is a folder; give the path/)
  ),
  command(
    "run --compare without faults",
    ["run", scenario, "--out", "{dir}/out", "--compare"],
    refused(/give a plan with --faults or in a section faults/)
  ),
  command(
    "resume of a folder that is not there",
    ["resume", "{dir}/none"],
    refused(/nothing to resume in .*none/)
  ),
  command(
    "report of a folder without a run",
    ["report", "{dir}"],
    refused(/nothing to show in .*no result\.json/)
  ),
  command(
    "view of a folder without a run",
    ["view", "{dir}"],
    refused(/nothing to show in .*no result\.json/)
  ),
  command("resume of a scenario", ["resume", scenario], refused(/nothing to resume in .*leaves\.yaml/))
]

const identities = drawIdentities()
/** A broker that is not there, and a trial's identities. */
const broker = {
  ...identitiesGiven(identities),
  NATS_URL: "nats://127.0.0.1:1",
  [keysVariable]: keysText(keysOf(identities))
}
const publicOf = (actor: string) => publicTextOf(identityIn(identities, actor))
const party = (
  name: string,
  role: string,
  words: ReadonlyArray<string>,
  says: ReadonlyArray<RegExp>,
  env: Readonly<Record<string, string>> = broker
) =>
  command(name, ["actor", role, "--scenario", scenario, "--state", "{dir}/s", ...words], refused(...says), {
    env
  })
const named = (run: string, near?: string) =>
  party(
    `actor --run ${run.length > 64 ? "with 200 letters" : `'${run}'`}`,
    "kgc",
    ["--run", run],
    [
      /--run .* can't be the name of a run: it has 1 to 64 letters from A to Z and a to z, digits and hyphens/,
      near === undefined ? /hyphens$/ : new RegExp(`; "${near}" would do, for all parties of the run$`)
    ]
  )
const run = ["--run", "r"]
const member = (name: string, role: string, words: ReadonlyArray<string>, says: RegExp, env = {}) =>
  command(name, ["actor", role, ...run, ...words], refused(says), { env: { ...broker, ...env } })

/** Names and secrets of parties. */
const parties: ReadonlyArray<CommandCase> = [
  named("trial 1", "trial-1"),
  named("trial_1", "trial-1"),
  named("2024.05", "2024-05"),
  named("Übung", "Ubung"),
  named("a".repeat(200), "a{64}"),
  named("r\n", "r"),
  named("../r", "r"),
  ...[".", "*", ">", "訓練"].map((name) => named(name)),
  command(
    "actor --worker --run 'trial 1'",
    ["actor", "kgc", "--worker", "--run", "trial 1"],
    refused(/--run "trial 1" can't be the name of a run: .*; "trial-1" would do/)
  ),
  party("actor of a role that is none", "cloud2", run, [
    /"cloud2" is no party .*kgc, cloud0, cloud1, director, north/
  ]),
  party("actor without NATS_URL", "kgc", run, [/kgc needs the environment variable NATS_URL/], {
    ...identitiesGiven(identities),
    [keysVariable]: broker[keysVariable]!
  }),
  party(
    "actor without an identity",
    "kgc",
    run,
    [
      /kgc has no identity: neither kgc\.identity .* nor KGC_IDENTITY is there; make one with .*identity FILE/
    ],
    { NATS_URL: broker.NATS_URL }
  ),
  party(
    "actor with a public text for an identity",
    "user1",
    run,
    [/user1 has no identity: USER1_IDENTITY is no secret of a party/],
    { ...broker, USER1_IDENTITY: publicOf("user1") }
  ),
  party(
    "actor with the identity of another party",
    "cloud0",
    run,
    [/another identity for cloud0 than the one that it was started with/],
    { ...broker, CLOUD0_IDENTITY: identitiesGiven(identities).CLOUD1_IDENTITY! }
  ),
  party(
    "actor of a scenario without identities",
    "kgc",
    run,
    [/lists no identity of director, kgc, cloud0, cloud1, user1.*bicameral identity/],
    { ...identitiesGiven(identities), NATS_URL: broker.NATS_URL }
  ),
  party(
    "actor with an identity in a file that is not there",
    "kgc",
    [...run, "--identity", "{dir}/none"],
    [/none gives no identity: there is no such file or folder.*; make one with `bicameral identity .*none`/]
  ),
  party(
    "actor with a folder for an identity",
    "kgc",
    [...run, "--identity", "{dir}"],
    [/gives no identity: it is no file; name the file that `bicameral identity` made/]
  ),
  party(
    "actor --kgc-key, which there was once",
    "cloud0",
    [...run, "--kgc-key", "abc="],
    [/actor has no option --kgc-key; it takes .*--identity/]
  ),
  party("actor at a port where nobody listens", "kgc", run, [
    /no NATS broker answers at nats:\/\/127\.0\.0\.1:1: ./
  ]),
  party(
    "actor with an address that is none",
    "kgc",
    run,
    [/NATS_URL.*nats:\/\/HOST:PORT|127\.0\.0\.1:4222.*nats:\/\/HOST:PORT/],
    { ...broker, NATS_URL: "127.0.0.1:4222" }
  ),
  party(
    "actor with a collector that is none",
    "kgc",
    run,
    [
      /OTEL_EXPORTER_OTLP_ENDPOINT is no address of an OpenTelemetry collector: .*; write it as http:\/\/HOST:4318/
    ],
    { ...broker, OTEL_EXPORTER_OTLP_ENDPOINT: "localhost" }
  ),
  command(
    "actor with a state that is a file",
    ["actor", "kgc", "--scenario", scenario, "--state", scenario, ...run],
    refused(/(folder|hold|write).*leaves\.yaml/),
    { env: broker }
  ),
  member(
    "a worker of a user",
    "user1",
    ["--worker"],
    /"user1" has no workers; choose one of kgc, cloud0, cloud1/
  ),
  member("a lane of the KGC", "kgc", ["--lane"], /"kgc" has no lanes; choose one of cloud0, cloud1/),
  // Node's own way to make it would try for ever.
  ...(process.platform === "linux"
    ? [
        member(
          "a worker with an event log where no folder can be",
          "kgc",
          ["--worker", "--state", "/proc/nowhere"],
          /the event log \/proc\/nowhere\/events\.jsonl can't be written/
        )
      ]
    : []),
  member(
    "a worker without an identity",
    "kgc",
    ["--worker"],
    /kgc has no identity: neither kgc\.identity .* nor KGC_IDENTITY is there; make one with/,
    { KGC_IDENTITY: "" }
  ),
  member(
    "a worker with half an identity",
    "kgc",
    ["--worker"],
    /kgc has no identity: KGC_IDENTITY is no secret of a party; make one with/,
    { KGC_IDENTITY: identitiesGiven(identities).KGC_IDENTITY!.slice(0, 40) }
  ),
  member(
    "a worker with an identity in a file that others may read",
    "kgc",
    ["--worker", "--identity", scenario],
    /gives no identity: its mode is 6[0-7]4/
  )
]

const identityFiles: ReadonlyArray<CommandCase> = [
  command(
    "identity in a file that is not there",
    ["identity", "{dir}/me"],
    printed(/^([\w-]{43}\.U[A-Z2-7]{55})\n.*\n {2}kgc: \1\n.*\n {2}identity: \1\n.*me is new/s)
  ),
  command(
    "identity in a folder that is not there",
    ["identity", "{dir}/none/me"],
    refused(/none\/me gives no identity: .*; make the folder .*none first/)
  ),
  command("identity in a folder", ["identity", "{dir}"], refused(/gives no identity: it is no file/)),
  command(
    "identity in the scenario",
    ["identity", scenario],
    refused(/its mode is 6[0-7]4, so others .*; take that away with chmod 600/)
  ),
  command("identity without a file", ["identity"], refused(/identity needs FILE/)),
  command(
    "identity with its seed in a file that is there",
    ["identity", "{dir}/me", "--nkey", scenario],
    refused(/leaves\.yaml gives no identity: something of this name is there, and is never overwritten/)
  ),
  command(
    "nkeys of a scenario without identities",
    ["nkeys", scenario],
    refused(
      /lists no identity of kgc, cloud0, cloud1, director, user1, user2, user3; have each owner make one/
    )
  ),
  command("nkeys of a file that is not there", ["nkeys", "{dir}/none"], refused(/none/))
]

/** Command lines with all that they do, in one process. */
export const commandCases: ReadonlyArray<CommandCase> = [
  ...scenarioFiles,
  ...otherFiles,
  ...parties,
  ...identityFiles
]
