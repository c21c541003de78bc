/** What is said of a model that has learned nothing. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { type Outcome, unlearned } from "../../../scenarios/report/unlearned.ts"
import { classMetricsOf, numberMetricsOf } from "../../protocol/metrics/tested.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const agreement = (training: object = {}, data: object = {}) =>
  agreementOf(
    Either.getOrThrow(
      decodeScenario({
        ...plainScenario,
        reveal: ["column-statistics"],
        training: { ...plainScenario.training, ...training },
        data: { ...plainScenario.data, ...data }
      })
    )
  )

/** So many of ten rows of the first class, of which all are taken for it. */
const always = (first: number) =>
  classMetricsOf(2, "softmax", {
    truth: Array.from({ length: 10 }, (_, row) => Number(row >= first)),
    outputs: Array.from({ length: 10 }, () => [1, 0])
  })

const said = (outcome: Partial<Outcome>, ...settings: Parameters<typeof agreement>) =>
  unlearned(agreement(...settings), { steps: 400, accuracy: null, ...outcome })

describe("a model that has learned nothing", () => {
  it("is one whose accuracy is not above that of the class that most rows have", () => {
    const lines = said({ metrics: always(7), accuracy: 0.7 })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /^the model is right for 0\.7000 of the held-out rows, and always saying c0 would be for 0\.7000: it has learned nothing of use; bicameral tune tries/
    )
    expect(said({ referenceMetrics: always(7), accuracy: 0.6 })).toHaveLength(1)
    expect(said({ referenceMetrics: always(7), accuracy: 0.8 })).toEqual([])
    expect(said({ metrics: always(10), accuracy: 1 })).toEqual([])
    expect(said({})).toEqual([])
  })

  it("is one that finds no more of each class than chance, where classes have weights", () => {
    const settings = [{ loss: "softmax", classWeights: "balanced" }] as const
    expect(said({ metrics: always(7), accuracy: 0.7 }, ...settings)[0]).toMatch(
      /^the model finds 0\.5000 of the held-out rows of a class in the mean, and always saying the same would find 0\.5000: it has learned nothing of use/
    )
    // Of nine rows of the first class four are left to the second, whose only row is found.
    const metrics = classMetricsOf(2, "softmax", {
      truth: Array.from({ length: 10 }, (_, row) => Number(row === 9)),
      outputs: Array.from({ length: 10 }, (_, row) => (row < 5 ? [1, 0] : [0, 1]))
    })
    expect(said({ metrics, accuracy: 0.6 }, { loss: "softmax" })).toHaveLength(1)
    expect(said({ metrics, accuracy: 0.6 }, ...settings)).toEqual([])
    // The accuracy alone says nothing then, and the reference has more figures.
    expect(said({ referenceMetrics: always(7), accuracy: 0.6 }, ...settings)[0]).toMatch(
      /^the float64 reference/
    )
  })

  it("is the reference, where nothing is revealed of the run's own", () => {
    expect(said({ referenceMetrics: always(7) })[0]).toMatch(
      /^the float64 reference trained the same way is right/
    )
  })

  it("is one that predicts a number no better than its mean", () => {
    const metrics = numberMetricsOf({
      truth: [
        [170, 1],
        [180, 2]
      ],
      predictions: [
        [171, 9],
        [179, 9]
      ]
    })
    const lines = said({ metrics })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^the model predicts depth no better than its mean .* \(R² -\d+\.\d{4}\)/)
  })

  it("is told what may help, by what the scenario has", () => {
    const [helped] = said({ metrics: always(7) })
    expect(helped).toContain(
      "try, one after another, training.loss: softmax in place of squared-error; training.momentum: 0.9, with a tenth of the rate; a training.rate three times lower, or higher, than 0.1; more training.epochs: 400 steps are few; scale: standard for features"
    )
    const features = ["length", "width"]
    const [least] = said(
      { metrics: always(7), steps: 5000 },
      { loss: "softmax", momentum: 0.9 },
      { features }
    )
    expect(least).toMatch(/try, one after another, a training\.rate three times lower, or higher, than 0\.1$/)
  })
})
