/**
 * One party as a process of its own: reads the scenario's public part and, for a user, its own files; connects to the
 * broker with its own credentials, and serves until the director lets it go. What it keeps is in its own folder.
 */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { Console, Data, Effect, Layer, Option } from "effect"
import type { Agreement } from "../actors/agreement.ts"
import { layer as bcpPool } from "../actors/bcp-pool.ts"
import { direct } from "../actors/director.ts"
import { type Role, serve } from "../actors/roles.ts"
import { generateSigningKeyPair } from "../protocol/sharing/roster.ts"
import { accessFromEnvironment } from "../runtime/broker/access.ts"
import { layer as nats } from "../runtime/nats-transport.ts"
import { layer as party } from "../runtime/party.ts"
import { parentGone, sayReady } from "../runtime/process.ts"
import { directory, Store } from "../runtime/store.ts"
import { layer as tracing } from "../runtime/tracing.ts"
import { agreementOf } from "./agreement.ts"
import { type LoadedScenario, loadScenario, readUserTables } from "./load.ts"

export interface ActorOptions {
  /** `kgc`, `cloud0`, `cloud1`, `director`, or a user: `user1` or its name in the scenario. */
  readonly role: string
  readonly scenario: string
  /** The run's name, the same for all its parties. */
  readonly run: string
  /** The KGC's verification key, base64; every party but the KGC needs it. */
  readonly kgcKey: Option.Option<string>
  /** The party's own folder: what it keeps, and its event log. */
  readonly state: string
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
}

/** The scenario has no such party. */
export class UnknownRole extends Data.TaggedError("UnknownRole")<{
  readonly role: string
  readonly known: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `"${this.role}" is no party of this scenario; choose one of ${this.known.join(", ")}`
  }
}

/** The verification key of the KGC is missing or malformed. */
export class KgcKeyNeeded extends Data.TaggedError("KgcKeyNeeded")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; give --kgc-key the key that the KGC prints when it starts`
  }
}

const fixedRoles: ReadonlyArray<string> = ["kgc", "cloud0", "cloud1", "director"]

/** The wire name of a role given by that name or by a user's name in the scenario. */
export const actorNamed = (agreement: Agreement, role: string): Effect.Effect<string, UnknownRole> => {
  const user = agreement.users.find(({ actor, name }) => role === actor || role === name)
  if (user !== undefined) return Effect.succeed(user.actor)
  return fixedRoles.includes(role)
    ? Effect.succeed(role)
    : new UnknownRole({
        role,
        known: [...fixedRoles, ...agreement.users.map(({ name }) => name)]
      })
}

const readKgcKey = (text: Option.Option<string>): Effect.Effect<Uint8Array, KgcKeyNeeded> => {
  if (Option.isNone(text))
    return new KgcKeyNeeded({ reason: "a party has to know the KGC's verification key" })
  const key = new Uint8Array(Buffer.from(text.value, "base64"))
  return key.length === 32
    ? Effect.succeed(key)
    : new KgcKeyNeeded({ reason: `"${text.value}" is not 32 bytes of base64` })
}

/** What the party of this name is started with, and what its ready line says: the KGC's tells its verification key. */
const roleOf = (actor: string, loaded: LoadedScenario, kgcKey: Option.Option<string>) =>
  Effect.gen(function* () {
    if (actor === "kgc") {
      const signing = generateSigningKeyPair()
      const role: Role = { role: "kgc", signing }
      return { role, ready: { kgcKey: Buffer.from(signing.publicKey).toString("base64") } }
    }
    const key = yield* readKgcKey(kgcKey)
    if (actor === "cloud0" || actor === "cloud1") {
      const role: Role = { role: actor, kgcKey: key }
      return { role, ready: {} }
    }
    const tables = yield* readUserTables(loaded, Number(actor.slice("user".length)) - 1)
    const role: Role = { role: "user", kgcKey: key, tables }
    return { role, ready: {} }
  })

/** Under this name the director keeps what it learned of the run, in its folder. */
export const outcomeEntry = "outcome.json"

/** Takes a run whose parties are up through its phases; says where it is, a line a phase, on the standard output. */
const directRun = (agreement: Agreement) =>
  Effect.gen(function* () {
    const store = yield* Store
    const outcome = yield* direct({
      agreement,
      onPhase: (phase) => Console.log(JSON.stringify({ phase })),
      onProgress: (actor, phase, done, total) => Console.log(JSON.stringify({ actor, phase, done, total }))
    })
    const text = `${JSON.stringify(outcome, null, 2)}\n`
    yield* store.put(outcomeEntry, new TextEncoder().encode(text))
    yield* Console.log(JSON.stringify({ outcome: { tested: outcome.tested ?? null, steps: outcome.steps } }))
  })

/** Runs one party over NATS to the end of the run, or until the process that started it is gone. */
export const startActor = (options: ActorOptions) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario(options.scenario)
    const agreement = agreementOf(
      loaded.scenario,
      Option.getOrUndefined(options.seed) ?? loaded.scenario.seed
    )
    const actor = yield* actorNamed(agreement, options.role)
    // What is wrong with the party's own files or key is found out before it connects.
    const own = actor === "director" ? undefined : yield* roleOf(actor, loaded, options.kgcKey)
    const { url, user, password } = yield* accessFromEnvironment(actor)
    const services = Layer.mergeAll(
      party({ name: actor, run: options.run }).pipe(Layer.provide(nats({ servers: [url], user, password }))),
      directory(options.state),
      bcpPool(availableParallelism())
    ).pipe(Layer.provideMerge(tracing({ actor, file: join(options.state, "events.jsonl") })))
    const living = Effect.gen(function* () {
      if (own === undefined) return yield* directRun(agreement)
      yield* sayReady(own.ready)
      yield* serve(agreement, own.role)
    })
    yield* living.pipe(Effect.provide(services), Effect.raceFirst(parentGone))
  })
