/**
 * Faults in the process of one party over a real broker. Its messages go through
 * `runtime/transport/faulty.ts`; it kills itself at the planned message; and it obeys a file next to its
 * folder, in which the process that runs all parties (`at-run.ts`) says which links are cut, whose disk is
 * full and whose clock is wrong.
 */
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"
import { Clock, Effect, Layer } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import { decodeEnvelope } from "../../protocol/messages/envelope.ts"
import { Stable, Store, StoreFailed, type StoreService } from "../../runtime/storage/store.ts"
import { faulty, type MessageFault } from "../../runtime/transport/faulty.ts"
import { Transport, type TransportService } from "../../runtime/transport/transport.ts"
import { hasCome, SentCounts, stepRoundsOf } from "./moments.ts"
import { type FaultPlan, type PlannedEvent, ratesOf, separates } from "./plan.ts"

/** What holds at the moment for all parties. Times are in milliseconds since 1970. */
export interface FaultsNow {
  readonly since: number
  readonly partitions: ReadonlyArray<{ readonly groups: PlannedEvent["groups"]; readonly until: number }>
  readonly diskFull: ReadonlyArray<{ readonly party: string; readonly until: number }>
  readonly clockOffsetMs: Readonly<Record<string, number>>
}

/** What a party reports on its standard output when the moment of an event has come. */
export interface MomentCame {
  readonly fault: number
}

/** In the folder of all parties: the file of `FaultsNow`. */
export const faultsNowFile = (folder: string): string => join(folder, "faults-now.json")
/** In a party's own folder: how many faults of each kind its messages had, a file for each process. */
export const faultCountsFile = /^faults-\d+\.json$/
/** In a party's own folder: events whose moment has come, a number a line. */
export const firedFile = "faults-fired"

const readAgainMs = 20
const writeAgainMs = 200

export interface FaultsAtParty {
  /** What happens to messages on their way, sealed as they are. */
  readonly links: <E>(real: Layer.Layer<Transport, E>) => Layer.Layer<Transport, E>
  /** Sees the party's own messages before they are sealed. */
  readonly moments: <E>(real: Layer.Layer<Transport, E>) => Layer.Layer<Transport, E>
  readonly stores: <E>(real: Layer.Layer<Store | Stable, E>) => Layer.Layer<Store | Stable, E>
  readonly clock: Clock.Clock
}

/** The faults of `actor`, whose folder is `state`. */
export const faultsAtParty = (
  plan: FaultPlan,
  agreement: Agreement,
  actor: string,
  state: string
): FaultsAtParty => {
  const now = watchedFile(faultsNowFile(dirname(state)), Date.now())
  const healed = () => plan.healAfterMs !== undefined && Date.now() >= now().since + plan.healAfterMs
  const cut = (from: string, to: string) =>
    now().partitions.some(({ groups, until }) => Date.now() < until && separates(groups, from, to))
  const see = moments(plan, agreement, actor, state)
  const watched = (real: TransportService): TransportService => ({
    ...real,
    send: (subject, data, headers) => {
      const error = real.send(subject, data, headers)
      see(data)
      return error
    }
  })
  const full = () => now().diskFull.some(({ party, until }) => party === actor && Date.now() < until)
  const mayBeFull = (real: StoreService): StoreService => ({
    ...real,
    put: (name, bytes) =>
      Effect.suspend(() =>
        full()
          ? new StoreFailed({ operation: "write", place: `${actor}/${name}`, reason: "no space left" })
          : real.put(name, bytes)
      )
  })
  return {
    links: (real) =>
      faulty(
        {
          seed: plan.seed,
          faultsOf: (from, to) => (healed() ? undefined : ratesOf(plan, from, to)),
          cut,
          count: counting(state)
        },
        real
      ),
    moments: (real) => Layer.effect(Transport, Effect.map(Transport, watched)).pipe(Layer.provide(real)),
    stores: (real) =>
      Layer.merge(
        Layer.effect(Store, Effect.map(Store, mayBeFull)),
        Layer.effect(Stable, Effect.map(Stable, mayBeFull))
      ).pipe(Layer.provide(real)),
    clock: skewed(() => now().clockOffsetMs[actor] ?? 0)
  }
}

/** The content of the file, read again when it has changed. */
const watchedFile = (file: string, startedAt: number): (() => FaultsNow) => {
  let value: FaultsNow = { since: startedAt, partitions: [], diskFull: [], clockOffsetMs: {} }
  let [lookedAt, changedAt] = [0, 0]
  return () => {
    const at = Date.now()
    if (at - lookedAt < readAgainMs) return value
    lookedAt = at
    const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs
    if (changed === undefined || changed === changedAt) return value
    changedAt = changed
    value = JSON.parse(readFileSync(file, "utf8")) as FaultsNow
    return value
  }
}

/** Counts into a file of this process, which is written now and then, as a whole. */
const counting = (state: string): ((kind: MessageFault) => void) => {
  const counts: Partial<Record<MessageFault, number>> = {}
  const file = join(state, `faults-${process.pid}.json`)
  let writing: NodeJS.Timeout | undefined
  const write = () => {
    writing = undefined
    writeFileSync(file, JSON.stringify(counts))
  }
  process.once("exit", () => writing !== undefined && write())
  return (kind) => {
    counts[kind] = (counts[kind] ?? 0) + 1
    writing ??= setTimeout(write, writeAgainMs).unref()
  }
}

/**
 * Watches for moments that are this party's own messages: kills this party there, and reports all other
 * events.
 */
const moments = (plan: FaultPlan, agreement: Agreement, actor: string, state: string) => {
  const fired = join(state, firedFile)
  const before = existsSync(fired) ? readFileSync(fired, "utf8").split("\n").filter(Boolean).map(Number) : []
  const pending = new Map(
    plan.events.flatMap((event, i) =>
      isOwn(event, actor) && !before.includes(i) ? [[i, event] as const] : []
    )
  )
  const stepRounds = stepRoundsOf(agreement)
  const sent = new SentCounts()
  return (data: Uint8Array) => {
    if (pending.size === 0) return
    const envelope = decodeEnvelope(data)
    if (envelope._tag === "Left") return
    sent.add(actor, envelope.right)
    for (const [i, event] of pending) {
      if (!hasCome(event.moment, actor, envelope.right, sent, stepRounds)) continue
      pending.delete(i)
      appendFileSync(fired, `${i}\n`)
      const said: MomentCame = { fault: i }
      writeSync(1, `${JSON.stringify(said)}\n`)
      if (event.kind === "kill" && event.party === actor) process.kill(process.pid, "SIGKILL")
    }
  }
}

/** Rounds and steps are the clouds': cloud 0 watches for those of events that are about no cloud. */
const isOwn = ({ moment, party }: PlannedEvent, actor: string): boolean => {
  if (moment.on === "phase" || moment.on === "time") return false
  const counts = moment.on === "round" || moment.on === "step"
  return counts && party !== "cloud0" && party !== "cloud1"
    ? actor === "cloud0"
    : (party ?? "cloud0") === actor
}

/** The system's clock with another date. Waits do not depend on the date. */
export const skewed = (offsetMs: () => number): Clock.Clock => {
  const real = Clock.make()
  const millis = () => real.unsafeCurrentTimeMillis() + offsetMs()
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    currentTimeMillis: Effect.sync(millis),
    unsafeCurrentTimeNanos: () => real.unsafeCurrentTimeNanos(),
    currentTimeNanos: real.currentTimeNanos,
    sleep: (duration) => real.sleep(duration)
  }
}
