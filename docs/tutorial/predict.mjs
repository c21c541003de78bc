// Predicts with a model of bicameral: node predict.mjs model.json age=61 pulse=74 bmi=31.5 glucose=7.2
import { readFileSync } from "node:fs"

const [path, ...given] = process.argv.slice(2)
const { data, network, layers } = JSON.parse(readFileSync(path, "utf8"))
const row = new Map(given.map((word) => word.split("=")))
const [low, high] = data.scaleTo

const cells = data.features.map(({ name }) => Number(row.get(name) || NaN))

const missing = data.features.map(({ name }) => name).filter((_, i) => !Number.isFinite(cells[i]))
if (missing.length > 0) {
  console.error(`give a number for ${missing.join(", ")}, as in ${missing[0]}=1`)
  process.exit(1)
}

// Each feature is scaled from its public range to scaleTo, in the order of the scenario.
let values = data.features.map(
  ({ range: [least, greatest] }, i) => low + ((cells[i] - least) / (greatest - least)) * (high - low)
)
network.layers.forEach(({ activation }, l) => {
  const { weights, bias } = layers[l]
  const sums = bias.map((b, unit) => values.reduce((sum, value, i) => sum + value * weights[i][unit], b))
  values = activation === "relu" ? sums.map((sum) => Math.max(sum, 0)) : sums
})
console.log(data.label.values[values.indexOf(Math.max(...values))])
