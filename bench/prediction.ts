/**
 * The predicted time of runs beside the measured (docs/reference/cost-model.md). `npm run bench -- prediction` calibrates this machine, runs scenarios that
 * differ in network, batch, modulus, form and delay, every party a process over a broker and a link, and prints both. Nothing in
 * a prediction comes from the runs but the cores that the machine gave meanwhile, which busy threads measure before and after each.
 * `npm run bench -- scale` prints what the same code predicts for 10 to 1,000 hosts.
 */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Effect, Either, Redacted } from "effect"
import { drawIdentities, usersOf } from "../actors/party/identities.ts"
import { artifact, projectRoot } from "../protocol/artifact.ts"
import { denseCells } from "../protocol/data/cells.ts"
import { operator, startOwnBroker } from "../runtime/broker/start.ts"
import { type Calibration, decodeCalibration } from "../scenarios/description/calibration.ts"
import { decodeScenario } from "../scenarios/description/decode.ts"
import { decodeHosts, type Hosts } from "../scenarios/description/hosts.ts"
import type { Scenario } from "../scenarios/description/schema.ts"
import { type Prediction, predictTime } from "../scenarios/forecast/prediction.ts"
import { predictCost } from "../scenarios/forecast/traffic.ts"
import type { RunResult } from "../scenarios/report/result.ts"
import { identityVariable } from "../scenarios/run/identities.ts"
import { count, duration, table } from "../scenarios/text/units.ts"
import { calibrate, coresGot, exchangeMs } from "./calibrate.ts"
import { openLink } from "./link.ts"
import { spreadOf, writeFigures } from "./measure.ts"

const start = promisify(execFile)

interface Configuration {
  readonly name: string
  readonly features: number
  readonly labels: number
  readonly hidden: ReadonlyArray<number>
  readonly rows: number
  readonly batch: number
  readonly epochs: number
  readonly modulusBits: 1024 | 2048
  readonly form: "packed" | "hybrid"
  /** Between the clouds, one way: half of it between each party and the broker. */
  readonly delayMs: number
  /** Lanes and workers of each cloud: 1 and none where left out. */
  readonly lanes?: number
  readonly workers?: number
}

const largeBatch: Configuration = {
  name: "large batch",
  features: 200,
  labels: 10,
  hidden: [100],
  rows: 2048,
  batch: 512,
  epochs: 15,
  modulusBits: 2048,
  form: "hybrid",
  delayMs: 0
}

const configurations: ReadonlyArray<Configuration> = [
  {
    name: "narrow",
    features: 30,
    labels: 2,
    hidden: [16],
    rows: 448,
    batch: 32,
    epochs: 50,
    modulusBits: 2048,
    form: "packed",
    delayMs: 0
  },
  {
    name: "narrow, LAN",
    features: 30,
    labels: 2,
    hidden: [16],
    rows: 448,
    batch: 32,
    epochs: 30,
    modulusBits: 2048,
    form: "packed",
    delayMs: 0.2
  },
  {
    name: "narrow, WAN",
    features: 30,
    labels: 2,
    hidden: [16],
    rows: 448,
    batch: 32,
    epochs: 2,
    modulusBits: 1024,
    form: "packed",
    delayMs: 40
  },
  {
    name: "deep, WAN",
    features: 64,
    labels: 4,
    hidden: [32, 32],
    rows: 512,
    batch: 64,
    epochs: 2,
    modulusBits: 2048,
    form: "hybrid",
    delayMs: 40
  },
  {
    name: "middling",
    features: 100,
    labels: 10,
    hidden: [64],
    rows: 1280,
    batch: 64,
    epochs: 10,
    modulusBits: 1024,
    form: "packed",
    delayMs: 0
  },
  largeBatch,
  {
    name: "wide",
    features: 784,
    labels: 10,
    hidden: [128, 128],
    rows: 1280,
    batch: 128,
    epochs: 6,
    modulusBits: 2048,
    form: "hybrid",
    delayMs: 0
  },
  { ...largeBatch, name: "large batch, lanes", lanes: 2 },
  {
    name: "many ciphertexts, workers",
    features: 60,
    labels: 2,
    hidden: [16],
    rows: 1024,
    batch: 64,
    epochs: 10,
    modulusBits: 2048,
    form: "packed",
    delayMs: 0,
    workers: 1
  }
]

const users = 2
const runs = 3

const scenarioOf = (configuration: Configuration): unknown => ({
  name: "predicted",
  description: "A table of random numbers, for its time only.",
  data: {
    features: { x: { count: configuration.features, range: [0, 1] } },
    label: { column: "label", values: Array.from({ length: configuration.labels }, (_, i) => `c${i}`) }
  },
  users: Array.from({ length: users }, (_, user) => ({
    name: `owner${user + 1}`,
    holds: [{ file: `rows${user}.csv`, columns: ["x", "label"] }]
  })),
  heldOut: 0,
  network: { hidden: configuration.hidden },
  training: { epochs: configuration.epochs, batch: configuration.batch, rate: 0.01 },
  security: {
    modulusBits: configuration.modulusBits,
    insecure: configuration.modulusBits < 2048,
    upload: configuration.form,
    output: configuration.form
  },
  placement: {
    lanes: configuration.lanes ?? 1,
    workers: { cloud0: configuration.workers ?? 0, cloud1: configuration.workers ?? 0 }
  }
})

/** A table without meaning: from a small generator, the same each time. */
const writeTables = (folder: string, { features, labels, rows }: Configuration): void => {
  let state = 1
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
  const header = ["id", ...Array.from({ length: features }, (_, i) => `x${i + 1}`), "label"].join(",")
  for (let user = 0; user < users; user++) {
    const lines = Array.from({ length: rows / users }, (_, row) =>
      [
        `r${user * rows + row}`,
        ...Array.from({ length: features }, () => next().toFixed(3)),
        `c${Math.floor(next() * labels)}`
      ].join(",")
    )
    writeFileSync(join(folder, `rows${user}.csv`), `${[header, ...lines].join("\n")}\n`)
  }
}

const ofBoth = (number: number) => {
  const here = Array.from({ length: number }, () => "parties")
  return { cloud0: here, cloud1: here }
}

/** All parties on this machine, and a link of so many milliseconds to the broker. */
const thisMachine = (
  { lanes = 1, workers = 0 }: Pick<Configuration, "lanes" | "workers">,
  cores: number,
  delayMs: number
): unknown => ({
  links: {
    lan: { delayMs, megabitsPerSecond: 100_000 },
    wan: { delayMs, megabitsPerSecond: 100_000 }
  },
  sharedCores: cores,
  hosts: [
    { name: "parties", site: "here", cores: availableParallelism() },
    { name: "broker", site: "there", cores: availableParallelism() }
  ],
  placement: {
    broker: "broker",
    kgc: "parties",
    cloud0: "parties",
    cloud1: "parties",
    users: ["parties"],
    lanes: ofBoth(lanes - 1),
    workers: ofBoth(workers)
  },
  threads: 2
})

const hostsOf = (input: unknown): Hosts => Either.getOrThrow(decodeHosts(input))
const parsedScenario = (input: unknown): Scenario => Either.getOrThrow(decodeScenario(input))

/** What a plan needs of the data of users who hold so many rows each. */
const sizesOf = (features: number, labels: number, rows: number, owners: number) => ({
  rows: { total: rows, training: rows, uploaded: rows, heldOut: 0, indices: () => new Uint32Array(0) },
  placed: Array.from({ length: owners }, () => ({
    training: [
      {
        rows: new Uint32Array(rows / owners),
        columns: new Uint32Array(features + labels),
        // A plan looks at no cell.
        cells: denseCells(features + labels, new Float64Array(0))
      }
    ],
    heldOut: []
  }))
})

const predicted = (
  configuration: Configuration,
  calibration: Calibration,
  cores: number,
  delayMs: number
) => {
  const scenario = parsedScenario(scenarioOf(configuration))
  const { features, labels, rows } = configuration
  const cost = predictCost(scenario, sizesOf(features, labels, rows, users))
  return predictTime({ scenario, cost }, hostsOf(thisMachine(configuration, cores, delayMs)), calibration)
}

/** One run, over a broker behind a link; seconds by phase. */
const runOnce = (configuration: Configuration): Promise<RunResult["seconds"]> =>
  Effect.gen(function* () {
    const identities = drawIdentities(operator)
    const { url } = yield* startOwnBroker({ credentials: usersOf(identities) })
    const port = Number(new URL(url).port)
    const link = yield* linkTo(port, configuration.delayMs)
    const folder = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
    writeTables(folder, configuration)
    // JSON is YAML.
    writeFileSync(join(folder, "scenario.yaml"), JSON.stringify(scenarioOf(configuration)))
    const program = fileURLToPath(artifact("program/main.js"))
    const secrets = Object.entries(identities).map(([actor, secret]) => [
      identityVariable(actor),
      Redacted.value(secret)
    ])
    yield* Effect.promise(() =>
      start(process.execPath, [program, "run", join(folder, "scenario.yaml"), "--out", join(folder, "out")], {
        env: { ...process.env, ...Object.fromEntries(secrets), NATS_URL: `nats://127.0.0.1:${link}` }
      })
    )
    return (JSON.parse(readFileSync(join(folder, "out", "result.json"), "utf8")) as RunResult).seconds
  }).pipe(Effect.scoped, Effect.runPromise)

/** A port that leads to another by a link, half of the delay between the clouds; the port itself where there is none. */
const linkTo = (port: number, delayMs: number) =>
  delayMs === 0
    ? Effect.succeed(port)
    : Effect.map(
        Effect.acquireRelease(
          Effect.promise(() => openLink({ to: { host: "127.0.0.1", port }, delayMs: delayMs / 2 })),
          ({ close }) => Effect.sync(close)
        ),
        (link) => link.port
      )

/** What a link really adds to a message from one party to another, halved: its own work comes on top of its delay. */
const delayOf = (delayMs: number): Promise<number> =>
  Effect.gen(function* () {
    if (delayMs === 0) return 0
    const bare = yield* Effect.promise(() => exchangeMs(async (port) => port))
    const opened: Array<() => void> = []
    const linked = yield* Effect.promise(() =>
      exchangeMs(async (port) => {
        const link = await openLink({ to: { host: "127.0.0.1", port }, delayMs: delayMs / 2 })
        opened.push(link.close)
        return link.port
      })
    )
    for (const close of opened) close()
    return Math.max(0, linked - bare) / 2
  }).pipe(Effect.runPromise)

const compared = ["upload", "transform", "train", "output"] as const

interface Compared {
  readonly name: string
  readonly delayMs: number
  readonly linkMs: number
  readonly cores: number
  readonly runs: ReadonlyArray<{
    readonly cores: number
    readonly measured: Readonly<Record<string, number>>
    readonly predicted: Readonly<Record<string, number>>
  }>
  readonly binds: string
}

const secondsOf = ({ phases }: Prediction): Readonly<Record<string, number>> =>
  Object.fromEntries(phases.map(({ phase, seconds }) => [phase, seconds]))

const total = (seconds: Readonly<Record<string, number>>): number =>
  compared.reduce((sum, phase) => sum + seconds[phase]!, 0)

const compare = async (configuration: Configuration, calibration: Calibration): Promise<Compared> => {
  const linkMs = await delayOf(configuration.delayMs)
  const done: Array<Compared["runs"][number]> = []
  let binds = ""
  for (let run = 0; run < runs; run++) {
    const before = await coresGot()
    const measured = await runOnce(configuration)
    const cores = (before + (await coresGot())) / 2
    const prediction = predicted(configuration, calibration, cores, linkMs)
    binds = prediction.binds
    done.push({ cores, measured, predicted: secondsOf(prediction) })
  }
  const { name, delayMs } = configuration
  return { name, delayMs, linkMs, cores: spreadOf(done.map(({ cores }) => cores)).median, runs: done, binds }
}

const middle = ({ runs: all }: Compared, of: (run: Compared["runs"][number]) => number): number =>
  spreadOf(all.map(of)).median

const percent = (predictedSeconds: number, measuredSeconds: number): string =>
  `${predictedSeconds < measuredSeconds ? "−" : "+"}${Math.abs(100 * (predictedSeconds / measuredSeconds - 1)).toFixed(0)} %`

const rowOf = (result: Compared): ReadonlyArray<string> => {
  const [trainPredicted, trainMeasured] = [
    middle(result, ({ predicted: { train } }) => train!),
    middle(result, ({ measured: { train } }) => train!)
  ]
  const [allPredicted, allMeasured] = [
    middle(result, ({ predicted: seconds }) => total(seconds)),
    middle(result, ({ measured }) => total(measured))
  ]
  return [
    result.name,
    `${result.delayMs} ms`,
    result.cores.toFixed(2),
    trainPredicted.toFixed(2),
    trainMeasured.toFixed(2),
    percent(trainPredicted, trainMeasured),
    allPredicted.toFixed(2),
    allMeasured.toFixed(2),
    percent(allPredicted, allMeasured),
    result.binds
  ]
}

/** Calibrates, runs every configuration, prints the table and writes `out/bench/prediction.json`. */
export const run = async (names: ReadonlyArray<string> = process.argv.slice(3)): Promise<void> => {
  const calibration = await calibrate([512, 1024, 2048, 3072])
  const results: Array<Compared> = []
  for (const configuration of configurations) {
    if (names.length > 0 && !names.includes(configuration.name)) continue
    results.push(await compare(configuration, calibration))
    console.log(table([["", "", "", "", "", "", "", "", "", ""], rowOf(results.at(-1)!)])[1])
  }
  console.log(`\nseconds, medians of ${runs} runs; all is upload, transformation, training and output`)
  for (const line of table([
    ["", "delay", "cores", "train", "measured", "", "all", "measured", "", "bound by"],
    ...results.map(rowOf)
  ]))
    console.log(line)
  writeFigures("prediction", { calibration, results })
}

/** A table of 10^9 cells on so many hosts: a tenth with the KGC, the others with the clouds, a lane each. */
const farm = (hosts: number): unknown => {
  const dealers = Math.max(1, Math.floor(hosts / 10))
  const lanes = Math.floor((hosts - dealers) / 2)
  const machine = { cores: 16, gigabytes: 64 }
  const named = (site: string, number: number) =>
    Array.from({ length: number }, (_, i) => ({ name: `${site}-${i + 1}`, site, ...machine }))
  const [kgc, cloud0, cloud1] = [named("kgc", dealers), named("cloud0", lanes), named("cloud1", lanes)]
  const rest = (all: ReadonlyArray<{ readonly name: string }>) => all.slice(1).map(({ name }) => name)
  const owners = Array.from({ length: 16 }, (_, i) => ({
    name: `owner-${i + 1}`,
    site: `owner-${i + 1}`,
    cores: 16
  }))
  return {
    links: {
      lan: { delayMs: 0.1, megabitsPerSecond: 25_000 },
      wan: { delayMs: 5, megabitsPerSecond: 10_000 }
    },
    hosts: [...kgc, ...cloud0, ...cloud1, ...owners],
    placement: {
      broker: "kgc-1",
      siteBrokers: ["cloud0-1", "cloud1-1"],
      kgc: "kgc-1",
      cloud0: "cloud0-1",
      cloud1: "cloud1-1",
      users: owners.map(({ name }) => name),
      workers: { kgc: rest(kgc), cloud0: rest(cloud0), cloud1: rest(cloud1) },
      lanes: { cloud0: rest(cloud0), cloud1: rest(cloud1) }
    }
  }
}

/** Columns that are features, and those of the labels: a thousand cells a row. */
const features = 990
const labels = 10
const farmScenario = (form: "packed" | "hybrid", batch: number): unknown => ({
  ...(scenarioOf({
    name: "",
    features,
    labels,
    hidden: [128, 128],
    rows: 10 ** 6,
    batch,
    epochs: 1,
    modulusBits: 2048,
    form,
    delayMs: 0
  }) as object),
  users: Array.from({ length: 16 }, (_, user) => ({
    name: `owner${user + 1}`,
    holds: [{ file: `rows${user}.csv`, columns: ["x", "label"] }]
  })),
  // The gradients of a large batch leave no room for more bits.
  security: { modulusBits: 2048, upload: form, output: form, fractionalBits: 18 }
})

/** Prints the predicted time of an epoch over 10^9 cells on 10, 100 and 1,000 hosts, by the calibration that comes with the project. */
export const scale = async (): Promise<void> => {
  const file = fileURLToPath(new URL("scenarios/forecast/calibration.json", projectRoot))
  const calibration = Either.getOrThrow(decodeCalibration(JSON.parse(readFileSync(file, "utf8"))))
  const rows: Array<ReadonlyArray<string>> = []
  const results: Array<object> = []
  for (const form of ["hybrid", "packed"] as const)
    for (const batch of [1024, 16_384])
      for (const hosts of [10, 100, 1000]) {
        const scenario = parsedScenario(farmScenario(form, batch))
        const cost = predictCost(scenario, sizesOf(features, labels, 10 ** 6, 16))
        const prediction = predictTime({ scenario, cost }, hostsOf(farm(hosts)), calibration)
        results.push({ form, batch, hosts, ...prediction })
        rows.push([
          form,
          count(batch),
          count(hosts),
          ...compared.map((phase) =>
            duration(prediction.phases.find((each) => each.phase === phase)!.seconds)
          ),
          duration(prediction.seconds),
          prediction.binds
        ])
      }
  const lines = [["upload", "batch", "hosts", ...compared, "total", "bound by"], ...rows]
  for (const line of lines) console.log(`| ${line.join(" | ")} |`)
  mkdirSync("out/bench", { recursive: true })
  writeFigures("scale", { machine: calibration.machine, results })
}
