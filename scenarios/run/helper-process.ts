/**
 * A member of a party's process group, a worker or a lane, as a process of its own on any machine. It has
 * only the broker's address and the party's identity; the party's main process sends it the rest.
 */

import { randomBytes } from "node:crypto"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { Data, Effect, Layer, Option } from "effect"
import { lane } from "../../actors/clouds/training/lanes/lane.ts"
import { Directory, directoryOf } from "../../actors/party/directory.ts"
import { worker } from "../../actors/worker.ts"
import { actorsWithMembers, memberNamed } from "../../protocol/messages/subjects.ts"
import { accessFromEnvironment } from "../../runtime/broker/access.ts"
import { layer as party } from "../../runtime/messaging/party.ts"
import { giveWay, parentGone, sayReady } from "../../runtime/processes/process.ts"
import { layer as tracing } from "../../runtime/tracing.ts"
import { layer as nats } from "../../runtime/transport/nats.ts"
import { sealed } from "../../runtime/transport/sealed.ts"
import { checkRunName } from "../description/run-name.ts"
import { eventsEntry } from "../folders/party-folder.ts"
import { ownIdentity } from "./identities.ts"
import { brokerLost, untilBroker } from "./until-broker.ts"

export interface MemberOptions {
  readonly kind: "worker" | "lane"
  /** The party: `kgc`, `cloud0`, `cloud1`. */
  readonly role: string
  /** The run's name, the same for all its parties. */
  readonly run: string
  /** The file of the party's identity. */
  readonly identity: Option.Option<string>
  /** Maximum concurrent jobs; by default as many as there are cores. */
  readonly threads: Option.Option<number>
  /** The folder of its event log; none is kept by default. */
  readonly state: Option.Option<string>
}

/** Only the KGC and the clouds have members. */
export class NoMembers extends Data.TaggedError("NoMembers")<{
  readonly role: string
  readonly kind: MemberOptions["kind"]
}> {
  readonly retryable = false
  override get message(): string {
    const whose =
      this.kind === "lane" ? actorsWithMembers.filter((actor) => actor !== "kgc") : actorsWithMembers
    return `"${this.role}" has no ${this.kind}s; choose one of ${whose.join(", ")}`
  }
}

/**
 * Serves a party over NATS until its main process releases this member, or the process that started it is
 * gone.
 */
export const runMember = ({ kind, role, run, identity, threads, state }: MemberOptions) =>
  Effect.gen(function* () {
    yield* checkRunName(run)
    if (!actorsWithMembers.includes(role) || (kind === "lane" && role === "kgc"))
      return yield* new NoMembers({ role, kind })
    const own = yield* ownIdentity(role, identity)
    const { url, user, nkey, trust } = yield* accessFromEnvironment(role, own.nkey)
    const name = memberNamed(role, kind, randomBytes(8).toString("hex"))
    const directory = directoryOf({ name, run }, own.channel)
    const connected = untilBroker(
      party({ name, run }).pipe(
        Layer.provideMerge(sealed(directory, nats({ servers: [url], user, nkey, trust, run, name })))
      )
    )
    const log = Option.match(state, {
      onNone: () => ({ actor: name }),
      onSome: (folder) => ({ actor: name, file: join(folder, eventsEntry) })
    })
    const known = Layer.succeed(Directory, directory)
    const services = Layer.merge(connected, known).pipe(Layer.provideMerge(tracing(log)))
    const working = Effect.gen(function* () {
      yield* sayReady({ name })
      if (kind === "lane") return yield* lane()
      // Like the KGC itself: it deals ahead of the clouds, which wait for each other.
      if (role === "kgc") yield* giveWay
      yield* worker({ threads: Option.getOrElse(threads, availableParallelism) })
    })
    yield* Effect.raceFirst(working, brokerLost).pipe(Effect.provide(services), Effect.raceFirst(parentGone))
  }).pipe(Effect.scoped)
