/**
 * What a training step takes with every party a process of its own over NATS: the KGC deals, the clouds train on shares of a
 * synthetic table. Beside it the floor, which is the same arithmetic with nothing between, on all cores at once, in turns with the
 * training; and where the processes' time goes, from samples of their stacks in a last run, so that the sampling does not slow what is timed.
 */
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Effect } from "effect"
import { artifact } from "../protocol/artifact.ts"
import { startOwnBroker } from "../runtime/broker/start.ts"
import { parentGone, sayReady, startActor } from "../runtime/processes/process.ts"
import { bareSealsMs } from "./bare-seals.ts"
import { benchUsers } from "./channels.ts"
import {
  announceMachine,
  ownProcessorMs,
  processorMs,
  ratioOf,
  type Spread,
  spreadOf,
  writeFigures
} from "./measure.ts"
import { type MeasuredNetwork, variantsOf } from "./networks.ts"
import { parts, partsOfProfile } from "./profile.ts"
import { kernelSteps } from "./step-kernels.ts"
import {
  inFolder,
  networkNamed,
  stretchEnds,
  type TrainingParty,
  trainingParties,
  trainingParty
} from "./training-party.ts"
import { paused, stepDuring, type Turn, turn } from "./turns.ts"

/** Runs whose steps are timed, each of fresh processes. */
const runs = 5
/** The first steps of a run are spent on compiling, for V8 takes up one function after the other. */
const warmShare = 0.5
/** The same for arithmetic alone, which is compiled sooner. */
const arithmeticWarmMs = 6_000
/** How often who computes tells how far it is. */
const toldMs = 100
/** Samples the stacks of a process and writes them when it ends. */
const sampling = (folder: string, name: TrainingParty): ReadonlyArray<string> => [
  "--cpu-prof",
  `--cpu-prof-dir=${folder}`,
  `--cpu-prof-name=${name}.cpuprofile`,
  "--cpu-prof-interval=250"
]

/** Milliseconds of a step: on the clock, and of each process's processor time; and what its arithmetic takes on all cores. */
interface StepTime {
  readonly step: number
  readonly processor: Readonly<Record<string, number>>
  readonly floor: number
}

/** Steps of arithmetic alone, when the last of them was done, and milliseconds of processor time: of the arithmetic, and all. */
interface Computed {
  readonly at: number
  readonly steps: number
  readonly arithmetic: number
  readonly all: number
}

/** The arithmetic of all parties, step after step, on every core at once; stopped at first, once it is compiled. */
const arithmeticBeside = ({ name }: MeasuredNetwork) =>
  Effect.gen(function* () {
    const told: Array<Computed> = []
    const processes = yield* Effect.forEach(
      Array.from({ length: availableParallelism() }, (_, core) => `arithmetic ${core}`),
      (party) =>
        startActor({
          party,
          entry: fileURLToPath(artifact("bench/step.js")),
          args: ["floor", name],
          env: {},
          readyTimeoutMs: 30_000,
          onLine: (line) => told.push(line as Computed)
        }),
      { concurrency: "unbounded" }
    )
    const { stop, goOn } = yield* paused(processes.map(({ pid }) => pid))
    yield* Effect.sleep(arithmeticWarmMs)
    yield* stop
    /**
     * Milliseconds of a step whose arithmetic is spread evenly, over some turns. On the clock, as the training is: what takes the cores from one,
     * such as another machine on the same host, takes them from both. What the loop does beside arithmetic is not counted.
     */
    const during = (turns: ReadonlyArray<Turn>) => {
      const taken = told.filter(({ at }) => turns.some(([from, to]) => at >= from && at <= to))
      if (taken.length === 0) throw new Error("no step's arithmetic ended in a turn")
      const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, each) => all + each, 0)
      const share = sum(taken.map(({ arithmetic }) => arithmetic)) / sum(taken.map(({ all }) => all))
      return (share * sum(turns.map(([from, to]) => to - from))) / sum(taken.map(({ steps }) => steps))
    }
    return { stop, goOn, during }
  })

/** Starts the parties, which train once. */
const startTraining = (measured: MeasuredNetwork, folder: string, { sampled = false } = {}) =>
  Effect.gen(function* () {
    const { url, pid } = yield* startOwnBroker({ credentials: benchUsers })
    const processes = yield* Effect.forEach(trainingParties, (name) =>
      startActor({
        party: name,
        entry: fileURLToPath(artifact("bench/step.js")),
        args: [name, measured.name, folder],
        env: { NATS_URL: url },
        readyTimeoutMs: 30_000,
        nodeOptions: sampled ? sampling(folder, name) : []
      })
    )
    /** The stretches after the first steps. */
    const warm = () =>
      stretchEnds(join(folder, "cloud0.jsonl")).filter(({ last }) => last >= measured.steps * warmShare)
    return {
      pids: { broker: pid, ...Object.fromEntries(processes.map(({ party, pid }) => [party, pid])) },
      warm,
      trained: Effect.all([processes[1]!.exit, processes[2]!.exit])
    }
  })

/** Trains once, and has arithmetic alone take every second turn after the first steps. */
const trainInTurns = (measured: MeasuredNetwork, folder: string) =>
  Effect.gen(function* () {
    const arithmetic = yield* arithmeticBeside(measured)
    const { pids, warm, trained } = yield* startTraining(measured, folder)
    const training = yield* paused(Object.values(pids))
    const spent = () =>
      Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, processorMs(pid)]))
    const ofTraining: Array<Turn> = []
    const ofArithmetic: Array<Turn> = []
    let before: Readonly<Record<string, number>> = {}
    let after = before
    const turns = Effect.gen(function* () {
      while (warm().length === 0) yield* Effect.sleep("500 millis")
      before = spent()
      for (;;) {
        const took = yield* turn
        yield* training.stop
        // Only between turns: the parties need both cores.
        const now = spent()
        // Of who has ended nothing is known any more.
        if (Object.values(now).every((ms) => ms > 0)) {
          ofTraining.push(took)
          after = now
        }
        yield* arithmetic.goOn
        ofArithmetic.push(yield* turn)
        yield* arithmetic.stop
        yield* training.goOn
      }
    })
    yield* Effect.raceFirst(trained, turns)
    const ends = warm()
    const step = stepDuring(ends, ofTraining)
    // Who is stopped makes no step and takes no time, so all that lies between the first turn and the last is theirs.
    const [from, to] = [ofTraining[0]![0], ofTraining.at(-1)![1]]
    const done = ends.findLast(({ at }) => at <= to)!.last - ends.find(({ at }) => at >= from)!.last
    const time: StepTime = {
      step,
      processor: Object.fromEntries(
        Object.keys(pids).map((name) => [name, (after[name]! - before[name]!) / done])
      ),
      floor: arithmetic.during(ofArithmetic)
    }
    return time
  }).pipe(Effect.scoped)

/** Where the time of each process goes, as shares of it, from sampled stacks. */
const sample = (measured: MeasuredNetwork) =>
  inFolder(async (folder) => {
    const stepMs = await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const { warm, trained } = yield* startTraining(measured, folder, { sampled: true })
          yield* trained
          return stepDuring(warm(), [[0, Date.now()]])
        })
      )
    )
    const profiles = trainingParties.map((name) => {
      const profile = JSON.parse(readFileSync(join(folder, `${name}.cpuprofile`), "utf8"))
      return { actor: name, shares: partsOfProfile(profile, 1 - warmShare) }
    })
    return { stepMs, profiles }
  })

/** In a process of its own: arithmetic without end. */
const computing = async (measured: MeasuredNetwork): Promise<void> => {
  await Effect.runPromise(sayReady({}))
  let [at, before, steps, arithmetic] = [Date.now(), ownProcessorMs(), 0, 0]
  for await (const { dealer, cloud0, cloud1 } of kernelSteps(measured)) {
    steps++
    arithmetic += dealer + cloud0 + cloud1
    // Seldom, as the parent needs a core to read it.
    if (Date.now() >= at + toldMs) {
      at = Date.now()
      const now = ownProcessorMs()
      const told: Computed = { at, steps, arithmetic, all: now - before }
      process.stdout.write(`${JSON.stringify(told)}\n`)
      before = now
      steps = arithmetic = 0
    }
    // That its parent has gone is seen between steps.
    await setImmediate()
  }
}

/** What some runs took of a network. */
interface Taken {
  readonly measured: MeasuredNetwork
  readonly times: Array<StepTime>
  readonly seals: Array<number>
}

/** Measures variants of a network in turns, run by run. */
const measure = async (variants: ReadonlyArray<MeasuredNetwork>) => {
  const all = variants.map((measured): Taken => ({ measured, times: [], seals: [] }))
  for (let run = 0; run < runs; run++)
    for (const { measured, times, seals } of all) {
      times.push(await inFolder((folder) => Effect.runPromise(trainInTurns(measured, folder))))
      seals.push(bareSealsMs(measured))
    }
  const results = []
  for (const taken of all) results.push(await resultOf(taken, all[0]!))
  return results
}

const resultOf = async ({ measured, times, seals }: Taken, first: Taken) => {
  const steps = times.map((time) => time.step)
  const floors = times.map(({ floor }) => floor)
  const processor = Object.fromEntries(
    ["broker", ...trainingParties].map((name) => [
      name,
      spreadOf(times.map((time) => time.processor[name]!)).median
    ])
  )
  return {
    name: measured.name,
    batch: measured.batch,
    step: spreadOf(steps),
    processor,
    floor: spreadOf(floors),
    ratio: ratioOf(steps, floors),
    /** Of a step to that of the first variant. */
    toFirst: ratioOf(
      steps,
      first.times.map(({ step }) => step)
    ),
    seals: spreadOf(seals),
    ...(await sample(measured))
  }
}

const shown = ({ median, least, most }: Spread, unit: string): string =>
  `${median.toFixed(2)} ${unit} (${least.toFixed(2)}–${most.toFixed(2)})`

/** Measures both networks, with other losses in turns, prints the tables and writes `out/bench/step.json`. */
export const run = async (otherLosses: ReadonlyArray<string>): Promise<void> => {
  // Broken off, this process ends as it does otherwise, so that nobody stays stopped.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1))
  const machine = announceMachine()
  const results = []
  for (const variants of variantsOf(otherLosses))
    for (const result of await measure(variants)) {
      results.push(result)
      console.log(
        `\n${result.name}, batch ${result.batch}: ${shown(result.step, "ms a step")}, medians of ${runs} runs`
      )
      console.log(
        `floor, all arithmetic spread over ${machine.cores} cores: ${shown(result.floor, "ms")}; ${shown(result.ratio, "times the floor")}`
      )
      if (otherLosses.length > 0) console.log(`${shown(result.toFirst, "times the step with squared error")}`)
      console.log(
        `AES-128-GCM of a step's messages, sealed and opened once: ${shown(result.seals, "ms")} of processor time`
      )
      console.log(
        `processor time of a step: ${Object.entries(result.processor)
          .map(([name, ms]) => `${name} ${ms.toFixed(2)}`)
          .join(", ")} ms`
      )
      console.log(`${"ms a step".padEnd(12)}${parts.map((part) => part.padStart(10)).join("")}`)
      for (const { actor, shares } of result.profiles)
        console.log(
          `${actor.padEnd(12)}${parts.map((part) => (shares[part] * result.stepMs).toFixed(2).padStart(10)).join("")}`
        )
    }
  writeFigures("step", { machine, results })
}

const [, script, name, network, folder] = process.argv
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  if (folder !== undefined) {
    // The samples are written where a process ends of itself.
    process.once("SIGTERM", () => process.exit(0))
    await Effect.runPromise(
      Effect.raceFirst(trainingParty(name as TrainingParty, networkNamed(network), folder), parentGone)
    )
  } else if (name === "floor")
    await Promise.race([
      computing(networkNamed(network)),
      Effect.runPromise(parentGone).then(() => process.exit(0))
    ])
  else await run([])
}
