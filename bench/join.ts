/**
 * A private join: three users, each a process over NATS, all of whom hold the same ids, until each has the digests of all rows; next
 * to it the powers alone, on all cores. Processor time as well: it tells what other work on the machine hides. Of 100,000 ids; a
 * number after the topic takes its place.
 */
import { randomBytes } from "node:crypto"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { Context, Effect, Layer } from "effect"
import type { Agreement } from "../actors/party/agreement.ts"
import { BcpPool, layer as bcpPool } from "../actors/party/bcp-pool.ts"
import { rootFrom } from "../actors/party/root.ts"
import { privateJoin } from "../actors/users/private-join.ts"
import { artifact } from "../protocol/artifact.ts"
import { sameBytes } from "../protocol/canonical.ts"
import { piecePoints } from "../protocol/join/lists.ts"
import { joinSecret } from "../protocol/join/points.ts"
import { ask, Bytes } from "../protocol/messages/message.ts"
import { Schema } from "../protocol/schema.ts"
import { startOwnBroker } from "../runtime/broker/start.ts"
import { on, Party } from "../runtime/messaging/contract.ts"
import * as Parties from "../runtime/messaging/party.ts"
import { parentGone, sayReady, startActor } from "../runtime/processes/process.ts"
import { memory as storeInMemory } from "../runtime/storage/store.ts"
import { benchUsers, channelsOf } from "./channels.ts"
import {
  announceMachine,
  ownProcessorMs,
  processorMs,
  type Spread,
  spreadOf,
  writeFigures
} from "./measure.ts"
import { agreementOf, measuredNetworks } from "./networks.ts"

const users = ["user1", "user2", "user3"]
const repetitions = 3
/** The powers alone are measured on a part of the ids. */
const partMeasured = 10
const deadlineMs = 600_000

const agreement: Agreement = {
  ...agreementOf(measuredNetworks[0]!),
  users: users.map((actor) => ({ actor, name: actor })),
  join: "private",
  deadlines: { replyTimeoutMs: 60_000, roundTimeoutMs: 60_000, phaseTimeoutMs: 2 * deadlineMs }
}

/** Has a user join its rows. */
const Joined = ask("Joined", Schema.Struct({}), Schema.Struct({ digests: Bytes }))

const idsOf = (count: number) => Array.from({ length: count }, (_, i) => `patient ${i}`)

const tableOf = (count: number) => ({
  ids: idsOf(count),
  columns: new Uint32Array(0),
  sources: new Map(),
  unlabelled: new Uint32Array(0)
})

/** A user at its broker, serving the others; and its part in the join. */
const userAt = (name: string, run: string, url: string, idsEach: number) =>
  Effect.gen(function* () {
    const services = yield* Layer.build(
      Layer.mergeAll(
        Parties.layer({ name, run }).pipe(Layer.provide(channelsOf(name, run, url))),
        bcpPool(availableParallelism()),
        storeInMemory
      )
    )
    const root = rootFrom(new Uint8Array(randomBytes(32)))
    const join = yield* Effect.provide(privateJoin(agreement, root), services)
    const joined = join.digests([tableOf(idsEach)]).pipe(
      Effect.map(([digests]) => ({ digests: digests! })),
      Effect.provide(services)
    )
    const party = Context.get(services, Party)
    yield* party.serve([...join.handlers, on(Joined, () => joined)]).pipe(Effect.provide(services))
    return { party, joined }
  })

/** On the clock, and of the processors. */
interface Seconds {
  readonly clock: number
  readonly processors: number
}

/** A join of all users. */
const joining = (run: string, idsEach: number) =>
  Effect.gen(function* () {
    const { url } = yield* startOwnBroker({ credentials: benchUsers })
    const [first, ...others] = users
    const processes = yield* Effect.forEach(others, (other) =>
      startActor({
        party: other,
        entry: fileURLToPath(artifact("bench/join.js")),
        args: [other, run, `${idsEach}`],
        env: { NATS_URL: url },
        readyTimeoutMs: 60_000
      })
    )
    const { party, joined } = yield* userAt(first!, run, url, idsEach)
    const spent = () => processes.reduce((sum, { pid }) => sum + processorMs(pid), ownProcessorMs())
    const begun = { at: performance.now(), ms: spent() }
    const all = yield* Effect.all(
      [joined, ...others.map((other) => party.ask(other, Joined, {}, { deadlineMs }))],
      { concurrency: "unbounded" }
    )
    const seconds: Seconds = {
      clock: (performance.now() - begun.at) / 1000,
      processors: (spent() - begun.ms) / 1000
    }
    if (!all.every(({ digests }) => sameBytes(digests, all[0]!.digests)))
      throw new Error("users have different digests of the same ids")
    return seconds
  }).pipe(Effect.scoped)

/** As many powers, without messages. */
const powers = (idsEach: number) =>
  Effect.gen(function* () {
    const pool = yield* BcpPool
    const secret = joinSecret(new Uint8Array(randomBytes(16)))
    const some = idsOf(Math.ceil(idsEach / partMeasured))
    const pieces = Array.from({ length: Math.ceil(some.length / piecePoints) }, (_, piece) =>
      some.slice(piece * piecePoints, (piece + 1) * piecePoints)
    )
    const list = Effect.forEach(
      pieces,
      (ids) =>
        Effect.gen(function* () {
          let { points } = yield* pool.run("raiseIds", { secret, ids })
          for (const _ of users.slice(1)) points = (yield* pool.run("raisePoints", { secret, points })).points
        }),
      { concurrency: "unbounded" }
    )
    const begun = { at: performance.now(), ms: ownProcessorMs() }
    yield* Effect.all(
      users.map(() => list),
      { concurrency: "unbounded" }
    )
    const seconds: Seconds = {
      clock: (partMeasured * (performance.now() - begun.at)) / 1000,
      processors: (partMeasured * (ownProcessorMs() - begun.ms)) / 1000
    }
    return seconds
  })

const spreads = (seconds: ReadonlyArray<Seconds>) => ({
  clock: spreadOf(seconds.map(({ clock }) => clock)),
  processors: spreadOf(seconds.map(({ processors }) => processors))
})

/** Measures, prints, and writes `out/bench/join.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const idsEach = Number(process.argv[3] ?? 100_000)
  console.log(
    `${users.length} users with the same ${idsEach} ids, medians and spread of ${repetitions} joins\n`
  )
  const measured = await Effect.runPromise(
    Effect.gen(function* () {
      const joins: Array<Seconds> = []
      const bare: Array<Seconds> = []
      for (let turn = 0; turn < repetitions; turn++) {
        bare.push(yield* powers(idsEach))
        joins.push(yield* joining(`join-${turn}`, idsEach))
      }
      return { join: spreads(joins), powers: spreads(bare) }
    }).pipe(Effect.provide(bcpPool(availableParallelism())))
  )
  const shown = ({ median, least, most }: Spread) =>
    `${median.toFixed(1)} s (${least.toFixed(1)}–${most.toFixed(1)})`
  for (const [what, { clock, processors }] of [
    ["join", measured.join],
    ["powers alone", measured.powers]
  ] as const)
    console.log(`${what.padEnd(14)}${shown(clock)}, processors ${shown(processors)}`)
  writeFigures("join", { machine, users: users.length, idsEach, repetitions, ...measured })
}

const [name, runName, ids] = process.argv.slice(2)
if (name !== undefined && users.includes(name))
  await Effect.runPromise(
    Effect.gen(function* () {
      yield* userAt(name, runName!, process.env.NATS_URL ?? "", Number(ids))
      yield* sayReady({})
      yield* parentGone
    }).pipe(Effect.scoped)
  )
