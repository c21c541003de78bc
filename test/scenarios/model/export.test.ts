/** What is exported says of raw rows what `predict` says of them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll } from "vitest"
import type { DataDescription, Label } from "../../../protocol/data/description.ts"
import { featureCount, labelCount } from "../../../protocol/data/description.ts"
import { prepare, type Statistics } from "../../../protocol/data/preparation.ts"
import { type Model, modelOf, modelWords } from "../../../protocol/learning/model.ts"
import { uniform } from "../../protocol/learning/example.ts"
import { command } from "../../support/in-process.ts"
import { description, model as mixed } from "./example.ts"
import { runOnnx, type Value } from "./onnx-reader.ts"

const folder = mkdtempSync(join(tmpdir(), "bicameral-export-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** A model with a hidden layer and weights from a seed. */
const drawn = (of: Pick<DataDescription, "features" | "label">, loss: Model["loss"], seed: number): Model => {
  const statistics: Statistics = {
    moments: new Map([
      ["x", { count: 9, mean: 1_000_000, deviation: 250_000 }],
      ["height", { count: 9, mean: 170, deviation: 9 }],
      ["label", { count: 9, mean: 3, deviation: 0 }]
    ]),
    counts: new Map()
  }
  const data = prepare({ id: "id", scaleTo: [-1, 1], ...of }, statistics)
  const network = {
    inputs: featureCount(data),
    layers: [
      { units: 5, activation: "relu" as const },
      { units: labelCount(data), activation: "identity" as const }
    ]
  }
  const next = uniform(seed)
  const values = Float64Array.from(
    { length: modelWords(network) },
    () => Math.round((2 * next() - 1) * 2 ** 20) / 2 ** 20
  )
  return modelOf({ data, network, loss, fractionalBits: 20 }, values)
}

const numbers = [
  { name: "x", fill: { value: 900_000 }, indicator: true as const },
  { name: "label", range: [0, 3] as const, outside: "clip" as const }
]
const classes = (count: number): Label => ({ column: "kind", values: ["a", "b", "c"].slice(0, count) })
const numberRows = ["id,x,label", "1,1000000,2", "2,,3.5", "3,7000000,-1", "4,-3e6,0"]
const numberInputs = {
  features: { dims: [4, 2], data: [1e6, 2, Number.NaN, 3.5, 7e6, -1, -3e6, 0] }
}

const cases: ReadonlyArray<
  readonly [
    string,
    Model,
    ReadonlyArray<string>,
    Readonly<Record<string, Value>>,
    outputs: ReadonlyArray<string>
  ]
> = [
  [
    "columns of all kinds, and a softmax",
    mixed,
    [
      "patient,ward,age,born,smoker",
      "p1,A,50,1970-01-01,no",
      "p2,B,,1997-05-19,yes",
      "p3,Z,25,1970-01-01,no"
    ],
    {
      age: { dims: [3, 1], data: [50, Number.NaN, 25] },
      born: { dims: [3, 1], data: [0, 10_000, 0] },
      smoker: { dims: [3, 1], data: [0, 1, 0] },
      ward: { dims: [3, 1], data: ["A", "B", "Z"] }
    },
    ["label", "probabilities"]
  ],
  [
    "sigmoids",
    drawn({ features: numbers, label: classes(3) }, "sigmoid", 1),
    numberRows,
    numberInputs,
    ["label", "probabilities"]
  ],
  [
    "squared error",
    drawn({ features: numbers, label: classes(2) }, "squared-error", 2),
    numberRows,
    numberInputs,
    ["label", "probabilities"]
  ],
  [
    "numbers",
    drawn(
      { features: numbers, label: { numbers: [{ name: "height" }, { name: "price", range: [0, 90] }] } },
      "squared-error",
      3
    ),
    numberRows,
    numberInputs,
    ["predictions"]
  ],
  [
    "a category with a value for missing cells, and names that outputs and constants have",
    drawn(
      {
        features: [
          { name: "label", kind: "category", values: ["p", "q"], fill: { value: "q" }, indicator: true },
          { name: "probabilities", range: [0, 1] },
          { name: "/number_fill", range: [0, 2] }
        ],
        label: classes(2)
      },
      "softmax",
      4
    ),
    ["id,label,probabilities,/number_fill", "1,p,0.5,2", "2,None,1,0", "3,q,0,1"],
    {
      label: { dims: [3, 1], data: ["p", "None", "q"] },
      probabilities: { dims: [3, 1], data: [0.5, 1, 0] },
      "/number_fill": { dims: [3, 1], data: [2, 0, 1] }
    },
    ["label_", "probabilities_"]
  ]
]

describe("an exported model", () => {
  it.effect.each(cases)("says in ONNX what predict says, of %s", ([, model, rows, inputs, outputs]) =>
    Effect.gen(function* () {
      const file = join(folder, "model.json")
      writeFileSync(file, JSON.stringify(model))
      const { status, printed } = yield* command("export", file, "--format", "onnx")
      expect([status, printed]).toEqual([0, expect.stringMatching(/model\.onnx, [\d.]+ kB$/)])
      const found = runOnnx(readFileSync(join(folder, "model.onnx")), inputs)
      expect(found.inputs).toEqual(Object.keys(inputs))
      expect(found.outputs).toEqual(outputs)

      const given = join(folder, "rows.csv")
      writeFileSync(given, rows.join("\n"))
      const predicted = (yield* command("predict", file, given)).printed.split("\n").slice(1)
      const said = predicted.map((line) => line.split(",").slice(1))
      const isOfClasses = outputs.length === 2
      if (isOfClasses) expect(found.value(outputs[0]!).data).toEqual(said.map(([label]) => label))
      const expected = said.flatMap((fields) => fields.slice(isOfClasses ? 1 : 0)).map(Number)
      const actual = found.value(outputs.at(-1)!).data as number[]
      expect(actual.length).toBe(expected.length)
      actual.forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(isOfClasses ? 1e-5 : 1e-3)
      })
    })
  )

  it.effect("is laid out in safetensors as a sequence of layers, to the last bit", () =>
    Effect.gen(function* () {
      const model = drawn({ features: description.features, label: classes(2) }, "softmax", 5)
      const file = join(folder, "model.json")
      writeFileSync(file, JSON.stringify(model))
      const out = join(folder, "weights")
      yield* command("export", file, "--format", "safetensors", "--out", out)
      const bytes = readFileSync(out)
      const length = Number(bytes.readBigUInt64LE(0))
      const header = JSON.parse(bytes.toString("utf8", 8, 8 + length))
      expect(Object.keys(header)).toEqual(["__metadata__", "0.weight", "0.bias", "2.weight", "2.bias"])
      const { dtype, shape, data_offsets: at } = header["0.weight"]
      expect([dtype, shape]).toEqual(["F64", [5, model.network.inputs]])
      const start = 8 + length + at[0]
      expect(start % 8).toBe(0)
      model.layers[0]!.weights.forEach((row, input) => {
        row.forEach((weight, unit) => {
          expect(bytes.readDoubleLE(start + 8 * (unit * model.network.inputs + input))).toBe(weight)
        })
      })
    })
  )

  it.effect("needs the result of its run for a card", () =>
    Effect.gen(function* () {
      const file = join(folder, "model.json")
      writeFileSync(file, JSON.stringify(mixed))
      const { status, complained } = yield* command("export", file, "--format", "card")
      expect(status).toBe(1)
      expect(complained).toContain("result.json has no result of the run that made the model")
    })
  )

  it.effect("is refused in a format that there is not", () =>
    Effect.gen(function* () {
      const { status, complained } = yield* command("export", "model.json", "--format", "pickle")
      expect(status).toBe(1)
      expect(complained).toContain("--format must be onnx, safetensors, card or preparation")
    })
  )
})
