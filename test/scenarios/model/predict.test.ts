/** `bicameral predict`: what it says of rows, and of what is no model or no rows of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { parquetReadObjects } from "hyparquet"
import { afterAll } from "vitest"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"
import { type Model, modelOf } from "../../../protocol/learning/model.ts"
import { command } from "../../support/in-process.ts"
import { model, weights } from "./example.ts"

const folder = mkdtempSync(join(tmpdir(), "bicameral-predict-"))
afterAll(() => rmSync(folder, { recursive: true }))

const fileOf = (name: string, text: string): string => {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

const modelFile = fileOf("model.json", JSON.stringify(model))

const rows = [
  "patient,ward,age,born,smoker",
  "p1,A,50,1970-01-01,no",
  "p2,B,,1997-05-19,yes",
  'p3,"C, old",25,1970-01-01,no'
]
const rowsFile = fileOf("rows.csv", `${rows.join("\n")}\n`)
/** By hand: scaled age, missing, date, smoker, ward, bias. */
const logits = [
  0 - 1 - 0.5 - 1 + 0.25,
  0 + 2 + (2 * 10_000) / 20_000 - 1 + 0.5 + 1 + 0.25,
  -2 - 1 - 0.5 + 3 + 0.25
]

const withLayer = (change: Partial<Model["layers"][number]>): Model => ({
  ...model,
  layers: [{ ...model.layers[0]!, ...change }]
})
const withData = (change: Readonly<Record<string, unknown>>) => ({
  ...model,
  data: { ...model.data, ...change }
})
const withFeature = (name: string, change: Readonly<Record<string, unknown>>) =>
  withData({
    features: model.data.features.map((feature) =>
      feature.name === name ? { ...feature, ...change } : feature
    )
  })

const lines = (text: string) => text.split("\n").map((line) => line.split(","))

describe("predict", () => {
  it.effect("prints labels and probabilities of rows that are prepared as those of the training were", () =>
    Effect.gen(function* () {
      const { status, printed, complained } = yield* command("predict", modelFile, rowsFile)
      expect([status, complained]).toEqual([0, ""])
      const [header, ...found] = lines(printed)
      expect(header).toEqual(["patient", "ill", "ill=no", "ill=yes"])
      expect(found.map(([id, ill]) => [id, ill])).toEqual([
        ["p1", "no"],
        ["p2", "yes"],
        ["p3", "no"]
      ])
      found.forEach(([, , no, yes], row) => {
        expect(Number(yes)).toBeCloseTo(1 / (1 + Math.exp(-logits[row]!)), 5)
        expect(Number(no) + Number(yes)).toBeCloseTo(1, 12)
      })
    })
  )

  it.effect(
    "writes Parquet, tells how many rows have which label, and compares them with labels that are there",
    () =>
      Effect.gen(function* () {
        const labelled = fileOf(
          "labelled.csv",
          rows.map((row, i) => `${row},${["ill", "no", "no", "no"][i]}`).join("\n")
        )
        const out = join(folder, "found.parquet")
        const { status, printed } = yield* command("predict", folder, labelled, "--out", out)
        expect(status).toBe(0)
        expect(printed).toContain("3 rows predicted in ")
        expect(printed).toContain("no 2, yes 1")
        expect(printed).toContain("accuracy 0.6667 on 3 rows with labels, 95 % interval")
        const bytes = readFileSync(out)
        const written = yield* Effect.promise(() =>
          parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) })
        )
        expect(written.map(({ patient, ill }) => [patient, ill])).toEqual([
          ["p1", "no"],
          ["p2", "yes"],
          ["p3", "no"]
        ])
        expect(written[0]!["ill=yes"]).toBeCloseTo(1 / (1 + Math.exp(-logits[0]!)), 5)
      })
  )

  it.effect("numbers rows without ids, and gives numbers in their own units", () =>
    Effect.gen(function* () {
      const data = prepare(
        {
          id: "id",
          features: [{ name: "x", range: [0, 10] }],
          label: { numbers: [{ name: "price", range: [0, 200] }] },
          scaleTo: [0, 1]
        },
        noStatistics
      )
      const network = { inputs: 1, layers: [{ units: 1, activation: "identity" as const }] }
      const half = modelOf(
        { data, network, loss: "squared-error", fractionalBits: 20 },
        Float64Array.of(0.5, 0.25)
      )
      const file = fileOf("half.json", JSON.stringify(half))
      const given = fileOf("numbers.csv", "x\n0\n10\n4\n")
      const { printed } = yield* command("predict", file, given)
      expect(printed).toBe("id,price\n1,50\n2,150\n3,89.99996185302734")
    })
  )

  /** What no run writes: the field that is named, and why. */
  const unsound: ReadonlyArray<readonly [Model | Readonly<Record<string, unknown>>, RegExp]> = [
    [{ ...model, fractionalBits: 27 }, /fractionalBits 27 is not from 8 to 26/],
    [{ ...model, fractionalBits: 7 }, /fractionalBits 7 is not from 8 to 26/],
    [withLayer({ bias: [0, 2 ** 22] }), /layers\[0\]\.bias\[1\] 4194304 is beyond the fixed-point numbers/],
    [withLayer({ bias: [-(2 ** 30), 0] }), /layers\[0\]\.bias\[0\] -1073741824 is beyond/],
    [
      withLayer({ weights: weights.map((w) => [w === 3 ? 2 ** 23 : 0, w]) }),
      /layers\[0\]\.weights\[6\]\[0\] 8388608 is beyond/
    ],
    [withLayer({ bias: [0] }), /layers\[0\]\.bias are 1, and the units of the layer are 2/],
    [withLayer({ weights: [[0, 1]] }), /layers\[0\]\.weights are 1, and the inputs of the layer are 7/],
    [withFeature("age", { range: [5, 5] }), /data\.features\[0\]\.range \[5,5\] has no width/],
    [withFeature("age", { range: [100, 0] }), /data\.features\[0\]\.range \[100,0\] has no width/],
    [withFeature("age", { range: [-1e308, 1e308] }), /data\.features\[0\]\.range .* has no width/],
    [withFeature("age", { range: undefined }), /data\.features\[0\] has neither a range nor the mean of age/],
    [withFeature("age", { scale: "standard" }), /data\.features\[0\] has neither a range nor the mean/],
    [
      withFeature("age", { scale: "standard", mean: 1, deviation: -1 }),
      /data\.features\[0\]\.deviation -1 is below 0/
    ],
    [
      withFeature("ward", { fill: { value: "D" } }),
      /data\.features\[3\]\.fill "D" is none of the values of ward/
    ],
    [withFeature("ward", { values: ["A", "A"] }), /data\.features\[3\]\.values\[1\] "A" is there twice/],
    [
      withFeature("ward", { name: "age" }),
      /data\.features\[3\]\.name "age" is the name of another column too/
    ],
    [withData({ id: "ill" }), /data\.id "ill" is the name of another column too/],
    [withData({ scaleTo: [1, 1] }), /data\.scaleTo \[1,1\] is no interval/],
    [withData({ scaleTo: [-1, 2 ** 42] }), /data\.scaleTo .* is no interval of numbers below 4398046511104/],
    [
      withData({ label: { column: "ill", values: ["no", "no"] } }),
      /data\.label\.values\[1\] "no" is there twice/
    ],
    [withData({ label: { column: "ill", values: ["no"] } }), /network\.layers are 2, and the classes are 1/],
    [
      withData({ label: { numbers: [{ name: "cost" }, { name: "days", range: [0, 9] }] } }),
      /data\.label\.numbers\[0\] has neither a range nor the mean of cost/
    ],
    [
      withData({ label: { numbers: [{ name: "cost", range: [1, 1] }] } }),
      /data\.label\.numbers\[0\]\.range \[1,1\] has no width/
    ],
    [
      { ...model, network: { ...model.network, layers: [{ units: 0, activation: "identity" }] } },
      /network\.layers\[0\]\.units 0 is not a whole number from 1/
    ]
  ]
  it.effect.each(unsound)("refuses a model that no run writes, and names the field: %#", ([given, message]) =>
    Effect.gen(function* () {
      const files = [fileOf("m.json", JSON.stringify(given)), rowsFile] as const
      const { status, printed, complained } = yield* command("predict", ...files)
      expect([status, printed]).toEqual([1, ""])
      expect(complained).toMatch(message)
      expect(complained).toContain("take the file as a run wrote it")
    })
  )

  const refused: ReadonlyArray<readonly [string, string, string, RegExp]> = [
    [
      "a column is missing",
      JSON.stringify(model),
      "patient,ward,age,smoker\np1,A,1,no\n",
      /born.*missing from the header/
    ],
    [
      "a value is out of its range",
      JSON.stringify(model),
      `${rows[0]}\np1,A,101,1970-01-01,no\n`,
      /:2: .*age.*p1/
    ],
    ["the model is no JSON", "{", rows.join("\n"), /is no JSON; give the model.json that a run wrote/],
    ["the file is another JSON", "[]", rows.join("\n"), /is no model of bicameral/],
    [
      "the model is of another version",
      JSON.stringify({ ...model, version: 3 }),
      rows.join("\n"),
      /version 3, and this program reads version 4/
    ],
    [
      "the model lacks a part",
      JSON.stringify({ ...model, loss: undefined }),
      rows.join("\n"),
      /damaged at loss/
    ],
    [
      "its parts do not fit",
      JSON.stringify({ ...model, layers: [] } satisfies Model),
      rows.join("\n"),
      /damaged: layers are 0, and the layers of the network are 1/
    ],
    [
      "a row takes the network out of the range of its numbers",
      JSON.stringify(withLayer({ bias: [0, 2 ** 21 - 1] })),
      rows.join("\n"),
      /row p2 takes the model out of the range of its fixed-point numbers \(20 bits after the point, sums below 2\^21\)/
    ]
  ]
  it.effect.each(refused)(
    "refuses, with status 1 and the culprit, where %s",
    ([, modelText, rowsText, message]) =>
      Effect.gen(function* () {
        const given = [fileOf("m.json", modelText), fileOf("r.csv", rowsText)] as const
        const { status, printed, complained } = yield* command("predict", ...given)
        expect([status, printed]).toEqual([1, ""])
        expect(complained).toMatch(message)
      })
  )
})
