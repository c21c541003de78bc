/**
 * Settings of a training, tried in float64 on the rows to train on: rates, sizes of the hidden layers, epochs, one
 * after the other, each with the best of those before it. Rows are dealt into folds; a model is tested on each fold
 * after a training on the others. Held-out rows take no part, so the test at the end of a run stays one.
 */
import { setImmediate } from "node:timers/promises"
import { type Agreement, lossOf, planOf, sizesFor } from "../../actors/party/agreement.ts"
import type { Prepared } from "../../protocol/data/description.ts"
import type { JointTable } from "../../protocol/data/joint.ts"
import { modelValues } from "../../protocol/learning/model.ts"
import { InvalidPlan } from "../../protocol/learning/network.ts"
import { batchOrder, permutation } from "../../protocol/learning/order.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import { metricsOf } from "../../protocol/metrics/metrics.ts"
import { classPlaces, type Tally, tallyOf } from "../../protocol/metrics/tally.ts"
import { needsOf } from "./needs.ts"
import { forPart } from "./part.ts"
import { trainFloatReference } from "./reference.ts"

/** What is tried. */
export interface Settings {
  readonly hidden: ReadonlyArray<number>
  readonly rate: number
  readonly epochs: number
}

/** A setting, and how it does. */
export interface Trial extends Settings {
  /** Undefined where fixed-point numbers do not hold the rate, or a training leaves their range. */
  readonly score: Score | undefined
}

/** Means over the folds. */
export interface Score {
  /** Of the squared error of probabilities (Brier), or of numbers in relation to their variance. */
  readonly error: number
  /** The standard error of that mean. */
  readonly spread: number
  /** Of classes the share of rows that are right, of numbers R². */
  readonly figure: number
}

/** What a run draws, 16 bytes each: the same for all trials, so that they differ by their settings alone. */
export interface Draws {
  readonly orderKey: Uint8Array
  readonly initialKeys: readonly [Uint8Array, Uint8Array]
}

/** The rows that settings are tried on. */
export interface TuningRows {
  readonly data: Prepared
  readonly rows: number
  /** Some of them, ascending. */
  readonly some: (rows: Uint32Array) => JointTable
}

export interface Tuning {
  /** Rows that were dealt into folds: all, or a part that can be trained on in time. */
  readonly rows: number
  readonly folds: number
  /** What the scenario says, first, and what was tried besides. */
  readonly trials: ReadonlyArray<Trial>
  readonly best: Trial
}

const folds = 3
/** Fewer rows can't be tuned on: each fold has one. */
export const fewestRows = folds
/** Rates are tried at these multiples of the scenario's. */
const rateFactors = [0.1, 0.3, 3, 10]
/** Hidden layers at these multiples, and none. */
const sizeFactors = [0.5, 2]
const epochFactors = [0.5, 2]
/** All trainings together take about as long as this, or a part of the rows is taken. */
const mostSeconds = 120
const leastRows = 30

/** Of two significant digits. */
const rounded = (x: number): number => Number(x.toPrecision(2))

/** The agreement with these settings in place of its own. */
export const withSettings = (agreement: Agreement, { hidden, rate, epochs }: Settings): Agreement => ({
  ...agreement,
  network: { ...agreement.network, hidden },
  training: { ...agreement.training, rate, epochs }
})

const settingsOf = (agreement: Agreement, rows: number): Settings => ({
  hidden: agreement.network.hidden,
  rate: agreement.training.rate,
  epochs: sizesFor(agreement, rows).epochs
})

/** The steps of the search: what is tried from the best so far. */
const searches: ReadonlyArray<(best: Settings) => ReadonlyArray<Settings>> = [
  (best) => rateFactors.map((factor) => ({ ...best, rate: rounded(factor * best.rate) })),
  (best) => [
    ...(best.hidden.length === 0 ? [] : [{ ...best, hidden: [] }]),
    ...sizeFactors.map((factor) => ({
      ...best,
      hidden: best.hidden.map((units) => Math.max(1, Math.round(factor * units)))
    }))
  ],
  (best) => epochFactors.map((factor) => ({ ...best, epochs: Math.max(1, Math.round(factor * best.epochs)) }))
]

/** Trainings of the whole search, counted in trainings of the scenario's own settings. */
const trainings = folds * (1 + rateFactors.length + 1 + sizeFactors.length + epochFactors.length)

/** Tries settings on whole rows. `told` is called with each trial. */
export const tune = async (
  agreement: Agreement,
  source: TuningRows,
  draws: Draws,
  told: (trial: Trial) => void
): Promise<Tuning> => {
  const own = settingsOf(agreement, source.rows)
  const plan = planOf(forPart(agreement, source.rows), source.rows)
  const seconds = trainings * needsOf("float64", plan, 0).seconds
  const share = Math.min(1, mostSeconds / seconds)
  const rows = Math.max(Math.min(leastRows, plan.rows), Math.floor(share * plan.rows))
  const order = permutation(plan.rows, draws.orderKey, 0).subarray(0, rows)
  const splits = Array.from({ length: folds }, (_, fold) => splitOf(source, order, fold))
  const trials: Array<Trial> = []
  const attempt = async (settings: Settings): Promise<Trial> => {
    const known = trials.find((trial) => same(trial, settings))
    if (known !== undefined) return known
    const score = await tested(withSettings(agreement, settings), source, { ...draws, splits })
    const trial = { ...settings, score }
    trials.push(trial)
    told(trial)
    return trial
  }
  let best = await attempt(own)
  for (const search of searches) {
    const found: Array<Trial> = []
    for (const settings of search(best)) {
      found.push(await attempt(settings))
      await setImmediate()
    }
    best = found.reduce(better, best)
  }
  return { rows, folds, trials, best }
}

const same = (one: Settings, other: Settings): boolean =>
  one.rate === other.rate && one.epochs === other.epochs && `${one.hidden}` === `${other.hidden}`

/** The other where its error is smaller by more than chance: in doubt, what is there already. */
const better = (one: Trial, other: Trial): Trial => {
  if (other.score === undefined) return one
  if (one.score === undefined) return other
  return other.score.error + other.score.spread < one.score.error ? other : one
}

/** The rows of a fold, and the others, as tables. */
const splitOf = ({ some }: TuningRows, order: Uint32Array, fold: number) => {
  const [from, to] = [fold, fold + 1].map((of) => Math.floor((of * order.length) / folds))
  const test = order.slice(from, to).sort()
  const rest = Uint32Array.from([...order.subarray(0, from), ...order.subarray(to)]).sort()
  return { training: some(rest), test: some(test) }
}

interface Chosen extends Draws {
  readonly splits: ReadonlyArray<ReturnType<typeof splitOf>>
}

/** Trains and tests on each fold. */
const tested = async (
  agreement: Agreement,
  { data, rows }: TuningRows,
  { splits, orderKey, initialKeys }: Chosen
): Promise<Score | undefined> => {
  const found: Array<Figures> = []
  for (const { training, test } of splits) {
    const plan = planFor(forPart(agreement, training.rows, rows), training.rows)
    if (plan === undefined) return undefined
    const { leftRangeIn, model } = await trainFloatReference({
      ...{ data, plan, training, initialKeys },
      order: batchOrder(plan, orderKey)
    })
    if (leftRangeIn !== undefined || !modelValues(model).every(Number.isFinite)) return undefined
    found.push(figuresOf(agreement, tallyOf(model, test)))
  }
  const error = mean(found.map((each) => each.error))
  const variance = mean(found.map((each) => (each.error - error) ** 2))
  return {
    error,
    spread: Math.sqrt(variance / (found.length - 1)),
    figure: mean(found.map(({ figure }) => figure))
  }
}

/** The plan; undefined where fixed-point numbers do not hold such a rate. */
const planFor = (agreement: Agreement, rows: number): TrainingPlan | undefined => {
  try {
    return planOf(agreement, rows)
  } catch (error) {
    if (error instanceof InvalidPlan) return undefined
    throw error
  }
}

type Figures = Pick<Score, "error" | "figure">

const { brier } = classPlaces(2)

const figuresOf = (agreement: Agreement, tally: Tally): Figures => {
  const metrics = metricsOf(agreement.data, lossOf(agreement), tally)!
  if (metrics.kind === "classes")
    return { error: tally.sums[brier]! / metrics.rows, figure: metrics.accuracy }
  const figure = mean(metrics.numbers.map(({ r2 }) => r2 ?? 0))
  return { error: 1 - figure, figure }
}

const mean = (values: ReadonlyArray<number>): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
