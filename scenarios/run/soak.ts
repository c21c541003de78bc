/**
 * `npm run soak`: one run over NATS for at least half an hour on a bad network, with the memory of every
 * process sampled every ten seconds. No process may need more in the last third than in the second.
 * Arguments: a scenario, and minutes.
 */
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Duration, Effect, Logger, Option } from "effect"
import { parse, stringify } from "yaml"
import type { Scenario } from "../description/schema.ts"
import { runScenario } from "./run.ts"

const [file = "scenarios/two-growers.yaml", minutes = "31"] = process.argv.slice(2)
const lastsMs = Number(minutes) * 60_000
const sampleEveryMs = 10_000
/** By how much the last third may exceed the second: garbage that is not collected yet. */
const mostGrowth = 0.1
const mostGrowthBytes = 16 * 2 ** 20

/** The rates of faults throughout the run. */
const badNetwork = { loss: 0.005, duplication: 0.01, reordering: 0.01, corruption: 0.002, truncation: 0.002 }

const folder = await mkdtemp(join(tmpdir(), "bicameral-soak-"))
const written = parse(readFileSync(file, "utf8")) as Pick<Scenario, "users" | "training">
const endless = {
  ...written,
  users: written.users.map((user) => ({
    ...user,
    holds: user.holds.map((held) => ({ ...held, file: relative(folder, resolve(dirname(file), held.file)) }))
  })),
  // More than can be trained in the time.
  training: { ...written.training, epochs: 100_000 },
  deadlines: { phaseTimeoutMs: 7 * 86_400_000 },
  reveal: ["progress"],
  faults: { links: [badNetwork] }
}
await writeFile(join(folder, "soak.yaml"), stringify(endless))

const processes = new Map<string, number>([["runner", process.pid]])
const samples = new Map<string, Array<number>>()
let steps = 0
const residentBytes = (pid: number): number | undefined => {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096
  } catch {
    return undefined
  }
}
const sample = () => {
  for (const [party, pid] of processes) {
    const bytes = residentBytes(pid)
    if (bytes === undefined) continue
    const taken = samples.get(party) ?? []
    taken.push(bytes)
    samples.set(party, taken)
  }
}
const timer = setInterval(sample, sampleEveryMs)

const run = runScenario({
  report: false,
  file: join(folder, "soak.yaml"),
  out: join(folder, "out"),
  transport: "nats",
  seed: Option.none(),
  display: {
    note: (text) => console.log(text),
    phase: (phase) => console.log(phase),
    progress: (_, phase, done) => {
      if (phase === "train") steps = Math.max(steps, done)
    },
    life: (event) => {
      if (event._tag === "Up") processes.set(event.party, event.pid)
    }
  }
}).pipe(Effect.provide(nodeContext), Effect.provide(Logger.remove(Logger.defaultLogger)))

const early = await Effect.runPromise(
  Effect.raceFirst(
    Effect.match(run, {
      onFailure: (error) => error.message,
      onSuccess: () => "the run ended before the time was over"
    }),
    Effect.as(Effect.sleep(Duration.millis(lastsMs)), undefined)
  )
)
clearInterval(timer)
await rm(folder, { recursive: true, force: true })

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
const problems = early === undefined ? [] : [early]
if (steps === 0) problems.push("no step was trained")
console.log(
  `${steps} steps in ${(lastsMs / 60_000).toFixed(0)} minutes; memory by thirds of the time, medians:`
)
for (const [party, taken] of samples) {
  const third = Math.floor(taken.length / 3)
  const [first, second, last] = [0, 1, 2].map((n) => median(taken.slice(n * third, (n + 1) * third)))
  console.log(`  ${party.padEnd(10)} ${[first!, second!, last!].map(mebibytes).join("  ")}`)
  if (last! > second! * (1 + mostGrowth) + mostGrowthBytes) problems.push(`the memory of ${party} grew`)
}
console.log(problems.length === 0 ? "flat in every process" : problems.join("\n"))
process.exit(problems.length === 0 ? 0 : 1)
