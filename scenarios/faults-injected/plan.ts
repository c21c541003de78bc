/**
 * The plan of a run's faults, from faults as they are written (`description/faults.ts`): users have their
 * wire names, and the moments that were left to the seed are drawn. Also draws whole plans, for simulations
 * of scenarios without one.
 */
import { Data, Effect } from "effect"
import { type Agreement, actorsOf, leaveAfterSetup } from "../../actors/party/agreement.ts"
import type { Phase } from "../../actors/party/phases.ts"
import { Deal } from "../../protocol/messages/training.ts"
import { draws, type LinkFaults } from "../../runtime/transport/faulty.ts"
import type { EventKind, FaultEvent, Faults, LinkPlan, When } from "../description/faults.ts"

/** The moment of an event. `sent`: when the party has sent this many messages since the run began. */
export type Moment =
  | { readonly on: "phase"; readonly phase: Phase; readonly afterMs: number }
  | { readonly on: "time"; readonly afterMs: number }
  | { readonly on: "step"; readonly step: number }
  | { readonly on: "round"; readonly round: number }
  | { readonly on: "message"; readonly tag: string; readonly nth: number }
  | { readonly on: "sent"; readonly messages: number }

/** An event with its party by wire name. Those of the broker and partitions have none. */
export interface PlannedEvent {
  readonly kind: EventKind
  readonly party: string | undefined
  readonly groups: ReadonlyArray<ReadonlyArray<string>>
  readonly forMs: number
  readonly byMs: number
  readonly returns: boolean
  readonly moment: Moment
}

export interface FaultPlan {
  readonly seed: number
  /** After this the links do nothing wrong; they never heal where it is undefined. */
  readonly healAfterMs: number | undefined
  readonly links: ReadonlyArray<LinkPlan>
  readonly events: ReadonlyArray<PlannedEvent>
}

/** A plan of faults names a party that the scenario does not have. */
export class NoSuchParty extends Data.TaggedError("NoSuchParty")<{
  readonly at: string
  readonly name: string
  readonly known: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.at}: "${this.name}" is no party of this scenario; choose one of ${this.known.join(", ")}`
  }
}

/** A fault is planned for a party at a moment when it is no longer there. */
export class FaultAfterLeaving extends Data.TaggedError("FaultAfterLeaving")<{
  readonly at: string
  readonly event: EventKind
  readonly party: string
  readonly when: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.at}: ${this.event} of ${this.party} at ${this.when} disturbs nothing, since the run lets ${this.party} go after the setup; plan it for when: { phase: setup } or { message: Enrolment }, or set security.dealing to kgc`
  }
}

/** All parties that faults may happen to. */
export const partiesOf = (agreement: Agreement): ReadonlyArray<string> => ["director", ...actorsOf(agreement)]

/** The plan for a run. What is drawn follows from `seed`, by default the plan's own. */
export const planFaults = (
  faults: Faults,
  agreement: Agreement,
  seed: number = faults.seed
): Effect.Effect<FaultPlan, NoSuchParty | FaultAfterLeaving> =>
  Effect.gen(function* () {
    const parties = partiesOf(agreement)
    const leave = leaveAfterSetup(agreement)
    const named = (name: string, at: string): Effect.Effect<string, NoSuchParty> => {
      if (name === "*" || parties.includes(name)) return Effect.succeed(name)
      const user = agreement.users.find((each) => each.name === name)
      const known = [...parties, ...agreement.users.map((each) => each.name)]
      return user === undefined ? new NoSuchParty({ at, name, known }) : Effect.succeed(user.actor)
    }
    const links = yield* Effect.forEach(faults.links, (link, i) =>
      Effect.all({
        from: named(link.from, `faults.links[${i}].from`),
        to: named(link.to, `faults.links[${i}].to`)
      }).pipe(Effect.map((ends): LinkPlan => ({ ...link, ...ends })))
    )
    const draw = draws(seed, 0x65)
    const events = yield* Effect.forEach(faults.events, (event, i) =>
      Effect.gen(function* () {
        const at = `faults.events[${i}]`
        const party = event.party === undefined ? undefined : yield* named(event.party, `${at}.party`)
        const groups = yield* Effect.forEach(event.groups ?? [], (group, k) =>
          Effect.forEach(group, (name) => named(name, `${at}.groups[${k}]`))
        )
        if (isAfterSetup(event.when)) {
          const left = leave.find((name) => name === party || isAlone(name, groups))
          if (left !== undefined)
            return yield* new FaultAfterLeaving({
              ...{ at, event: event.event, party: left, when: JSON.stringify(event.when) }
            })
        }
        const there = isAfterSetup(event.when) ? parties.filter((name) => !leave.includes(name)) : parties
        return Array.from({ length: event.count }, () => planned(event, party, groups, there, draw))
      })
    )
    return { seed, healAfterMs: faults.healAfterMs, links, events: events.flat() }
  })

/** Whether the phase, step, round or message is one that follows the setup. */
const isAfterSetup = (when: When): boolean => {
  if (when === "drawn") return false
  if ("phase" in when) return when.phase !== "setup"
  return "step" in when || "round" in when || ("message" in when && when.message === Deal.tag)
}

/** Whether a partition separates a party from all others, and none of these from each other. */
const isAlone = (party: string, groups: ReadonlyArray<ReadonlyArray<string>>): boolean =>
  groups.some((group) => group.includes(party)) &&
  groups.filter((group) => group.some((name) => name !== party)).length < 2

const planned = (
  event: FaultEvent,
  party: string | undefined,
  groups: ReadonlyArray<ReadonlyArray<string>>,
  parties: ReadonlyArray<string>,
  draw: () => number
): PlannedEvent => ({
  kind: event.event,
  party: party === "*" ? pick(parties, draw) : party,
  groups,
  forMs: event.forMs,
  byMs: event.byMs ?? 0,
  returns: event.returns,
  moment: momentOf(event.when, draw)
})

const momentOf = (when: When, draw: () => number): Moment => {
  if (when === "drawn") return { on: "sent", messages: drawnCount(draw) }
  if ("phase" in when) return { on: "phase", ...when }
  if ("step" in when) return { on: "step", ...when }
  if ("round" in when) return { on: "round", ...when }
  if ("message" in when) return { on: "message", tag: when.message, nth: when.nth }
  return { on: "time", ...when }
}

/**
 * A drawn moment is the sending of one of a party's first 400 messages; the logarithm of its number is
 * uniform.
 */
const drawnCount = (draw: () => number): number => Math.floor(400 ** draw())

const pick = <A>(items: ReadonlyArray<A>, draw: () => number): A => items[Math.floor(draw() * items.length)]!

/** The faults of a link: of the rules that fit, the last holds. */
export const ratesOf = ({ links }: FaultPlan, from: string, to: string): LinkFaults | undefined => {
  const fits = (pattern: string, name: string) => pattern === "*" || pattern === name
  const link = links.findLast((each) => fits(each.from, from) && fits(each.to, to))
  if (link === undefined) return undefined
  const { loss, duplication, reordering, corruption, truncation, delay } = link
  const rates = { loss, duplication, reordering, corruption, truncation }
  if (delay === undefined) return rates
  if ("fixedMs" in delay) return { ...rates, delay: { kind: "fixed", ms: delay.fixedMs } }
  if ("meanMs" in delay) return { ...rates, delay: { kind: "exponential", meanMs: delay.meanMs } }
  return { ...rates, delay: { kind: "uniform", fromMs: delay.fromMs, toMs: delay.toMs } }
}

/** Whether groups of a partition separate two parties. A party in no group reaches all. */
export const separates = (groups: PlannedEvent["groups"], from: string, to: string): boolean => {
  const [a, b] = [from, to].map((name) => groups.findIndex((group) => group.includes(name)))
  return a !== -1 && b !== -1 && a !== b
}

/** Parties that never come back: a run without them must end with an error that names one. */
export const lostForGood = ({ events }: FaultPlan): ReadonlyArray<string> =>
  events.flatMap(({ returns, party }) => (returns || party === undefined ? [] : [party]))

/**
 * A plan that follows from a seed. Each kind of fault is in about half of all plans, at rates from rare to
 * severe.
 */
export const drawFaults = (seed: number, agreement: Agreement): FaultPlan => {
  const draw = draws(seed, 0xfa)
  const parties = partiesOf(agreement)
  const rate = (most: number) => (draw() < 0.5 ? 0 : most * draw() ** 2)
  const link = (from: string, to: string): LinkPlan => ({
    from,
    to,
    loss: rate(0.3),
    duplication: rate(0.3),
    reordering: rate(0.3),
    corruption: rate(0.1),
    truncation: rate(0.1),
    ...(draw() < 0.5 ? {} : { delay: { meanMs: Math.round(50 * draw() ** 2) } })
  })
  const links = [link("*", "*")]
  // A link or two that are worse, or better, than the rest.
  for (let n = Math.floor(draw() * 3); n > 0; n--) links.push(link(pick(parties, draw), pick(parties, draw)))
  const events = Array.from({ length: Math.floor(draw() * 4) }, () => drawEvent(parties, draw))
  return { seed, healAfterMs: 1_000 + Math.floor(29_000 * draw()), links, events }
}

const drawEvent = (parties: ReadonlyArray<string>, draw: () => number): PlannedEvent => {
  const kind = pick<EventKind>(
    ["kill", "kill", "kill", "restart", "pause", "partition", "broker-restart", "clock-jump", "disk-full"],
    draw
  )
  const alone = kind === "partition" || kind === "broker-restart"
  const shuffled = parties.map((name) => ({ name, at: draw() })).sort((a, b) => a.at - b.at)
  const names = shuffled.map(({ name }) => name)
  const split = 1 + Math.floor(draw() * (names.length - 1))
  return {
    kind,
    party: alone ? undefined : names[0],
    groups: kind === "partition" ? [names.slice(0, split), names.slice(split)] : [],
    forMs: Math.floor(5_000 * draw() ** 2),
    byMs: kind === "clock-jump" ? Math.floor((draw() - 0.5) * 7_200_000) : 0,
    returns: true,
    moment: { on: "sent", messages: drawnCount(draw) }
  }
}

/** A plan as lines of text, for those who have to find out what went wrong. */
export const describePlan = (plan: FaultPlan): ReadonlyArray<string> => [
  ...plan.links.map((link) => `link ${JSON.stringify(link)}`),
  ...plan.events.map((event) => `event ${JSON.stringify(event)}`),
  plan.healAfterMs === undefined ? "no healing" : `links heal after ${plan.healAfterMs} ms`
]
