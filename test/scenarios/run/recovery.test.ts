/**
 * Every party of a run over NATS is killed with SIGKILL in every phase, some in each run; the model is that of the undisturbed run,
 * byte for byte. A kill is triggered by what the run reports of itself, never by a clock.
 */
import { mkdirSync, rmdirSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { computationName, planOf } from "../../../actors/party/agreement.ts"
import { type Phase, phases } from "../../../actors/party/phases.ts"
import { partyRoot } from "../../../actors/party/root.ts"
import type { Model } from "../../../protocol/learning/model.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { drawCredentials, startOwnBroker } from "../../../runtime/broker/start.ts"
import { bucketStore } from "../../../runtime/storage/jetstream-store.ts"
import { encrypted, stable } from "../../../runtime/storage/store.ts"
import { brokerRequests } from "../../../runtime/transport/nats.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { checkData, joinData } from "../../../scenarios/description/joined.ts"
import { loadScenario } from "../../../scenarios/description/load.ts"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import { maximumDeviation, trainFixedReference } from "../../../scenarios/reference/reference.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import {
  allOwn,
  disturbedRun,
  read,
  runInMemory,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"

const minutes = 60_000

const parties = ["kgc", "cloud0", "cloud1", "user1", "user2", "director", "broker"] as const
type Killed = (typeof parties)[number] | "user3"
type Kills = ReadonlyArray<readonly [Phase, Killed]>

/** Who is killed in which phase of the k-th run: over as many runs as there are parties, each in each phase. */
const plan = (k: number): Kills => phases.map((phase, i) => [phase, parties[(k + 3 * i) % parties.length]!])

/** A display that kills: when a phase begins, or as soon as the victim is up in it; in training, when the clouds have got somewhere. */
const killing = (kills: Kills) => {
  const left = new Map(kills)
  const done: Array<string> = []
  let control: ProcessControl | undefined
  let begun = "setup"
  const kill = (phase: string) => {
    const victim = left.get(phase as Phase)
    if (victim === undefined || control === undefined || !control.signal(victim, "SIGKILL")) return
    left.delete(phase as Phase)
    done.push(`${victim} in ${phase}`)
  }
  const display: RunDisplay = {
    note: () => {},
    // The director begins while the others are still starting, and users who left come back for the output.
    life: (event) => {
      if (begun !== "train" && event._tag === "Up" && event.party === left.get(begun as Phase)) kill(begun)
    },
    phase: (phase) => {
      begun = phase
      if (phase !== "train") kill(phase)
    },
    progress: (_, phase, steps) => {
      if (phase === "train" && steps >= 96) kill(phase)
    }
  }
  const onUp = (given: ProcessControl) => {
    control = given
  }
  return { display, done, onUp }
}

describe("recovery - over NATS", () => {
  it.scopedLive(
    "whoever is killed in whatever phase, the model is that of the undisturbed run",
    () =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(splits.rows, disturbedRun)
        yield* runInMemory(file, join(out, "undisturbed"))
        const undisturbed = yield* read(out, "undisturbed", "model.json")
        const killed = new Set<string>()
        for (const k of parties.keys()) {
          const { display, done, onUp } = killing(plan(k))
          const options = { file, out: join(out, String(k)), transport: "nats", seed: Option.none() } as const
          const result = yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
          expect(yield* read(out, String(k), "model.json"), plan(k).join("; ")).toBe(undisturbed)
          expect(result.recoveries.map(({ party }) => party).sort()).toEqual(
            plan(k)
              .map(([, party]) => party)
              .sort()
          )
          for (const each of done) killed.add(each)
        }
        expect(killed.size).toBe(parties.length * phases.length)
      }),
    6 * minutes
  )

  const others = {
    "a hybrid upload": [
      { security: { modulusBits: 512, insecure: true, upload: "hybrid" } },
      { setup: "user1", upload: "cloud1", transform: "cloud0", train: "cloud1", output: "user3" }
    ],
    "users who leave after the upload": [
      { placement: { usersLeaveAfterUpload: true } },
      { setup: "director", upload: "user1", transform: "kgc", train: "cloud0", output: "user2" }
    ],
    "a hybrid upload of users who leave": [
      {
        placement: { usersLeaveAfterUpload: true },
        security: { modulusBits: 512, insecure: true, upload: "hybrid" }
      },
      { setup: "cloud0", upload: "user2", transform: "cloud1", train: "broker", output: "director" }
    ]
  } as const
  for (const [what, [changes, kills]] of Object.entries(others))
    it.scopedLive(
      `with ${what} as well`,
      () =>
        Effect.gen(function* () {
          const { file, out } = yield* writeScenario(splits.rows, { ...disturbedRun, ...changes })
          yield* runInMemory(file, join(out, "undisturbed"))
          const { display, done, onUp } = killing(Object.entries(kills) as Kills)
          const options = { file, out: join(out, "killed"), transport: "nats", seed: Option.none() } as const
          yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
          expect(done.length).toBe(phases.length)
          expect(yield* read(out, "killed", "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
        }),
      2 * minutes
    )

  it.scopedLive(
    "with checkpoints at the broker a cloud goes on from there, and has none in its folder",
    () =>
      Effect.gen(function* () {
        const placement = { checkpoints: "jetstream" }
        const { file, out } = yield* writeScenario(splits.rows, { ...disturbedRun, placement })
        yield* runInMemory(file, join(out, "undisturbed"))
        const killed = join(out, "killed")
        const kills: Kills = [
          ["upload", "broker"],
          ["train", "cloud0"]
        ]
        const { display, done, onUp } = killing(kills)
        const options = { file, out: killed, transport: "nats", seed: Option.none() } as const
        yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
        expect(done).toEqual(["broker in upload", "cloud0 in train"])
        expect(yield* read(killed, "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
        for (const cloud of ["cloud0", "cloud1"]) {
          const kept = yield* Effect.promise(() => readdir(join(killed, "parties", cloud, "stable")))
          expect(kept.filter((name) => name.startsWith("weights-"))).toEqual([])
        }
        // The broker has both clouds' shares, and knows the passwords that the clouds' folders are under.
        const { run } = JSON.parse(yield* read(killed, "run.json")) as { run: string }
        const { passwords } = JSON.parse(yield* read(killed, "credentials.json"))
        const broker = yield* startOwnBroker({
          storing: true,
          folder: join(killed, "broker"),
          credentials: drawCredentials()
        })
        for (const party of ["cloud0", "cloud1"]) {
          const bucket = bucketStore(
            yield* brokerRequests({ servers: [broker.url], ...broker.credentials[party]! }),
            party,
            run
          )
          const [name] = yield* bucket.list
          const opening = encrypted(bucket, { party, run, secret: Redacted.make(passwords[party]) }).get(
            name!
          )
          expect(yield* Effect.flip(opening), name).toMatchObject({ _tag: "StoredBytesChanged", party })
        }
        // Cloud 1 has seen it all: that training began at the first step once, and again later on.
        const log = yield* read(killed, "parties", "cloud1", "events.jsonl")
        const firsts = log
          .split("\n")
          .filter((line) => line.includes('"steps"'))
          .map((line) => Number(/"first":(\d+)/.exec(line)?.[1]))
        expect(firsts.filter((first) => first === 1)).toEqual([1])
        expect(firsts.length).toBeGreaterThan(1)
        yield* allOwn(killed)
      }),
    2 * minutes
  )

  it.scopedLive(
    "without a seed the model is the one that follows from what the parties drew before they were killed",
    () =>
      Effect.gen(function* () {
        const { seed: _, expect: __, ...unseeded } = disturbedRun
        const { file, out } = yield* writeScenario(splits.rows, unseeded)
        const kills = [
          ["setup", "kgc"],
          ["upload", "user1"],
          ["transform", "cloud0"],
          ["train", "cloud1"],
          ["output", "cloud0"]
        ] as const
        const { display, done, onUp } = killing(kills)
        const options = { file, out, transport: "nats", seed: Option.none() } as const
        const result = yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
        expect(done.length).toBe(phases.length)
        expect(result.maxWeightDeviation).toBe(null)
        const models = yield* Effect.forEach(["user1", "user2", "user3"], (user) =>
          read(out, "parties", user, "model.json")
        )
        expect(new Set(models).size).toBe(1)
        const model = JSON.parse(models[0]!) as Model
        expect(maximumDeviation(model, yield* replayed(file, out))).toBe(0)
      }),
    2 * minutes
  )
})

/** What the fixed-point reference comes to with what the parties of a run without a seed drew: it is in their stable storage. */
const replayed = (file: string, out: string) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario(file)
    const agreement = agreementOf(loaded.scenario, undefined)
    const { run } = JSON.parse(yield* read(out, "run.json"))
    const { passwords } = JSON.parse(yield* read(out, "credentials.json"))
    const rootOf = (party: string) => {
      const owner = { party, run, secret: Redacted.make<string>(passwords[party]) }
      return Effect.provide(partyRoot(agreement), stable(join(out, "parties", party), owner))
    }
    const [kgc, cloud0, cloud1] = [yield* rootOf("kgc"), yield* rootOf("cloud0"), yield* rootOf("cloud1")]
    const salt = (yield* rootOf("user1"))("salt")
    const joined = joinData(loaded.scenario, yield* checkData(loaded), salt)
    const plan = planOf(agreement, joined.rows.training)
    return yield* Effect.promise(async () =>
      trainFixedReference({
        data: agreement.data,
        plan,
        training: joined.training(),
        order: batchOrder(plan, kgc("order")),
        initialKeys: [cloud0("weights"), cloud1("weights")],
        replay: { run: computationName(agreement, run), keys: [kgc("dealer0"), kgc("dealer1")] }
      })
    )
  }).pipe(Effect.provide(nodeContext))

describe("recovery - a party whose program breaks down", () => {
  it.scopedLive("comes back as one that was killed does", () =>
    Effect.gen(function* () {
      const faults = { links: [{ loss: 0 }] }
      const { file, out } = yield* writeScenario(splits.rows, { ...disturbedRun, faults })
      const obstacle = join(out, "parties", "cloud0", "faults-fired")
      let control: ProcessControl | undefined
      const deaths: Array<string> = []
      const display: RunDisplay = {
        note: () => {},
        progress: () => {},
        // A folder where the process expects a file is an error that nobody has foreseen.
        phase: (phase) => {
          if (phase !== "upload") return
          mkdirSync(obstacle)
          control?.signal("cloud0", "SIGKILL")
        },
        life: (event) => {
          if (event._tag !== "Died") return
          deaths.push(event.reason)
          if (deaths.length === 2) rmdirSync(obstacle)
        }
      }
      const onUp = (given: ProcessControl) => {
        control = given
      }
      const options = { file, out, transport: "nats", seed: Option.none(), display, onUp } as const
      const result = yield* runScenario(options).pipe(Effect.provide(nodeContext))
      expect(deaths.length).toBe(2)
      expect(deaths[0]).toContain("(SIGKILL)")
      expect(deaths[1]).toMatch(/\(70\); it said last:\nbicameral: internal error: EISDIR/)
      expect(result.maxWeightDeviation).toBe(0)
    })
  )
})
