/**
 * The parties of a written scenario in this process, one by one under a test's hand: any of them may be started otherwise than
 * the rest, or be played by the test itself. Each message can be read and changed before its sender seals it, as a dishonest party
 * would, and each frame on its way, as a broker would.
 */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Context, Effect, Either, Layer, Option } from "effect"
import { direct } from "../../actors/director.ts"
import { type Agreement, actorsOf } from "../../actors/party/agreement.ts"
import { BcpPool } from "../../actors/party/bcp-pool.ts"
import { Directory, type DirectoryService, directoryOf } from "../../actors/party/directory.ts"
import { roleOf, serve } from "../../actors/roles.ts"
import type { Identity } from "../../protocol/channels/noise.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { decodeEnvelope, type Envelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import { type Address, parseSubject } from "../../protocol/messages/subjects.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { layer as partyOf } from "../../runtime/messaging/party.ts"
import { Kept, type KeptService } from "../../runtime/storage/kept.ts"
import { Stable, Store, memory as storeInMemory } from "../../runtime/storage/store.ts"
import { makeHub } from "../../runtime/transport/memory.ts"
import { sealed } from "../../runtime/transport/sealed.ts"
import { Transport, type TransportError } from "../../runtime/transport/transport.ts"
import { agreementOf } from "../../scenarios/description/agreement.ts"
import { loadScenario, readUserTables } from "../../scenarios/description/load.ts"
import { identityOf } from "./identities.ts"

/** A message as its sender hands it over to be sealed. */
export type Wired = Pick<Address, "from" | "to" | "channel"> & Envelope

/** Sees every message, and may give another body; `"cut"` truncates the whole message, envelope included. */
export type Tap = (message: Wired) => Uint8Array | "cut" | undefined

export const tapped = <E, R>(
  tap: Tap,
  transport: Layer.Layer<Transport, E, R>
): Layer.Layer<Transport, E, R> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (real) =>
      Transport.of({
        ...real,
        send: (subject, data, headers) => {
          const envelope = Either.getOrThrow(decodeEnvelope(data))
          const { from, to, channel } = parseSubject(subject)!
          const changed = tap({ ...envelope, body: envelope.body.slice(), from, to, channel })
          const sent =
            changed === undefined
              ? data
              : changed === "cut"
                ? data.slice(0, -1)
                : encodeEnvelope({ ...envelope, body: changed })
          return real.send(subject, sent, headers)
        }
      })
    )
  ).pipe(Layer.provide(transport))

/** A frame on its way. */
export interface Framed extends Pick<Address, "from" | "to" | "channel"> {
  readonly subject: string
  readonly data: Uint8Array
}

/** Sees every frame, and may give other ones in its place: none, a changed one, or several. */
export type Wire = (frame: Framed) => ReadonlyArray<Uint8Array> | undefined

const wired = <E, R>(wire: Wire, transport: Layer.Layer<Transport, E, R>): Layer.Layer<Transport, E, R> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (real) =>
      Transport.of({
        ...real,
        send: (subject, data, headers) => {
          const { from, to, channel } = parseSubject(subject)!
          const instead = wire({ from, to, channel, subject, data: data.slice() })
          if (instead === undefined) return real.send(subject, data, headers)
          for (const each of instead) {
            const error = real.send(subject, each, headers)
            if (error !== undefined) return error
          }
          return undefined
        }
      })
    )
  ).pipe(Layer.provide(transport))

/** How a party is started otherwise than the rest. */
export interface Otherwise {
  readonly agreement?: Agreement
  /** The agreement that its channels state, where that is not the one of the rest. */
  readonly channelled?: Agreement
  /** Another identity than the others know of it. */
  readonly identity?: Identity
  readonly tables?: ReadonlyArray<HeldTable>
  readonly pool?: Context.Tag.Service<BcpPool>
}

export interface CompanyOptions {
  readonly tap?: Tap
  readonly wire?: Wire
  /** The way to the others; a hub in this process unless told. */
  readonly transport?: (actor: string) => Layer.Layer<Transport, TransportError>
  /** A party's storage; new and in memory unless told. */
  readonly stores?: (actor: string) => Layer.Layer<Store | Stable, unknown>
  /** The agreement in place of that of the scenario, and the run's name. */
  readonly agreement?: Agreement
  readonly run?: string
  /** What parties kept of an earlier run, by actor, where its archive is opened again. */
  readonly kept?: ReadonlyMap<string, KeptService>
  /** The users' tables in place of those of the scenario, by actor. */
  readonly tables?: Readonly<Record<string, ReadonlyArray<HeldTable>>>
}

export const company = (file: string, options: CompanyOptions = {}) =>
  Effect.gen(function* () {
    const { stores = () => storeInMemory } = options
    const loaded = yield* loadScenario(file)
    const agreement = options.agreement ?? agreementOf(loaded.scenario)
    const tables = new Map<string, ReadonlyArray<HeldTable>>()
    for (const [k, { actor }] of agreement.users.entries()) {
      tables.set(actor, options.tables?.[actor] ?? (yield* readUserTables(loaded, k)))
    }
    const { run = "test-run" } = options
    const hub = makeHub()
    const keys = new Map(
      ["director", ...actorsOf(agreement)].map((actor) => [actor, identityOf(actor).publicKey])
    )
    const plain = options.transport ?? hub.layer
    const carried = (actor: string) =>
      options.wire === undefined ? plain(actor) : wired(options.wire, plain(actor))
    const directoryAt = (actor: string, otherwise: Otherwise): DirectoryService =>
      directoryOf({ name: actor, run }, otherwise.identity ?? identityOf(actor), {
        agreement: otherwise.channelled ?? agreement,
        keys
      })
    const channel = (actor: string, otherwise: Otherwise) =>
      sealed(directoryAt(actor, otherwise), carried(actor))
    const ways = (actor: string, otherwise: Otherwise = {}) =>
      partyOf({ name: actor, run, limits: { resendFirstMs: 100, roundResendMs: 100 } }).pipe(
        Layer.provide(
          options.tap === undefined
            ? channel(actor, otherwise)
            : tapped(options.tap, channel(actor, otherwise))
        ),
        Layer.merge(Layer.succeed(Directory, directoryAt(actor, otherwise)))
      )
    const inOrder = agreement.users.map(({ actor }) => tables.get(actor)!)

    /** Starts a party, which serves until the scope ends. Its stores can be looked into. */
    const start = (actor: string, otherwise: Otherwise = {}) =>
      Effect.gen(function* () {
        const pool = otherwise.pool ?? (yield* BcpPool)
        const services = yield* Layer.build(Layer.merge(ways(actor, otherwise), stores(actor)))
        const [store, stable] = [Context.get(services, Store), Context.get(services, Stable)]
        const role = roleOf(agreement, inOrder, actor)
        const own =
          role.role === "user" && otherwise.tables !== undefined
            ? { ...role, tables: otherwise.tables }
            : role
        const serving = serve(otherwise.agreement ?? agreement, own).pipe(
          Effect.provideService(BcpPool, pool),
          Effect.provideService(Kept, Option.fromNullable(options.kept?.get(actor))),
          Effect.provide(services)
        )
        const fiber = yield* Effect.forkScoped(serving)
        return { fiber, store, stable }
      })

    /** A party that the test plays. */
    const played = (actor: string, otherwise: Otherwise = {}) =>
      Effect.map(Layer.build(ways(actor, otherwise)), Context.get(Party))

    return {
      agreement,
      run,
      hub,
      tables,
      start,
      played,
      /** Starts all parties but these. */
      startAll: (...but: ReadonlyArray<string>) =>
        Effect.forEach(
          actorsOf(agreement).filter((actor) => !but.includes(actor)),
          (actor) => Effect.map(start(actor), (started) => [actor, started] as const)
        ).pipe(Effect.map((started) => new Map(started))),
      /** Directs the run to its end; with `bringBack` users are started by it. */
      directed: Effect.provide(
        direct({ agreement, onPhase: () => Effect.void, onProgress: () => Effect.void }),
        Layer.merge(ways("director"), storeInMemory)
      ),
      directedBringing: <E>(bringBack: (users: ReadonlyArray<string>) => Effect.Effect<void, E>) =>
        Effect.provide(
          direct({ agreement, bringBack, onPhase: () => Effect.void, onProgress: () => Effect.void }),
          Layer.merge(ways("director"), storeInMemory)
        )
    }
  }).pipe(Effect.provide(nodeContext))
