/** A model small enough to predict by hand, of columns of all kinds. */
import type { DataDescription } from "../../../protocol/data/description.ts"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"
import { modelOf, type Trained } from "../../../protocol/learning/model.ts"

export const description: DataDescription = {
  id: "patient",
  features: [
    { name: "age", range: [0, 100], fill: { value: 50 }, indicator: true },
    { name: "born", kind: "date", range: [0, 20_000] },
    { name: "smoker", kind: "boolean", range: [0, 1] },
    { name: "ward", kind: "category", values: ["A", "B"], other: true }
  ],
  label: { column: "ill", values: ["no", "yes"] },
  scaleTo: [-1, 1]
}

const linear = { layers: [{ units: 2, activation: "identity" as const }] }

/** One layer: the logit of "yes" is 4·age + 2·missing + 1·date + ½·smoker + the weights of the wards, that of "no" is 0. */
export const trained: Trained = {
  data: prepare(description, noStatistics),
  network: { inputs: 7, ...linear },
  loss: "softmax",
  fractionalBits: 20
}
export const weights = [4, 2, 1, 0.5, -1, 1, 3]
export const model = modelOf(trained, Float64Array.from([...weights.flatMap((w) => [0, w]), 0, 0.25]))
