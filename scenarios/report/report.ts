/**
 * What is printed when a run is over: how good the model is next to the plain references, what the run cost
 * next to what was predicted, what was revealed beyond the model, whether all expectations held, and where
 * the files are. Pure: from a run's result to text.
 */
import { join } from "node:path"
import { phases } from "../../actors/party/phases.ts"
import { thresholdOf } from "../description/agreement.ts"
import type { Revelation, Scenario } from "../description/schema.ts"
import { count, counted, duration, listed, size, table } from "../text/units.ts"
import { figureTables, gain, judgement } from "./figures-text.ts"
import type { PredictedAndMeasured, RunResult } from "./result.ts"

/** What the report shows in addition to the result. */
export interface ReportContext {
  /** The folder in which the results are. */
  readonly out: string
  /** What the scenario reveals beyond the model. */
  readonly revealed: ReadonlyArray<Revelation>
}

/** Where the event log of each party is. */
export const eventLogs = (out: string): string => join(out, "parties", "*", "events.jsonl")

/** The whole report; ends without a line break. */
export const report = (result: RunResult, { out, revealed }: ReportContext): string =>
  [
    "",
    ...outcome(result),
    "",
    ...doubts(result),
    ...costs(result),
    ...recoveries(result),
    ...openers(result),
    ...faults(result),
    ...kept(result),
    "",
    ...revelations(revealed),
    ...privacy(result.seed),
    ...expectations(result),
    field("model", join(out, "model.json")),
    field("result", join(out, "result.json")),
    field("report", join(out, "report.html")),
    field("event logs", eventLogs(out))
  ].join("\n")

/** The times of a run with faults next to those of the same run without, by phase. */
export const sideBySide = (undisturbed: RunResult, disturbed: RunResult): ReadonlyArray<string> => {
  const row = (name: string, of: (seconds: RunResult["seconds"]) => number) => {
    const [without, withThem] = [of(undisturbed.seconds), of(disturbed.seconds)]
    return [
      name,
      duration(without),
      duration(withThem),
      without > 0 ? `${(withThem / without).toFixed(1)} ×` : ""
    ]
  }
  return table([
    ["phase", "without faults", "with faults", ""],
    ...phases.map((phase) => row(phase, (seconds) => seconds[phase])),
    row("total", ({ total }) => total)
  ])
}

const fieldWidth = 12

const field = (name: string, text: string): string => `${name.padEnd(fieldWidth)} ${text}`

const outcome = (result: RunResult): ReadonlyArray<string> => [
  ...judged(result),
  field("weights", deviationText(result)),
  field(
    "training",
    `${counted(result.steps, "step")} on ${counted(result.rows.training, "row")}; ${count(result.rows.heldOut)} held out for the test`
  ),
  ...(result.classWeights === undefined
    ? []
    : [field("classes", `weigh ${weightsText(result.classWeights)} in the training`)]),
  ...curveLines(result),
  ...figureTables(result),
  ...gain(result)
]

/** Classes whose weights are shown. */
const mostWeights = 12

/** `benign 0.81, malignant 1.31`. */
export const weightsText = (weights: NonNullable<RunResult["classWeights"]>): string =>
  listed(
    weights.map(({ label, weight }) => `${label} ${Number(weight.toPrecision(3))}`),
    mostWeights
  )

/** Epochs that are shown of a curve. */
const epochsShown = 10

/** How the model did on the validation rows: the epoch that counts, and some of the others. */
const curveLines = ({ curve }: RunResult): ReadonlyArray<string> => {
  if (curve === undefined) return []
  const { rows, epochs, best, stopped, reference } = curve
  const every = Math.ceil(epochs.length / epochsShown)
  const shown = epochs.flatMap((each, i) => {
    const epoch = i + 1
    if (epoch % every !== 0 && epoch !== best && epoch !== epochs.length) return []
    const right = each.accuracy === undefined ? "" : `, ${each.accuracy.toFixed(4)} right`
    return [
      `  epoch ${epoch}: loss ${each.loss.toPrecision(4)}${right}${epoch === best ? ", the least" : ""}`
    ]
  })
  const end = stopped ? `; ended after epoch ${epochs.length}, with the model of epoch ${best}` : ""
  const same = JSON.stringify(reference) === JSON.stringify(epochs)
  const beside =
    reference === undefined ? "" : `; ${same ? "bit for bit" : "NOT"} that of the fixed-point reference`
  return [field("validation", `on ${counted(rows, "row")}${end}${beside}`), ...shown]
}

const judged = (result: RunResult): ReadonlyArray<string> => {
  const [name, first = "", ...more] = judgement(result)
  return [field(name, first), ...more.map((line) => field("", line))]
}

/** Why the result means nothing; or, where it may mean something, what may spoil it. */
const doubts = ({ meaningless, warnings }: RunResult): ReadonlyArray<string> =>
  meaningless.length === 0
    ? warningLines(warnings)
    : ["NOT MEANINGFUL", ...meaningless.map((each) => `  ${each}`), ""]

/** What may spoil a result, as lines; the same in `run` and `check`. */
export const warningLines = (warnings: ReadonlyArray<string>): ReadonlyArray<string> =>
  warnings.length === 0 ? [] : ["warnings", ...warnings.map((each) => `  ${each}`), ""]

const deviationText = ({ maxWeightDeviation: deviation, reasons }: RunResult): string => {
  if (deviation === null) return `not compared with the fixed-point reference: ${reasons.maxWeightDeviation}`
  if (deviation === 0) return "bit for bit those of the fixed-point reference"
  return `differ from the fixed-point reference by at most ${deviation.toExponential(2)} (2^${Math.log2(deviation).toFixed(1)})`
}

const costs = ({
  modulusBits,
  transport,
  rounds,
  bytes,
  seconds,
  peakMemoryBytes,
  predictedMemoryBytes
}: RunResult): ReadonlyArray<string> => [
  field("modulus", `${modulusBits} bits`),
  field("transport", transport === "nats" ? "NATS" : "memory (all parties in one process)"),
  field("rounds", `${count(rounds.predicted)} predicted, ${count(rounds.measured)} measured`),
  field(
    "bytes",
    `${size(bytes.predicted)} predicted, ${size(bytes.measured)} measured (${deviation(bytes)})`
  ),
  ...memory(peakMemoryBytes, predictedMemoryBytes),
  "",
  ...table([
    ["phase", "time", "predicted", "measured", ""],
    ...phases.map((phase) => [phase, duration(seconds[phase]), ...traffic([bytes.byPhase[phase]])]),
    ["other", duration(outsidePhases(seconds)), ...traffic(unphased(bytes.byPhase))],
    ["total", duration(seconds.total), ...traffic([bytes])]
  ])
]

/** Which process needed most, and what was predicted of it. */
const memory = (
  peaks: RunResult["peakMemoryBytes"],
  predicted: RunResult["predictedMemoryBytes"]
): ReadonlyArray<string> => {
  const [most] = Object.entries(peaks ?? {}).sort(([, a], [, b]) => b - a)
  if (most === undefined) return []
  const [actor, bytes] = most
  const foreseen = predicted?.[actor]
  const beside = foreseen === undefined ? "" : `; ${size(foreseen)} predicted`
  return [field("memory", `at most ${size(bytes)} a process (${actor})${beside}`)]
}

/** Who died on the way and came back. */
const recoveries = ({ recoveries: all }: RunResult): ReadonlyArray<string> =>
  all.length === 0
    ? []
    : ["", ...all.map(({ party, seconds }) => field("recovered", `${party}, away for ${duration(seconds)}`))]

/** Who opened the model, and without whom, where not all users need to. */
const openers = ({ openers: who }: RunResult): ReadonlyArray<string> =>
  who === undefined
    ? []
    : [
        field(
          "opened by",
          `${who.opened.join(", ")}; any ${who.threshold} of the ${who.opened.length + who.absent.length} users can, and with what cloud 1 holds open the data of all`
        ),
        ...who.absent.map(({ user, reason }) => field("without", `${user}: ${reason}`)),
        ...who.rejected.map((user) =>
          field("rejected", `what ${user} sent to decrypt with; have its operator look into it`)
        )
      ]

/**
 * What a threshold lets users do, as lines; the same in `run` and `check`. Nothing where all users decrypt.
 */
export const quorumLines = (
  scenario: Pick<Scenario, "deadlines" | "decryption" | "users">
): ReadonlyArray<string> => {
  const decryption = thresholdOf(scenario)
  if (decryption === undefined) return []
  const { absenceTimeoutMs, threshold } = decryption
  const users = scenario.users.length
  return [
    `ANY ${threshold} OF THE ${users} USERS DECRYPT: any ${threshold} who collude can open, with what cloud 1 holds, the data of all ${users}.`,
    `A run ends without users who are absent for ${duration(absenceTimeoutMs / 1000)} at the output, as long as ${threshold} are there.`,
    ""
  ]
}

/** What was done to the run on purpose. */
const faults = ({ faults: injected }: RunResult): ReadonlyArray<string> =>
  injected === null
    ? []
    : [
        field(
          "faults",
          Object.entries(injected)
            .sort(([, a], [, b]) => b - a)
            .map(([kind, number]) => `${count(number)} ${kind}`)
            .join(", ") || "none came about"
        )
      ]

/** What outlives the run, and with whom. */
const kept = ({ kept: all }: RunResult): ReadonlyArray<string> => {
  const width = Math.max(0, ...Object.keys(all).map(({ length }) => length))
  const lines = Object.entries(all).map(
    ([actor, what]) => `  ${actor.padEnd(width)}  ${what.join("; ") || "nothing"}`
  )
  return ["", "kept after the run; all else that the parties stored is erased", ...lines]
}

/** Reading and checking the data, starting the parties, training the references. */
const outsidePhases = (seconds: RunResult["seconds"]): number =>
  Math.max(
    0,
    phases.reduce((rest, phase) => rest - seconds[phase], seconds.total)
  )

const unphased = (byPhase: RunResult["bytes"]["byPhase"]): ReadonlyArray<PredictedAndMeasured> =>
  Object.entries(byPhase).flatMap(([phase, bytes]) =>
    phases.some((known) => known === phase) ? [] : [bytes]
  )

const traffic = (entries: ReadonlyArray<PredictedAndMeasured | undefined>): ReadonlyArray<string> => {
  const predicted = entries.reduce((sum, entry) => sum + (entry?.predicted ?? 0), 0)
  const measured = entries.reduce((sum, entry) => sum + (entry?.measured ?? 0), 0)
  return predicted + measured === 0
    ? ["", "", ""]
    : [size(predicted), size(measured), deviation({ predicted, measured })]
}

/** How far what was measured is from what was predicted. */
const deviation = ({ predicted, measured }: PredictedAndMeasured): string => {
  if (predicted === measured) return "exact"
  if (predicted === 0) return "not predicted"
  const percent = Math.abs((100 * (measured - predicted)) / predicted)
  const sign = percent < 0.05 ? "" : measured < predicted ? "−" : "+"
  return `${sign}${percent.toFixed(1)} %`
}

const revelationTexts: Readonly<Record<Revelation, string>> = {
  accuracy: "the director: how many held-out rows the model got right",
  metrics:
    "the director: held-out rows counted by label, prediction and score, or sums of numbers and errors",
  heldOutRows: "the user that holds the labels: the held-out cells of the other users, sealed to it",
  progress: "the director: the step of the training that the clouds had reached",
  "column-statistics":
    "all users: means, deviations and counts of values of columns that fewer than three of them hold",
  curve:
    "both clouds and the director: after each epoch the loss on the validation rows, and how many are right"
}

/** To whom something is revealed, and what. */
export const revelationText = (what: Revelation): string => revelationTexts[what]

/** What is revealed beyond the model, as lines; the same in `run` and `check`. */
export const revelations = (revealed: ReadonlyArray<Revelation>): ReadonlyArray<string> =>
  revealed.length === 0
    ? ["revealed beyond the model: nothing", ""]
    : ["revealed beyond the model, to", ...revealed.map((what) => `  ${revelationTexts[what]}`), ""]

/** The warning of a run whose choices follow from a seed; nothing without one. */
export const privacy = (seed: number | null): ReadonlyArray<string> =>
  seed === null
    ? []
    : [
        `REPRODUCIBLE AND NOT PRIVATE: weights, batches and masks follow from seed ${seed}, which is public.`,
        "For a private run, remove the seed.",
        ""
      ]

const expectations = ({ expectations: all }: RunResult): ReadonlyArray<string> =>
  all.length === 0
    ? []
    : [
        "expectations",
        ...all.map(
          ({ what, held, reason }) =>
            `  ${held ? "ok    " : "FAILED"}  ${what}${reason === undefined ? "" : ` (${reason})`}`
        ),
        ""
      ]
