/**
 * What a step of the wide network takes where the parties are far from each other, with the KGC dealing and with the clouds: each a
 * process of its own over NATS. The broker is beside cloud 1; cloud 0 and the KGC reach it over links with a delay and a bandwidth.
 */
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Effect } from "effect"
import { artifact } from "../protocol/artifact.ts"
import { startOwnBroker } from "../runtime/broker/start.ts"
import { parentGone, startActor } from "../runtime/processes/process.ts"
import { benchUsers } from "./channels.ts"
import { openLink } from "./link.ts"
import { announceMachine, type Spread, spreadOf, writeFigures } from "./measure.ts"
import {
  inFolder,
  networkNamed,
  type StretchEnd,
  stretchEnds,
  type TrainingParty,
  trainingParties,
  trainingParty
} from "./training-party.ts"

const delayMs = 20
const megabitsPerSecond = 352

/** Steps of a run; those before the first of these shares of them fill what is dealt ahead. */
const stepsOf = { kgc: 90, clouds: 30 }
type Dealing = keyof typeof stepsOf
const warmShare = 0.4

const measuredAs = (name: string, dealing: Dealing) => ({ ...networkNamed(name), steps: stepsOf[dealing] })

/** Trains once; gives the seconds of a step in each stretch. */
const trainFar = (name: string, dealing: Dealing, folder: string) =>
  Effect.gen(function* () {
    const { url } = yield* startOwnBroker({ credentials: benchUsers })
    const far = yield* Effect.acquireRelease(
      Effect.promise(() =>
        openLink({ to: { host: "127.0.0.1", port: Number(new URL(url).port) }, delayMs, megabitsPerSecond })
      ),
      ({ close }) => Effect.sync(close)
    )
    const processes = yield* Effect.forEach(trainingParties, (party) =>
      startActor({
        party,
        entry: fileURLToPath(artifact("bench/wide-area.js")),
        args: [party, name, folder, dealing],
        env: { NATS_URL: party === "cloud1" ? url : `nats://127.0.0.1:${far.port}` },
        readyTimeoutMs: 30_000
      })
    )
    yield* Effect.all([processes[1]!.exit, processes[2]!.exit])
    const ends = stretchEnds(join(folder, "cloud0.jsonl"))
    return ends.slice(1).flatMap((end, i) => secondsAStep(ends[i]!, end, dealing))
  }).pipe(Effect.scoped)

const secondsAStep = (before: StretchEnd, end: StretchEnd, dealing: Dealing): ReadonlyArray<number> =>
  before.last < stepsOf[dealing] * warmShare ? [] : [(end.at - before.at) / 1000 / (end.last - before.last)]

const shown = ({ median, least, most }: Spread): string =>
  `${median.toFixed(3)} s a step (${least.toFixed(3)}–${most.toFixed(3)})`

/** Measures the wide network with both losses and both ways of dealing; writes `out/bench/wide-area.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log(
    `${delayMs} ms one way and ${megabitsPerSecond} Mbit/s between any two parties; stretches of steps`
  )
  const figures = []
  for (const dealing of ["kgc", "clouds"] as const)
    for (const name of ["784-128-128-10", "784-128-128-10 softmax"]) {
      const step = spreadOf(await inFolder((folder) => Effect.runPromise(trainFar(name, dealing, folder))))
      figures.push({ name, dealing, step })
      console.log(`${name}, dealt by the ${dealing === "kgc" ? "KGC" : "clouds"}: ${shown(step)}`)
    }
  writeFigures("wide-area", { machine, delayMs, megabitsPerSecond, figures })
}

const [, script, party, name, folder, dealing] = process.argv
if (script !== undefined && import.meta.url === pathToFileURL(script).href && dealing !== undefined) {
  const measured = measuredAs(name!, dealing as Dealing)
  await Effect.runPromise(
    Effect.raceFirst(trainingParty(party as TrainingParty, measured, folder!, dealing as Dealing), parentGone)
  )
}
