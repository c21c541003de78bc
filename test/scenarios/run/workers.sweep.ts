/**
 * Runs over NATS with workers, killed and added in the middle of the transformation and the training: the model is that of a run of the main
 * processes alone, byte for byte. A kill is triggered by what the run reports of itself, never by a clock.
 */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { identityVariable } from "../../../scenarios/run/identities.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { bicameral } from "../../support/program.ts"
import {
  allOwn,
  columns,
  type Leaf,
  leaves,
  read,
  runInMemory,
  type Split,
  silent,
  writeScenario
} from "../../support/small-scenario.ts"

/** Enough rows for some pieces of ciphertexts a user. */
const rows: ReadonlyArray<Leaf> = Array.from({ length: 1_500 }, (_, row) => ({
  ...leaves[row % leaves.length]!,
  id: `leaf-${row}`
}))
const split: Split = [0, 1, 2].map((user) => [
  [rows.slice(500 * user, 500 * (user + 1)), [...columns, "kind"]] as const
])

const workers = 2
const scenario = {
  seed: 5,
  // A request for corrections is answered by whoever of the KGC's gets it: there are some dozens.
  training: { epochs: 20, batch: 48, rate: 0.25 },
  placement: {
    workers: { kgc: workers, cloud0: workers, cloud1: workers },
    threads: { kgc: 1, cloud0: 1, cloud1: 1 }
  },
  expect: { maxWeightDeviation: 0 }
}

/** How often a worker of a run noted something. */
const noted = (out: string, worker: string, what: string) =>
  Effect.map(read(out, "parties", worker, "events.jsonl"), (log) => log.split(`"${what}"`).length - 1)

/** The broker that a run has started. */
const brokerOf = (out: string) =>
  Effect.promise(async () => {
    const file = (await readdir(join(out, "broker"))).find((name) => name.endsWith(".ports"))
    return /nats:\/\/[^"]*/.exec(await readFile(join(out, "broker", file!), "utf8"))![0]
  })

/** Begins another worker of a party while its run is under way, as somebody on another host does. */
const joining = (out: string, run: string, actor: string, state: string) =>
  Effect.gen(function* () {
    const { identities } = JSON.parse(yield* read(out, "credentials.json"))
    return yield* bicameral(["actor", actor, "--join", "--run", run, "--threads", "1", "--state", state], {
      NATS_URL: yield* brokerOf(out),
      [identityVariable(actor)]: identities[actor]
    })
  })

describe("workers - over NATS", () => {
  it.scopedLive(
    "do a part of the work, are killed and added, and the model is that of a run without them",
    () =>
      Effect.gen(function* () {
        const { file, folder, out } = yield* writeScenario(split, scenario)
        yield* runInMemory(file, join(out, "alone"))
        const disturbed = join(out, "disturbed")
        let control: ProcessControl | undefined
        let joined: Fiber.RuntimeFiber<unknown, unknown> | undefined
        const killed: Array<string> = []
        const kill = (worker: string) => {
          if (!killed.includes(worker) && control?.signal(worker, "SIGKILL")) killed.push(worker)
        }
        const run = () =>
          Effect.flatMap(read(disturbed, "run.json"), (text) =>
            joining(disturbed, JSON.parse(text).run, "cloud0", join(folder, "joined"))
          )
        const display: RunDisplay = {
          ...silent,
          progress: (actor, phase) => {
            if (phase === "train") return kill("kgc.w-2")
            if (actor === "cloud1") kill("cloud1.w-1")
            kill("cloud0.w-1")
            joined ??= Effect.runFork(run())
          }
        }
        const onUp = (given: ProcessControl) => {
          control = given
        }
        const options = {
          file,
          out: disturbed,
          transport: "nats",
          seed: Option.none(),
          display,
          onUp
        } as const
        yield* runScenario(options).pipe(Effect.provide(nodeContext))
        expect(yield* read(disturbed, "model.json")).toBe(yield* read(out, "alone", "model.json"))
        expect(killed.sort()).toEqual(["cloud0.w-1", "cloud1.w-1", "kgc.w-2"])
        // It came while there was still something to do, and was let go at the end.
        expect(yield* Fiber.join(joined!)).toEqual({ status: 0, printed: expect.any(String), complained: "" })
        expect((yield* read(folder, "joined", "events.jsonl")).includes('"ask Alive"')).toBe(true)
        // Those that lived did a part of the work.
        expect(yield* noted(disturbed, "cloud0.w-2", "ask Give")).toBeGreaterThan(0)
        expect(yield* noted(disturbed, "cloud1.w-2", "ask Give")).toBeGreaterThan(0)
        // Which of the KGC's processes gets a request is the broker's choice.
        const dealt = yield* Effect.forEach(["kgc.w-1", "kgc.w-2"], (worker) =>
          noted(disturbed, worker, "answer Deal")
        )
        expect(
          Math.max(...dealt),
          yield* read(disturbed, "parties", "kgc.w-1", "events.jsonl")
        ).toBeGreaterThan(0)
        yield* allOwn(disturbed)
      })
  )
})
