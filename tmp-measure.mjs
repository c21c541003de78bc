import { Effect } from "effect"
import { NodeContext } from "@effect/platform-node"
import { prepareRun } from "./dist/scenarios/run/prepare.js"
import { choicesOf } from "./dist/scenarios/reference/comparison.js"
import { trainFloatReference } from "./dist/scenarios/reference/reference.js"
import { tallyOf } from "./dist/protocol/metrics/tally.js"
import { metricsOf } from "./dist/protocol/metrics/metrics.js"
import { lossOf } from "./dist/actors/party/agreement.js"
const mean = (x) => x.reduce((a,b)=>a+b,0)/x.length
for (const file of process.argv.slice(2)) {
  const all=[]
  for (let seed=1; seed<=10; seed++) {
    const { agreement, joined } = await Effect.runPromise(prepareRun(file, seed).pipe(Effect.provide(NodeContext.layer)))
    const { dealerKey, ...choices } = choicesOf(agreement, joined)
    const { model } = await trainFloatReference({ ...choices, training: joined.training() })
    all.push(metricsOf(agreement.data, lossOf(agreement), tallyOf(model, lossOf(agreement), joined.heldOut())))
  }
  console.log(file, "acc", mean(all.map(m=>m.accuracy)).toFixed(3), "bal", mean(all.map(m=>m.balancedAccuracy)).toFixed(3), all[0].classes.map((c,i)=>c.label+" recall "+mean(all.map(m=>m.classes[i].recall)).toFixed(3)+" prec "+mean(all.map(m=>m.classes[i].precision??0)).toFixed(3)).join("; "))
}
