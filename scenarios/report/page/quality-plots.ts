/** What is drawn of a model: how it does on held-out rows, on the way there, and its weights. */
import {
  axisX,
  axisY,
  barX,
  cell,
  dot,
  gridX,
  gridY,
  line,
  rectY,
  ruleX,
  ruleY,
  text
} from "@observablehq/plot"
import type { ClassMetrics, ConfidenceBin } from "../../../protocol/metrics/metrics.ts"
import type { RocPoint } from "../../../protocol/metrics/roc.ts"
import { count } from "../../text/units.ts"
import { figure } from "../figures-text.ts"
import type { ValidationCurve } from "../result.ts"
import { colours, drawn, narrow, short } from "./draw.ts"
import type { Html } from "./html.ts"

const { secure, plain, muted, line: faint } = colours
const square = { height: narrow, marginLeft: 44, marginBottom: 40, marginRight: 12, marginTop: 28 }
const unit = { domain: [0, 1], ticks: 5 }
const diagonal = [
  [0, 0],
  [1, 1]
] as const
const chance = line(diagonal, { stroke: muted, strokeDasharray: "3 4", strokeWidth: 1 })
const grids = [
  gridX({ stroke: faint, strokeOpacity: 1, ticks: 5 }),
  gridY({ stroke: faint, strokeOpacity: 1, ticks: 5 })
]

/** Rows of each label by what they are taken for; `labels` are as many as can be read. */
export const confusionPlot = ({ classes, confusion }: Pick<ClassMetrics, "classes" | "confusion">): Html => {
  const names = classes.map(({ label }) => short(label, classes.length > 4 ? 8 : 12))
  const cells = confusion.flatMap((row, actual) => {
    const all = row.reduce((sum, each) => sum + each, 0)
    return row.map((rows, taken) => ({ actual, taken, rows, share: all === 0 ? 0 : rows / all }))
  })
  const labelled = (i: number) => names[i] ?? ""
  const longest = Math.max(...names.map((name) => name.length))
  return drawn(
    `Confusion matrix: ${classes.map(({ label, rows }, i) => `${label}: ${confusion[i]![i]} of ${rows} rows right`).join("; ")}`,
    {
      height: narrow,
      marginLeft: 34 + 6.5 * longest,
      marginBottom: 46,
      marginTop: 10,
      marginRight: 10,
      padding: 0.04,
      x: { domain: names.map((_, i) => i), tickFormat: labelled, label: null, tickSize: 0 },
      y: { domain: names.map((_, i) => i), tickFormat: labelled, label: null, tickSize: 0 },
      marks: [
        axisX({
          label: "taken for",
          labelAnchor: "center",
          labelArrow: "none",
          tickSize: 0,
          tickFormat: labelled
        }),
        axisY({ label: "is", labelAnchor: "center", labelArrow: "none", tickSize: 0, tickFormat: labelled }),
        cell(cells, { x: "taken", y: "actual", fill: faint, fillOpacity: 0.5 }),
        cell(cells, {
          x: "taken",
          y: "actual",
          fill: ({ actual, taken }) => (actual === taken ? secure : colours.lost),
          fillOpacity: ({ share }) => (share === 0 ? 0 : 0.12 + 0.68 * share)
        }),
        text(cells, {
          x: "taken",
          y: "actual",
          text: ({ rows }) => count(rows),
          fontSize: classes.length > 8 ? 9 : classes.length > 4 ? 12 : 18,
          fontWeight: 600
        })
      ]
    }
  )
}

/** Shares of both classes, from corners that are counts. */
const shares = (roc: ReadonlyArray<RocPoint>) => {
  const [negatives, positives] = roc.at(-1)!
  return roc.map(([x, y]) => [x / negatives, y / positives])
}

export const rocPlot = (
  label: string,
  own: ReadonlyArray<RocPoint>,
  reference?: ReadonlyArray<RocPoint>
): Html =>
  drawn(label, {
    ...square,
    x: { ...unit, label: "false positives" },
    y: { ...unit, label: "true positives" },
    marks: [
      ...grids,
      chance,
      line(shares(own), { stroke: secure, strokeWidth: 2.5 }),
      ...(reference
        ? [line(shares(reference), { stroke: plain, strokeWidth: 2, strokeDasharray: "5 3" })]
        : [])
    ]
  })

export const calibrationPlot = (
  label: string,
  own: ReadonlyArray<ConfidenceBin>,
  reference: ReadonlyArray<ConfidenceBin> = []
): Html => {
  const most = Math.max(...[...own, ...reference].map(({ rows }) => rows))
  const points = (bins: ReadonlyArray<ConfidenceBin>, of: object) =>
    dot(bins, {
      x: "confidence",
      y: ({ rows, right }) => right / rows,
      r: ({ rows }) => 3 + 8 * Math.sqrt(rows / most),
      ...of
    })
  return drawn(label, {
    ...square,
    x: { ...unit, label: "confidence" },
    y: { ...unit, label: "share right" },
    r: { type: "identity" },
    marks: [
      ...grids,
      chance,
      points(own, { fill: secure, fillOpacity: 0.75, stroke: secure }),
      points(reference, { stroke: plain, strokeWidth: 2, strokeDasharray: "4 3" })
    ]
  })
}

/** The loss after each epoch, or how many rows are right. */
export const curvePlot = (label: string, what: "loss" | "accuracy", curve: ValidationCurve): Html => {
  const points = curve.epochs.flatMap((epoch, i) => {
    const value = epoch[what]
    return value === undefined ? [] : [{ epoch: i + 1, value }]
  })
  const best = points.filter(({ epoch }) => epoch === curve.best)
  return drawn(label, {
    height: 220,
    marginLeft: 50,
    marginBottom: 40,
    marginTop: 24,
    x: { label: "epoch", ticks: Math.min(8, points.length), tickFormat: "d" },
    y: { label: what === "loss" ? "loss" : "share right", nice: true, grid: false },
    marks: [
      gridY({ stroke: faint, strokeOpacity: 1 }),
      ruleX(best, { x: "epoch", stroke: muted, strokeDasharray: "3 4" }),
      line(points, { x: "epoch", y: "value", stroke: secure, strokeWidth: 2.5 }),
      dot(best, { x: "epoch", y: "value", fill: secure, r: 5 })
    ]
  })
}

/** What each owner gets alone, and what all get together. */
export interface Gained {
  readonly name: string
  readonly value: number
  readonly together: boolean
}

export const gainPlot = (label: string, what: string, gained: ReadonlyArray<Gained>): Html => {
  const names = gained.map(({ name }) => short(name, 14))
  const longest = Math.max(...names.map((name) => name.length))
  const least = Math.min(0, ...gained.map(({ value }) => value))
  return drawn(label, {
    height: 46 + 30 * gained.length,
    marginLeft: 14 + 6.5 * longest,
    marginRight: 48,
    marginBottom: 36,
    marginTop: 4,
    x: { domain: [least, 1], label: what, ticks: 5 },
    y: {
      domain: gained.map((_, i) => i),
      tickFormat: (i: number) => names[i] ?? "",
      label: null,
      tickSize: 0
    },
    marks: [
      gridX({ stroke: faint, strokeOpacity: 1 }),
      barX(gained, {
        x: "value",
        y: (_, i) => i,
        fill: ({ together }: Gained) => (together ? secure : plain),
        insetTop: 3,
        insetBottom: 3,
        rx: 3
      }),
      text(gained, {
        x: ({ value }: Gained) => Math.max(0, value),
        y: (_, i) => i,
        text: ({ value }: Gained) => figure(value),
        textAnchor: "start",
        dx: 5
      }),
      ruleX([0], { stroke: muted })
    ]
  })
}

/** How many weights lie between two values. */
export interface WeightBin {
  readonly from: number
  readonly to: number
  readonly weights: number
}

export const weightsPlot = (label: string, bins: ReadonlyArray<WeightBin>): Html =>
  drawn(label, {
    height: 150,
    marginLeft: 44,
    marginBottom: 36,
    marginTop: 22,
    x: { label: "weight", ticks: 6 },
    y: { label: "weights", ticks: 4 },
    marks: [
      gridY({ stroke: faint, strokeOpacity: 1 }),
      rectY(bins, { x1: "from", x2: "to", y: "weights", fill: secure, inset: 0.5 }),
      ruleY([0], { stroke: muted })
    ]
  })
