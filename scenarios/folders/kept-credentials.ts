/**
 * The secrets of a run in its out folder, readable by its owner only: the passwords at the run's own broker,
 * the group secrets, and the keys that the parties' state is encrypted under.
 */
import { readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { Data, Effect, Option, Record, Redacted } from "effect"
import { drawGroupSecrets, groupSecretBytes } from "../../actors/group/process-group.ts"
import { drawIdentities, identityFromText, type TrialIdentities } from "../../actors/party/identities.ts"
import { actorNames, actorsWithMembers } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { type Broker, drawCredentials, everyUser, givenUrl } from "../../runtime/broker/start.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { drawStateKey, isStateKey } from "../../runtime/storage/state-key.ts"
import { StoreFailed, writeOver, writeWhole } from "../../runtime/storage/store.ts"
import { parsed, smallFile } from "./own-folder.ts"

export const credentialsEntry = "credentials.json"

/** The secrets of a run that is to be resumed are lost. */
export class CredentialsLost extends Data.TaggedError("CredentialsLost")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} ${this.reason}, and the parties' state can be decrypted only with the keys in it; put back a good copy, or run the scenario again`
  }
}

/** A run that is to be resumed had another broker: that at `NATS_URL` if one was given, else its own. */
export class OtherBroker extends Data.TaggedError("OtherBroker")<{ readonly given: boolean }> {
  readonly retryable = false
  override get message(): string {
    return this.given
      ? "the run was begun with the broker at NATS_URL; to resume it set NATS_URL and the passwords of the roles as they were"
      : "the run was begun with a broker of its own; unset NATS_URL to resume it"
  }
}

const Kept = Schema.Struct({
  passwords: Schema.Record({ key: Schema.String, value: Schema.NonEmptyString }),
  houses: Schema.Record({ key: Schema.String, value: Schema.String }),
  identities: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), {
    default: () => ({})
  }),
  stateKeys: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), {
    default: () => ({})
  })
})

const decode = (text: string | null | undefined): Option.Option<typeof Kept.Type> =>
  Schema.decodeUnknownOption(Kept)(parsed(text ?? ""))

/** Whether a file of this name is that of a run. */
export const isCredentials = async (path: string): Promise<boolean> =>
  Option.exists(
    decode(await smallFile(path)),
    ({ houses, stateKeys }) =>
      actorsWithMembers.every((actor) => Object.hasOwn(houses, actor)) ||
      Object.values(stateKeys).some(isStateKey)
  )

/** A run's own broker has a password for each of its users. Those of one at `NATS_URL` are not kept here. */
const isWhole = ({ passwords, houses: secrets, identities, stateKeys }: typeof Kept.Type): boolean =>
  actorNames.every((actor) => isStateKey(stateKeys[actor] ?? "")) &&
  actorNames.every((actor) => identityFromText(identities[actor] ?? "") !== undefined) &&
  (Object.keys(passwords).length === 0 || everyUser.every((user) => Object.hasOwn(passwords, user))) &&
  actorsWithMembers.every((actor) => Buffer.from(secrets[actor] ?? "", "base64").length === groupSecretBytes)

export interface RunSecrets {
  readonly credentials: Broker["credentials"]
  readonly houses: ReturnType<typeof drawGroupSecrets>
  readonly identities: TrialIdentities
  readonly stateKeys: Readonly<Record<string, Redacted.Redacted>>
}

/**
 * The secrets of the run in an out folder. They are drawn and kept while `parties`, its folder of the
 * parties, is empty.
 */
export const credentialsIn = (
  out: string,
  parties: string
): Effect.Effect<RunSecrets, CredentialsLost | OtherBroker | StoreFailed> =>
  Effect.gen(function* () {
    const file = join(out, credentialsEntry)
    const lost = (reason: string) => new CredentialsLost({ file, reason })
    const text = yield* Effect.tryPromise({
      try: () => smallFile(file),
      catch: (error) => lost(`can't be read (${fileReason(error)})`)
    })
    if (text === undefined) {
      const begun = yield* Effect.promise(() => readdir(parties).catch(() => []))
      return begun.length === 0 ? yield* drawnIn(out) : yield* lost("is not there any more")
    }
    const kept = Option.getOrUndefined(Option.filter(decode(text), isWhole))
    if (kept === undefined) return yield* lost("was cut short or changed, or is of another program")
    const own = Object.keys(kept.passwords).length > 0
    if (own === ((yield* givenUrl) !== undefined)) return yield* new OtherBroker({ given: !own })
    return {
      credentials: Record.map(kept.passwords, (password, user) => ({
        user,
        password: Redacted.make(password)
      })),
      houses: Record.map(kept.houses, (secret) => Redacted.make(secret)),
      identities: Record.map(kept.identities, (key) => Redacted.make(key)),
      stateKeys: Record.map(kept.stateKeys, (key) => Redacted.make(key))
    }
  })

/**
 * Destroys all secrets of a run that has ended but the state keys of these actors, which still have something
 * under them. May be repeated.
 */
export const keepOnlyStateKeys = (
  out: string,
  actors: ReadonlyArray<string>
): Effect.Effect<void, StoreFailed> =>
  Effect.tryPromise({
    try: async () => {
      const file = join(out, credentialsEntry)
      const kept = Option.getOrUndefined(decode(await smallFile(file)))
      if (kept === undefined) return
      const stateKeys = Record.filter(kept.stateKeys, (_, actor) => actors.includes(actor))
      const left: typeof Kept.Type = { passwords: {}, houses: {}, identities: {}, stateKeys }
      await writeOver(out, credentialsEntry, textOf(left))
      if (Record.isEmptyRecord(stateKeys)) await rm(file, { force: true })
    },
    catch: (error) =>
      new StoreFailed({ operation: "erase", place: join(out, credentialsEntry), reason: fileReason(error) })
  })

const textOf = (kept: typeof Kept.Type): Uint8Array => new TextEncoder().encode(`${JSON.stringify(kept)}\n`)

const drawnIn = (out: string): Effect.Effect<RunSecrets, StoreFailed> =>
  Effect.gen(function* () {
    // The broker at NATS_URL has passwords of its own, which are not kept here.
    const drawn = {
      credentials: (yield* givenUrl) === undefined ? drawCredentials() : {},
      houses: drawGroupSecrets(),
      identities: drawIdentities(),
      stateKeys: Object.fromEntries(actorNames.map((actor) => [actor, drawStateKey()]))
    }
    const kept: typeof Kept.Type = {
      passwords: Record.map(drawn.credentials, ({ password }) => Redacted.value(password)),
      houses: Record.map(drawn.houses, Redacted.value),
      identities: Record.map(drawn.identities, Redacted.value),
      stateKeys: Record.map(drawn.stateKeys, Redacted.value)
    }
    yield* Effect.tryPromise({
      try: () => writeWhole(out, credentialsEntry, textOf(kept)),
      catch: (error) =>
        new StoreFailed({ operation: "write", place: join(out, credentialsEntry), reason: fileReason(error) })
    })
    return drawn
  })
