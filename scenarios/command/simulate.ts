/**
 * `bicameral simulate`: runs a scenario once for each of many seeds, over all cores, on a virtual network
 * that does what the seed says. Each run has to end with the model of the undisturbed run. A seed that fails
 * is reported with its faults and the command that repeats it.
 */
import { fork } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { Console, Data, Deferred, Effect, Option } from "effect"
import { artifact } from "../../protocol/artifact.ts"
import { refuseRun } from "../folders/trial-of-own.ts"
import { loadSimulation, type SeedResult } from "../simulation/seeds.ts"
import type { WorkerReply, WorkerRequest } from "../simulation/simulate-worker.ts"
import { answer } from "../text/answer.ts"
import type { SimulateRequest } from "./commands.ts"

/** Seeds that did not end as they must. */
export class SeedsFailed extends Data.TaggedError("SeedsFailed")<{
  readonly failed: number
  readonly of: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.failed} of ${this.of} seeds failed; each repeats exactly with the command that stands beside it`
  }
}

/** A process that simulates ended, or could not begin. */
export class SimulatorFailed extends Data.TaggedError("SimulatorFailed")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `the simulation broke off: ${this.reason}`
  }
}

/** Seeds that a worker is given at a time. */
const seedsAtATime = 8
const progressEveryMs = 2_000
/** How many failing seeds are shown in full. */
const toldInFull = 10

/** What all seeds did together. */
interface Tally {
  done: number
  readonly failed: Array<SeedResult>
  messages: number
  virtualMs: number
  readonly faults: Map<string, number>
}

export const simulateAndReport = (request: SimulateRequest) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { file, seeds } = request
      const number = seeds.to - seeds.from + 1
      yield* refuseRun(file, "a simulation")
      const { faults } = yield* loadSimulation(file, request.faults)
      yield* Console.log(
        `${file}: ${number} ${number === 1 ? "seed" : "seeds"}, ${faults === undefined ? "each with faults of its own" : "each with the faults of the plan, drawn anew"}`
      )
      const { log: say } = (yield* Effect.console).unsafe
      const startedMs = performance.now()
      let toldMs = startedMs
      const tally: Tally = { done: 0, failed: [], messages: 0, virtualMs: 0, faults: new Map() }
      const ended = yield* Deferred.make<void, SimulatorFailed>()
      let next = seeds.from
      const lines: Array<string> = []
      const take = (result: SeedResult) => {
        add(tally, result)
        if (result.problems.length > 0 && tally.failed.length <= toldInFull)
          lines.push(...failure(request, result))
        else if (number === 1) lines.push(...story(result))
        const nowMs = performance.now()
        if (nowMs - toldMs >= progressEveryMs && tally.done < number) {
          toldMs = nowMs
          lines.push(`  ${tally.done} of ${number} seeds, ${rate(tally.done, nowMs - startedMs)}`)
        }
        for (const line of lines.splice(0)) say(line)
        if (tally.done === number) Deferred.unsafeDone(ended, Effect.void)
      }
      const fail = (reason: string) =>
        Deferred.unsafeDone(ended, Effect.fail(new SimulatorFailed({ reason })))
      const processes = Math.min(Option.getOrElse(request.processes, availableParallelism), number)
      for (let n = 0; n < processes; n++) {
        const worker = yield* Effect.acquireRelease(
          Effect.sync(() =>
            fork(fileURLToPath(artifact("program/simulate-worker.js")), {
              // Each worker has a core to itself: threads that compile and collect garbage would slow the
              // others down.
              execArgv: ["--max-semi-space-size=64", "--single-threaded"]
            })
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const tell = (message: WorkerRequest) => worker.send(message)
        worker.on("message", (reply: WorkerReply) => {
          if (reply._tag === "Seed") take(reply.result)
          else if (reply._tag === "Failed") fail(reply.message)
          else if (next <= seeds.to) {
            const to = Math.min(next + seedsAtATime - 1, seeds.to)
            tell({ from: next, to })
            next = to + 1
          }
        })
        // That it can't be started, or is no longer there to hear anything.
        worker.on("error", ({ message }) => fail(message))
        worker.on("exit", (code, signal) => fail(`a process ended with ${signal ?? `status ${code}`}`))
        tell({ file, faults: Option.getOrUndefined(request.faults) })
      }
      yield* Deferred.await(ended)
      const elapsedMs = performance.now() - startedMs
      yield* answer({
        text: summary(tally, elapsedMs).join("\n"),
        value: resultOf(request, tally, elapsedMs)
      })
      if (tally.failed.length > 0) return yield* new SeedsFailed({ failed: tally.failed.length, of: number })
    })
  )

const add = (tally: Tally, result: SeedResult) => {
  const { problems, messages, virtualMs, faults } = result
  tally.done++
  if (problems.length > 0) tally.failed.push(result)
  tally.messages += messages
  tally.virtualMs += virtualMs
  for (const [kind, count] of Object.entries(faults))
    tally.faults.set(kind, (tally.faults.get(kind) ?? 0) + count)
}

/** `ms` are above 0: a process has been started meanwhile. */
const rate = (seeds: number, ms: number) => `${(seeds / (ms / 1000)).toFixed(1)} seeds/s`

const summary = (tally: Tally, elapsedMs: number): ReadonlyArray<string> => {
  const thousands = new Intl.NumberFormat("en").format
  const faults = [...tally.faults].sort(([, a], [, b]) => b - a)
  return [
    `${thousands(tally.done)} seeds in ${(elapsedMs / 1000).toFixed(1)} s (${rate(tally.done, elapsedMs)}): ${
      tally.failed.length === 0 ? "none failed" : `${tally.failed.length} failed`
    }`,
    `  ${thousands(tally.messages)} messages arrived, ${thousands(Math.round(tally.virtualMs / 1000))} s passed for the parties`,
    `  faults: ${faults.length === 0 ? "none" : faults.map(([kind, count]) => `${thousands(count)} ${kind}`).join(", ")}`
  ]
}

const failure = ({ file, faults }: SimulateRequest, { seed, problems, plan, history }: SeedResult) => [
  `seed ${seed} failed:`,
  ...problems.slice(0, 5).map((problem) => `  ${problem}`),
  ...[...plan, ...history].map((line) => `    ${line}`),
  `  to repeat it: ${repeating({ file, faults }, seed)}`
]

const repeating = ({ file, faults }: Pick<SimulateRequest, "file" | "faults">, seed: number): string =>
  `bicameral simulate ${file} --seeds ${seed}${Option.match(faults, { onNone: () => "", onSome: (path) => ` --faults ${path}` })}`

/** What all seeds did, and every seed that failed. */
const resultOf = (request: SimulateRequest, tally: Tally, elapsedMs: number) => ({
  seeds: tally.done,
  seconds: elapsedMs / 1000,
  messages: tally.messages,
  virtualSeconds: tally.virtualMs / 1000,
  faults: Array.from(tally.faults, ([kind, count]) => ({ kind, count })),
  failed: tally.failed.map(({ history, plan, problems, seed }) => ({
    ...{ seed, problems, plan, history },
    repeat: repeating(request, seed)
  }))
})

const story = ({ history, plan, trace }: SeedResult) => [
  ...[...plan, ...history].map((line) => `  ${line}`),
  `  trace ${trace}`
]
