/**
 * The broker of a run on this machine, before anything is started over it: whether it is there, fits, lets
 * the parties in, and keeps the clouds' checkpoints where the scenario asks for that.
 */
import { Context, Effect, Layer } from "effect"
import { type Agreement, actorsOf } from "../../actors/party/agreement.ts"
import { usersOf } from "../../actors/party/identities.ts"
import { inboxesOf } from "../../protocol/messages/subjects.ts"
import { accessTo, type BrokerAccess } from "../../runtime/broker/access.ts"
import { type Broker, givenUrl, operator, serverIsThere, startBroker } from "../../runtime/broker/start.ts"
import { variable } from "../../runtime/environment.ts"
import { makeBucket, openBucket } from "../../runtime/storage/jetstream-store.ts"
import { brokerRequests, layer as nats } from "../../runtime/transport/nats.ts"
import { Transport } from "../../runtime/transport/transport.ts"
import type { Scenario } from "../description/schema.ts"
import { givenIdentities, identityVariable } from "./identities.ts"

/** The identities that a broker at `NATS_URL` knows: all parties', and the operator's if it is at hand. */
export const identitiesGivenFor = (agreement: Agreement) =>
  Effect.gen(function* () {
    const known = yield* variable(identityVariable(operator))
    return yield* givenIdentities([
      "director",
      ...actorsOf(agreement),
      ...(known === undefined ? [] : [operator])
    ])
  })

/** How each party gets to the broker. */
export const accessOf = (broker: Broker, agreement: Agreement) =>
  Effect.gen(function* () {
    const access = new Map<string, BrokerAccess>()
    for (const actor of ["director", ...actorsOf(agreement)])
      access.set(actor, yield* accessTo(broker, actor))
    return access
  })

const optionsOf = ({ url, user, nkey, trust }: BrokerAccess, run: string) =>
  ({ servers: [url], user, nkey, trust, run }) as const

/**
 * Connects as a party and subscribes to its inboxes, to find faults of the broker or of that party's
 * permissions.
 */
export const tryAccess = (access: BrokerAccess, run: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const transport = Context.get(yield* Layer.build(nats(optionsOf(access, run))), Transport)
      for (const inbox of inboxesOf(run, access.user)) yield* transport.subscribe(inbox, () => {})
    })
  )

const clouds = ["cloud0", "cloud1"]

/**
 * Makes the clouds' buckets where the operator's identity is known, and checks that the clouds can use
 * theirs. At a broker whose operator keeps that to itself, the buckets exist already.
 */
export const prepareBuckets = (broker: Broker, run: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      if (broker.credentials[operator] !== undefined) {
        const requests = yield* brokerRequests(optionsOf(yield* accessTo(broker, operator), run))
        for (const cloud of clouds) yield* makeBucket(requests, cloud)
      }
      for (const cloud of clouds) {
        const requests = yield* brokerRequests(optionsOf(yield* accessTo(broker, cloud), run))
        yield* openBucket(requests, cloud, run)
      }
    })
  )

/** Stands for the name of a run that has none yet. */
const nameless = "before-the-run"

/** Checks, as far as possible before it is started or used, that a run will have a broker. */
export const brokerIsThere = (agreement: Agreement, { checkpoints }: Scenario["placement"]) =>
  Effect.gen(function* () {
    if ((yield* givenUrl) === undefined) return yield* serverIsThere
    const broker = yield* startBroker({ credentials: usersOf(yield* identitiesGivenFor(agreement)) })
    const [director, ...others] = (yield* accessOf(broker, agreement)).values()
    // One connection shows whether the broker serves at all; the others follow.
    yield* tryAccess(director!, nameless)
    const tried = Effect.forEach(others, (access) => tryAccess(access, nameless), {
      concurrency: "unbounded"
    })
    yield* Effect.asVoid(tried)
    if (checkpoints === "jetstream") yield* prepareBuckets(broker, nameless)
  }).pipe(Effect.scoped)
