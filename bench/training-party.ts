/** The parties of a training that is measured, each in a process of its own: the KGC deals, the clouds train on a synthetic table. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { randomnessFromClouds } from "../actors/clouds/randomness/from-clouds.ts"
import { randomnessFromKgc } from "../actors/clouds/randomness/from-kgc.ts"
import { dealAhead, randomnessFromStore } from "../actors/clouds/randomness/from-store.ts"
import type { RandomnessProvider } from "../actors/clouds/randomness/provider.ts"
import { stretchStore } from "../actors/clouds/randomness/stored.ts"
import { checkpointsIn } from "../actors/clouds/training/checkpoints.ts"
import { lanesOf } from "../actors/clouds/training/lanes/leader.ts"
import { train } from "../actors/clouds/training/training.ts"
import { emptyTable } from "../actors/clouds/transformation/joint-table.ts"
import { dealer } from "../actors/kgc/dealing.ts"
import { type Agreement, planOf } from "../actors/party/agreement.ts"
import { stretchesOf } from "../actors/party/stretches.ts"
import { losses } from "../protocol/learning/loss.ts"
import { batchOrder } from "../protocol/learning/order.ts"
import { dealers } from "../protocol/messages/subjects.ts"
import { Deal } from "../protocol/messages/training.ts"
import { on, Party } from "../runtime/messaging/contract.ts"
import { layer as party } from "../runtime/messaging/party.ts"
import { giveWay, parentGone, sayReady } from "../runtime/processes/process.ts"
import { directory, folderStore, memoryStore, Stable } from "../runtime/storage/store.ts"
import { layer as tracing } from "../runtime/tracing.ts"
import { channelsOf } from "./channels.ts"
import { agreementOf, type MeasuredNetwork, variantsOf } from "./networks.ts"

export const trainingParties = ["kgc", "cloud0", "cloud1"] as const
export type TrainingParty = (typeof trainingParties)[number]

export type WhoDeals = Agreement["security"]["dealing"]

const prgKeys = {
  key0: new Uint8Array(16).fill(1),
  key1: new Uint8Array(16).fill(2),
  orderKey: new Uint8Array(16).fill(3)
}

/** A measured network by its name, with any loss. Throws `RangeError` where there is none. */
export const networkNamed = (name: string | undefined): MeasuredNetwork => {
  const found = variantsOf(losses)
    .flat()
    .find((each) => each.name === name)
  if (found === undefined) throw new RangeError(`no network ${name} is measured`)
  return found
}

/** A party: the KGC deals until its parent goes, a cloud trains and ends. Its events go to a file in `folder`. */
export const trainingParty = (
  name: TrainingParty,
  measured: MeasuredNetwork,
  folder: string,
  dealing: WhoDeals = "kgc"
) => {
  const agreement = agreementOf(measured)
  const meanwhile = dealing === "clouds" ? randomnessFromClouds : randomnessFromKgc
  const { rows } = measured
  const cloud = name === "cloud0" ? 0 : 1
  const role =
    name === "kgc"
      ? Effect.gen(function* () {
          // As the KGC of a run does.
          yield* giveWay
          const deal = yield* dealer(agreement, prgKeys, Effect.succeed<number>)
          const { joinGroup, serve } = yield* Party
          yield* serve([
            on(Deal, (request, _, room) =>
              Effect.map(deal(request, room), (corrections) => ({ corrections }))
            )
          ])
          yield* joinGroup(dealers)
          yield* sayReady({})
          yield* parentGone
        })
      : Effect.gen(function* () {
          yield* sayReady({})
          // Shares of zero are as good as any: every word that is computed on is masked.
          const table = yield* emptyTable(agreement, rows)
          const prgKey = Redacted.make(cloud === 0 ? prgKeys.key0 : prgKeys.key1)
          const checkpoints = checkpointsIn(yield* folderStore(join(folder, `${name}-checkpoints`)))
          const root = () => prgKeys.orderKey
          const provider = meanwhile(agreement, cloud, prgKey)
          yield* train({
            agreement,
            cloud,
            table,
            randomness:
              dealing === "kgc-ahead" && cloud === 1
                ? yield* dealtBefore(measured, provider, join(folder, `${name}-dealt`))
                : provider,
            orderKey: prgKeys.orderKey,
            root,
            checkpoints,
            lanes: yield* lanesOf(agreement, () => Effect.void),
            available: Effect.succeed(0)
          })
        })
  return Effect.scoped(role).pipe(
    Effect.provide(
      party({ name, run: "bench" }).pipe(
        Layer.provide(channelsOf(name, "bench", process.env.NATS_URL ?? "")),
        Layer.provideMerge(tracing({ actor: name, file: join(folder, `${name}.jsonl`) }))
      )
    )
  )
}

/** Has a provider deal all steps, stores them in a folder, and supplies them from there. */
const dealtBefore = (measured: MeasuredNetwork, provider: RandomnessProvider, folder: string) =>
  Effect.gen(function* () {
    const plan = planOf(agreementOf(measured), measured.rows)
    const { orderKey } = prgKeys
    const { prgKey } = provider
    const store = yield* stretchStore(() => orderKey, { plan, orderKey, prgKey })
    const order = batchOrder(plan, orderKey)
    yield* dealAhead(provider, store, { session: 1, plan, order, stretches: stretchesOf(plan, 0) })
    return randomnessFromStore(store, prgKey)
  }).pipe(Effect.provide(directory(folder)), Effect.provideService(Stable, memoryStore()))

/** When a stretch of steps ended, and its last step. */
export interface StretchEnd {
  readonly at: number
  readonly last: number
}

/** The stretches in a cloud's file of events, one after the other. */
export const stretchEnds = (events: string): ReadonlyArray<StretchEnd> =>
  readFileSync(events, "utf8")
    .split("\n")
    .filter((line) => line.includes('"name":"steps"'))
    .map((line) => {
      const span = JSON.parse(line) as {
        readonly time: string
        readonly durationMs: number
        readonly attributes: { readonly last: number }
      }
      return { at: Date.parse(span.time) + span.durationMs, last: span.attributes.last }
    })

/** Works in a new folder, which is removed afterwards. */
export const inFolder = <A>(work: (folder: string) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
  return work(folder).finally(() => rmSync(folder, { recursive: true, force: true }))
}
