/**
 * A party's site: all that it was set up with, from an invitation or from a scenario and the environment. What is missing
 * or wrong is a part of it, so that the rest can be looked at.
 */
import { Effect, Either, Option } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import type { PartyIdentity } from "../../protocol/channels/identity.ts"
import { variable } from "../../runtime/environment.ts"
import { type Trust, trustFromEnvironment } from "../../runtime/transport/trust.ts"
import { agreementOf } from "../description/agreement.ts"
import { type LoadedScenario, loadScenario } from "../description/load.ts"
import { readIdentity } from "../folders/identity-file.ts"
import { ownIdentity } from "../run/identities.ts"
import { actorNamed } from "../run/party-role.ts"
import { brokerTrust, type SignedInvitation } from "./invitation.ts"
import { placesOf, readInvitation, scenarioOf } from "./places.ts"

/** Something that is wrong, in words. */
export interface Wrong {
  readonly message: string
}

/** A time that has been, by the word of something else than this machine's clock. */
export interface Evidence {
  readonly what: string
  readonly atMs: number
}

export interface Site {
  /** The party's name on the wire, and the one for people. */
  readonly actor: string
  readonly name: string
  readonly loaded: LoadedScenario
  readonly agreement: Agreement
  readonly identity: Either.Either<PartyIdentity, Wrong>
  readonly access: Either.Either<{ readonly url: string; readonly trust: Trust }, Wrong>
  /** The party's own folder for its state. */
  readonly folder: string
  readonly evidence: ReadonlyArray<Evidence>
  /** The program's version. */
  readonly version: string
}

/** Which party of a scenario is examined, and where what it has is. */
export interface SiteOfScenario {
  readonly file: string
  readonly party: string
  readonly identity: Option.Option<string>
  readonly state: Option.Option<string>
  readonly version: string
}

/** The name of an actor for people: a user's in the scenario. */
export const nameOfActor = (agreement: Agreement, actor: string): string =>
  agreement.users.find((user) => user.actor === actor)?.name ?? actor

/** The broker's address in the environment, and what it is trusted by. */
const accessHere = Effect.gen(function* () {
  const url = yield* variable("NATS_URL")
  const trust = yield* trustFromEnvironment
  return url === undefined
    ? Either.left({
        message:
          "NATS_URL, which names the broker, is not set: write it as nats://HOST:PORT or tls://HOST:PORT"
      })
    : Either.right({ url, trust })
})

/** The site of a party that is set up by a scenario and its environment. Fails where the scenario can't be read. */
export const siteOfScenario = ({ file, party, identity, state, version }: SiteOfScenario) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario(file)
    const agreement = agreementOf(loaded.scenario)
    const actor = yield* actorNamed(agreement, party)
    const site: Site = {
      actor,
      name: nameOfActor(agreement, actor),
      loaded,
      agreement,
      identity: yield* Effect.either(ownIdentity(actor, identity)),
      access: yield* accessHere,
      folder: Option.getOrElse(state, () => actor),
      evidence: [],
      version
    }
    return site
  })

/** The site of an invitee, from its invitation and what lies next to it; nothing is made. */
export const siteOfInvitation = (file: string, version: string) =>
  Effect.gen(function* () {
    const invitation = yield* readInvitation(file)
    const { madeMs, party: actor, run } = invitation
    const loaded = yield* scenarioOf(invitation, file)
    const agreement = agreementOf(loaded.scenario)
    const places = placesOf(file, run)
    const site: Site = {
      ...{ actor, name: nameOfActor(agreement, actor), loaded, agreement, version },
      identity: yield* Effect.either(readIdentity(places.identity)),
      access: Either.right(yield* accessOf(invitation)),
      folder: places.state,
      evidence: [{ what: "the invitation was made", atMs: madeMs }]
    }
    return site
  })

/** The broker of an invitation; `NATS_URL` names another way to the same one, such as a tunnel's end. */
export const accessOf = (invitation: SignedInvitation) =>
  Effect.map(variable("NATS_URL"), (url) => ({
    url: url ?? invitation.broker.url,
    trust: brokerTrust(invitation)
  }))
