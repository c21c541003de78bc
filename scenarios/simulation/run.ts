/**
 * One run of a scenario in this process: every party a fiber, on a virtual network and clock, everything random drawn from one seed. The same seed
 * does the same, down to the bytes on the wire. Parties die here as processes do: at once, with nothing but their stores left,
 * and a supervisor starts them again.
 */
import { createHash } from "node:crypto"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Logger, Option, Random } from "effect"
import { direct, type RunOutcome } from "../../actors/director.ts"
import { type Agreement, planOf } from "../../actors/party/agreement.ts"
import { BcpPool } from "../../actors/party/bcp-pool.ts"
import type { Phase } from "../../actors/party/phases.ts"
import { rootEntry } from "../../actors/party/root.ts"
import { type Role, serve } from "../../actors/roles.ts"
import { modelEntry } from "../../actors/users/output.ts"
import { stepCost } from "../../protocol/computation/cost.ts"
import type { EncodedTable } from "../../protocol/data/encoding.ts"
import { decodeEnvelope } from "../../protocol/messages/envelope.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { parseSubject } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { generateSigningKeyPair } from "../../protocol/sharing/roster.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { makeParty } from "../../runtime/messaging/party.ts"
import { memoryStore, Stable, Store, StoreFailed, type StoreService } from "../../runtime/storage/store.ts"
import {
  draws,
  type FaultyOptions,
  hashOf,
  type LinkFaults,
  type MessageFault,
  withFaults
} from "../../runtime/transport/faulty.ts"
import { makeHub } from "../../runtime/transport/memory.ts"
import { type Delivery, Transport, type TransportService } from "../../runtime/transport/transport.ts"
import { replaceRandomness } from "../../runtime/virtual/randomness.ts"
import { makeVirtualTime } from "../../runtime/virtual/time.ts"
import type { EventKind } from "../description/faults.ts"
import { type FaultPlan, type PlannedEvent, partiesOf, ratesOf } from "../faults-injected/plan.ts"
import { Secrets, type Violation, watchFrames } from "./checkers.ts"
import { simulatedModulusBits, simulatedPool } from "./keys.ts"
import { rootOf, secretsOf } from "./secrets.ts"

/** Whose run is simulated. */
export interface Company {
  readonly agreement: Agreement
  /** The users' cells, in the order of the agreement. */
  readonly tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
  readonly usersLeave: boolean
}

export interface SimulatedCompany extends Company {
  /** What is secret in every run. */
  readonly secrets: Secrets
}

/** A company as it is simulated: under the simulator's own BCP key, which changes nothing about the model. */
export const simulated = (company: Company): SimulatedCompany => ({
  ...company,
  agreement: {
    ...company.agreement,
    security: { ...company.agreement.security, modulusBits: simulatedModulusBits, insecure: true }
  },
  secrets: secretsOf(company)
})

export type FaultKind = MessageFault | EventKind

export interface SimulatedRun {
  /** What user 1 opened, if the run came to its end. */
  readonly model: Uint8Array | undefined
  readonly outcome: RunOutcome | undefined
  /** What ended it otherwise. */
  readonly error: string | undefined
  readonly violations: ReadonlyArray<Violation>
  readonly faults: ReadonlyMap<FaultKind, number>
  /** What happened when, for people. */
  readonly history: ReadonlyArray<string>
  /** SHA-256 over all that was sent, and over what arrived where and when. */
  readonly trace: string
  readonly messages: number
  readonly virtualMs: number
}

export interface SimulationOptions {
  readonly seed: number
  readonly plan: FaultPlan
  /** How long after healing the run may take; where links never heal, in all. */
  readonly livenessMs: number
  /** Sees what arrives; may put more on the wire by `inject`, past all permissions. */
  readonly onArrival?: (delivery: Delivery, inject: (delivery: Delivery) => void) => void
}

/** The name of every simulated run: masks follow from it where the scenario has no seed. */
const runName = "simulated"

/** How long messages are on their way, at least and at most. */
const wayMs = [0.1, 0.5] as const
/** What a supervisor takes to start a process that died. */
const startMs = 100

/** One life of a party, from its start to its death. */
interface Life {
  /** A dead party neither sends nor writes, whatever its fiber still does. */
  dead: boolean
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
}

const Root = format("root", Schema.Struct({ secret: Bytes }))

/** Runs a company from `simulated` to its end under a plan of faults. */
export const simulateRun = async (
  { agreement, tables, usersLeave, secrets: secretsOfAll }: SimulatedCompany,
  { seed, plan, livenessMs, onArrival }: SimulationOptions
): Promise<SimulatedRun> => {
  const time = makeVirtualTime()
  const secrets = new Secrets(secretsOfAll)
  const onDrawn = (bytes: Uint8Array) => {
    if (bytes.length >= 16) secrets.add("something drawn at random", bytes)
  }
  const randomness = replaceRandomness(`bicameral simulation ${seed}`, onDrawn)
  const pool = simulatedPool(randomness, onDrawn)
  try {
    const parties = partiesOf(agreement)
    const faults = new Map<FaultKind, number>()
    const count = (kind: FaultKind) => void faults.set(kind, (faults.get(kind) ?? 0) + 1)
    const history: Array<string> = []
    const say = (what: string) => void history.push(`${time.nowMs().toFixed(1)} ms: ${what}`)
    const roundsAStep = stepCost(planOf(agreement, agreement.training.batch)).rounds
    const watch = watchFrames(secrets, roundsAStep)

    // The network: each link has a delay of its own for each message, and keeps their order.
    const trace = createHash("sha256")
    /** Text that is still to go into the trace, which takes much at a time for less. */
    let text = ""
    const record = (more: string | Uint8Array) => {
      if (typeof more === "string") text += more
      else {
        trace.update(text).update(more)
        text = ""
      }
    }
    const receivers = new Map<string, string>()
    const receiverOf = (subject: string): string => {
      const known = receivers.get(subject)
      if (known !== undefined) return known
      const { to } = parseSubject(subject)!
      receivers.set(subject, to)
      return to
    }
    let messages = 0
    const links = new Map<string, { readonly seed: number; sent: number; busyUntilMs: number }>()
    const hub = makeHub({
      carry: (delivery, arrive) => {
        const { subject, data } = delivery
        const link = links.get(subject) ?? { seed: hashOf(`${seed} way ${subject}`), sent: 0, busyUntilMs: 0 }
        links.set(subject, link)
        const ownMs = wayMs[0] + (wayMs[1] - wayMs[0]) * draws(link.seed, link.sent++)()
        link.busyUntilMs = Math.max(link.busyUntilMs, time.nowMs() + ownMs)
        time.after(link.busyUntilMs - time.nowMs(), () => {
          messages++
          record(`${time.nowMs()} ${subject} ${data.length} `)
          arrive()
          onArrival?.(delivery, hub.inject)
        })
      }
    })

    // What is wrong with whom at the moment.
    const healed = () => plan.healAfterMs !== undefined && time.nowMs() >= plan.healAfterMs
    const clockOffset = new Map<string, number>()
    const stoppedUntil = new Map<string, number>()
    const diskFullUntil = new Map<string, number>()
    const partitions: Array<{ readonly groups: PlannedEvent["groups"]; readonly untilMs: number }> = []
    const stillMs = (actor: string) => stoppedUntil.get(actor) ?? 0
    const cut = (from: string, to: string) =>
      partitions.some(({ groups, untilMs }) => {
        if (time.nowMs() >= untilMs) return false
        const [a, b] = [groups.findIndex((g) => g.includes(from)), groups.findIndex((g) => g.includes(to))]
        return a !== -1 && b !== -1 && a !== b
      })

    const signing = generateSigningKeyPair()
    const kgcKey = signing.publicKey
    const roleOf = (actor: string): Role => {
      if (actor === "kgc") return { role: "kgc", signing }
      if (actor === "cloud0" || actor === "cloud1") return { role: actor, kgcKey }
      return {
        role: "user",
        kgcKey,
        tables: tables[agreement.users.findIndex((user) => user.actor === actor)]!
      }
    }
    const stores = new Map(parties.map((actor) => [actor, { store: memoryStore(), stable: memoryStore() }]))

    const main = Effect.gen(function* () {
      const scope = yield* Effect.scope
      for (const actor of parties)
        yield* stores.get(actor)!.stable.put(rootEntry, yield* Root.encode({ secret: rootOf(actor) }))
      const done = yield* Deferred.make<RunOutcome, unknown>()
      const lives = new Map<string, Life>()
      const births = new Map<string, number>()
      const later = (delayMs: number, work: Effect.Effect<unknown, unknown>) =>
        time.after(delayMs, () => fork(Effect.forkIn(work, scope)))
      const runtime = yield* Effect.runtime()
      const fork = (work: Effect.Effect<unknown, unknown>) =>
        void Effect.runFork(Effect.provide(work, runtime), { scheduler: time.scheduler })

      const pending = new Set(plan.events)
      const happenNow = (fits: (moment: PlannedEvent["moment"], event: PlannedEvent) => boolean) => {
        if (pending.size === 0) return
        for (const event of pending) {
          if (!fits(event.moment, event)) continue
          pending.delete(event)
          if (!healed()) later(0, happen(event))
        }
      }
      const sent = new Map<string, number>()
      const counted = (key: string) => {
        const n = (sent.get(key) ?? 0) + 1
        sent.set(key, n)
        return n
      }
      const seeSent = (from: string, envelope: ReturnType<typeof decodeEnvelope>) => {
        if (pending.size === 0 || envelope._tag === "Left") return
        const { kind, tag, number } = envelope.right
        const ofTag = counted(`${from} ${tag}`)
        const inAll = counted(from)
        happenNow((moment, { party: whose }) => {
          switch (moment.on) {
            case "message":
              return (whose === undefined || whose === from) && moment.tag === tag && ofTag >= moment.nth
            case "sent":
              return (whose === undefined || whose === from) && inAll >= moment.messages
            case "round":
              return kind === "round" && number >= moment.round
            case "step":
              return kind === "round" && number >= 2 + (moment.step - 1) * roundsAStep
            default:
              return false
          }
        })
      }

      /** The way of a party into the network: what it sends is seen before anything happens to it. */
      const transportOf = (actor: string, life: { readonly dead: boolean }) => {
        const real = hub.transport(actor)
        const mortal: TransportService = {
          ...real,
          send: (subject, data, headers) => (life.dead ? undefined : real.send(subject, data, headers)),
          subscribe: (subject, onDelivery, queue) =>
            real.subscribe(
              subject,
              (delivery) => {
                const waitMs = stillMs(actor) - time.nowMs()
                if (waitMs > 0) time.after(waitMs, () => !life.dead && onDelivery(delivery))
                else if (!life.dead) onDelivery(delivery)
              },
              queue
            )
        }
        return Effect.map(
          withFaults(network, mortal),
          (faulty): TransportService => ({
            ...faulty,
            send: (subject, data, headers) => {
              if (life.dead) return undefined
              const envelope = decodeEnvelope(data)
              watch.see({ from: actor, to: receiverOf(subject), data }, envelope)
              record(`${time.nowMs()} ${subject} `)
              if (!saysPeakMemory(envelope)) record(data)
              seeSent(actor, envelope)
              return faulty.send(subject, data, headers)
            }
          })
        )
      }
      const storeOf = (actor: string, life: { dead: boolean }, real: StoreService): StoreService => ({
        ...real,
        put: (name, bytes) =>
          Effect.suspend(() => {
            if (life.dead) return Effect.never
            if ((diskFullUntil.get(actor) ?? 0) > time.nowMs())
              return new StoreFailed({
                operation: "write",
                place: `${actor}/${name}`,
                reason: "no space left"
              })
            return real.put(name, bytes)
          }),
        remove: (name) => Effect.suspend(() => (life.dead ? Effect.never : real.remove(name)))
      })

      const rates = new Map<string, LinkFaults | undefined>()
      const ratesOfLink = (from: string, to: string) => {
        const key = `${from} ${to}`
        if (!rates.has(key)) rates.set(key, ratesOf(plan, from, to))
        return rates.get(key)
      }
      const network: FaultyOptions = {
        seed: hashOf(`${seed} faults`),
        faultsOf: (from, to) => (healed() ? undefined : ratesOfLink(from, to)),
        cut,
        count,
        after: time.after
      }

      const start = (actor: string): Effect.Effect<void> =>
        Effect.gen(function* () {
          const birth = (births.get(actor) ?? 0) + 1
          births.set(actor, birth)
          const life = { dead: false }
          const clock = time.clockOf(
            () => clockOffset.get(actor) ?? 0,
            () => stillMs(actor)
          )
          const { store, stable } = stores.get(actor)!
          const work: Effect.Effect<unknown, unknown> = Effect.scoped(
            Effect.gen(function* () {
              const transport = yield* transportOf(actor, life)
              const itself = yield* Effect.provideService(
                makeParty({ name: actor, run: runName, after: clock.after }),
                Transport,
                transport
              )
              const services = Context.make(Party, itself).pipe(
                Context.add(Store, storeOf(actor, life, store)),
                Context.add(Stable, storeOf(actor, life, stable)),
                Context.add(BcpPool, pool)
              )
              return actor === "director"
                ? yield* Effect.provide(directing, services)
                : yield* Effect.provide(serve(agreement, roleOf(actor)), services)
            })
          )
          const fiber = yield* work.pipe(
            Effect.onExit((exit) => (life.dead ? Effect.void : ended(actor, exit))),
            Effect.withRandom(Random.make(`${seed} ${actor} ${birth}`)),
            Effect.withClock(clock),
            Effect.forkIn(scope)
          )
          lives.set(actor, Object.assign(life, { fiber }))
        })

      const ended = (actor: string, exit: Exit.Exit<unknown, unknown>) =>
        Effect.suspend(() => {
          lives.delete(actor)
          // A failure beside interrupted work is a failure.
          if (Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)) return Effect.void
          if (actor === "director") return Deferred.done(done, exit as Exit.Exit<RunOutcome, unknown>)
          return Exit.isFailure(exit) ? Deferred.failCause(done, exit.cause) : Effect.void
        })

      const directing = direct({
        agreement,
        ...(usersLeave ? { bringBack } : {}),
        onPhase: (phase: Phase) =>
          Effect.sync(() => {
            say(`phase ${phase}`)
            for (const event of pending) {
              if (event.moment.on !== "phase" || event.moment.phase !== phase) continue
              pending.delete(event)
              later(event.moment.afterMs, happen(event))
            }
          }),
        onProgress: () => Effect.void
      })
      function bringBack(users: ReadonlyArray<string>): Effect.Effect<void> {
        return Effect.forEach(
          users,
          (user) =>
            Effect.gen(function* () {
              const life = lives.get(user)
              if (life !== undefined) yield* Fiber.await(life.fiber)
              if (!lives.has(user)) yield* start(user)
            }),
          { discard: true }
        )
      }

      const end = (actor: string, life: Life, inOrder: boolean) =>
        Effect.suspend(() => {
          if (!inOrder) life.dead = true
          lives.delete(actor)
          return Effect.zipRight(
            Effect.asVoid(inOrder ? Fiber.interrupt(life.fiber) : Fiber.interruptFork(life.fiber)),
            Effect.sync(() => {
              life.dead = true
            })
          )
        })

      const happen = (event: PlannedEvent): Effect.Effect<void> =>
        Effect.gen(function* () {
          if (healed()) return
          const { kind, party: actor = "", forMs, byMs, groups, returns } = event
          const untilMs = Math.min(time.nowMs() + forMs, plan.healAfterMs ?? Number.POSITIVE_INFINITY)
          const leftMs = untilMs - time.nowMs()
          switch (kind) {
            case "kill":
            case "restart": {
              const life = lives.get(actor)
              if (life === undefined) return
              say(`${kind} ${actor}${returns ? "" : ", for good"}`)
              count(kind)
              yield* end(actor, life, kind === "restart")
              if (returns)
                later(
                  leftMs + startMs,
                  Effect.suspend(() => {
                    say(`${actor} is started again`)
                    return start(actor)
                  })
                )
              return
            }
            case "pause":
              stoppedUntil.set(actor, Math.max(untilMs, stillMs(actor)))
              break
            case "partition":
              partitions.push({ groups, untilMs })
              break
            case "broker-restart":
              hub.down()
              time.after(leftMs + startMs, hub.up)
              break
            case "disk-full":
              diskFullUntil.set(actor, untilMs)
              break
            case "clock-jump":
              clockOffset.set(actor, (clockOffset.get(actor) ?? 0) + byMs)
          }
          say(`${kind} ${actor} ${groups.map((group) => group.join(" ")).join(" | ")}`)
          count(kind)
        })

      yield* Effect.forEach(parties, start, { discard: true })
      for (const event of pending) {
        if (event.moment.on !== "time") continue
        pending.delete(event)
        later(event.moment.afterMs, happen(event))
      }
      return yield* Deferred.await(done)
    }).pipe(
      Effect.scoped,
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.withTracerEnabled(false)
    )

    const ending = await time.run(main, (plan.healAfterMs ?? 0) + livenessMs)
    const model = await Effect.runPromise(stores.get("user1")!.store.get(modelEntry))
    const ok = ending._tag === "Ended" && Exit.isSuccess(ending.exit)
    const violations = [...watch.violations]
    if (ok) {
      const opened = await Promise.all(
        agreement.users.map(({ actor }) => Effect.runPromise(stores.get(actor)!.store.get(modelEntry)))
      )
      for (const [i, each] of opened.entries())
        if (Option.isNone(each) || Buffer.compare(each.value, Option.getOrThrow(model)) !== 0)
          violations.push(`user${i + 1} has another model than user1`)
    }
    return {
      model: ok ? Option.getOrUndefined(model) : undefined,
      outcome: ending._tag === "Ended" && Exit.isSuccess(ending.exit) ? ending.exit.value : undefined,
      error:
        ending._tag === "Ended"
          ? Exit.isSuccess(ending.exit)
            ? undefined
            : describeCause(ending.exit.cause)
          : ending._tag === "Stuck"
            ? "every party waits for something that is never going to happen"
            : `no end after ${Math.round(ending.atMs)} ms`,
      violations,
      faults,
      history,
      trace: trace.update(text).digest("hex"),
      messages,
      virtualMs: time.nowMs()
    }
  } finally {
    randomness.giveBack()
  }
}

/** A report of how much memory this process has needed, which no seed decides. */
const saysPeakMemory = (envelope: ReturnType<typeof decodeEnvelope>): boolean =>
  envelope._tag === "Right" && envelope.right.kind === "reply" && envelope.right.tag === "Report"

const describeCause = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const tag = typeof error === "object" && error !== null && "_tag" in error ? `${String(error._tag)}: ` : ""
  return `${Cause.isDie(cause) ? "defect: " : ""}${tag}${error instanceof Error ? error.message : String(error)}`
}
