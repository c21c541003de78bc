/**
 * A transport that treats messages as bad networks do: it loses, duplicates, delays, reorders, corrupts and
 * truncates them, at the rates of their link. What happens to a message is a function of the seed, its link
 * and its number on that link, so the same plan does the same over a broker and in a simulation. The layers
 * above it (`messaging/`) repair the damage.
 */
import { hash } from "node:crypto"
import { Duration, Effect, Layer, Runtime, type Scope } from "effect"
import { actorOf, parseSubject } from "../../protocol/messages/subjects.ts"
import { Transport, type TransportService } from "./transport.ts"

/** How long messages are held back. */
export type Delay =
  | { readonly kind: "fixed"; readonly ms: number }
  | { readonly kind: "uniform"; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: "exponential"; readonly meanMs: number }

/** The faults of a link. All but the delay are shares of its messages, from 0 to 1. */
export interface LinkFaults {
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  readonly corruption: number
  readonly truncation: number
  readonly delay?: Delay
}

/** Kinds of faults of messages; `partition`: there was no way to the receiver. */
const messageFaults = [
  "loss",
  "duplication",
  "delay",
  "reordering",
  "corruption",
  "truncation",
  "partition"
] as const
export type MessageFault = (typeof messageFaults)[number]

export interface FaultyOptions {
  readonly seed: number
  /**
   * The faults at present of the link from one actor, any of its processes, to another; undefined if it has
   * none.
   */
  readonly faultsOf: (from: string, to: string) => LinkFaults | undefined
  /** Whether there is no way from one to the other at present. */
  readonly cut?: (from: string, to: string) => boolean
  /** Called for each fault. */
  readonly count: (kind: MessageFault) => void
  /** Calls `happen` after `ms` milliseconds; by default a fiber does, which ends with the transport. */
  readonly after?: (ms: number, happen: () => void) => void
}

/** A duplicate comes within this time, and a reordered message is overtaken within it. */
const strayMs = 20

/** Most bits that are flipped in a corrupted message. */
const mostBitsFlipped = 8

/**
 * Decorates a transport. Faults are injected where messages are published; each direction of a link is its
 * sender's.
 */
export const faulty = <E, R>(
  options: FaultyOptions,
  transport: Layer.Layer<Transport, E, R>
): Layer.Layer<Transport, E, R> =>
  Layer.scoped(
    Transport,
    Effect.flatMap(Transport, (real) => withFaults(options, real))
  ).pipe(Layer.provide(transport))

/** The decorated service, without a layer. */
export const withFaults = (
  options: FaultyOptions,
  real: TransportService
): Effect.Effect<TransportService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const after = options.after ?? (yield* afterInScope)
    const links = new Map<string, LinkState>()
    /** The link of each subject that was sent on; the subjects of a link share its state. */
    const linksOfSubjects = new Map<string, LinkState>()
    const linkOf = (subject: string): LinkState | undefined => {
      const known = linksOfSubjects.get(subject)
      if (known !== undefined) return known
      const address = parseSubject(subject)
      if (address === undefined) return undefined
      const key = `${address.from} ${address.to}`
      const link = links.get(key) ?? {
        from: actorOf(address.from),
        to: actorOf(address.to),
        seed: hashOf(`${options.seed} ${key}`),
        sent: 0,
        busyUntilMs: 0
      }
      links.set(key, link)
      linksOfSubjects.set(subject, link)
      return link
    }
    const later = (ms: number, subject: string, data: Uint8Array, headers?: Headers) =>
      after(ms, () => void real.send(subject, data, headers))

    return {
      ...real,
      send: (subject, data, headers) => {
        const link = linkOf(subject)
        if (link === undefined) return real.send(subject, data, headers)
        const { from, to } = link
        const number = link.sent++
        if (options.cut?.(from, to)) {
          options.count("partition")
          return undefined
        }
        const faults = options.faultsOf(from, to)
        const now = Number(clock.unsafeCurrentTimeNanos() / 1_000n) / 1_000
        // Messages that were held back go first, also once the link has no faults any more.
        if (faults === undefined && link.busyUntilMs <= now) return real.send(subject, data, headers)
        const draw = draws(link.seed, number)
        const happens = (kind: keyof Omit<LinkFaults, "delay">) => {
          const does = faults !== undefined && draw() < faults[kind]
          if (does) options.count(kind)
          return does
        }
        if (happens("loss")) return undefined
        const damaged = happens("truncation")
          ? data.slice(0, Math.floor(draw() * data.length))
          : happens("corruption")
            ? withBitsFlipped(data, draw)
            : data
        const delayMs = faults?.delay === undefined ? 0 : delayOf(faults.delay, draw)
        if (delayMs > 0) options.count("delay")
        const doubled = happens("duplication")
        const strays = happens("reordering")
        // A message that is only delayed keeps its place among those of its link.
        const dueMs = strays ? now + delayMs + draw() * strayMs : Math.max(link.busyUntilMs, now + delayMs)
        if (!strays) link.busyUntilMs = dueMs
        if (doubled) later(dueMs - now + draw() * strayMs, subject, damaged.slice(), headers)
        if (dueMs <= now) return real.send(subject, damaged, headers)
        later(dueMs - now, subject, damaged.slice(), headers)
        return undefined
      }
    }
  })

const afterInScope = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const fork = Runtime.runFork(yield* Effect.runtime())
  return (ms: number, happen: () => void): void =>
    void fork(Effect.forkIn(Effect.delay(Effect.sync(happen), Duration.millis(ms)), scope))
})

type Headers = Readonly<Record<string, string>>

interface LinkState {
  /** The actors at its ends. */
  readonly from: string
  readonly to: string
  readonly seed: number
  sent: number
  busyUntilMs: number
}

const delayOf = (delay: Delay, draw: () => number): number => {
  switch (delay.kind) {
    case "fixed":
      return delay.ms
    case "uniform":
      return delay.fromMs + draw() * (delay.toMs - delay.fromMs)
    case "exponential":
      return -Math.log(1 - draw()) * delay.meanMs
  }
}

const withBitsFlipped = (data: Uint8Array, draw: () => number): Uint8Array => {
  const changed = data.slice()
  const flips = 1 + Math.floor(draw() * mostBitsFlipped)
  for (let n = 0; n < flips && changed.length > 0; n++) {
    const bit = Math.floor(draw() * changed.length * 8)
    changed[bit >> 3]! ^= 1 << (bit & 7)
  }
  return changed
}

/** A hash of 32 bits. */
export const hashOf = (text: string): number => hash("sha256", text, "buffer").readUInt32LE(0)

/**
 * Numbers in [0, 1) for one message: SplitMix32 (Steele, Lea, Flood 2014, with the finalizer of MurmurHash3),
 * from seed and number.
 */
export const draws = (seed: number, number = 0): (() => number) => {
  let state = mix(seed ^ mix(number + 0x9e3779b9))
  return () => {
    state = (state + 0x9e3779b9) | 0
    return (mix(state) >>> 0) / 2 ** 32
  }
}

const mix = (x: number): number => {
  let z = x | 0
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return z ^ (z >>> 16)
}
