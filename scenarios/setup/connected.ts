/**
 * What shows only to a party that the broker lets in: whether it does, what it permits, how far and how wide the way to the
 * others is, and what they run.
 */
import { Context, Effect, Either, Layer, Option, type Scope } from "effect"
import { actorsOf, agreementDigest } from "../../actors/party/agreement.ts"
import type { PartyIdentity } from "../../protocol/channels/identity.ts"
import { channels, inboxOf, mayPublish, subjectOf } from "../../protocol/messages/subjects.ts"
import { openBucket } from "../../runtime/storage/jetstream-store.ts"
import { brokerRequests, layer as nats } from "../../runtime/transport/nats.ts"
import { Transport, type TransportService } from "../../runtime/transport/transport.ts"
import type { Trust } from "../../runtime/transport/trust.ts"
import { keysOfScenario } from "../description/agreement.ts"
import { duration } from "../text/units.ts"
import { storesAtBroker } from "./broker.ts"
import { type Check, type Finding, fault, needs, ok, unknown } from "./finding.ts"
import { clockToleranceMs } from "./local.ts"
import type { Site } from "./site.ts"
import { type Visited, type Visitor, visitor, visitsRun } from "./visit.ts"
import { describeWidth, measureWidth, tooSlow, type Width } from "./width.ts"

const afterLogin: ReadonlyArray<Check> = ["permissions", "link", "others"]

/** The findings of a party whose broker is in order from outside, and who has an identity and an address. */
export const connectedFindings = (
  site: Site,
  identity: PartyIdentity,
  access: { readonly url: string; readonly trust: Trust },
  waitMs: number
): Effect.Effect<ReadonlyArray<Finding>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { actor } = site
    const options = {
      servers: [access.url],
      user: actor,
      nkey: identity.nkey,
      trust: access.trust,
      run: visitsRun,
      name: `${actor} doctor`
    } as const
    const connected = yield* Effect.either(Layer.build(nats(options)))
    if (Either.isLeft(connected)) return refusedFindings(connected.left)
    const transport = Context.get(connected.right, Transport)
    const permissions = yield* permissionFinding(site, transport)
    const bucket = storesAtBroker(site)
      ? [
          Either.match(
            yield* Effect.either(
              Effect.flatMap(brokerRequests(options), (requests) => openBucket(requests, actor, visitsRun))
            ),
            {
              onLeft: ({ message }) => fault("bucket", message),
              onRight: () => ok("bucket", `the bucket of ${actor} is there`)
            }
          )
        ]
      : []
    const own = {
      ...{ actor, identity: identity.channel, keys: keysOfScenario(site.loaded.scenario) },
      ...{ version: site.version, agreement: agreementDigest(site.agreement) }
    }
    const visits = yield* Effect.either(
      Effect.flatMap(visitor(own, transport), (there) => visitFindings(site, there, waitMs))
    )
    return [
      ok("credentials", `the broker lets ${actor} in`),
      permissions,
      ...bucket,
      ...Either.getOrElse(visits, ({ message }) => [fault("link", message), needs("others", "the link")])
    ]
  })

/** What a refusal says, by its kind: whether it is who the party is, what it may do, or the broker. */
const refusedFindings = (error: {
  readonly _tag: string
  readonly message: string
}): ReadonlyArray<Finding> => {
  const rest = (from: Check, why: string) =>
    afterLogin.filter((each) => each !== from).map((each) => needs(each, why))
  switch (error._tag) {
    case "BrokerUnprotected":
      return [
        ok("credentials", "the broker takes them"),
        fault("permissions", error.message),
        ...rest("permissions", "a broker that is safe to use")
      ]
    default:
      return [fault("credentials", error.message), ...rest("credentials", "to be let in")]
  }
}

/** Tries all that the party must be able to do: read what is sent to it, and write to all others. What is too much was tried before. */
const permissionFinding = (site: Site, transport: TransportService): Effect.Effect<Finding> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { actor, agreement } = site
      const parties = ["director", ...actorsOf(agreement)]
      const denied: Array<string> = []
      const unlisten = transport.listen((event) => {
        if (event._tag === "Denied") denied.push(event.error.message)
      })
      yield* Effect.addFinalizer(() => Effect.sync(unlisten))
      for (const to of parties)
        for (const channel of channels)
          if (to !== actor && mayPublish(actor, to, channel))
            transport.send(subjectOf({ run: visitsRun, to, from: actor, channel }), new Uint8Array(1))
      // The broker's refusals come before its answer to this.
      yield* transport.subscribe(inboxOf(visitsRun, actor), () => {})
      yield* Effect.yieldNow()
      const [first] = denied
      return first === undefined
        ? ok("permissions", `${actor} may read what is its own, write to all that it must, and no more`)
        : fault("permissions", first)
    })
  ).pipe(Effect.catchAll(({ message }) => Effect.succeed(fault("permissions", message))))

/** How long a party takes to answer at the most, once it has answered. */
const patienceMs = 5_000
/** How long a question may take at least, before it is asked again. */
const leastAskMs = 250

/** A party that was met. */
interface Met {
  readonly party: string
  readonly visited: Visited
}

/** Asks a party again and again until it answers, for so long. */
const meet = (there: Visitor, party: string, waitMs: number) =>
  Effect.gen(function* () {
    const end = performance.now() + waitMs
    const askMs = Math.min(patienceMs, Math.max(leastAskMs, waitMs / 3))
    do {
      const visited = yield* there.ask(party, 0, askMs)
      if (Option.isSome(visited)) return Option.some<Met>({ party, visited: visited.value })
    } while (performance.now() < end)
    return Option.none<Met>()
  })

/** A way that was measured. */
interface Way {
  readonly what: string
  readonly width: Width
}

const visitFindings = (site: Site, there: Visitor, waitMs: number) =>
  Effect.gen(function* () {
    const { actor, agreement, loaded } = site
    const keys = keysOfScenario(loaded.scenario)
    const own: Way = { what: "the broker and back", width: yield* measureWidth(there, actor, patienceMs) }
    const others = ["director", ...actorsOf(agreement)].filter((party) => party !== actor && keys.has(party))
    const answers = yield* Effect.forEach(others, (party) => meet(there, party, waitMs), {
      concurrency: "unbounded"
    })
    const met = answers.flatMap(Option.toArray)
    const silent = others.filter((party) => !met.some((each) => each.party === party))
    // One after the other, so that each has the way to itself; where this party's own is slow, all are.
    const isSlow = tooSlow(own.what, own.width, loaded.scenario.deadlines) !== undefined
    const ways = yield* Effect.forEach(isSlow ? [] : met, ({ party }) =>
      Effect.map(measureWidth(there, party, patienceMs), (width): Way => ({ what: party, width }))
    )
    return [linkFinding(site, [own, ...ways]), othersFinding(site, met, silent), ...clockOfOthers(met)]
  })

const linkFinding = ({ loaded }: Site, ways: ReadonlyArray<Way>): Finding => {
  const said = ways.map(({ what, width }) => `${what}: ${describeWidth(width)}`).join("\n")
  const slow = ways.flatMap(({ what, width }) => tooSlow(what, width, loaded.scenario.deadlines) ?? [])
  return slow.length === 0 ? ok("link", said) : fault("link", slow.join("\n"))
}

/** Others with another program, another scenario, or none at all. */
const othersFinding = (site: Site, met: ReadonlyArray<Met>, silent: ReadonlyArray<string>): Finding => {
  const digest = agreementDigest(site.agreement)
  const wrong = met.flatMap(({ party, visited: { answer } }) => [
    ...(answer.version === site.version
      ? []
      : [`${party} has bicameral ${answer.version}, and this is ${site.version}; all parties need the same`]),
    ...(answer.agreement === digest || answer.version !== site.version
      ? []
      : [`${party} has another scenario; compare the files, and give all parties the same`])
  ])
  if (wrong.length > 0) return fault("others", wrong.join("\n"))
  const there =
    met.length === 0 ? "" : `${met.map(({ party }) => party).join(", ")}: the same program and scenario`
  if (silent.length === 0) return ok("others", there)
  const absent = `${silent.join(", ")}: no answer; start bicameral join or doctor there at the same time (--wait)`
  return unknown("others", there === "" ? absent : `${there}\n${absent}`)
}

/** Where most of the others say another time, this clock is off; else theirs that do. */
const clockOfOthers = (met: ReadonlyArray<Met>): ReadonlyArray<Finding> => {
  const off = met
    .map(({ party, visited: { answer, hereMs } }) => ({ party, ms: answer.nowMs - hereMs }))
    .filter(({ ms }) => Math.abs(ms) > clockToleranceMs)
  if (off.length === 0) return []
  const [first] = off
  const ahead = (ms: number) => `${duration(Math.abs(ms) / 1000)} ${ms > 0 ? "behind" : "ahead of"}`
  return 2 * off.length > met.length
    ? [
        fault(
          "clock",
          `the clock of this machine is ${ahead(first!.ms)} that of ${off.map(({ party }) => party).join(", ")}; set it, and keep it set with NTP`
        )
      ]
    : [
        fault(
          "clock",
          off
            .map(
              ({ ms, party }) =>
                `the clock of this machine is ${ahead(ms)} that of ${party}, whose owner should set theirs`
            )
            .join("\n")
        )
      ]
}
