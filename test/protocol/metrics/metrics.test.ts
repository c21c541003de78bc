import { describe, expect, it } from "vitest"
import { wilson } from "../../../protocol/metrics/intervals.ts"
import { metricsOf } from "../../../protocol/metrics/metrics.ts"
import { rocArea } from "../../../protocol/metrics/roc.ts"
import { addTallies, emptyTally } from "../../../protocol/metrics/tally.ts"
import { uniform } from "../learning/example.ts"
import {
  type Classified,
  classesLabel,
  classMetricsOf,
  numberLabel,
  numberMetricsOf,
  type Predicted,
  tallyOfClasses,
  tallyOfNumbers
} from "./tested.ts"

const sum = (values: ReadonlyArray<number>) => values.reduce((total, each) => total + each, 0)
const average = (values: ReadonlyArray<number>) => sum(values) / values.length
const variance = (values: ReadonlyArray<number>) =>
  sum(values.map((each) => (each - average(values)) ** 2)) / (values.length - 1)

/** Outputs whose softmax are these probabilities. */
const logits = (probabilities: ReadonlyArray<ReadonlyArray<number>>) =>
  probabilities.map((row) => row.map((p) => Math.log(p) + 3))

/** Outputs near the label of each row, and as far from it as `noise` says. */
const drawn = (seed: number, classes: number, rows: number, noise: number): Classified => {
  const next = uniform(seed)
  const truth = Array.from({ length: rows }, () => Math.floor(next() * classes))
  const outputs = truth.map((own) =>
    Array.from({ length: classes }, (_, i) => Number(i === own) + noise * (2 * next() - 1))
  )
  return { outputs, truth }
}

const softmaxOf = (row: ReadonlyArray<number>) => {
  const powers = row.map(Math.exp)
  return powers.map((each) => each / sum(powers))
}

/** The area and its variance as DeLong et al. write them, over all pairs. */
const delong = (negatives: ReadonlyArray<number>, positives: ReadonlyArray<number>) => {
  const psi = (x: number, y: number) => (x > y ? 1 : x === y ? 0.5 : 0)
  const v10 = positives.map((x) => average(negatives.map((y) => psi(x, y))))
  const v01 = negatives.map((y) => average(positives.map((x) => psi(x, y))))
  return { auc: average(v10), variance: variance(v10) / v10.length + variance(v01) / v01.length }
}

describe("figures of classes", () => {
  it("are those of the examples in scikit-learn's manual", () => {
    // f1_score, precision_score and recall_score.
    const three = classMetricsOf(3, "squared-error", {
      truth: [0, 1, 2, 0, 1, 2],
      outputs: [0, 2, 1, 0, 0, 1].map((taken) => [0, 1, 2].map((i) => Number(i === taken)))
    })
    expect(three.macroF1).toBeCloseTo(0.26667, 5)
    expect(three.classes.map(({ precision }) => precision)).toEqual([2 / 3, 0, 0])
    expect(three.classes.map(({ recall }) => recall)).toEqual([1, 0, 0])
    expect(three.confusion).toEqual([
      [2, 0, 0],
      [1, 0, 1],
      [0, 2, 0]
    ])
    // balanced_accuracy_score
    const balanced = classMetricsOf(2, "squared-error", {
      truth: [0, 1, 0, 0, 1, 0],
      outputs: [0, 1, 0, 0, 0, 1].map((taken) => [Number(taken === 0), Number(taken === 1)])
    })
    expect(balanced.balancedAccuracy).toBeCloseTo(0.625, 12)
    expect(balanced.twoClasses).toMatchObject({ positive: "c1", sensitivity: 0.5, specificity: 0.75 })
    // log_loss: spam, ham, ham, spam.
    const spam = [
      [0.1, 0.9],
      [0.9, 0.1],
      [0.8, 0.2],
      [0.35, 0.65]
    ]
    expect(classMetricsOf(2, "softmax", { truth: [1, 0, 0, 1], outputs: logits(spam) }).logLoss).toBeCloseTo(
      0.21616,
      5
    )
    // brier_score_loss
    const brier = [0.1, 0.9, 0.8, 0.3].map((p) => [1 - p, p])
    expect(classMetricsOf(2, "softmax", { truth: [0, 1, 1, 0], outputs: logits(brier) }).brier).toBeCloseTo(
      0.0375,
      12
    )
    // roc_auc_score
    const roc = [0.1, 0.4, 0.35, 0.8].map((p) => [1 - p, p])
    const { twoClasses } = classMetricsOf(2, "softmax", { truth: [0, 0, 1, 1], outputs: logits(roc) })
    expect(twoClasses).toMatchObject({ auc: 0.75, aucBinning: 0 })
  })

  it.each([2, 5])("are those of code that looks at each row by itself, of %i classes", (classes) => {
    const { outputs, truth } = drawn(classes, classes, 400, 1.5)
    const found = classMetricsOf(classes, "softmax", { outputs, truth })
    const probabilities = outputs.map(softmaxOf)
    const taken = outputs.map((row) => row.indexOf(Math.max(...row)))
    const right = taken.map((each, row) => Number(each === truth[row]))
    expect(found.accuracy).toBeCloseTo(average(right), 12)
    expect(found.logLoss).toBeCloseTo(
      average(truth.map((own, row) => -Math.log(probabilities[row]![own]!))),
      12
    )
    const squares = truth.map((own, row) =>
      sum(probabilities[row]!.map((p, i) => (p - Number(i === own)) ** 2))
    )
    expect(found.brier).toBeCloseTo(average(squares) / (classes === 2 ? 2 : 1), 12)
    const confidences = probabilities.map((row) => Math.max(...row))
    const gaps = Array.from({ length: 10 }, (_, bin) => {
      const inBin = confidences.flatMap((p, row) => (Math.floor(p * 10) === bin ? [p - right[row]!] : []))
      return Math.abs(sum(inBin))
    })
    expect(found.calibrationError).toBeCloseTo(sum(gaps) / truth.length, 12)
    const most = Math.max(...found.classes.map(({ rows }) => rows))
    expect(found.majority.accuracy).toBe(most / truth.length)
  })

  it("with sigmoids are of their shares of the sum, and have the ranking of their logarithms", () => {
    const { outputs, truth } = drawn(8, 2, 300, 3)
    const sigmoids = outputs.map((row) => row.map((x) => 1 / (1 + Math.exp(-x))))
    const shares = sigmoids.map((row) => row.map((p) => p / sum(row)))
    const found = classMetricsOf(2, "sigmoid", { outputs, truth })
    expect(found.logLoss).toBeCloseTo(average(truth.map((own, row) => -Math.log(shares[row]![own]!))), 12)
    const scored = (label: number) => shares.flatMap(([, p], row) => (truth[row] === label ? [p!] : []))
    expect(found.twoClasses!.auc).toBeCloseTo(delong(scored(0), scored(1)).auc, 3)
  })

  it("with squared error have no log loss, and the outputs from 0 to 1 as probabilities", () => {
    const found = classMetricsOf(2, "squared-error", {
      truth: [0, 1, 1],
      outputs: [
        [1.2, -0.3],
        [0.6, 0.2],
        [-1, -0.5]
      ]
    })
    expect(found.logLoss).toBe(null)
    expect(found.brier).toBeCloseTo((0 + 0.75 ** 2 + 0.5 ** 2) / 3, 12)
    expect(found.accuracy).toBeCloseTo(2 / 3, 12)
  })

  it("of a class that is never predicted, or has no row, are null where they are not defined", () => {
    const found = classMetricsOf(3, "softmax", {
      truth: [0, 0, 2],
      outputs: [
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 0]
      ]
    })
    expect(found.classes).toEqual([
      { label: "c0", rows: 2, predicted: 3, precision: 2 / 3, recall: 1, f1: 0.8 },
      { label: "c1", rows: 0, predicted: 0, precision: null, recall: null, f1: null },
      { label: "c2", rows: 1, predicted: 0, precision: null, recall: 0, f1: 0 }
    ])
    expect(found.balancedAccuracy).toBe(0.5)
    expect(found.macroF1).toBeCloseTo(0.4, 12)
  })

  it("of one class only have no area, and of no row are none", () => {
    const one = classMetricsOf(2, "softmax", {
      truth: [1, 1],
      outputs: [
        [0, 1],
        [1, 0]
      ]
    })
    expect(one.twoClasses).toEqual({
      positive: "c1",
      auc: null,
      aucInterval: null,
      aucBinning: null,
      sensitivity: 0.5,
      specificity: null
    })
    const data = { label: classesLabel(2) }
    expect(metricsOf(data, "softmax", emptyTally(data))).toBe(undefined)
  })

  it("count a row whose outputs are not finite as wrong, and leave it out of all that needs a probability", () => {
    const found = classMetricsOf(2, "softmax", {
      truth: [0, 1],
      outputs: [
        [Number.NaN, 0],
        [-2, 2]
      ]
    })
    expect(found).toMatchObject({
      rows: 2,
      withoutClass: 1,
      accuracy: 0.5,
      confusion: [
        [0, 0],
        [0, 1]
      ]
    })
    expect(found.logLoss).toBeCloseTo(Math.log1p(Math.exp(-4)), 12)
    const none = classMetricsOf(2, "softmax", { truth: [0], outputs: [[Number.NaN, 0]] })
    expect(none).toMatchObject({ accuracy: 0, logLoss: null, brier: null, calibrationError: null })
  })
})

describe("the ROC curve", () => {
  it("has the area that is told, and ends with all rows of both classes", () => {
    const { outputs, truth } = drawn(3, 2, 500, 4)
    const { auc, roc } = classMetricsOf(2, "softmax", { outputs, truth }).twoClasses!
    const [first, last] = [roc![0]!, roc!.at(-1)!]
    expect(first).toEqual([0, 0])
    expect(last).toEqual([truth.filter((own) => own === 0).length, truth.filter((own) => own === 1).length])
    const area = sum(roc!.slice(1).map(([x, y], i) => ((x - roc![i]![0]) * (y + roc![i]![1])) / 2))
    expect(area / (last[0] * last[1])).toBeCloseTo(auc!, 12)
  })

  it("has corners only, and is none of one class", () => {
    const scored = (truth: ReadonlyArray<number>) => ({
      truth,
      outputs: truth.map((_, row): [number, number] => [0, row])
    })
    expect(classMetricsOf(2, "softmax", scored([0, 0, 0, 1, 1])).twoClasses!.roc).toEqual([
      [0, 0],
      [0, 2],
      [3, 2]
    ])
    expect(classMetricsOf(2, "softmax", scored([1, 1])).twoClasses!.roc).toBe(undefined)
  })
})

describe("calibration by tenths of the confidence", () => {
  it("has the rows, those that are right and the error that is told, and leaves out tenths without rows", () => {
    const { outputs, truth } = drawn(5, 3, 400, 1.5)
    const { calibration, calibrationError } = classMetricsOf(3, "softmax", { outputs, truth })
    expect(sum(calibration!.map(({ rows }) => rows))).toBe(400)
    expect(calibration!.every(({ rows, right }) => rows > 0 && right <= rows)).toBe(true)
    const gaps = calibration!.map(({ rows, right, confidence }) => Math.abs(right - rows * confidence))
    expect(sum(gaps) / 400).toBeCloseTo(calibrationError!, 12)
    const none = classMetricsOf(2, "softmax", { truth: [0], outputs: [[Number.NaN, 0]] })
    expect(none.calibration).toEqual([])
  })
})

describe("the area under the ROC curve", () => {
  it("and its interval are those over all pairs, to within what it says of its bins", () => {
    const { outputs, truth } = drawn(3, 2, 500, 4)
    const { auc, aucInterval, aucBinning } = classMetricsOf(2, "softmax", { outputs, truth }).twoClasses!
    const scored = (label: number) =>
      outputs.flatMap(([a, b], row) => (truth[row] === label ? [b! - a!] : []))
    const exact = delong(scored(0), scored(1))
    expect(aucBinning).toBeGreaterThan(0)
    expect(aucBinning).toBeLessThan(0.005)
    expect(Math.abs(auc! - exact.auc)).toBeLessThanOrEqual(aucBinning!)
    const half = 1.959963984540054 * Math.sqrt(exact.variance)
    expect(aucInterval![0]).toBeCloseTo(exact.auc - half, 3)
    expect(aucInterval![1]).toBeCloseTo(exact.auc + half, 3)
  })

  it("counts pairs of one score as half, and says how much they could matter", () => {
    expect(rocArea([0, 3], [0, 2])).toEqual({ auc: 0.5, interval: undefined, binning: 0.5 })
    expect(rocArea([1, 1, 0], [0, 1, 1])).toMatchObject({ auc: 0.875, binning: 0.125 })
  })

  it("has no interval where no pair is ranked wrongly, nor of one row of a class", () => {
    expect(rocArea([3, 0], [0, 2])).toEqual({ auc: 1, interval: undefined, binning: 0 })
    expect(rocArea([1, 0, 0], [1, 0, 2])?.interval).toBe(undefined)
    expect(rocArea([0, 0], [1, 2])).toBe(undefined)
  })
})

describe("Wilson's interval", () => {
  it("is that of the textbooks, and has a width where all is right", () => {
    // Newcombe 1998, table I: 81 of 263, 0 of 20 and 1 of 29.
    const rounded = (part: number, whole: number) => wilson(part, whole).map((each) => each.toFixed(4))
    expect(rounded(81, 263)).toEqual(["0.2553", "0.3662"])
    expect(rounded(0, 20)).toEqual(["0.0000", "0.1611"])
    expect(rounded(1, 29)).toEqual(["0.0061", "0.1718"])
    expect(wilson(20, 20)[1]).toBe(1)
  })
})

describe("figures of numbers", () => {
  const next = uniform(5)
  const truth = Array.from({ length: 60 }, () => [150 + 40 * next(), 10 * next()] as const)
  const tested: Predicted = {
    truth,
    predictions: truth.map(([height, depth]) => [height + 12 * (next() - 0.4), depth + 2 * next()] as const)
  }

  it("are in the units of the columns, whichever way those are scaled", () => {
    const { numbers, rows } = numberMetricsOf(tested)
    expect(rows).toBe(60)
    numbers.forEach((found, output) => {
      const ys = tested.truth.map((row) => row[output]!)
      const errors = tested.predictions.map((row, i) => row[output]! - ys[i]!)
      const squares = sum(errors.map((e) => e * e))
      const around = sum(ys.map((y) => (y - average(ys)) ** 2))
      const sizes = errors.map(Math.abs)
      expect(found.name).toBe(["height", "depth"][output])
      expect(found.mae).toBeCloseTo(average(sizes), 10)
      const half = 1.959963984540054 * Math.sqrt(variance(sizes) / 60)
      expect(found.maeInterval![0]).toBeCloseTo(average(sizes) - half, 10)
      expect(found.maeInterval![1]).toBeCloseTo(average(sizes) + half, 10)
      expect(found.rmse).toBeCloseTo(Math.sqrt(squares / 60), 10)
      expect(found.r2).toBeCloseTo(1 - squares / around, 10)
      expect(found.mean).toBeCloseTo(average(ys), 10)
      expect(found.meanRmse).toBeCloseTo(Math.sqrt(around / 60), 10)
    })
  })

  it("are those of the example in scikit-learn's manual", () => {
    const heights = { truth: [3, -0.5, 2, 7], predictions: [2.5, 0, 2, 8] }
    const { numbers } = numberMetricsOf({
      truth: heights.truth.map((y) => [170 + y, 1] as const),
      predictions: heights.predictions.map((y) => [170 + y, 1] as const)
    })
    const { mae, r2, rmse } = numbers[0]!
    expect(mae).toBeCloseTo(0.5, 10)
    expect(rmse).toBeCloseTo(0.612372, 6)
    expect(r2).toBeCloseTo(0.948608, 6)
  })

  it("have no R² of numbers that are all alike, no interval of one row, and are none of no row", () => {
    const alike = numberMetricsOf({
      truth: [
        [180.3, 1],
        [180.3, 2]
      ],
      predictions: [
        [181, 1],
        [182, 2]
      ]
    })
    expect(alike.numbers[0]).toMatchObject({ r2: null, meanRmse: 0 })
    expect(alike.numbers[1]!.r2).toBe(1)
    const one = numberMetricsOf({ truth: [[180, 1]], predictions: [[181, 1]] })
    expect(one.numbers[0]).toMatchObject({ maeInterval: null, r2: null })
    const data = { label: numberLabel }
    expect(metricsOf(data, "squared-error", emptyTally(data))).toBe(undefined)
  })

  it("leave out rows whose outputs are not finite, and count them", () => {
    const found = numberMetricsOf({
      truth: [
        [180, 1],
        [181, 2]
      ],
      predictions: [
        [Number.POSITIVE_INFINITY, 1],
        [181, 2]
      ]
    })
    expect(found).toMatchObject({ rows: 1, withoutNumber: 1 })
  })

  it("of rows apart add up to those of all rows", () => {
    const part = (from: number, to: number): Predicted => ({
      truth: tested.truth.slice(from, to),
      predictions: tested.predictions.slice(from, to)
    })
    const data = { label: numberLabel }
    const added = addTallies(data, [tallyOfNumbers(part(0, 20)), tallyOfNumbers(part(20, 60))])
    const [together, apart] = [tallyOfNumbers(tested), added].map((each) =>
      metricsOf(data, "squared-error", each)
    )
    if (together?.kind !== "numbers" || apart?.kind !== "numbers") throw new Error("no numbers")
    expect(apart.rows).toBe(60)
    apart.numbers.forEach(({ r2, mae }, output) => {
      expect(r2).toBeCloseTo(together.numbers[output]!.r2!, 10)
      expect(mae).toBeCloseTo(together.numbers[output]!.mae, 10)
    })
  })
})

describe("tallies of classes", () => {
  it("of rows apart add up to the tally of all rows", () => {
    const { outputs, truth } = drawn(4, 2, 90, 2)
    const part = (from: number, to: number) =>
      tallyOfClasses(2, "softmax", { outputs: outputs.slice(from, to), truth: truth.slice(from, to) })
    const all = tallyOfClasses(2, "softmax", { outputs, truth })
    const data = { label: classesLabel(2) }
    const added = addTallies(data, [part(0, 31), part(31, 31), part(31, 90)])
    expect(added.counts).toEqual(all.counts)
    added.sums.forEach((each, i) => {
      expect(each).toBeCloseTo(all.sums[i]!, 10)
    })
    expect(addTallies(data, [])).toEqual(emptyTally(data))
  })
})
