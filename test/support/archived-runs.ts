/**
 * A run in which users upload, and trainings from its archive, with all parties in this process: stores in memory outlive
 * the parties.
 */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Layer, Option, type Scope } from "effect"
import { actorsOf } from "../../actors/party/agreement.ts"
import type { BcpPool } from "../../actors/party/bcp-pool.ts"
import { modelEntry } from "../../actors/users/output.ts"
import type { KeptService } from "../../runtime/storage/kept.ts"
import { memoryStore, Stable, Store } from "../../runtime/storage/store.ts"
import { agreementAgain } from "../../scenarios/description/agreement.ts"
import { loadScenario } from "../../scenarios/description/load.ts"
import { company, type Tap } from "./company.ts"
import { type Split, writeScenario } from "./small-scenario.ts"

export const uploadRun = "upload-run"
export const security = { modulusBits: 512, insecure: true }
export const first = { epochs: 2, batch: 8, rate: 0.25, loss: "squared-error" }
/** Another network, loss and rate, and a validation on other rows. */
export const other = {
  network: { hidden: [5, 3] },
  training: { epochs: 3, batch: 4, rate: 0.125, loss: "softmax" },
  validation: 0.25,
  reveal: ["metrics", "heldOutRows", "curve"]
}

/** Stores of all parties, in memory, that outlive them. */
export const storesOf = () => {
  const all = new Map<string, Omit<KeptService, "run">>()
  const of = (actor: string) => {
    const known = all.get(actor) ?? { store: memoryStore(), stable: memoryStore() }
    all.set(actor, known)
    return known
  }
  const layerOf = (actor: string) => {
    const { store, stable } = of(actor)
    return Layer.merge(Layer.succeed(Store, store), Layer.succeed(Stable, stable))
  }
  return { of, layerOf }
}

const modelAt = (stores: ReturnType<typeof storesOf>, user: string) =>
  Effect.map(stores.of(user).store.get(modelEntry), (bytes) =>
    new TextDecoder().decode(Option.getOrThrow(bytes))
  )

/** A run in which users upload: its model, and what all parties kept. */
export const uploaded = (split: Split, changes: object, tap?: Tap) =>
  Effect.gen(function* () {
    const stores = storesOf()
    const { file } = yield* writeScenario(split, changes)
    const options = { stores: stores.layerOf, run: uploadRun, ...(tap && { tap }) }
    const parties = yield* company(file, options)
    yield* parties.startAll()
    const outcome = yield* parties.directed
    const kept = new Map<string, KeptService>()
    for (const actor of actorsOf(parties.agreement)) kept.set(actor, { run: uploadRun, ...stores.of(actor) })
    return { kept, outcome, model: yield* modelAt(stores, "user1") }
  }).pipe(Effect.scoped)

/** The agreement of a training from the archive of that run. */
export const again = (split: Split, changes: object) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(split, changes)
    const { scenario } = yield* Effect.provide(loadScenario(file), nodeContext)
    return { file, agreement: agreementAgain(scenario, uploadRun) }
  })

/** Trains from what was kept. No user is started before the director calls them. */
export const trainedAgain = (
  kept: ReadonlyMap<string, KeptService>,
  split: Split,
  changes: object,
  { tap, run = "second-run" }: { readonly tap?: Tap; readonly run?: string } = {}
) =>
  Effect.gen(function* () {
    const stores = storesOf()
    const { agreement, file } = yield* again(split, changes)
    const options = { stores: stores.layerOf, agreement, run, kept, ...(tap && { tap }) }
    const parties = yield* company(file, options)
    const users = agreement.users.map(({ actor }) => actor)
    const started = yield* parties.startAll(...users)
    const context = yield* Effect.context<Scope.Scope | BcpPool>()
    const outcome = yield* parties.directedBringing((back) =>
      Effect.forEach(back, (actor) => parties.start(actor), { discard: true }).pipe(
        Effect.provide(context),
        Effect.orDie
      )
    )
    return { actors: [...started.keys()], outcome, model: yield* modelAt(stores, "user1"), stores }
  }).pipe(Effect.scoped)
