/** The sections on the model itself: how good it is, what joining was worth, how it was trained. Pure. */
import type { ClassMetrics, NumberMetrics } from "../../../protocol/metrics/metrics.ts"
import { count, counted } from "../../text/units.ts"
import { amount, between, figure } from "../figures-text.ts"
import type { RunResult } from "../result.ts"
import { behind, figureOf, type Html, html, none, section, tableOf } from "./html.ts"
import type { PageInput } from "./input.ts"
import {
  calibrationPlot,
  confusionPlot,
  curvePlot,
  gainPlot,
  rocPlot,
  type WeightBin,
  weightsPlot
} from "./quality-plots.ts"

/** A plot of more classes can't be read. */
const mostInPlot = 12
/** Nor can a table of more. */
const mostInTable = 100

export const qualitySection = ({ result }: PageInput): Html => {
  const { metrics, referenceMetrics } = result
  if (metrics === undefined)
    return section("quality", "How good it is", html`<p class="absent">${whyNoFigures(result)}</p>`)
  return metrics.kind === "numbers"
    ? section("quality", "How good it is", numberTables(metrics, referenceMetrics))
    : section(
        "quality",
        "How good it is",
        html`<div class="plots two">${[
          figuresTable(metrics, referenceMetrics?.kind === "classes" ? referenceMetrics : undefined),
          confusionFigure(metrics),
          rocFigure(metrics, referenceMetrics),
          calibrationFigure(metrics, referenceMetrics)
        ]}</div>`
      )
}

const whyNoFigures = ({ revealed = [], accuracy, reasons }: RunResult): string => {
  if (revealed.includes("metrics")) return `No figures: ${reasons.accuracy ?? "no held-out row was tested"}.`
  const known = accuracy === null ? "How the model does on held-out rows" : "More than the accuracy"
  return `${known} was not revealed in this run. Confusion matrix, ROC curve and calibration need the scores of held-out rows by label: with reveal: [metrics] in the scenario, users tell the director counts of them.`
}

const figuresTable = (secure: ClassMetrics, plain: ClassMetrics | undefined): Html => {
  const row = (name: string, of: (some: ClassMetrics) => string) => [
    name,
    of(secure),
    ...(plain ? [of(plain)] : [])
  ]
  const interval = (value: number | null | undefined, range: readonly [number, number] | null | undefined) =>
    range ? `${figure(value ?? null)} (${between(range)})` : figure(value ?? null)
  const positive = secure.twoClasses?.positive
  return tableOf(
    `Figures on ${counted(secure.rows, "held-out row")}, with 95 % intervals`,
    ["figure", "secure", ...(plain ? ["plain reference"] : [])],
    [
      row("accuracy", ({ accuracy, accuracyInterval }) => interval(accuracy, accuracyInterval)),
      [
        `always saying ${secure.majority.label}`,
        figure(secure.majority.accuracy),
        ...(plain ? [figure(plain.majority.accuracy)] : [])
      ],
      row("balanced accuracy", ({ balancedAccuracy }) => figure(balancedAccuracy)),
      row("macro F1", ({ macroF1 }) => figure(macroF1)),
      ...(positive === undefined
        ? []
        : [
            row("area under the ROC curve", ({ twoClasses: two }) => interval(two?.auc, two?.aucInterval)),
            row(`sensitivity (${positive})`, ({ twoClasses: two }) => figure(two?.sensitivity ?? null)),
            row("specificity", ({ twoClasses: two }) => figure(two?.specificity ?? null))
          ]),
      ...(secure.logLoss === null ? [] : [row("log loss", ({ logLoss }) => figure(logLoss))]),
      row("Brier score", ({ brier }) => figure(brier)),
      row("calibration error", ({ calibrationError }) => figure(calibrationError))
    ]
  )
}

const confusionFigure = (metrics: ClassMetrics): Html => {
  const { classes, confusion } = metrics
  const labels = classes.map(({ label }) => label)
  const byClass = behind(
    "by class",
    ["class", "rows", "predicted", "precision", "recall", "F1"],
    classes.map((each) => [
      each.label,
      count(each.rows),
      count(each.predicted),
      figure(each.precision),
      figure(each.recall),
      figure(each.f1)
    ])
  )
  if (classes.length > mostInTable)
    return html`<div class="card"><h3>Confusion</h3><p class="absent">${counted(classes.length, "class", "classes")} are too many to show against each other.</p>${byClass}</div>`
  const matrix = behind(
    "rows of each label by what they are taken for",
    ["is", ...labels.map((label) => html`taken for ${label}`)],
    confusion.map((row, i) => [labels[i], ...row.map(count)])
  )
  const plot = classes.length > mostInPlot ? none : confusionPlot(metrics)
  const off = labels.flatMap((is, i) =>
    labels.flatMap((taken, j) =>
      i === j || confusion[i]![j] === 0 ? [] : [{ is, taken, rows: confusion[i]![j]! }]
    )
  )
  const [most] = off.toSorted((a, b) => b.rows - a.rows)
  const note =
    most === undefined
      ? "Every row is taken for what it is."
      : html`Most often mistaken: ${counted(most.rows, "row")} of ${most.is} for ${most.taken}.`
  return figureOf("Confusion", plot, note, html`${matrix}${byClass}`)
}

const legend = (withReference: boolean): Html =>
  html`<span class="key secure">secure</span>${withReference ? html` <span class="key plain">plain reference</span>` : none}`

const rocFigure = (metrics: ClassMetrics, reference: RunResult["referenceMetrics"]): Html => {
  const { twoClasses: own } = metrics
  if (own === undefined) return none
  const { roc, auc, positive } = own
  if (roc === undefined || auc === null)
    return missing(
      "ROC curve",
      auc === null ? "The tested rows are all of one class." : "The result of this run has no points of it."
    )
  const other = reference?.kind === "classes" ? reference.twoClasses : undefined
  const table = behind(
    "corners of the ROC curve",
    ["false positives", `rows of ${positive} found`],
    roc.map(([x, y]) => [count(x), count(y)])
  )
  return figureOf(
    "ROC curve",
    rocPlot(`ROC curve: area ${figure(auc)}`, roc, other?.roc),
    html`Area ${figure(auc)}; ${positive} is the positive class. ${legend(other?.roc !== undefined)}`,
    table
  )
}

const missing = (title: string, why: string): Html =>
  html`<div class="card"><h3>${title}</h3><p class="absent">${why}</p></div>`

const calibrationFigure = (metrics: ClassMetrics, reference: RunResult["referenceMetrics"]): Html => {
  const { calibration, calibrationError } = metrics
  if (calibration === undefined) return missing("Calibration", "The result of this run does not hold it.")
  if (calibration.length === 0) return missing("Calibration", "No row has a probability.")
  const other = reference?.kind === "classes" ? reference.calibration : undefined
  return figureOf(
    "Calibration",
    calibrationPlot(`Calibration: expected error ${figure(calibrationError)}`, calibration, other),
    html`On the line, the model is right as often as it is confident; larger dots are more rows. Expected error ${figure(calibrationError)}. ${legend(other !== undefined)}`,
    behind(
      "by tenths of the confidence",
      ["mean confidence", "rows", "right", "share right"],
      calibration.map(({ confidence, rows, right }) => [
        figure(confidence),
        count(rows),
        count(right),
        figure(right / rows)
      ])
    )
  )
}

const numberTables = (secure: NumberMetrics, reference: RunResult["referenceMetrics"]): Html => {
  const plain = reference?.kind === "numbers" ? reference : undefined
  return tableOf(
    `Errors on ${counted(secure.rows, "held-out row")}, in the units of each column`,
    [
      "number",
      "R²",
      "RMSE",
      "MAE (95 % interval)",
      ...(plain ? ["plain R²", "plain RMSE"] : []),
      "RMSE of the mean"
    ],
    secure.numbers.map((each, i) => [
      each.name,
      figure(each.r2),
      amount(each.rmse),
      each.maeInterval === null
        ? amount(each.mae)
        : `${amount(each.mae)} (${each.maeInterval.map(amount).join(" to ")})`,
      ...(plain ? [figure(plain.numbers[i]?.r2 ?? null), amount(plain.numbers[i]?.rmse ?? Number.NaN)] : []),
      amount(each.meanRmse)
    ])
  )
}

// --- The gain of joining.

/** The figure of the float64 reference on all rows that the owners are compared by. */
const togetherOf = ({ referenceMetrics }: RunResult): readonly [name: string, value: number] | undefined => {
  if (referenceMetrics === undefined) return undefined
  if (referenceMetrics.kind === "classes") return ["accuracy", referenceMetrics.accuracy]
  const known = referenceMetrics.numbers.flatMap(({ r2 }) => r2 ?? [])
  return known.length === 0 ? undefined : ["R²", known.reduce((sum, each) => sum + each, 0) / known.length]
}

/** The owner that gets most alone. */
export const bestAlone = (result: RunResult) => {
  const known = (result.alone ?? []).flatMap(({ user, accuracy, r2 }) => {
    const value = accuracy ?? r2
    return value === undefined ? [] : [{ user, value }]
  })
  const together = togetherOf(result)
  const [best] = known.toSorted((a, b) => b.value - a.value)
  return best === undefined || together === undefined
    ? undefined
    : { ...best, what: together[0], together: together[1] }
}

export const gainSection = ({ result }: PageInput): Html => {
  const { alone = [], rows } = result
  const best = bestAlone(result)
  const together = togetherOf(result)
  if (best === undefined || together === undefined)
    return section(
      "gain",
      "The gain of joining",
      html`<p class="absent">${
        alone.length > 0 && alone.every((each) => each.rows === 0)
          ? "Not measured: no owner holds a whole row to train on alone."
          : `Not measured: ${result.reasons.referenceAccuracy ?? "there is no figure to compare"}.`
      }</p>`
    )
  const [what, value] = together
  const gained = alone.flatMap(({ user, accuracy, r2 }) => {
    const own = accuracy ?? r2
    return own === undefined ? [] : [{ name: user, value: own, together: false }]
  })
  const table = behind(
    "each owner alone, and all together",
    ["who", "training rows", what],
    [
      ...alone.map(({ user, rows: own, accuracy, r2, reason }) => [
        user,
        count(own),
        reason ?? figure(accuracy ?? r2 ?? null)
      ]),
      ["together", count(rows.training), figure(value)]
    ]
  )
  const gain = value - best.value
  const note =
    gain > 0
      ? html`Together ${figure(value)}; the best owner alone, ${best.user}, gets ${figure(best.value)}.`
      : html`No gain on these rows: ${best.user} alone gets ${figure(best.value)}, all together ${figure(value)}.`
  return section(
    "gain",
    "The gain of joining",
    figureOf(
      `${what === "R²" ? "R²" : "Accuracy"} alone and together`,
      gainPlot(
        `The gain of joining: ${what} ${figure(value)} together, at most ${figure(best.value)} alone`,
        what,
        [...gained, { name: "together", value, together: true }]
      ),
      html`${note} The same network in float64, for each owner on its own whole rows, tested on all held-out rows.`,
      table
    )
  )
}

// --- The training.

export const trainingSection = ({ result, model }: PageInput): Html => {
  const { rows, steps, classWeights } = result
  const network =
    model && [model.network.inputs, ...model.network.layers.map(({ units }) => units)].join(" → ")
  const facts = [
    ...(network === undefined ? [] : [["network", `${network} units, ReLU, loss ${model!.loss}`]]),
    ["steps", count(steps)],
    ["rows to train on", count(rows.training)],
    ...(rows.validation === undefined ? [] : [["rows to validate on", count(rows.validation)]]),
    ["rows held out", count(rows.heldOut)],
    ["weights against the fixed-point reference", deviation(result)],
    ...(classWeights ?? []).map(({ label, weight }) => [`weight of ${label}`, amount(weight)])
  ]
  return section(
    "training",
    "The training",
    html`<div class="plots">${[tableOf("What was trained", ["", ""], facts, false), ...curveFigures(result), ...weightFigures(model)]}</div>`,
    result.curve === undefined
      ? html`<p class="absent">No curve by epoch: the run revealed none (reveal: [curve] with validation rows does).</p>`
      : undefined
  )
}

const deviation = ({ maxWeightDeviation: most, reasons }: RunResult): string => {
  if (most === null) return `not compared: ${reasons.maxWeightDeviation}`
  return most === 0 ? "the same, bit for bit" : `differ by at most ${most.toExponential(2)}`
}

const curveFigures = ({ curve }: RunResult): ReadonlyArray<Html> => {
  if (curve === undefined) return []
  const { rows, epochs, best, stopped } = curve
  const table = behind(
    "by epoch",
    ["epoch", "loss", "share right"],
    epochs.map(({ loss, accuracy }, i) => [i + 1, loss.toPrecision(4), figure(accuracy ?? null)])
  )
  const note = html`On ${counted(rows, "validation row")}; the least loss after epoch ${best}${stopped ? ", whose model was kept: the training ended early" : ""}.`
  const losses = figureOf(
    "Loss by epoch",
    curvePlot(`Loss on validation rows by epoch, least after epoch ${best}`, "loss", curve),
    note,
    table
  )
  if (epochs.every(({ accuracy }) => accuracy === undefined)) return [losses]
  return [
    losses,
    figureOf(
      "Share right by epoch",
      curvePlot("Share of validation rows that are right, by epoch", "accuracy", curve),
      note,
      none
    )
  ]
}

const binsOfWeights = 31
/** Further layers are in model.json. */
const mostLayers = 6

/** Weights in bins of the same width, around 0. */
const binned = (weights: ReadonlyArray<number>): ReadonlyArray<WeightBin> => {
  const most = weights.reduce((sum, each) => Math.max(sum, Math.abs(each)), 0) || 1
  const width = (2 * most) / binsOfWeights
  const counts = new Array<number>(binsOfWeights).fill(0)
  for (const each of weights) counts[Math.min(binsOfWeights - 1, Math.floor((each + most) / width))]! += 1
  return counts.map((own, i) => ({ from: i * width - most, to: (i + 1) * width - most, weights: own }))
}

const weightFigures = (model: PageInput["model"]): ReadonlyArray<Html> =>
  (model?.layers ?? []).slice(0, mostLayers).map(({ weights }, i) => {
    const all = weights.flat()
    const bins = binned(all)
    const none = all.filter((each) => each === 0).length
    return figureOf(
      `Weights of layer ${i + 1}`,
      weightsPlot(`Histogram of ${counted(all.length, "weight")} of layer ${i + 1}`, bins),
      html`${counted(all.length, "weight")}${none === 0 ? "" : `, of which ${count(none)} are 0`}.`,
      behind(
        `weights of layer ${i + 1}`,
        ["from", "to", "weights"],
        bins.map(({ from, to, weights: own }) => [amount(from), amount(to), count(own)])
      )
    )
  })
