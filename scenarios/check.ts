/**
 * `bicameral check`: reads a scenario and all data it names, on a machine that has them, and tells what a run would do and
 * cost, without running anything. Whatever is wrong is the error.
 */
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { FileSystem } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import { phases } from "../actors/party/phases.ts"
import { raised } from "../actors/party/typed-throws.ts"
import { projectRoot } from "../protocol/artifact.ts"
import { countCells } from "../protocol/data/rows.ts"
import { InvalidPlan } from "../protocol/learning/network.ts"
import { seededKey } from "../protocol/seeding.ts"
import type { Calibration } from "./calibration.ts"
import type { CheckRequest } from "./commands.ts"
import { type CheckedData, checkData, type JoinedData, joinData } from "./joined.ts"
import { loadHosts, loadScenario } from "./load.ts"
import { type PredictedCost, predictCost } from "./plan.ts"
import { type Prediction, predictTime } from "./prediction.ts"
import { privacy, revelations } from "./report.ts"
import type { Scenario, User } from "./schema.ts"
import { count, counted, duration, size, table } from "./units.ts"

/** Everything that is known of a run before it starts. */
export interface Forecast {
  readonly scenario: Scenario
  readonly data: CheckedData
  readonly joined: JoinedData
  readonly cost: PredictedCost
  /** On the hosts that were given. */
  readonly time?: Prediction
}

/** A calibration can't be read, or lacks what the scenario needs. */
export class CalibrationError extends Data.TaggedError("CalibrationError")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the calibration ${this.file} ${this.reason}; npm run bench -- calibrate makes one`
  }
}

/** What the machines of the hosts take, as it was measured on one when this version was made. */
const defaultCalibration = fileURLToPath(new URL("scenarios/calibration.json", projectRoot))

/** Reads a calibration that has a modulus of so many bits. */
const loadCalibration = (file: string, modulusBits: number) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const wrong = (reason: string) => new CalibrationError({ file, reason })
    const text = yield* files.readFileString(file).pipe(Effect.mapError(() => wrong("can't be read")))
    const calibration = yield* Effect.try({
      try: () => JSON.parse(text) as Calibration,
      catch: () => wrong("is not JSON")
    })
    return calibration.bcp?.[modulusBits] === undefined
      ? yield* wrong(`has no figures for a modulus of ${modulusBits} bits`)
      : calibration
  })

/** Checks a scenario and its data and gives what a run of it would do, as text. */
export const checkScenario = Effect.fn("Scenario.check")(function* ({
  file,
  hosts,
  calibration
}: CheckRequest) {
  const loaded = yield* loadScenario(file)
  const { scenario } = loaded
  const data = yield* checkData(loaded)
  // The salt that a run without a seed draws decides which rows are held out; the sizes are the same for any.
  const salt =
    scenario.seed === undefined ? new Uint8Array(randomBytes(16)) : seededKey(scenario.seed, "rows")
  const joined = joinData(scenario, data, salt)
  const cost = yield* raised([InvalidPlan], () => predictCost(scenario, joined))
  if (Option.isNone(hosts)) return renderForecast({ scenario, data, joined, cost })
  const ground = yield* loadHosts(hosts.value)
  const measured = yield* loadCalibration(
    Option.getOrElse(calibration, () => defaultCalibration),
    scenario.security.modulusBits
  )
  return renderForecast({
    scenario,
    data,
    joined,
    cost,
    time: predictTime({ scenario, cost }, ground, measured)
  })
})

/** What a run would do and cost, for people; ends without a line break. */
export const renderForecast = (forecast: Forecast): string =>
  [
    `${forecast.scenario.name}: ${forecast.scenario.description.trim()}`,
    "",
    ...parties(forecast),
    "",
    ...training(forecast),
    ...security(forecast.scenario),
    "",
    ...revelations(forecast.scenario.reveal),
    ...privacy(forecast.scenario.seed ?? null),
    ...costs(forecast.cost),
    ...(forecast.time === undefined ? [] : ["", ...times(forecast.time)])
  ].join("\n")

const parties = ({ scenario, data, joined }: Forecast): ReadonlyArray<string> => [
  `${counted(scenario.users.length, "user")}, a KGC, two clouds and a director`,
  ...scenario.users.flatMap((user, index) => holdings(user, index, scenario, data, joined)),
  `  together ${counted(data.rows, "row")}: ${count(joined.rows.training)} to train on, ${count(joined.rows.heldOut)} kept by the users for the test`
]

const holdings = (
  user: User,
  index: number,
  { data: { features } }: Scenario,
  { tables }: CheckedData,
  { placed }: JoinedData
): ReadonlyArray<string> => {
  const sources = Object.keys(features).length
  const { training, heldOut } = placed[index]!
  const cells = countCells(training)
  return [
    `  ${user.name} (user${index + 1}), ${counted(cells, "cell")} to train on and ${count(countCells(heldOut))} for the test`,
    ...user.holds.map(({ file, heldOut: test }, holding) => {
      const { ids, columns } = tables[index]![holding]!
      const ofFeatures = columns.filter((column) => column < sources).length
      const held = ofFeatures < columns.length ? ofFeatures + 1 : ofFeatures
      const what =
        held === ofFeatures
          ? counted(held, "feature")
          : held === 1
            ? "the label"
            : `${counted(ofFeatures, "feature")} and the label`
      const kept = test === true ? ", for the test" : ""
      return `    ${counted(ids.length, "row")} × ${counted(held, "column")} (${what}) of ${file}${kept}`
    })
  ]
}

const training = ({ scenario, cost: { plan } }: Forecast): ReadonlyArray<string> => {
  const { factor, shift, relativeError } = plan.rate
  const layers = plan.network.layers.map(({ units, activation }) => `${units} ${activation}`)
  return [
    `network      ${[`${counted(plan.network.inputs, "input")}`, ...layers].join(" → ")}`,
    `training     ${counted(plan.steps, "step")}: ${counted(plan.epochs, "epoch")} of ${counted(plan.stepsPerEpoch, "step")} on ${counted(plan.batch, "row")} each`,
    `rate         ${scenario.training.rate} over a batch of ${plan.batch}, as ${factor}/2^${shift} (${(100 * relativeError).toFixed(3)} % off)`
  ]
}

const security = ({
  security: { modulusBits, exponents, fractionalBits, insecure, upload, output }
}: Scenario) => [
  `security     BCP modulus of ${modulusBits} bits${insecure ? ", INSECURE: for tests of the program only" : ""}, ${exponents} exponents`,
  `forms        ${upload} upload, ${output} model`,
  `numbers      64-bit words, ${fractionalBits} bits after the point`
]

const costs = ({ rounds, phases: predicted, bytes }: PredictedCost): ReadonlyArray<string> => [
  "predicted cost",
  ...table([
    ["phase", "rounds", "messages", "bytes", "ciphertexts"],
    ...phases.map((phase) => {
      const own = predicted.find((each) => each.phase === phase)
      return [
        phase,
        phase === "train" ? count(rounds) : "",
        count(own?.messages ?? 0),
        size(own?.bytes ?? 0),
        count(own?.ciphertexts ?? 0)
      ]
    }),
    [
      "total",
      count(rounds),
      count(predicted.reduce((sum, { messages }) => sum + messages, 0)),
      size(bytes),
      count(predicted.reduce((sum, { ciphertexts }) => sum + ciphertexts, 0))
    ]
  ]).map((line) => `  ${line}`)
]

/** The predicted time of each phase, with its three parts and what is the greatest of them. */
export const times = ({ phases: predicted, seconds, binds, tooSmall }: Prediction): ReadonlyArray<string> => [
  "predicted time",
  ...table([
    ["phase", "time", "work", "waiting", "links", "bound by"],
    ...predicted.map(({ phase, seconds, work, waiting, transfer, binds }) => [
      phase,
      ...[seconds, work.seconds, waiting.seconds, transfer.seconds].map(duration),
      binds
    ]),
    ["total", duration(seconds), "", "", "", binds]
  ]).map((line) => `  ${line}`),
  ...tooSmall.map(
    ({ host, gigabytes }) =>
      `  ${host} needs ${gigabytes.toFixed(1)} GB of memory, more than it has: it won't run so`
  )
]
