import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { DataDescription } from "../../../protocol/data/description.ts"
import type { JointTable } from "../../../protocol/data/joint.ts"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"
import { initialWeights } from "../../../protocol/learning/initial.ts"
import { countCorrect, type Model, modelValues } from "../../../protocol/learning/model.ts"
import { width } from "../../../protocol/learning/network.ts"
import { batchOrder, permutation } from "../../../protocol/learning/order.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import {
  maximumDeviation,
  type ReferenceRun,
  trainFixedReference,
  trainFloatReference
} from "../../../scenarios/reference/reference.ts"
import { type Example, networkOf } from "../../protocol/learning/example.ts"
import { orderKey, prgKeys, trainSecurely } from "../../protocol/learning/secure.ts"

const initialKeys = [new Uint8Array(16).fill(3), new Uint8Array(16).fill(4)] as const
const f = 20

/** The rows of a file by their id, without the id. */
const readRows = (path: string): Map<string, string[]> => {
  const url = new URL(`../../../scenarios/data/${path}`, import.meta.url)
  const lines = readFileSync(url, "utf8").trim().split(/\r?\n/).slice(1)
  return new Map(lines.map((line) => line.split(",")).map(([id, ...cells]) => [id!, cells]))
}

/** Iris as the two labs hold it, features scaled to [−1, 1], in a shuffled order. */
const iris = () => {
  const petals = readRows("two-labs/petals.csv")
  const rows = [...readRows("two-labs/sepals.csv")].map(([id, sepals]) => [...sepals, ...petals.get(id)!])
  const species = [...new Set(rows.map((row) => row[4]!))].sort()
  const ranges = [0, 1, 2, 3].map((column) => {
    const values = rows.map((row) => Number(row[column]))
    return [Math.min(...values), Math.max(...values)] as const
  })
  const shuffled = [...permutation(rows.length, orderKey, 0)].map((row) => rows[row]!)
  const table = (part: string[][]): JointTable => ({
    rows: part.length,
    features: Float64Array.from(
      part.flatMap((row) =>
        ranges.map(([least, most], i) => (2 * (Number(row[i]) - least)) / (most - least) - 1)
      )
    ),
    labels: Float64Array.from(part.flatMap((row) => species.map((name) => Number(name === row[4]))))
  })
  const [length, sepalWidth, petalLength, petalWidth] = ranges
  const data: DataDescription = {
    id: "id",
    features: [
      { name: "sepal_length", range: length! },
      { name: "sepal_width", range: sepalWidth! },
      { name: "petal_length", range: petalLength! },
      { name: "petal_width", range: petalWidth! }
    ],
    label: { column: "species", values: species },
    scaleTo: [-1, 1]
  }
  return {
    data: prepare(data, noStatistics),
    training: table(shuffled.slice(0, 120)),
    heldOut: table(shuffled.slice(120))
  }
}

/** The model of the float64 reference alone. */
const fixedModel = async (run: ReferenceRun): Promise<Model> => (await trainFixedReference(run)).model
const floatModel = async (run: ReferenceRun): Promise<Model> => (await trainFloatReference(run)).model

const irisRun = (epochs: number, output: "identity" | "relu" = "identity") => {
  const { data, training, heldOut } = iris()
  const plan = trainingPlan({
    network: networkOf([4, 8, 3], output),
    rows: training.rows,
    batch: 16,
    epochs,
    learningRate: 0.2,
    fractionalBits: f
  })
  const run: ReferenceRun = { data, plan, training, order: batchOrder(plan, orderKey), initialKeys }
  return { run, heldOut }
}

const accuracy = (model: Model, { rows, features, labels }: JointTable): number =>
  countCorrect(model, features, labels) / rows

describe("references on iris", () => {
  it("learn to tell the species apart, fixed point as well as float64", async () => {
    const { run, heldOut } = irisRun(60)
    const [float, fixed] = await Promise.all([floatModel(run), fixedModel(run)])
    expect(accuracy(float, heldOut)).toBeGreaterThanOrEqual(0.9)
    expect(accuracy(fixed, heldOut)).toBe(accuracy(float, heldOut))
    expect(maximumDeviation(fixed, float)).toBeLessThan(2 ** -10)
  })

  it.each(["identity", "relu"] as const)(
    "repeat a secure run bit for bit from its keys and its name, %s output",
    async (output) => {
      const { run } = irisRun(3, output)
      const { plan, training } = run
      const { network } = plan
      const given: Example = {
        ...training,
        network,
        weights: network.layers.map((_, l) => initialWeights(network, l + 1, initialKeys, f)),
        biases: network.layers.map((_, l) => new Float64Array(width(network, l + 1)))
      }
      const secure = await trainSecurely(given, plan, "iris-1")
      const opened = secure.weights.map((word) => Number(BigInt.asIntN(64, word)) / 2 ** f)

      const replayed = await fixedModel({ ...run, replay: { run: "iris-1", keys: prgKeys } })
      expect([...modelValues(replayed)]).toEqual(opened)
      const elsewhere = await fixedModel({ ...run, replay: { run: "iris-2", keys: prgKeys } })
      expect([...modelValues(elsewhere)]).not.toEqual(opened)
    }
  )

  it("depend on the order of the rows and on the initial weights", async () => {
    const { run } = irisRun(1)
    const float = await floatModel(run)
    expect(maximumDeviation(await floatModel(run), float)).toBe(0)
    const reordered = await floatModel({ ...run, order: batchOrder(run.plan, new Uint8Array(16)) })
    expect(maximumDeviation(reordered, float)).toBeGreaterThan(0)
    const otherwise = await floatModel({ ...run, initialKeys: [orderKey, orderKey] })
    expect(maximumDeviation(otherwise, float)).toBeGreaterThan(0.01)
  })

  it("refuse to compare models of different networks", async () => {
    const { run } = irisRun(1)
    const model = await floatModel(run)
    const narrower: Model = { ...model, layers: model.layers.slice(1) }
    expect(() => maximumDeviation(model, narrower)).toThrow(/cannot be compared/)
  })
})
