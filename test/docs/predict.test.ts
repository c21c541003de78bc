/** The script of the tutorial that predicts with a model. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const script = fileURLToPath(new URL("../../docs/tutorial/predict.mjs", import.meta.url))

/** The larger of age − 50 in tens, at most 8, and a share of 20 that is scaled to [−1, 1]. */
const model = {
  data: {
    scaleTo: [-1, 1],
    features: [
      { name: "age", mean: 50, deviation: 10 },
      { name: "bmi", range: [0, 20] }
    ],
    label: { values: ["old", "heavy"] }
  },
  network: { layers: [{ activation: "identity" }] },
  layers: [
    {
      weights: [
        [1, 0],
        [0, 10]
      ],
      bias: [0, 0]
    }
  ]
}

const predicted = (of: object, ...cells: ReadonlyArray<string>) => {
  const folder = mkdtempSync(join(tmpdir(), "bicameral-predict-"))
  try {
    writeFileSync(join(folder, "model.json"), JSON.stringify(of))
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [script, join(folder, "model.json"), ...cells],
      { encoding: "utf8" }
    )
    return { status, said: (stdout + stderr).trim() }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("the script of the tutorial", () => {
  it("scales by mean and deviation, at most 8, or by the range", () => {
    expect(predicted(model, "age=65", "bmi=11")).toEqual({ status: 0, said: "old" })
    expect(predicted(model, "age=65", "bmi=12")).toEqual({ status: 0, said: "heavy" })
    expect(predicted(model, "age=900", "bmi=19")).toEqual({ status: 0, said: "heavy" })
  })

  it("refuses what it can't prepare, by name", () => {
    const { data } = model
    const yesNo = { ...model, data: { ...data, features: [{ name: "smoker", kind: "boolean" }] } }
    expect(predicted(yesNo, "smoker=1")).toEqual({
      status: 1,
      said: "this example can't prepare smoker: see model.json in docs/reference/results.md"
    })
    const number = { ...model, data: { ...data, label: { numbers: [{ name: "y" }] } } }
    expect(predicted(number, "age=1", "bmi=1")).toMatchObject({ status: 1 })
  })
})
