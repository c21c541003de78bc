/**
 * `bicameral join`: what an invitee does, as often as it takes, with one command. The first time it compares the inviter's
 * fingerprint and makes an identity; while the inviter does not know that identity, it writes a reply; once the
 * invitation has the identities of all, it takes part.
 */
import { rm } from "node:fs/promises"
import * as Prompt from "@effect/cli/Prompt"
import { Terminal } from "@effect/platform"
import { Console, Context, Data, Effect, Layer, Option, Schedule } from "effect"
import { type Agreement, agreementDigest } from "../../actors/party/agreement.ts"
import { OtherIdentity } from "../../actors/party/directory.ts"
import { fingerprintOf } from "../../protocol/channels/fingerprint.ts"
import { type PartyIdentity, publicTextOf } from "../../protocol/channels/identity.ts"
import type { BrokerAccess } from "../../runtime/broker/access.ts"
import { layer as nats } from "../../runtime/transport/nats.ts"
import { Transport } from "../../runtime/transport/transport.ts"
import { agreementOf, identitiesOfScenario, keysOfScenario, partiesOf } from "../description/agreement.ts"
import type { LoadedScenario } from "../description/load.ts"
import { identityAt } from "../folders/identity-file.ts"
import { hasBegun } from "../folders/party-folder.ts"
import { runParty } from "../run/party-process.ts"
import { listed } from "../text/units.ts"
import { replyText, runFingerprint, type SignedInvitation, sameFingerprint } from "./invitation.ts"
import { placesOf, readInvitation, scenarioOf, textAt, writeText } from "./places.ts"
import { accessOf, nameOfActor } from "./site.ts"
import { visitor, visitsRun } from "./visit.ts"

export interface JoinOptions {
  /** The invitation's file. */
  readonly file: string
  /** The inviter's fingerprint, as it was told over another way. */
  readonly inviter: Option.Option<string>
  /** Whether to make another identity, in place of the one that there is. */
  readonly renew: boolean
  /** The program's version. */
  readonly version: string
}

/** Nobody has said that the invitation is the inviter's. */
export class InviterUnconfirmed extends Data.TaggedError("InviterUnconfirmed")<{
  readonly file: string
  readonly fingerprint: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} was signed by ${this.fingerprint}, and ${this.reason}`
  }
}

/** An identity can't be renewed while a run has what is bound to it. */
export class RunHasIdentity extends Data.TaggedError("RunHasIdentity")<{ readonly folder: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.folder} has what this party keeps of the run, under its present identity; finish the run first, and renew the identity before the next`
  }
}

/** Demands that the inviter is who the invitee was told it is; remembered once it was said. */
const confirmed = ({ file, inviter }: JoinOptions, invitation: SignedInvitation) =>
  Effect.gen(function* () {
    const fingerprint = fingerprintOf(invitation.signer)
    const place = placesOf(file, invitation.run).inviter
    const unconfirmed = (reason: string) => new InviterUnconfirmed({ file, fingerprint, reason })
    const known = (yield* textAt(place))?.trim()
    if (Option.isSome(inviter)) {
      if (!sameFingerprint(inviter.value, fingerprint))
        return yield* unconfirmed(
          "--inviter names another: ask who invited you for their fingerprint over another way, and for the invitation again if it is not this"
        )
    } else if (known !== undefined && !sameFingerprint(known, fingerprint)) {
      return yield* unconfirmed(
        `the one that was compared before is ${known}; if the inviter has a new identity, compare it again and give it as --inviter`
      )
    } else if (known === undefined) {
      const terminal = yield* Terminal.Terminal
      if (!(yield* terminal.isTTY))
        return yield* unconfirmed(
          "nobody has compared that: ask who invited you for their fingerprint over another way, such as by telephone, and give it as --inviter"
        )
      const question = Prompt.confirm({
        message: `The invitation was signed by ${fingerprint}. Does who invited you say the same, by telephone or in person?`
      })
      if (!(yield* Prompt.run(question)))
        return yield* unconfirmed("that is not who invited you; do not use it")
    }
    if (known === undefined || !sameFingerprint(known, fingerprint))
      yield* writeText(place, `${fingerprint}\n`)
  })

/** This party's identity, made at the first time; or another one, as long as no run depends on it. */
const ownIdentity = ({ file, renew }: JoinOptions, invitation: SignedInvitation) =>
  Effect.gen(function* () {
    const { identity: place, state } = placesOf(file, invitation.run)
    if (renew) {
      if (yield* hasBegun(state)) return yield* new RunHasIdentity({ folder: state })
      yield* Effect.promise(() => rm(place, { force: true }))
    }
    const { identity, made } = yield* identityAt(place)
    if (made)
      yield* Console.log(`${place} is new: it is the secret of this party. Keep it, and show it to nobody.`)
    return identity
  })

/** Whether the invitation has this identity, another, or none of this party; and who else is missing. */
const standingOf = ({ party }: SignedInvitation, { scenario }: LoadedScenario, own: PartyIdentity) => {
  const listedOnes = identitiesOfScenario(scenario)
  const there = listedOnes.get(party)
  const missing = partiesOf(scenario).filter((actor) => !listedOnes.has(actor))
  const isOwn =
    there !== undefined &&
    Buffer.compare(there.channelKey, own.channel.publicKey) === 0 &&
    publicTextOf(own).endsWith(there.nkey)
  return { there: there !== undefined, isOwn, missing }
}

/** Joins: replies, waits for a later invitation, or takes part until the run is over. */
export const join = (options: JoinOptions) =>
  Effect.gen(function* () {
    const { file, renew } = options
    const invitation = yield* readInvitation(file)
    const loaded = yield* scenarioOf(invitation, file)
    const agreement = agreementOf(loaded.scenario)
    const { party, run } = invitation
    yield* Console.log(
      `${nameOfActor(agreement, party)} (${party}) in the run ${run} of ${agreement.scenario}, at ${invitation.broker.url}`
    )
    yield* confirmed(options, invitation)
    const own = yield* ownIdentity(options, invitation)
    const { isOwn, missing, there } = standingOf(invitation, loaded, own)
    if (!isOwn) {
      if (there && !renew) return yield* new OtherIdentity({ party })
      return yield* reply(options, invitation, own)
    }
    if (missing.length > 0)
      return yield* Console.log(
        `The inviter has the identity of ${party}, and waits for ${listed(missing, 20)}. Run the same command with the invitation that comes next.`
      )
    yield* Console.log(
      `All parties of this run must see this fingerprint; compare it with the others, over another way: ${runFingerprint(invitation)}`
    )
    yield* takePart(options, invitation, loaded, agreement, own)
  })

const reply = ({ file }: JoinOptions, invitation: SignedInvitation, own: PartyIdentity) =>
  Effect.gen(function* () {
    const text = publicTextOf(own)
    const place = placesOf(file, invitation.run).reply
    yield* writeText(place, replyText(invitation, text))
    yield* Console.log(
      [
        `${place} goes to the inviter. Nothing in it is secret.`,
        `Tell the inviter this fingerprint over another way: ${fingerprintOf(text)}`,
        "Then run the same command with the invitation that comes back."
      ].join("\n")
    )
  })

const takePart = (
  { file, version }: JoinOptions,
  invitation: SignedInvitation,
  loaded: LoadedScenario,
  agreement: Agreement,
  own: PartyIdentity
) =>
  Effect.gen(function* () {
    const { party, run } = invitation
    const access: BrokerAccess = { ...(yield* accessOf(invitation)), user: party, nkey: own.nkey }
    const { state } = placesOf(file, run)
    const none = Option.none()
    const options = {
      role: party,
      run,
      state,
      stateKey: none,
      seed: none,
      onlyDeal: false,
      reopens: Option.none(),
      from: Option.none(),
      fromKey: Option.none(),
      faults: none
    }
    yield* Effect.forkScoped(answerVisits(access, agreement, loaded, own, version))
    yield* runParty(options, loaded, () => Effect.succeed({ own, access: Effect.succeed(access) }))
    if (party.startsWith("user")) yield* Console.log(`The model is in ${state}/model.json`)
  }).pipe(Effect.scoped)

const visitPauseMs = 5_000

/** Answers the doctors of others as long as this party runs. Whatever happens to it, the party goes on. */
const answerVisits = (
  { nkey, trust, url, user }: BrokerAccess,
  agreement: Agreement,
  { scenario }: LoadedScenario,
  own: PartyIdentity,
  version: string
) =>
  Effect.gen(function* () {
    const way = nats({ servers: [url], user, nkey, trust, run: visitsRun, name: `${user} visits` })
    const transport = Context.get(yield* Layer.build(way), Transport)
    const keys = keysOfScenario(scenario)
    const who = { actor: user, identity: own.channel, keys, version, agreement: agreementDigest(agreement) }
    yield* visitor(who, transport)
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.retry(Schedule.spaced(visitPauseMs)), Effect.ignore)
