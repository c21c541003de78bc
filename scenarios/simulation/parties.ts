/**
 * The parties of a simulated run, each a fiber. A party dies as a process does: immediately, with nothing but
 * its stores left. `director.ts` starts it again.
 */
import { Context, Effect, type Exit, Fiber, Random, type Scope } from "effect"
import { BcpPool } from "../../actors/party/bcp-pool.ts"
import { Directory } from "../../actors/party/directory.ts"
import { directoryOfTrial, keysOf } from "../../actors/party/identities.ts"
import { roleOf, serve } from "../../actors/roles.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { makeParty } from "../../runtime/messaging/party.ts"
import { Stable, Store, StoreFailed, type StoreService } from "../../runtime/storage/store.ts"
import { Transport } from "../../runtime/transport/transport.ts"
import { makeConnections, type OnSent } from "./connections.ts"
import type { World } from "./world.ts"

/** The name of every simulated run: masks follow from it where the scenario has no seed. */
const runName = "simulated"

/** The life of a party's process, from its start to its death. */
interface Life {
  /** A dead party neither sends nor writes, whatever its fiber still does. */
  dead: boolean
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
}

export interface PartiesOptions {
  /** Fibers of parties end with it. */
  readonly scope: Scope.Scope
  readonly onSent: OnSent
  /** What the director does. */
  readonly directing: Effect.Effect<unknown, unknown, Party | Store | Stable>
  /** A party ended by itself. */
  readonly onEnded: (actor: string, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown>
}

export class Parties {
  readonly #world: World
  readonly #options: PartiesOptions
  readonly #connect: ReturnType<typeof makeConnections>
  readonly #lives = new Map<string, Life>()
  readonly #births = new Map<string, number>()

  constructor(world: World, options: PartiesOptions) {
    this.#world = world
    this.#options = options
    this.#connect = makeConnections(world, options.onSent)
  }

  isAlive(actor: string): boolean {
    return this.#lives.has(actor)
  }

  /** Starts the process of a party, for the first time or again. */
  start(actor: string): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const { seed, time, conditions } = this.#world
      const birth = (this.#births.get(actor) ?? 0) + 1
      this.#births.set(actor, birth)
      const life = { dead: false }
      const clock = time.clockOf(
        () => conditions.clockOffsetMs(actor),
        () => conditions.pausedUntilMs(actor)
      )
      const fiber = yield* this.#living(actor, life, clock.after).pipe(
        Effect.onExit((exit) => {
          if (life.dead) return Effect.void
          this.#lives.delete(actor)
          return this.#options.onEnded(actor, exit)
        }),
        Effect.withRandom(Random.make(`${seed} ${actor} ${birth}`)),
        Effect.withClock(clock),
        Effect.forkIn(this.#options.scope)
      )
      this.#lives.set(actor, Object.assign(life, { fiber }))
    })
  }

  /** Ends the process of a party that is alive: in order, or as a kill does. */
  end(actor: string, inOrder: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      const life = this.#lives.get(actor)
      if (life === undefined) return Effect.void
      if (!inOrder) life.dead = true
      this.#lives.delete(actor)
      return Effect.zipRight(
        Effect.asVoid(inOrder ? Fiber.interrupt(life.fiber) : Fiber.interruptFork(life.fiber)),
        Effect.sync(() => {
          life.dead = true
        })
      )
    })
  }

  /** Waits until a user that was told to finish has left, and starts it again. */
  bringBack(user: string): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const life = this.#lives.get(user)
      if (life !== undefined) yield* Fiber.await(life.fiber)
      if (!this.#lives.has(user)) yield* this.start(user)
    })
  }

  /** What a party does from its start to its end. */
  #living(
    actor: string,
    life: { readonly dead: boolean },
    after: (delayMs: number, happen: () => void) => () => void
  ): Effect.Effect<unknown, unknown> {
    return Effect.scoped(
      Effect.gen(this, function* () {
        const { simulation, disks, pool, identities } = this.#world
        const { agreement } = simulation
        const acquaintance = { agreement, keys: keysOf(identities) }
        const directory = directoryOfTrial(acquaintance, { name: actor, run: runName }, identities)
        const transport = yield* this.#connect(actor, life, directory)
        const itself = yield* Effect.provideService(
          makeParty({ name: actor, run: runName, after }),
          Transport,
          transport
        )
        const { store, stable } = disks.get(actor)!
        const services = Context.make(Party, itself).pipe(
          Context.add(Store, this.#mortal(actor, life, store)),
          Context.add(Stable, this.#mortal(actor, life, stable)),
          Context.add(BcpPool, pool),
          Context.add(Directory, directory)
        )
        return actor === "director"
          ? yield* Effect.provide(this.#options.directing, services)
          : yield* Effect.provide(serve(agreement, roleOf(agreement, simulation.tables, actor)), services)
      })
    )
  }

  /** A store that a dead party can't write to, nor one whose disk is full. */
  #mortal(actor: string, life: { readonly dead: boolean }, real: StoreService): StoreService {
    const { conditions } = this.#world
    return {
      ...real,
      put: (name, bytes) =>
        Effect.suspend(() => {
          if (life.dead) return Effect.never
          if (conditions.isDiskFull(actor))
            return new StoreFailed({
              operation: "write",
              place: `${actor}/${name}`,
              reason: "no space left"
            })
          return real.put(name, bytes)
        }),
      remove: (name) => Effect.suspend(() => (life.dead ? Effect.never : real.remove(name))),
      erase: (name) => Effect.suspend(() => (life.dead ? Effect.never : real.erase(name)))
    }
  }
}
