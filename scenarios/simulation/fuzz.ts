/**
 * `npm run fuzz`: at least 100,000 malformed, mutated, replayed and forged messages, on every subject, against
 * parties at work whose messages are sealed, and as many past the seals. No party may die, memory must stay flat, and the model must be that of the undisturbed
 * run. Arguments: a scenario, how many messages, and a seed.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Option } from "effect"
import { fuzzRun } from "./fuzzed-run.ts"
import { loadSimulation, simulateUndisturbed } from "./seeds.ts"

Error.stackTraceLimit = 0
setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const [file = "scenarios/two-growers.yaml", count = "100000", seed = "1"] = process.argv.slice(2)
const messages = Number(count)
/** Injected between two messages of the run: enough to inject all of them well before it ends. */
const atATime = Math.ceil(messages / 120)
/**
 * What a flood may leave in memory: requests, replies and fragments, each bounded in
 * `runtime/messaging/limits.ts`.
 */
const mostGrowthBytes = 64 * 2 ** 20

const { simulation } = await Effect.runPromise(
  Effect.provide(loadSimulation(file, Option.none()), nodeContext)
)
const expected = await simulateUndisturbed(simulation)

const heap = () => {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** Floods the run's messages, sealed as they are or unsealed, and says what is wrong. */
const flood = async (sealed: boolean): Promise<ReadonlyArray<string>> => {
  const started = performance.now()
  const before = heap()
  let half = 0
  const { run, injected, subjects } = await fuzzRun(simulation, {
    seed: Number(seed),
    messages,
    atATime,
    sealed,
    onProgress: (done) => {
      if (half === 0 && done >= messages / 2) half = heap()
    }
  })
  const after = heap()
  const total = [...injected.values()].reduce((sum, n) => sum + n, 0)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(
    `${sealed ? "sealed" : "unsealed"}: ${total} messages on ${subjects.size} subjects in ${seconds} s`
  )
  console.log(`  ${[...injected].map(([kind, n]) => `${n} ${kind}`).join(", ")}`)
  console.log(`  memory: ${mebibytes(before)} before, ${mebibytes(half)} half-way, ${mebibytes(after)} after`)
  return [
    ...run.violations,
    ...(run.error === undefined ? [] : [`it ended with: ${run.error}`]),
    ...(run.model !== undefined && Buffer.compare(run.model, expected.model!) !== 0
      ? ["the model is another"]
      : []),
    ...(total < messages ? [`only ${total} messages were injected`] : []),
    ...(half - before > mostGrowthBytes || after - half > mostGrowthBytes / 2 ? ["memory grew"] : [])
  ]
}

for (const sealed of [true, false]) {
  const problems = await flood(sealed)
  console.log(
    problems.length === 0
      ? "  every party is alive, the model is that of the undisturbed run"
      : problems.join("\n")
  )
  if (problems.length > 0) process.exitCode = 1
}
