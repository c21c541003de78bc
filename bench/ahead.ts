/**
 * What a training step takes where the KGC has dealt ahead, so that cloud 1 reads and decrypts what it has stored, next to a step
 * with the KGC dealing beside it: all parties processes over NATS, runs of both in turns.
 */
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Effect } from "effect"
import { artifact } from "../protocol/artifact.ts"
import { startOwnBroker } from "../runtime/broker/start.ts"
import { parentGone, startActor } from "../runtime/processes/process.ts"
import { benchUsers } from "./channels.ts"
import { announceMachine, ratioOf, type Spread, spreadOf, writeFigures } from "./measure.ts"
import { measuredNetworks } from "./networks.ts"
import {
  inFolder,
  networkNamed,
  stretchEnds,
  type TrainingParty,
  trainingParties,
  trainingParty
} from "./training-party.ts"

const runs = 3
const ways = ["kgc", "kgc-ahead"] as const
type Way = (typeof ways)[number]

/** Steps of a run: what is dealt ahead has to have room on the disk. */
const mostSteps = 3200
const cellsOfRun = 20_000_000
/** The first steps of a run are spent on compiling. */
const warmShare = 0.5

const measuredAs = (name: string) => {
  const measured = networkNamed(name)
  const cells = measured.batch * measured.network.inputs
  return { ...measured, steps: Math.min(mostSteps, Math.floor(cellsOfRun / cells)) }
}

/** Trains once; milliseconds of a step. */
const trainOnce = (name: string, way: Way, folder: string) =>
  Effect.gen(function* () {
    const { url } = yield* startOwnBroker({ credentials: benchUsers })
    const processes = yield* Effect.forEach(trainingParties, (party) =>
      startActor({
        party,
        entry: fileURLToPath(artifact("bench/ahead.js")),
        args: [party, name, folder, way],
        env: { NATS_URL: url },
        readyTimeoutMs: 30_000
      })
    )
    yield* Effect.all([processes[1]!.exit, processes[2]!.exit])
    const { steps } = measuredAs(name)
    const ends = stretchEnds(join(folder, "cloud0.jsonl")).filter(({ last }) => last >= steps * warmShare)
    const [first, last] = [ends[0]!, ends.at(-1)!]
    return (last.at - first.at) / (last.last - first.last)
  }).pipe(Effect.scoped)

const shown = ({ median, least, most }: Spread, unit: string): string =>
  `${median.toFixed(2)} ${unit} (${least.toFixed(2)}–${most.toFixed(2)})`

/** Measures both networks both ways; writes `out/bench/ahead.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const figures = []
  for (const { name } of measuredNetworks) {
    const times: Record<Way, Array<number>> = { kgc: [], "kgc-ahead": [] }
    for (let run = 0; run < runs; run++)
      for (const way of ways)
        times[way].push(await inFolder((folder) => Effect.runPromise(trainOnce(name, way, folder))))
    const [beside, ahead] = ways.map((way) => spreadOf(times[way]))
    const ratio = ratioOf(times["kgc-ahead"], times.kgc)
    figures.push({ name, beside, ahead, ratio })
    console.log(
      `${name}: ${shown(beside!, "ms a step")} with the KGC dealing beside it, ${shown(ahead!, "ms")} dealt ahead; ${shown(ratio, "times")}`
    )
  }
  writeFigures("ahead", { machine, figures })
}

const [, script, party, name, folder, way] = process.argv
if (script !== undefined && import.meta.url === pathToFileURL(script).href && way !== undefined)
  await Effect.runPromise(
    Effect.raceFirst(
      trainingParty(party as TrainingParty, measuredAs(name!), folder!, way as Way),
      parentGone
    )
  )
