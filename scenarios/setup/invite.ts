/**
 * `bicameral invite`: what an inviter does. It writes an invitation for each party, takes the replies, and writes the
 * invitations anew with what it knows by then. All that it knows is in the invitations themselves.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import * as Prompt from "@effect/cli/Prompt"
import { FileSystem, Terminal } from "@effect/platform"
import { Clock, Console, Data, Effect, Either, Option } from "effect"
import { fingerprintOf } from "../../protocol/channels/fingerprint.ts"
import { type PartyIdentity, publicTextOf } from "../../protocol/channels/identity.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { StoreFailed } from "../../runtime/storage/store.ts"
import { checkedAddress } from "../../runtime/transport/address.ts"
import { tlsSettings } from "../../runtime/transport/trust.ts"
import { agreementOf, identitiesOfScenario, partiesOf } from "../description/agreement.ts"
import { type LoadedScenario, loadScenario, parseScenario } from "../description/load.ts"
import { checkRunName } from "../description/run-name.ts"
import type { Scenario } from "../description/schema.ts"
import { identityAt } from "../folders/identity-file.ts"
import { listed } from "../text/units.ts"
import { withValues } from "../text/yaml-edit.ts"
import { nkeysOfBroker } from "./broker-nkeys.ts"
import {
  asWord,
  drawToken,
  type Invitation,
  InvitationUnfit,
  invitationText,
  isReplyTo,
  replyIn,
  runFingerprint,
  type SignedInvitation,
  sameFingerprint
} from "./invitation.ts"
import { invitationFile, readInvitation, textAt, writeText } from "./places.ts"
import { type ServiceFormat, serviceFiles } from "./services.ts"
import { nameOfActor } from "./site.ts"

export interface InviteOptions {
  /** The scenario. */
  readonly file: string
  /** Files of replies. */
  readonly replies: ReadonlyArray<string>
  /** Their fingerprints, as their senders told them over another way. */
  readonly fingerprints: ReadonlyArray<string>
  /** Whether a reply may replace an identity that is known. */
  readonly renew: boolean
  /** What is left out here is as in the invitations that there are. */
  readonly broker: Option.Option<string>
  /** A file (PEM) of the authorities that sign the broker's certificate. */
  readonly ca: Option.Option<string>
  readonly serverName: Option.Option<string>
  readonly run: Option.Option<string>
  readonly out: Option.Option<string>
  /** The inviter's identity. */
  readonly identity: Option.Option<string>
  readonly format: Option.Option<ServiceFormat>
  readonly version: string
}

/** An invitation can't be written as asked. */
export class NoInvitation extends Data.TaggedError("NoInvitation")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `no invitation was written: ${this.reason}`
  }
}

/** Nobody has compared the fingerprints of replies. */
export class RepliesUnconfirmed extends Data.TaggedError("RepliesUnconfirmed")<{
  readonly fingerprints: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `nobody has compared the fingerprints of ${this.fingerprints.join(", ")}: ask each party for its own over another way, and give them as --fingerprints F,F…; nothing was changed`
  }
}

/** The public texts of parties, by their names on the wire. */
type Identities = ReadonlyMap<string, string>

const textsOf = (scenario: Scenario): Identities =>
  new Map([
    ...Object.entries(scenario.parties ?? {}).flatMap(([actor, text]) =>
      text === undefined ? [] : [[actor, text] as const]
    ),
    ...scenario.users.flatMap(({ identity }, i) =>
      identity === undefined ? [] : [[`user${i + 1}`, identity] as const]
    )
  ])

/** Where a scenario lists the identity of a party. */
const pathOf = (actor: string) =>
  actor.startsWith("user")
    ? ["users", Number(actor.slice("user".length)) - 1, "identity"]
    : ["parties", actor]

/** The scenario's text as parties get it: it must say all by itself, since nobody else's files are there. */
const scenarioText = (file: string) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario(file)
    const files = yield* FileSystem.FileSystem
    const text = yield* files.readFileString(file)
    if (Either.isLeft(parseScenario(text, file)))
      return yield* new NoInvitation({
        reason: `${file} takes columns from the files of all users, which no party has; write them out, as bicameral init does`
      })
    return { loaded, text }
  })

/** Invitations of this inviter that are there. */
const earlier = (folder: string, parties: ReadonlyArray<string>, inviter: PartyIdentity) =>
  Effect.gen(function* () {
    const found = new Map<string, SignedInvitation>()
    for (const actor of parties) {
      const file = invitationFile(folder, actor)
      if ((yield* textAt(file)) === undefined) continue
      const invitation = yield* readInvitation(file)
      if (invitation.signer !== publicTextOf(inviter))
        return yield* new InvitationUnfit({
          file,
          reason: "was signed with another identity; name it with --identity, or another folder with --out"
        })
      found.set(actor, invitation)
    }
    return found
  })

/** What the replies say, once somebody has compared their fingerprints. */
const accepted = (
  options: InviteOptions,
  invited: ReadonlyMap<string, SignedInvitation>,
  known: Identities
) =>
  Effect.gen(function* () {
    const replies = yield* Effect.forEach(options.replies, (file) =>
      Effect.gen(function* () {
        const text = yield* textAt(file)
        const unfit = (reason: string) => new InvitationUnfit({ file, reason })
        if (text === undefined) return yield* unfit("is not there; give the path of a reply")
        const reply = yield* replyIn(text, file)
        const invitation = invited.get(reply.party)
        if (invitation === undefined || !isReplyTo(reply, invitation))
          return yield* unfit(
            `is no reply to the invitation of ${reply.party}; ask for one that bicameral join has written with it`
          )
        const before = known.get(reply.party)
        if (before !== undefined && before !== reply.identity && !options.renew)
          return yield* unfit(
            `gives another identity of ${reply.party} than the one that is known; ask its owner, and give --renew to replace it`
          )
        return reply
      })
    )
    const strange = replies
      .map(({ identity, party }) => ({ party, fingerprint: fingerprintOf(identity) }))
      .filter(({ fingerprint }) => !options.fingerprints.some((own) => sameFingerprint(own, fingerprint)))
    const unconfirmed = new RepliesUnconfirmed({
      fingerprints: strange.map(({ fingerprint, party }) => `${party} (${fingerprint})`)
    })
    const terminal = yield* Terminal.Terminal
    if (strange.length > 0 && !(yield* terminal.isTTY)) return yield* unconfirmed
    for (const { fingerprint, party } of strange) {
      const message = `Does the owner of ${party} say ${fingerprint}, by telephone or in person?`
      if (!(yield* Prompt.run(Prompt.confirm({ message })))) return yield* unconfirmed
    }
    return new Map(replies.map(({ identity, party }) => [party, identity]))
  })

/** The broker as the invitations name it: what was asked for, else as before. */
const brokerFor = (options: InviteOptions, before: SignedInvitation | undefined) =>
  Effect.gen(function* () {
    const url = Option.getOrUndefined(options.broker) ?? before?.broker.url
    if (url === undefined)
      return yield* new NoInvitation({ reason: "it says where the broker is; give --broker tls://HOST:PORT" })
    yield* checkedAddress(url)
    const settings = Option.isSome(options.ca)
      ? yield* tlsSettings(url, "a party", { authorities: options.ca.value })
      : undefined
    if (Option.isSome(options.ca) && settings === undefined)
      return yield* new NoInvitation({ reason: "--ca is for a broker at a tls:// address" })
    const authorities = settings?.ca ?? before?.broker.authorities
    const serverName = Option.getOrUndefined(options.serverName) ?? before?.broker.serverName
    return {
      url,
      ...(authorities === undefined ? {} : { authorities }),
      ...(serverName === undefined ? {} : { serverName })
    }
  })

/** `three-hospitals-20261201-0512` */
const runNamed = (scenario: string, nowMs: number): string => {
  const date = new Date(nowMs).toISOString().replace(/[-:]/g, "")
  const name = scenario
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
  return `${name.slice(0, 40)}-${date.slice(0, 8)}-${date.slice(9, 13)}`
}

/** Writes the invitations, and says what comes next. */
export const invite = (options: InviteOptions) =>
  Effect.gen(function* () {
    const { file, format, version } = options
    const { loaded, text } = yield* scenarioText(file)
    const { scenario } = loaded
    const folder = Option.getOrElse(options.out, () => `${file.replace(/\.ya?ml$/i, "")}.invitations`)
    yield* Effect.tryPromise({
      try: () => mkdir(folder, { recursive: true, mode: 0o700 }),
      catch: (error) => new StoreFailed({ operation: "make", place: folder, reason: fileReason(error) })
    })
    const place = Option.getOrElse(options.identity, () => join(folder, "inviter.identity"))
    const { identity: inviter } = yield* identityAt(place)
    const parties = partiesOf(scenario)
    const invited = yield* earlier(folder, parties, inviter)
    const [before] = invited.values()
    const nowMs = yield* Clock.currentTimeMillis
    const run = Option.getOrUndefined(options.run) ?? before?.run ?? runNamed(scenario.name, nowMs)
    yield* checkRunName(run)
    const broker = yield* brokerFor(options, before)
    const known = new Map([...identitiesIn(before, file), ...textsOf(scenario)])
    const identities = new Map([...known, ...(yield* accepted(options, invited, known))])
    const written = withValues(
      text,
      [...identities].map(([actor, own]) => [pathOf(actor), own] as const)
    )
    const common = {
      ...({ format: "bicameral invitation", version: 1 } as const),
      ...{ program: version, madeMs: nowMs, run, broker, scenario: written }
    }
    for (const actor of parties) {
      const token = invited.get(actor)?.token ?? drawToken()
      const invitation = { ...common, party: actor, token } satisfies Omit<Invitation, "party"> & {
        party: string
      }
      yield* writeText(invitationFile(folder, actor), invitationText(invitation, inviter))
    }
    const services = Option.match(format, {
      onNone: () => [],
      onSome: (kind) =>
        serviceFiles(kind, {
          run,
          parties: parties.map((actor) => ({ actor, name: nameOfActor(agreementOf(scenario), actor) })),
          inviter: asWord(fingerprintOf(publicTextOf(inviter)))
        })
    })
    for (const { content, name } of services) yield* writeText(join(folder, name), content)
    const complete = yield* parseScenario(written, file)
    yield* tellNext(
      folder,
      complete,
      inviter,
      { run, scenario: written },
      services.map(({ name }) => name)
    )
  })

const identitiesIn = (invitation: SignedInvitation | undefined, file: string): Identities =>
  invitation === undefined
    ? new Map()
    : Either.match(parseScenario(invitation.scenario, file), {
        onLeft: () => new Map(),
        onRight: ({ scenario }) => textsOf(scenario)
      })

/** What was written, whom each file is for, and what the inviter does next. */
const tellNext = (
  folder: string,
  { scenario }: LoadedScenario,
  inviter: PartyIdentity,
  ofRun: Pick<Invitation, "run" | "scenario">,
  services: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    const agreement = agreementOf(scenario)
    const known = identitiesOfScenario(scenario)
    const parties = partiesOf(scenario)
    const missing = parties.filter((actor) => !known.has(actor))
    const rows = parties.map((actor) => {
      const standing = known.has(actor) ? "its identity is known" : "no reply yet"
      return `  ${invitationFile(folder, actor)}  for ${nameOfActor(agreement, actor)}: ${standing}`
    })
    if (missing.length === 0)
      yield* writeText(
        join(folder, "broker.env"),
        (yield* nkeysOfBroker(scenario)).map(({ name, value }) => `${name}=${value}\n`).join("")
      )
    const next =
      missing.length > 0
        ? [
            "Each party runs bicameral join with its file, and sends back what that writes. Then:",
            "  bicameral invite … --accept REPLY…"
          ]
        : [
            `${join(folder, "broker.env")} has the keys that the broker with nats.conf lets parties in by.`,
            "Each party runs bicameral join with its new file, and takes part.",
            `All parties see this fingerprint of the run: ${runFingerprint(ofRun)}`
          ]
    yield* Console.log(
      [
        `the run ${ofRun.run}; invitations, each for one party alone:`,
        ...rows,
        ...(services.length === 0 ? [] : [`services: ${listed(services, 20)}`]),
        "",
        `Tell all parties your fingerprint over another way, such as by telephone: ${fingerprintOf(publicTextOf(inviter))}`,
        ...next
      ].join("\n")
    )
  })
