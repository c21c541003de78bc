import { Either } from "effect"
import { describe, expect, it } from "vitest"
import type { RunOutcome } from "../../../actors/director.ts"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { predictCost } from "../../../scenarios/forecast/traffic.ts"
import { notCompared } from "../../../scenarios/reference/comparison.ts"
import { decodeResult, type RunResult } from "../../../scenarios/report/result.ts"
import { expectationsOf, type Measured, resultOf } from "../../../scenarios/run/run-result.ts"
import { classMetricsOf } from "../../protocol/metrics/tested.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const scenario = Either.getOrThrow(
  decodeScenario({
    ...plainScenario,
    reveal: ["accuracy"],
    seed: 1,
    expect: { minAccuracy: 0.5, maxAccuracyGap: 0.1, maxWeightDeviation: 0.25 }
  })
)
const rows = { total: 10, training: 8, uploaded: 8, heldOut: 2, indices: () => new Uint32Array(0) }

const outcome: RunOutcome = {
  rows: 8,
  steps: 8,
  rounds: 89,
  ciphertexts: { upload: 4, archive: 4, model: 2 },
  tested: { correct: 1, total: 2 },
  seconds: { setup: 1, upload: 2, transform: 3, train: 4, output: 5 },
  traffic: [{ from: "user1", to: "cloud0", tag: "UploadShare0", messages: 1, bytes: 100 }],
  peakMemoryBytes: { kgc: 1e6 },
  kept: {
    kgc: { kept: [], sealed: [] },
    user1: { kept: ["the model"], sealed: ["its secret key"] }
  }
}

const measured: Measured = {
  scenario,
  agreement: agreementOf(scenario),
  run: "r",
  transport: "nats",
  joined: { rows, prepared: prepare(scenario.data, noStatistics) },
  predicted: predictCost(scenario, { rows, placed: [] }),
  outcome,
  compared: {
    referenceAccuracy: 0.5,
    maxWeightDeviation: 0,
    reasons: {},
    meaningless: [],
    warnings: ["found after the run"]
  },
  foreseen: ["found before the run"],
  recoveries: [{ party: "kgc", seconds: 2 }],
  faults: null,
  seconds: 20
}

/** Every number in a value, however deep. */
const numbersIn = (value: unknown): ReadonlyArray<number> =>
  typeof value === "number"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(numbersIn)
      : []

describe("result of a run", () => {
  it("is what its schema for editors says", () => {
    const results = [measured, { ...measured, outcome: { ...outcome, tested: undefined } }].map(resultOf)
    for (const result of [...results, { ...results[0], awaitsReferences: true }])
      expect(decodeResult(JSON.parse(JSON.stringify(result)))).toMatchObject({ _tag: "Right" })
  })

  it("has what was found before the run and after it, and no reason where every figure is known", () => {
    const { accuracy, meaningless, reasons, seconds, warnings } = resultOf(measured)
    expect({ accuracy, meaningless, reasons }).toEqual({ accuracy: 0.5, meaningless: [], reasons: {} })
    expect(warnings).toEqual(["found before the run", "found after the run"])
    expect(seconds).toEqual({ ...outcome.seconds, total: 20 })
  })

  it("is not meaningful where the accuracy is of no row, and says so rather than giving a number", () => {
    const result = resultOf({ ...measured, outcome: { ...outcome, tested: { correct: 0, total: 0 } } })
    expect(result.accuracy).toBe(null)
    expect(result.reasons.accuracy).toBe("no held-out row was tested")
    expect(result.meaningless).toHaveLength(1)
  })

  it("names who opened the model and who was absent, and what the accuracy is of then", () => {
    const openers = {
      threshold: 2,
      opened: ["user2"],
      absent: [{ user: "user1", reason: "gone" }],
      rejected: []
    }
    const without = (tested: { correct: number; total: number }) =>
      resultOf({ ...measured, outcome: { ...outcome, openers, tested } })
    const some = without({ correct: 1, total: 1 })
    expect(decodeResult(JSON.parse(JSON.stringify(some)))).toMatchObject({ _tag: "Right" })
    expect(some.openers).toEqual({
      ...openers,
      opened: ["south"],
      absent: [{ user: "north", reason: "gone" }]
    })
    expect(some.warnings[1]).toBe(
      "the test is of 1 of 2 held-out rows: the others could not be tested without north"
    )
    // The model is good, whether or not somebody can test it.
    const none = without({ correct: 0, total: 0 })
    expect(none).toMatchObject({ accuracy: null, meaningless: [] })
    expect(none.reasons.accuracy).toBe("no held-out row could be tested without north")
  })

  it("has all figures that are revealed, and says what the model has not learned", () => {
    const metrics = classMetricsOf(2, "softmax", {
      truth: [0, 1, 1],
      outputs: [
        [1, 0],
        [1, 0],
        [0, 1]
      ]
    })
    const tested = { correct: 2, total: 3 }
    const alone = [{ user: "north", rows: 5, accuracy: 0.5 }]
    const compared = { ...measured.compared, referenceMetrics: metrics, alone }
    const result = resultOf({ ...measured, outcome: { ...outcome, tested, metrics }, compared })
    expect(decodeResult(JSON.parse(JSON.stringify(result)))).toMatchObject({ _tag: "Right" })
    expect(result).toMatchObject({ metrics, referenceMetrics: metrics, alone })
    expect(result.warnings.at(-1)).toMatch(/it has learned nothing of use/)
    const diverged = { ...compared, meaningless: ["diverged"] }
    expect(
      resultOf({ ...measured, outcome: { ...outcome, tested, metrics }, compared: diverged }).warnings.join()
    ).not.toContain("learned nothing")
  })

  it("says of an accuracy that is not revealed that it is not, and is meaningful", () => {
    const result = resultOf({ ...measured, outcome: { ...outcome, tested: undefined } })
    expect(result).toMatchObject({ accuracy: null, reasons: { accuracy: "not revealed" }, meaningless: [] })
  })

  it("has no negative time of a clock that was set back, and no total below that of the phases", () => {
    const back = { ...outcome, seconds: { ...outcome.seconds, train: -3600 } }
    const result = resultOf({
      ...measured,
      outcome: back,
      seconds: -2,
      recoveries: [{ party: "kgc", seconds: -1 }]
    })
    expect(result.seconds).toEqual({ setup: 1, upload: 2, transform: 3, train: 0, output: 5, total: 11 })
    expect(result.recoveries).toEqual([{ party: "kgc", seconds: 0 }])
  })

  it("has finite numbers only, whatever is missing", () => {
    const tests = [outcome.tested, { correct: 0, total: 0 }, undefined]
    for (const tested of tests)
      for (const compared of [measured.compared, notCompared("left out")])
        for (const number of numbersIn(resultOf({ ...measured, compared, outcome: { ...outcome, tested } })))
          expect(number).toSatisfy(Number.isFinite)
  })
})

describe("expectations", () => {
  const known = {
    accuracy: 0.6,
    referenceAccuracy: 0.65,
    maxWeightDeviation: 0.1,
    reasons: {},
    meaningless: []
  }
  const judged = (changes: Partial<RunResult>) =>
    expectationsOf(scenario, { ...known, ...changes }).map(({ held, reason }) => reason ?? held)

  it("hold or fail by the figures, and need no reason then", () => {
    expect(judged({})).toEqual([true, true, true])
    expect(judged({ accuracy: 0.4 })).toEqual([false, false, true])
    expect(judged({ maxWeightDeviation: 0.3 })).toEqual([true, true, false])
    expect(expectationsOf({ expect: {} }, known)).toEqual([])
  })

  it("do not hold where a figure is missing, each for its reason", () => {
    expect(judged({ accuracy: null, reasons: { accuracy: "not revealed" } })).toEqual([
      "not judged: not revealed",
      "not judged: not revealed",
      true
    ])
    expect(judged({ referenceAccuracy: null, reasons: { referenceAccuracy: "left out" } })).toEqual([
      true,
      "not judged: no float64 reference: left out",
      true
    ])
    const unreplayed = { maxWeightDeviation: null, reasons: { maxWeightDeviation: "left out" } }
    expect(judged(unreplayed)).toEqual([true, true, "not judged: left out"])
    for (const { held, reason } of expectationsOf(scenario, { ...known, ...unreplayed }))
      expect(held).toBe(reason === undefined)
  })

  it("do not hold on a figure that is no number", () => {
    expect(judged({ accuracy: Number.NaN })).toEqual([false, false, true])
    expect(judged({ referenceAccuracy: Number.NaN })).toEqual([true, false, true])
    expect(judged({ maxWeightDeviation: Number.NaN })).toEqual([true, true, false])
  })

  it("are not judged by a result that is not meaningful", () => {
    const reason = "not judged: the result is not meaningful"
    expect(judged({ meaningless: ["it left the range"] })).toEqual([reason, reason, reason])
  })
})
