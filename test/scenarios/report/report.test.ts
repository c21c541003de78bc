import { describe, expect, it } from "vitest"
import { eventLogs, quorumLines, report, sideBySide } from "../../../scenarios/report/report.ts"
import type { RunResult } from "../../../scenarios/report/result.ts"
import { count, counted, duration, listed, size, table, wholeSeconds } from "../../../scenarios/text/units.ts"
import { classMetricsOf, numberMetricsOf } from "../../protocol/metrics/tested.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const result: RunResult = {
  scenario: "plain",
  run: "a1b2",
  transport: "nats",
  modulusBits: 2048,
  seed: null,
  accuracy: 0.975,
  tested: { correct: 39, total: 40 },
  referenceAccuracy: 0.95,
  maxWeightDeviation: null,
  reasons: { maxWeightDeviation: "only a run with a seed can be replayed" },
  meaningless: [],
  warnings: [],
  rows: { training: 160, heldOut: 40 },
  steps: 1200,
  peakMemoryBytes: { cloud0: 1_000_000, cloud1: 2_500_000 },
  rounds: { predicted: 13_201, measured: 13_201 },
  bytes: {
    predicted: 2_000_000,
    measured: 2_050_000,
    byPhase: {
      setup: { predicted: 1000, measured: 1000 },
      train: { predicted: 1_999_000, measured: 2_048_900 },
      other: { predicted: 0, measured: 100 }
    }
  },
  seconds: { setup: 3.21, upload: 1, transform: 2, train: 61.7, output: 0.5, total: 70.41 },
  kept: {
    kgc: [],
    cloud1: ["the archive, encrypted"],
    user1: ["the model", "its secret key, under its state key"]
  },
  recoveries: [],
  faults: null,
  expectations: []
}

const told = (changes: Partial<RunResult> = {}, revealed: Parameters<typeof report>[1]["revealed"] = []) =>
  report({ ...result, ...changes }, { out: "out/plain", revealed })

/** The line that begins with these words. */
const line = (text: string, start: string) => text.split("\n").find((each) => each.startsWith(start)) ?? ""

describe("report", () => {
  it("says how classes were weighed, where they were", () => {
    const classWeights = [
      { label: "no", weight: 0.54094 },
      { label: "yes", weight: 6.60606 }
    ]
    expect(line(told({ classWeights }), "classes")).toBe(
      "classes      weigh no 0.541, yes 6.61 in the training"
    )
    expect(line(told(), "classes")).toBe("")
  })

  it("sets the accuracy beside that of the plain reference", () => {
    expect(line(told(), "accuracy")).toBe(
      "accuracy     0.9750 secure (39 of 40 held-out rows); 0.9500 plain (float64 reference trained the same way)"
    )
  })

  it("has an interval, and without a seed says why the reference differs", () => {
    const told1 = told({ seed: 4 })
    expect(told1).toContain("95 % interval 0.8712 to 0.9956\nweights")
    expect(told()).toContain(
      "95 % interval 0.8712 to 0.9956\n             without a seed the reference has first weights, batches and held-out rows of its own: it differs as a second run would\n"
    )
  })

  it("has all figures that are revealed, those of the reference beside them, and a table by class", () => {
    const metrics = classMetricsOf(2, "softmax", {
      truth: [0, 0, 0, 1, 1],
      outputs: [
        [3, 0],
        [2, 1],
        [0, 1],
        [0, 2],
        [1, 0]
      ]
    })
    const text = told({ metrics, referenceMetrics: { ...metrics, balancedAccuracy: 0.25 } })
    expect(text).toContain("95 % interval 0.8712 to 0.9956; always saying c0: 0.6000\n")
    expect(text).toMatch(/^balanced accuracy +0\.5833 +0\.2500$/m)
    expect(text).toMatch(/^ROC AUC +0\.7500 \(0\.\d{4} to 1\.0000\) /m)
    expect(text).toMatch(/^sensitivity \(c1\) +0\.5000/m)
    expect(text).toMatch(/^c0 +3 +3 +0\.6667 +0\.6667 +0\.6667$/m)
    const many = { ...metrics, classes: Array.from({ length: 21 }, () => metrics.classes[0]!) }
    expect(told({ metrics: many })).not.toMatch(/^c0 /m)
    expect(told({ referenceMetrics: metrics })).not.toContain("balanced accuracy")
  })

  it("has R² in place of an accuracy where numbers are predicted, and errors in their units", () => {
    const metrics = numberMetricsOf({
      truth: [
        [170, 1],
        [180, 2],
        [190, 4]
      ],
      predictions: [
        [172, 1],
        [180, 2],
        [186, 9]
      ]
    })
    const none = { accuracy: null, tested: null, referenceAccuracy: null }
    const text = told({ ...none, seed: 4, metrics, referenceMetrics: metrics })
    expect(line(text, "R²")).toBe(
      "R²           height 0.9000, depth −4.3571 secure (3 held-out rows); height 0.9000, depth −4.3571 plain (float64 reference trained the same way)"
    )
    expect(text).not.toMatch(/^accuracy/m)
    expect(text).toMatch(/^ +RMSE +2\.582 +2\.582 +8\.165$/m)
    expect(text).toMatch(/^ +MAE +2 \(0 to 4\.263\) +2$/m)
    expect(line(told({ ...none, referenceMetrics: metrics }), "R²")).toContain("not revealed; height 0.9000")
  })

  it("sets what each owner gets alone beside what all get together", () => {
    const metrics = classMetricsOf(2, "softmax", {
      truth: [0, 1],
      outputs: [
        [1, 0],
        [1, 0]
      ]
    })
    const alone = [
      { user: "north", rows: 100, accuracy: 0.4 },
      { user: "south", rows: 0, reason: "it holds no whole row to train on" }
    ]
    const text = told({ alone, referenceMetrics: metrics })
    expect(text).toContain("tested on 2 held-out rows of all\n  alone     rows")
    expect(text).toMatch(/^ {2}north +100 +0\.4000$/m)
    expect(text).toMatch(/^ {2}south +0 +it holds no whole row to train on$/m)
    expect(text).toMatch(/^ {2}together +160 +0\.5000$/m)
    expect(told({ alone: alone.slice(1), referenceMetrics: metrics })).toContain("no owner holds a whole row")
  })

  it("sets the balanced accuracy beside it where nearly all rows are of one class", () => {
    const metrics = classMetricsOf(2, "softmax", {
      truth: [0, 0, 0, 0, 1],
      outputs: Array.from({ length: 5 }, () => [1, 0])
    })
    const alone = [
      { user: "north", rows: 100, accuracy: 0.9, balancedAccuracy: 0.7 },
      { user: "south", rows: 0, reason: "it holds no whole row to train on" }
    ]
    const text = told({ alone, referenceMetrics: metrics })
    expect(text).toMatch(/^ {2}alone +rows +accuracy +balanced accuracy$/m)
    expect(text).toMatch(/^ {2}north +100 +0\.9000 +0\.7000$/m)
    expect(text).toMatch(/^ {2}south +0 +it holds no whole row to train on +–$/m)
    expect(text).toMatch(/^ {2}together +160 +0\.8000 +0\.5000$/m)
  })

  it("says who opened the model, without whom, and what any so many of them can do", () => {
    const openers = {
      threshold: 2,
      opened: ["north", "south"],
      absent: [{ user: "west", reason: "user3 did not answer" }],
      rejected: ["south"]
    }
    const text = told({ openers })
    expect(line(text, "opened by")).toBe(
      "opened by    north, south; any 2 of the 3 users can, and with what cloud 1 holds open the data of all"
    )
    expect(line(text, "without")).toBe("without      west: user3 did not answer")
    expect(line(text, "rejected")).toContain("what south sent to decrypt with")
    expect(told()).not.toContain("opened by")
  })

  it("warns before a run of what a threshold lets users do, and says nothing where all decrypt", () => {
    const scenario = (decryption: object, three = plainScenario.users.concat(plainScenario.users)) =>
      ({ deadlines: { phaseTimeoutMs: 60_000 }, decryption, users: three.slice(0, 3) }) as never
    expect(quorumLines(scenario({ threshold: 2 }))).toEqual([
      "ANY 2 OF THE 3 USERS DECRYPT: any 2 who collude can open, with what cloud 1 holds, the data of all 3.",
      "A run ends without users who are absent for 30 s at the output, as long as 2 are there.",
      ""
    ])
    for (const decryption of [{}, { threshold: 3 }]) expect(quorumLines(scenario(decryption))).toEqual([])
  })

  it("says that an accuracy was not revealed rather than giving a figure", () => {
    const text = line(
      told({ accuracy: null, tested: null, reasons: { accuracy: "not revealed" } }),
      "accuracy"
    )
    expect(text).toContain("not revealed")
    expect(text).not.toContain("secure")
  })

  it("tells weights that agree bit for bit from those that nearly do", () => {
    expect(line(told({ maxWeightDeviation: 0, seed: 1 }), "weights")).toContain("bit for bit")
    const near = line(told({ maxWeightDeviation: 2 ** -20, seed: 1 }), "weights")
    expect(near).toContain("at most 9.54e-7 (2^-20.0)")
    expect(near).not.toContain("bit for bit")
    expect(line(told(), "weights")).toContain("not compared")
  })

  it("sets rounds and bytes measured beside those predicted, by phase", () => {
    const text = told()
    expect(line(text, "rounds")).toBe("rounds       13,201 predicted, 13,201 measured")
    expect(line(text, "bytes")).toBe("bytes        2.00 MB predicted, 2.05 MB measured (+2.5 %)")
    expect(line(text, "setup")).toMatch(/^setup +3\.2 s +1\.00 kB +1\.00 kB +exact$/)
    expect(line(text, "train ")).toMatch(/^train +1 min 02 s +2\.00 MB +2\.05 MB +\+2\.5 %$/)
    expect(line(text, "upload")).toMatch(/^upload +1\.0 s$/)
  })

  it("counts what no phase has: traffic nobody predicted, and the time around the phases", () => {
    expect(line(told(), "other")).toMatch(/^other +2\.0 s +0 B +100 B +not predicted$/)
  })

  it("says what was revealed beyond the model, nothing included", () => {
    expect(told()).toContain("revealed beyond the model: nothing")
    const text = told({}, ["accuracy", "progress"])
    expect(text).toContain("how many held-out rows the model got right")
    expect(text).toContain("the step of the training")
    expect(text).not.toContain("held-out cells")
  })

  it("warns of a run with a seed, seed 0 too, and only of that", () => {
    expect(told({ seed: 0 })).toContain(
      "REPRODUCIBLE AND NOT PRIVATE: weights, batches and masks follow from seed 0"
    )
    expect(told()).not.toContain("REPRODUCIBLE")
  })

  it("marks each expectation as held or failed", () => {
    const text = told({
      expectations: [
        { what: "accuracy at least 0.9", held: true },
        { what: "difference at most 0.01", held: false }
      ]
    })
    expect(text).toContain("  ok      accuracy at least 0.9")
    expect(text).toContain("  FAILED  difference at most 0.01")
    expect(told()).not.toContain("expectations")
  })

  it("says of a figure that there is not why, and of an expectation why it was not judged", () => {
    const reasons = { referenceAccuracy: "left out: too large", maxWeightDeviation: "left out: larger still" }
    const expectations = [{ what: "gap at most 0.1", held: false, reason: "not judged: left out" }]
    const text = told({ referenceAccuracy: null, maxWeightDeviation: null, reasons, expectations })
    expect(line(text, "accuracy")).toBe(
      "accuracy     0.9750 secure (39 of 40 held-out rows); no float64 reference: left out: too large"
    )
    expect(line(text, "weights")).toBe(
      "weights      not compared with the fixed-point reference: left out: larger still"
    )
    expect(text).toContain("  FAILED  gap at most 0.1 (not judged: left out)")
  })

  it("says that a result is not meaningful and why, and otherwise what may spoil it", () => {
    const warnings = ["the training diverges"]
    expect(told({ warnings })).toContain("warnings\n  the training diverges\n")
    const spoilt = told({ warnings, meaningless: ["it left the range in step 2"] })
    expect(spoilt).toContain("NOT MEANINGFUL\n  it left the range in step 2\n")
    expect(spoilt).not.toContain("warnings")
    expect(told()).not.toMatch(/NOT MEANINGFUL|warnings/)
  })

  it("prints no number that is none, whatever there is not", () => {
    const zero = { predicted: 0, measured: 0 }
    const text = told({
      accuracy: null,
      tested: { correct: 0, total: 0 },
      referenceAccuracy: null,
      reasons: {
        accuracy: "no held-out row was tested",
        referenceAccuracy: "none",
        maxWeightDeviation: "none"
      },
      rounds: zero,
      bytes: { ...zero, byPhase: { train: zero, other: { predicted: 0, measured: 5 } } },
      seconds: { setup: 0, upload: 0, transform: 0, train: 0, output: 0, total: 0 },
      peakMemoryBytes: {},
      recoveries: [{ party: "kgc", seconds: 0 }],
      faults: {}
    })
    expect(text).not.toMatch(/NaN|Infinity|undefined|null|unknown|−0\b/)
    expect(line(text, "accuracy")).toBe("accuracy     no held-out row was tested; no float64 reference: none")
  })

  it("lists what each party kept", () => {
    const text = told()
    expect(line(text, "  kgc")).toBe("  kgc     nothing")
    expect(line(text, "  user1")).toBe("  user1   the model; its secret key, under its state key")
  })

  it("sets times side by side, with a ratio only to a time above nothing", () => {
    const phases = { setup: 0, upload: 2, transform: 0, train: 1, output: 1 }
    const faster = { ...result, seconds: { ...phases, total: 4 } }
    const slower = { ...result, seconds: { ...phases, setup: 3, upload: 3, total: 8 } }
    const text = sideBySide(faster, slower).join("\n")
    expect(line(text, "upload")).toMatch(/2\.0 s +3\.0 s +1\.5 ×$/)
    expect(line(text, "setup")).toMatch(/0\.0 s +3\.0 s$/)
    expect(text).not.toMatch(/NaN|Infinity/)
  })

  it("says where the model, the result and the event logs are", () => {
    const text = told()
    expect(line(text, "model ")).toContain("out/plain/model.json")
    expect(line(text, "result")).toContain("out/plain/result.json")
    expect(line(text, "event logs")).toContain(eventLogs("out/plain"))
  })
})

describe("units", () => {
  it("writes durations in the unit that people would choose", () => {
    const shown = [0, 0.04, 9.94, 9.96, 48.2, 59.6, 65, 3599.6, 7380].map(duration)
    const expected = [
      "0.0 s",
      "0.0 s",
      "9.9 s",
      "10 s",
      "48 s",
      "1 min 00 s",
      "1 min 05 s",
      "1 h 00 min",
      "2 h 03 min"
    ]
    expect(shown).toEqual(expected)
    expect([0, 4, 59, 60].map(wholeSeconds)).toEqual(["0 s", "4 s", "59 s", "1 min 00 s"])
  })

  it("says that no number is unknown, and that no time is negative", () => {
    const none = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const figure of [duration, wholeSeconds, size, count])
      expect(none.map(figure)).toEqual(["unknown", "unknown", "unknown"])
    expect(duration(-3.2)).toBe("0.0 s")
  })

  it("lists names, of many the first and how many more", () => {
    expect(listed(["a", "b"])).toBe("a, b")
    expect(listed(["a", "b", "c", "d"], 2)).toBe("a, b and 2 more")
  })

  it("writes sizes with three figures and never a thousand of a unit", () => {
    const shown = [0, 999, 1000, 9994, 9996, 99_949, 99_951, 999_499, 999_500, 1_234_000_000].map(size)
    expect(shown).toEqual([
      "0 B",
      "999 B",
      "1.00 kB",
      "9.99 kB",
      "10.0 kB",
      "99.9 kB",
      "100 kB",
      "999 kB",
      "1.00 MB",
      "1.23 GB"
    ])
  })

  it("sets thousands apart and knows the plural", () => {
    expect([count(1_234_567), counted(1, "row"), counted(0, "row"), counted(2, "party", "parties")]).toEqual([
      "1,234,567",
      "1 row",
      "0 rows",
      "2 parties"
    ])
  })

  it("aligns the columns of a table and leaves no blanks at the end of a line", () => {
    expect(
      table([
        ["phase", "time", ""],
        ["train", "9 s", "x"],
        ["a", "", ""]
      ])
    ).toEqual(["phase  time", "train   9 s  x", "a"])
  })
})
