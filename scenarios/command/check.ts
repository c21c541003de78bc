/**
 * `bicameral check`: reads a scenario and all data it names, on a machine that has them, and prints what a
 * run would do and cost, without running anything. It fails with everything that is wrong.
 */
import { fileURLToPath } from "node:url"
import { Data, Effect, Option } from "effect"
import { phases } from "../../actors/party/phases.ts"
import { projectRoot } from "../../protocol/artifact.ts"
import { multiplicationsOf } from "../../protocol/ciphertexts/multiplications.ts"
import { weightsByClass } from "../../protocol/data/class-weights.ts"
import { labelColumns } from "../../protocol/data/description.ts"
import { describeDialect } from "../../protocol/data/dialect.ts"
import { statisticsNeeded, treatedCells } from "../../protocol/data/preparation.ts"
import { countCells } from "../../protocol/data/rows.ts"
import { shareOfRate } from "../../protocol/learning/optimiser.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import { identitiesOfScenario, partiesOf } from "../description/agreement.ts"
import { columnsHeldBy } from "../description/data-consistency.ts"
import type { CheckedData, JoinedData } from "../description/joined.ts"
import { loadCalibration, loadHosts, type Problem } from "../description/load.ts"
import type { Scenario, User } from "../description/schema.ts"
import { stepWorkMs } from "../forecast/ciphertexts-time.ts"
import { cloudsMemory } from "../forecast/memory.ts"
import { type Prediction, predictTime } from "../forecast/prediction.ts"
import { requestCost } from "../forecast/serving.ts"
import type { PredictedCost } from "../forecast/traffic.ts"
import { privacy, quorumLines, revelations, warningLines, weightsText } from "../report/report.ts"
import { type Prepared, prepareRun } from "../run/prepare.ts"
import type { Answer } from "../text/answer.ts"
import { count, counted, duration, headline, listed, size, table } from "../text/units.ts"
import type { CheckRequest } from "./commands.ts"

/** What is known of a run before it starts, and the time that it takes on the hosts that were given. */
type Forecast = Prepared & {
  readonly time?: Prediction
  /** Of a training on ciphertexts, on two cores of the machine that the shipped calibration is of. */
  readonly stepSeconds?: number
}

/** A calibration can't be read, is something else, or lacks what the scenario needs. */
export class CalibrationError extends Data.TaggedError("CalibrationError")<{
  readonly problems: ReadonlyArray<Problem>
}> {
  readonly retryable = false
  override get message(): string {
    const shown = this.problems.slice(0, mostProblems)
    const more = this.problems.length - shown.length
    return [
      ...shown.map(({ at, path, message }) => [at, ...(path === "" ? [] : [path]), message].join(": ")),
      ...(more > 0 ? [`and ${more} more problems like these`] : []),
      "npm run bench -- calibrate measures this machine and writes a calibration"
    ].join("\n")
  }
}

/** How many problems are listed of a file that is something else altogether. */
const mostProblems = 5

/** What a machine takes, as it was measured on one when this version was made. */
const defaultCalibration = fileURLToPath(new URL("scenarios/forecast/calibration.json", projectRoot))

/** Reads a calibration that has figures for a modulus of this size. */
const calibrationFor = (modulusBits: number, file: string) =>
  Effect.gen(function* () {
    const measured = yield* Effect.mapError(
      loadCalibration(file),
      ({ problems }) => new CalibrationError({ problems })
    )
    if (measured.bcp[modulusBits] !== undefined) return measured
    const message = `has no figures for a modulus of ${modulusBits} bits, only for ${Object.keys(measured.bcp).join(", ")}`
    return yield* new CalibrationError({ problems: [{ at: file, path: "bcp", message }] })
  })

/** Checks a scenario and its data and gives what a run of it would do, as text. */
export const checkScenario = Effect.fn("Scenario.check")(function* ({
  file,
  hosts,
  calibration
}: CheckRequest) {
  const prepared = yield* prepareRun(file)
  const { predicted, scenario } = prepared
  const stepSeconds = yield* secondsAStep(scenario, predicted)
  if (Option.isNone(hosts)) return answerOf({ ...prepared, ...stepSeconds })
  const deployment = yield* loadHosts(hosts.value)
  const measured = yield* calibrationFor(
    scenario.security.modulusBits,
    Option.getOrElse(calibration, () => defaultCalibration)
  )
  const time = predictTime({ scenario, cost: predicted }, deployment, measured)
  return answerOf({ ...prepared, ...stepSeconds, time })
})

/** How long a step on ciphertexts takes; nothing of other steps, or for a modulus that was not measured. */
const secondsAStep = ({ security }: Scenario, { onCiphertexts }: PredictedCost) =>
  onCiphertexts === undefined
    ? Effect.succeed({})
    : calibrationFor(security.modulusBits, defaultCalibration).pipe(
        Effect.map(({ bcp }) => {
          const { cloud0, cloud1 } = stepWorkMs(bcp[security.modulusBits]!, onCiphertexts.step)
          return { stepSeconds: (cloud0 + cloud1) / 2 / 1000 }
        }),
        Effect.orElseSucceed(() => ({}))
      )

const answerOf = (forecast: Forecast): Answer => {
  const { data, foreseen, joined, predicted, scenario, stepSeconds, time } = forecast
  const listed = identitiesOfScenario(scenario)
  const { onCiphertexts, phases, plan } = predicted
  return {
    text: renderForecast(forecast),
    value: {
      scenario: scenario.name,
      users: scenario.users.map(({ name }, i) => ({ name, cells: countCells(joined.placed[i]!.training) })),
      rows: { ...joined.rows, leftOut: data.leftOut },
      network: plan.network,
      training: { steps: plan.steps, epochs: plan.epochs, batch: plan.batch, on: scenario.training.on },
      security: scenario.security,
      reveal: scenario.reveal,
      seed: scenario.seed ?? null,
      warnings: warningLines(foreseen).map((line) => line.trim()),
      withoutIdentity: partiesOf(scenario).filter((actor) => !listed.has(actor)),
      cost: { rounds: predicted.rounds, bytes: predicted.bytes, storedBytes: predicted.storedBytes, phases },
      ...(onCiphertexts === undefined ? {} : { step: onCiphertexts.step, stepSeconds: stepSeconds ?? null }),
      ...(time === undefined ? {} : { time })
    }
  }
}

/** What a run would do and cost, for people; ends without a line break. */
const renderForecast = (forecast: Forecast): string =>
  [
    headline(forecast.scenario),
    "",
    ...parties(forecast),
    "",
    ...training(forecast),
    ...security(forecast.scenario),
    ...identities(forecast.scenario),
    "",
    ...revelations(forecast.scenario.reveal),
    ...quorumLines(forecast.scenario),
    ...served(forecast.scenario),
    ...privacy(forecast.scenario.seed ?? null),
    ...warningLines(forecast.foreseen),
    ...costs(forecast.predicted),
    ...memory(forecast),
    ...(forecast.time === undefined ? [] : ["", ...times(forecast.time)])
  ].join("\n")

const parties = ({ scenario, data, joined }: Forecast): ReadonlyArray<string> => [
  `${counted(scenario.users.length, "user")}, a KGC, two clouds and a director`,
  ...scenario.users.flatMap((user, index) => holdings(user, index, scenario, data, joined)),
  `  together ${counted(data.rows, "row")}: ${count(joined.rows.training)} to train on, ${validated(joined)}${count(joined.rows.heldOut)} kept by the users for the test`,
  ...(data.leftOut === 0
    ? []
    : [`  ${counted(data.leftOut, "row")} left out, since the label is missing there`]),
  ...statistics(scenario)
]

const validated = ({ rows: { training, uploaded } }: JoinedData): string =>
  uploaded === training ? "" : `${count(uploaded - training)} to validate on, `

/** Which users have the cells of which columns' statistics, and who learns these. */
const statistics = ({ data, users }: Scenario): ReadonlyArray<string> => {
  const { moments, counts } = statisticsNeeded(data)
  const held = users.map((user) => ({ name: user.name, columns: columnsHeldBy(data, user) }))
  const holdersOf = (column: string) =>
    held.filter(({ columns }) => columns.has(column)).map(({ name }) => name)
  const labels = labelColumns(data)
  const [ofLabel, modes] = [true, false].map((is) =>
    counts.filter(({ column }) => labels.includes(column) === is)
  )
  const byHolders = new Map<
    string,
    { readonly holders: ReadonlyArray<string>; of: [number, number, number] }
  >()
  for (const [place, needed] of [moments, modes!, ofLabel!].entries())
    for (const { column } of needed) {
      const holders = holdersOf(column)
      const entry = byHolders.get(holders.join()) ?? { holders, of: [0, 0, 0] }
      entry.of[place]! += 1
      byHolders.set(holders.join(), entry)
    }
  const lines = [...byHolders.values()].map(({ holders, of: [means, modes, classes] }) => {
    const found = [
      ...(means === 0 ? [] : [`mean and deviation of ${counted(means, "column")}`]),
      ...(modes === 0 ? [] : [`the most frequent value of ${counted(modes, "column")}`]),
      ...(classes === 0 ? [] : ["the number of rows of each class"])
    ].join(" and ")
    if (holders.length === 1) return `  the users learn ${found}, of cells that ${holders[0]} alone holds`
    const who = holders.length === users.length ? "all of them" : listed(holders, users.length)
    return `  the users find ${found} together, of cells that ${who} hold`
  })
  return lines.length === 0 ? [] : [...lines, "  no other party learns any of these statistics"]
}

const holdings = (
  user: User,
  index: number,
  { data }: Scenario,
  { tables }: CheckedData,
  { placed, prepared }: JoinedData
): ReadonlyArray<string> => {
  const labels = new Set(labelColumns(data))
  const { training, heldOut } = placed[index]!
  const cells = countCells(training)
  return [
    `  ${user.name} (user${index + 1}), ${counted(cells, "cell")} to train on and ${count(countCells(heldOut))} for the test`,
    ...user.holds.map(({ file, heldOut: test }, holding) => {
      const { ids, sources, dialect } = tables[index]![holding]!
      const ofFeatures = [...sources.keys()].filter((name) => !labels.has(name)).length
      const held = sources.size
      const what =
        held === ofFeatures
          ? counted(held, "feature")
          : ofFeatures === 0
            ? "the label"
            : `${counted(ofFeatures, "feature")} and the label`
      const kept = test === true ? ", for the test" : ""
      return `    ${counted(ids.length, "row")} × ${counted(held, "column")} (${what}) of ${file}${kept}${dialect === undefined ? "" : `: ${describeDialect(dialect)}`}`
    }),
    ...treatments(tables[index]!, prepared)
  ]
}

/** What becomes of cells that can't be taken as they are: for their owner, who runs the check. */
const treatments = (
  tables: CheckedData["tables"][number],
  prepared: JoinedData["prepared"]
): ReadonlyArray<string> => {
  const treated = tables.flatMap((table) => treatedCells(prepared, table))
  const told = (what: "filled" | "clipped", how: string) => {
    const columns = treated.filter((each) => each[what] > 0)
    if (columns.length === 0) return []
    return [`    ${how}: ${columns.map((each) => `${each.column} ${count(each[what])}`).join(", ")}`]
  }
  return [...told("filled", "missing cells, filled"), ...told("clipped", "cells that are clipped")]
}

/** A fraction, and how it differs from what the scenario says, if it does. */
const metBy = (wanted: number, value: number): string =>
  `${Number(wanted.toPrecision(6))}${value === wanted ? "" : `, as ${Number(value.toPrecision(6))}`}`

const optimiser = ({ addends, learningRate, ...plan }: TrainingPlan): ReadonlyArray<string> => {
  const { momentum = 0, weightDecay = 0, schedule = "constant" } = plan
  const last = learningRate * shareOfRate(schedule, plan.steps, plan)
  return [
    ...(addends.momentum ? [`momentum     ${metBy(momentum, addends.momentum.value)}`] : []),
    ...(addends.decay
      ? [
          `weight decay ${metBy(weightDecay, addends.decay.value / learningRate)} of the weights times the rate`
        ]
      : []),
    ...(schedule === "constant"
      ? []
      : [
          `schedule     ${schedule === "cosine" ? "half a cosine" : `times ${schedule.factor} every ${counted(schedule.everyEpochs, "epoch")}`}, to ${last.toPrecision(3)} in the last step`
        ])
  ]
}

const training = (forecast: Forecast): ReadonlyArray<string> => {
  const { scenario, joined } = forecast
  const { plan } = forecast.predicted
  const { factor, shift, relativeError } = plan.rate
  const layers = plan.network.layers.map(({ units, activation }) => `${units} ${activation}`)
  return [
    `network      ${[`${counted(plan.network.inputs, "input")}`, ...layers].join(" → ")}`,
    `training     ${scenario.training.stop === undefined ? "" : "at most "}${counted(plan.steps, "step")}: ${counted(plan.epochs, "epoch")} of ${counted(plan.stepsPerEpoch, "step")} on ${counted(plan.batch, "row")} each`,
    `rate         ${scenario.training.rate} over a batch of ${plan.batch}, as ${factor}/2^${shift} (${(100 * relativeError).toFixed(3)} % off)`,
    ...optimiser(plan),
    ...classWeights(scenario, joined),
    ...onCiphertexts(forecast)
  ]
}

/** More seconds than a step should take: a training of some hundred steps takes hours then. */
const longStepSeconds = 30

/** What a step on ciphertexts takes, and whether that is sensible. */
const onCiphertexts = ({
  predicted: { onCiphertexts: found, plan },
  scenario: { deadlines },
  stepSeconds
}: Forecast): ReadonlyArray<string> => {
  if (found === undefined) return []
  const { openings, encryptions, powers, rounds } = found.step
  const multiplications = powers.reduce((sum, shape) => sum + multiplicationsOf(shape), 0)
  const takes = `ciphertexts  a step opens ${count(openings)} and encrypts ${count(encryptions)} at cloud 0, takes ${count(Math.round(multiplications))} multiplications modulo N² at cloud 1, and ${count(rounds)} rounds`
  if (stepSeconds === undefined) return [takes]
  const all = stepSeconds * plan.steps
  const tooLong = stepSeconds > longStepSeconds || 1000 * all > deadlines.phaseTimeoutMs
  return [
    takes,
    `             about ${duration(stepSeconds)} a step on two cores, ${duration(all)} for all steps`,
    ...(tooLong
      ? [
          `             that is long: use a smaller network or fewer steps, workers of both clouds, or training.on: shares; and see that deadlines.phaseTimeoutMs, ${duration(deadlines.phaseTimeoutMs / 1000)}, is longer`
        ]
      : [])
  ]
}

/** By how much a row of each class counts in the training. */
const classWeights = ({ training }: Scenario, { prepared }: JoinedData): ReadonlyArray<string> => {
  const weights = weightsByClass(prepared)
  if (weights === undefined) return []
  const how = training.classWeights === "balanced" ? ", balanced" : ""
  return [`classes      weigh ${weightsText(weights)}${how}`]
}

const security = ({
  security: { modulusBits, exponents, fractionalBits, insecure, upload, output }
}: Scenario) => [
  `security     BCP modulus of ${modulusBits} bits${insecure ? ", INSECURE: for tests of the program only" : ""}, ${exponents} exponents`,
  `forms        ${upload} upload, ${output} model`,
  `numbers      64-bit words, ${fractionalBits} bits after the point`
]

/** What it takes to ask the clouds, where they serve the model. */
const served = (scenario: Scenario): ReadonlyArray<string> => {
  if (scenario.model === "opened") return []
  const { bytes, rounds } = requestCost(scenario, 1)
  const opened = scenario.model === "served" ? "nobody opens the model" : "the users open the model too"
  return [
    `the clouds keep their shares of the model, to serve it; ${opened}`,
    `a row that is asked takes ${counted(rounds, "round")} and ${size(bytes)}, 128 rows ${size(requestCost(scenario, 128).bytes)}, dealing included`
  ]
}

/** Whose identities the scenario lists: parties that run on their own need those of all. */
const identities = (scenario: Scenario): ReadonlyArray<string> => {
  const listed = identitiesOfScenario(scenario)
  const missing = partiesOf(scenario).filter((actor) => !listed.has(actor))
  if (missing.length === 0) return ["identities   listed of all parties"]
  if (listed.size === 0)
    return ["identities   none listed: a run on this machine makes them up, parties on their own need them"]
  const names = missing.map((actor) => scenario.users[Number(actor.slice("user".length)) - 1]?.name ?? actor)
  return [
    `identities   missing of ${names.join(", ")}: each owner makes one with bicameral identity, for the scenario`
  ]
}

const costs = ({ rounds, phases: predicted, bytes, storedBytes }: PredictedCost): ReadonlyArray<string> => [
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
  ]).map((line) => `  ${line}`),
  ...(storedBytes === 0
    ? []
    : [
        `  cloud 1 stores ${size(storedBytes)} of corrections on its disk, from before the training to the end`
      ])
]

/** What clouds that deal for themselves need of their hosts. */
const memory = ({
  predicted: cost,
  scenario
}: Pick<Forecast, "predicted" | "scenario">): ReadonlyArray<string> => {
  const bytes = cloudsMemory({ scenario, cost })
  if (bytes === undefined) return []
  return [
    `  cloud 0 takes about ${size(bytes[0])} of memory, most of it to deal, and cloud 1 ${size(bytes[1])}`
  ]
}

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
      `  ${host} needs ${gigabytes.toFixed(1)} GB of memory, more than it has; add memory or move a party to another host`
  )
]
