// Predicts with a model of bicameral: node predict.mjs model.json age=61 pulse=74 bmi=31.5 glucose=7.2
import { readFileSync } from "node:fs"

const [path, ...given] = process.argv.slice(2)
const { data, network, layers } = JSON.parse(readFileSync(path, "utf8"))
const row = new Map(given.map((word) => word.split("=")))
const [low, high] = data.scaleTo

// What this script leaves out: everything but numbers, and classes of them.
const others = data.features.filter(({ kind, indicator }) => kind !== undefined || indicator)
if (others.length > 0 || data.label.values === undefined) {
  const names = others.map(({ name }) => name).join(", ") || "the numbers that the model predicts"
  console.error(`this example can't prepare ${names}: see model.json in docs/reference/results.md`)
  process.exit(1)
}

const cells = data.features.map(({ name }) => Number(row.get(name) || NaN))

const missing = data.features.map(({ name }) => name).filter((_, i) => !Number.isFinite(cells[i]))
if (missing.length > 0) {
  console.error(`give a number for ${missing.join(", ")}, as in ${missing[0]}=1`)
  process.exit(1)
}

// Each feature is scaled by its mean and deviation, or from its public range to scaleTo, in the order of the scenario.
let values = data.features.map(({ mean, deviation, range }, i) =>
  mean === undefined
    ? low + ((cells[i] - range[0]) / (range[1] - range[0])) * (high - low)
    : Math.max(-8, Math.min(8, (cells[i] - mean) / (deviation || 1)))
)
network.layers.forEach(({ activation }, l) => {
  const { weights, bias } = layers[l]
  const sums = bias.map((b, unit) => values.reduce((sum, value, i) => sum + value * weights[i][unit], b))
  values = activation === "relu" ? sums.map((sum) => Math.max(sum, 0)) : sums
})
console.log(data.label.values[values.indexOf(Math.max(...values))])
