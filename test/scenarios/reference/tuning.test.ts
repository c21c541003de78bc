import { Either } from "effect"
import { describe, expect, it } from "vitest"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { type JointTable, pickJoint } from "../../../protocol/data/joint.ts"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { drawsOf } from "../../../scenarios/reference/comparison.ts"
import { type Trial, type TuningRows, tune } from "../../../scenarios/reference/tuning.ts"
import { uniform } from "../../protocol/learning/example.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const rows = 96

/** Whether a point lies in a ring, which no line tells. */
const table: JointTable = (() => {
  const next = uniform(7)
  const features = Float64Array.from({ length: 2 * rows }, () => 2 * next() - 1)
  const labels = Array.from({ length: rows }, (_, row) => {
    const [x, y] = [features[2 * row]!, features[2 * row + 1]!]
    return x * x + y * y < 0.6 ? [1, 0] : [0, 1]
  })
  return { rows, features, labels: Float64Array.from(labels.flat()) }
})()

const agreementFor = (training: object): Agreement =>
  agreementOf(Either.getOrThrow(decodeScenario({ ...plainScenario, seed: 5, training })))

const tuned = async (training: object, some = (of: Uint32Array) => pickJoint(table, of)) => {
  const agreement = agreementFor(training)
  const told: Array<Trial> = []
  const source: TuningRows = { data: prepare(agreement.data, noStatistics), rows, some }
  const tuning = await tune(agreement, source, drawsOf(agreement), (trial) => void told.push(trial))
  return { tuning, told }
}

const start = { epochs: 8, batch: 8, rate: 0.0003, momentum: 0.9, loss: "softmax" } as const

describe("tuning", () => {
  it("finds better settings than poor ones, and tells each trial once", async () => {
    const { tuning, told } = await tuned(start)
    expect(told).toEqual(tuning.trials)
    expect(told[0]).toMatchObject({ hidden: [8], rate: 0.0003, epochs: 8 })
    expect(tuning.best.rate).toBeGreaterThan(0.0003)
    expect(tuning.best.score!.error).toBeLessThan(told[0]!.score!.error)
    const settings = told.map(({ hidden, rate, epochs }) => `${hidden} ${rate} ${epochs}`)
    expect(new Set(settings).size).toBe(settings.length)
    // Rates, then layers, then epochs, each with the best so far.
    expect(told.slice(1, 5).every(({ hidden, epochs }) => `${hidden}` === "8" && epochs === 8)).toBe(true)
    expect(told.at(-1)!.epochs).not.toBe(8)
  })

  it("is the same for the same seed, and stays with what is good", async () => {
    const good = { ...start, rate: 0.05, epochs: 12 }
    const [one, other] = [await tuned(good), await tuned(good)]
    expect(one).toEqual(other)
    const [own] = one.told
    const { best } = one.tuning
    if (best !== own) expect(best.score!.error + best.score!.spread).toBeLessThan(own!.score!.error)
  })

  it("marks settings that leave the range, and never takes them", async () => {
    const { tuning, told } = await tuned({ ...start, rate: 100 })
    expect(told.some(({ score }) => score === undefined)).toBe(true)
    expect(tuning.best.score).not.toBe(undefined)
  })

  it("tests each row once, on a model that was not trained on it", async () => {
    const picked: Array<ReadonlyArray<number>> = []
    await tuned(start, (of) => {
      picked.push([...of])
      return pickJoint(table, of)
    })
    const all = Array.from({ length: rows }, (_, row) => row)
    const tested = picked.filter((_, i) => i % 2 === 1)
    expect(tested.flat().sort((a, b) => a - b)).toEqual(all)
    tested.forEach((test, fold) => {
      expect([...picked[2 * fold]!, ...test].sort((a, b) => a - b)).toEqual(all)
    })
  })
})
