/**
 * Where a process finds the identity of its party and the keys of the others. Each owner makes an identity with
 * `bicameral identity` and gives its public text to all; for a trial on one machine the runner makes them up.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Data, Effect, Option, Record, Redacted } from "effect"
import { type Agreement, actorsOf } from "../../actors/party/agreement.ts"
import { checkKeys, directoryOf, type PartyKeys } from "../../actors/party/directory.ts"
import type { Identities } from "../../actors/party/identities.ts"
import {
  identityOfSecret,
  type PartyIdentity,
  type PublicIdentity,
  publicIdentity,
  publicTextOf
} from "../../protocol/channels/identity.ts"
import { type Identity, keyFromText, keyText } from "../../protocol/channels/noise.ts"
import { actorOf } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { variable } from "../../runtime/environment.ts"
import { type IdentityFileUnfit, readIdentity } from "../folders/identity-file.ts"

/** The environment variable with the secret of an actor's identity, for the processes that a runner starts. */
export const identityVariable = (actor: string): string => `${actor.toUpperCase()}_IDENTITY`

/** The folder in which a service manager such as systemd puts what is secret for a process. */
const credentialsVariable = "CREDENTIALS_DIRECTORY"

/** The environment variable with the public keys of a trial, as JSON, in place of those of the scenario. */
export const keysVariable = "BICAMERAL_KEYS"

/** This process was started without the identity of its party, or with a text that is none. */
export class NoIdentity extends Data.TaggedError("NoIdentity")<{
  readonly actor: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.actor} has no identity: ${this.reason}; make one with \`bicameral identity FILE\`, and start ${this.actor} with --identity FILE`
  }
}

/** Public keys as the environment of a process holds them. */
export const keysText = (keys: PartyKeys): string =>
  JSON.stringify([...keys].map(([actor, key]) => [actor, keyText(key)]))

/** What the environment has in place of the keys of a trial is not what a runner writes there. */
export class TrialKeysUnreadable extends Data.TaggedError("TrialKeysUnreadable") {
  readonly retryable = false
  override get message(): string {
    return `${keysVariable}, which \`run\` sets for the processes that it starts, does not hold public keys; unset it`
  }
}

const KeysText = Schema.parseJson(Schema.Array(Schema.Tuple(Schema.String, Schema.String)))

const keysFromText = (text: string): Effect.Effect<PartyKeys, TrialKeysUnreadable> =>
  Schema.decodeUnknown(KeysText)(text).pipe(
    Effect.flatMap((entries) =>
      Effect.forEach(entries, ([actor, key]) =>
        Effect.map(Effect.fromNullable(keyFromText(key)), (bytes) => [actor, bytes] as const)
      )
    ),
    Effect.map((keys) => new Map(keys)),
    Effect.mapError(() => new TrialKeysUnreadable())
  )

/** The secret of an actor in the environment, if it is there and one. */
const secretOf = (actor: string): Effect.Effect<string, NoIdentity> =>
  Effect.flatMap(variable(identityVariable(actor)), (text) => {
    if (text !== undefined && identityOfSecret(text) !== undefined) return Effect.succeed(text)
    const reason =
      text === undefined
        ? `neither ${actor}.identity in $${credentialsVariable} nor ${identityVariable(actor)} is there`
        : `${identityVariable(actor)} is no secret of a party`
    return new NoIdentity({ actor, reason })
  })

/**
 * The identity of this process's party: from the file that was named, else from that of the service manager,
 * `<actor>.identity`, else from the environment.
 */
export const ownIdentity = (
  actor: string,
  file: Option.Option<string>
): Effect.Effect<PartyIdentity, NoIdentity | IdentityFileUnfit> =>
  Effect.gen(function* () {
    if (Option.isSome(file)) return yield* readIdentity(file.value)
    const folder = yield* variable(credentialsVariable)
    const managed = folder === undefined ? undefined : join(folder, `${actor}.identity`)
    if (managed !== undefined && existsSync(managed))
      return yield* readIdentity(managed, "by the service manager")
    return identityOfSecret(yield* secretOf(actor))!
  })

/** The identities of actors in this environment, all of them, where a broker knows them already. */
export const givenIdentities = (actors: ReadonlyArray<string>): Effect.Effect<Identities, NoIdentity> =>
  Effect.map(
    Effect.forEach(actors, (actor) =>
      Effect.map(secretOf(actor), (text) => [actor, Redacted.make(text)] as const)
    ),
    (known) => Object.fromEntries(known)
  )

/** The keys of all parties: those of the trial that this process belongs to, else those of the scenario. */
export const partyKeys = (ofScenario: PartyKeys): Effect.Effect<PartyKeys, TrialKeysUnreadable> =>
  Effect.flatMap(variable(keysVariable), (text) =>
    text === undefined ? Effect.succeed(ofScenario) : keysFromText(text)
  )

/** The environment variable with the public texts of all identities of a trial, as JSON, where admissions are held against them. */
export const publicTextsVariable = "BICAMERAL_PUBLIC_TEXTS"

const PublicTexts = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.String }))

/** Public identities as the environment of a process holds them. */
export const publicTexts = (identities: Identities): string =>
  JSON.stringify(Record.map(identities, (secret) => publicTextOf(identityOfSecret(Redacted.value(secret))!)))

/** The public identities of all parties: those of the trial that this process belongs to, else those of the scenario. */
export const publicIdentities = (
  ofScenario: ReadonlyMap<string, PublicIdentity>
): Effect.Effect<ReadonlyMap<string, PublicIdentity>, TrialKeysUnreadable> =>
  Effect.gen(function* () {
    const text = yield* variable(publicTextsVariable)
    if (text === undefined) return ofScenario
    const texts = yield* Effect.mapError(
      Schema.decodeUnknown(PublicTexts)(text),
      () => new TrialKeysUnreadable()
    )
    const found = new Map<string, PublicIdentity>()
    for (const [actor, each] of Object.entries(texts)) {
      const identity = publicIdentity(each)
      if (identity === undefined) return yield* new TrialKeysUnreadable()
      found.set(actor, identity)
    }
    return found
  })

/** The directory of a party's main process, from its identity, its environment and the scenario. */
export const directoryOfParty = (
  agreement: Agreement,
  process: { readonly name: string; readonly run: string },
  identity: Identity,
  ofScenario: PartyKeys
) =>
  Effect.gen(function* () {
    const keys = yield* partyKeys(ofScenario)
    yield* checkKeys(keys, ["director", ...actorsOf(agreement)], actorOf(process.name), identity)
    return directoryOf(process, identity, { agreement, keys })
  })
