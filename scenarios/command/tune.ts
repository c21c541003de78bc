/** `bicameral tune`: tries settings of the training in the clear, on rows that are there, and prints how they do. */
import { Console, Data, Effect, Option } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import { classesOf } from "../../protocol/data/description.ts"
import { pickJoint } from "../../protocol/data/joint.ts"
import { drawsOf } from "../reference/comparison.ts"
import {
  fewestRows,
  type Settings,
  type Trial,
  type Tuning,
  type TuningRows,
  tune
} from "../reference/tuning.ts"
import { prepareOwn, prepareRun } from "../run/prepare.ts"
import { answer } from "../text/answer.ts"
import { count, counted } from "../text/units.ts"
import type { TuneRequest } from "./commands.ts"

/** Every setting that was tried leaves the range of the fixed-point numbers. */
export class NothingTrains extends Data.TaggedError("NothingTrains")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: with all settings that were tried the training leaves the range of the fixed-point numbers, or they do not hold the rate; give a training.rate a hundred times lower, or [-1, 1] as data.scaleTo`
  }
}

/** There are fewer rows than folds. */
export class TooFewRows extends Data.TaggedError("TooFewRows")<{
  readonly file: string
  readonly rows: number
  readonly fewest: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: there ${this.rows === 1 ? "is one row" : `are ${this.rows} rows`} to train on, and settings are tried on ${this.fewest} or more`
  }
}

const widths = [10, 16, 8, 16, 10]

const line = (cells: ReadonlyArray<string>): string =>
  cells
    .map((cell, i) => (i === 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
    .join("  ")
    .trimEnd()

const shownHidden = (hidden: ReadonlyArray<number>): string => `[${hidden.join(", ")}]`

const row = ({ rate, hidden, epochs, score }: Trial): string =>
  line([
    `${rate}`,
    shownHidden(hidden),
    count(epochs),
    ...(score === undefined
      ? ["out of range"]
      : [`${score.error.toFixed(4)} ± ${score.spread.toFixed(4)}`, score.figure.toFixed(4)])
  ])

/** What to write into the scenario. */
const proposal = ({ hidden, rate, epochs }: Settings): ReadonlyArray<string> => [
  "network:",
  `  hidden: ${shownHidden(hidden)}`,
  "training:",
  `  epochs: ${epochs}`,
  `  rate: ${rate}`
]

const conclusion = ({ trials, best, rows, folds }: Tuning, figure: string): ReadonlyArray<string> => {
  const [own] = trials
  const how = `on ${counted(rows, "row")} in ${folds} folds, each tested after a training on the others`
  if (best === own) return [`Nothing of this is better, beyond chance, than what the scenario says, ${how}.`]
  const now = own?.score === undefined ? "" : ` in place of ${own.score.figure.toFixed(4)}`
  return [
    `The setting with the smallest error has ${figure} ${best.score!.figure.toFixed(4)}${now}, ${how}:`,
    "",
    ...proposal(best)
  ]
}

/** The rows on which settings are tried, and what they are tried for. */
const rowsFor = Effect.fn("Tune.rows")(function* ({ file, user }: TuneRequest) {
  if (Option.isNone(user)) {
    const { agreement, joined } = yield* prepareRun(file)
    const source: TuningRows = {
      data: joined.prepared,
      rows: joined.rows.training,
      some: joined.trainingRows
    }
    return { agreement, source }
  }
  const { agreement, data, table } = yield* prepareOwn(file, user.value)
  const source: TuningRows = { data, rows: table.rows, some: (rows) => pickJoint(table, rows) }
  return { agreement, source }
})

/** Whether the rows that a run holds out are known: ids are drawn into an order by a secret where there is no seed. */
const heldOutText = ({ heldOut, seed }: Agreement, { user }: TuneRequest): string =>
  heldOut === 0
    ? "the rows that are marked as held out take no part"
    : seed !== undefined && Option.isNone(user)
      ? "held-out rows take no part"
      : "a run holds out other rows than these: what it finds on them is a little better than the truth"

/** Tries settings and prints them, each as it is known. */
export const tuneScenario = Effect.fn("Tune.scenario")(function* (request: TuneRequest) {
  const { agreement, source } = yield* rowsFor(request)
  if (source.rows < fewestRows)
    return yield* new TooFewRows({ file: request.file, rows: source.rows, fewest: fewestRows })
  const figure = classesOf(agreement.data) === undefined ? "R²" : "accuracy"
  const whose = Option.match(request.user, { onNone: () => "all users", onSome: (name) => name })
  yield* Console.log(
    `settings tried in the clear on the training rows of ${whose}; ${heldOutText(agreement, request)}\n\n${line(["rate", "hidden", "epochs", "error", figure])}`
  )
  const { log: say } = (yield* Effect.console).unsafe
  const tuning = yield* Effect.promise(() =>
    tune(agreement, source, drawsOf(agreement), (trial) => say(row(trial)))
  )
  if (tuning.best.score === undefined) return yield* new NothingTrains({ file: request.file })
  const { best, folds, rows, trials } = tuning
  yield* answer({
    text: ["", ...conclusion(tuning, figure)].join("\n"),
    value: { figure, rows, folds, trials, best, isBetter: best !== trials[0] }
  })
})
