/**
 * The secrets of a run in its out folder, readable by its owner only: the identities of its parties, which are
 * made up for a trial, and the keys that the parties' state is encrypted under.
 */
import { readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { Data, Effect, Option, Record, Redacted } from "effect"
import { drawIdentities, type Identities } from "../../actors/party/identities.ts"
import { identityOfSecret } from "../../protocol/channels/identity.ts"
import { actorNames, actorsWithMembers } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { everyUser, givenUrl, operator } from "../../runtime/broker/start.ts"
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
      ? "the run was begun with the broker at NATS_URL; to resume it set NATS_URL and the identities of the parties as they were"
      : "the run was begun with a broker of its own; unset NATS_URL to resume it"
  }
}

const Secrets = Schema.Record({ key: Schema.String, value: Schema.NonEmptyString })
const Kept = Schema.Struct({ identities: Secrets, stateKeys: Secrets })
/** Version 0.1.0 kept passwords and secrets of process groups. */
const KeptBefore = Schema.Struct({ passwords: Secrets, houses: Secrets })

const decode = <A>(schema: Schema.Schema<A>, text: string | null | undefined): Option.Option<A> =>
  Schema.decodeUnknownOption(schema)(parsed(text ?? ""))

/** Whether a file of this name is that of a run. */
export const isCredentials = async (path: string): Promise<boolean> =>
  Option.exists(decode(Schema.Union(Kept, KeptBefore), await smallFile(path)), (kept) =>
    "houses" in kept
      ? actorsWithMembers.every((actor) => Object.hasOwn(kept.houses, actor))
      : Object.values(kept.stateKeys).some(isStateKey)
  )

/** A run's own broker has an identity for each of its users. Those that one at `NATS_URL` knows are not kept here. */
const isWhole = ({ identities, stateKeys }: typeof Kept.Type): boolean =>
  actorNames.every((actor) => isStateKey(stateKeys[actor] ?? "")) &&
  (Object.keys(identities).length === 0 ||
    everyUser.every((user) => identityOfSecret(identities[user] ?? "") !== undefined))

export interface RunSecrets {
  /** Of the parties and the operator of a run's own broker; undefined with a broker at `NATS_URL`. */
  readonly identities: Identities | undefined
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
    const kept = Option.getOrUndefined(Option.filter(decode(Kept, text), isWhole))
    if (kept === undefined) return yield* lost("was cut short or changed, or is of another program")
    const own = Object.keys(kept.identities).length > 0
    if (own === ((yield* givenUrl) !== undefined)) return yield* new OtherBroker({ given: !own })
    return {
      identities: own ? Record.map(kept.identities, (secret) => Redacted.make(secret)) : undefined,
      stateKeys: Record.map(kept.stateKeys, (key) => Redacted.make(key))
    }
  })

/** The state keys that a run which has ended has left, by actor. */
export const stateKeysIn = (
  out: string
): Effect.Effect<Readonly<Record<string, Redacted.Redacted>>, CredentialsLost> =>
  Effect.tryPromise({
    try: () => smallFile(join(out, credentialsEntry)),
    catch: (error) =>
      new CredentialsLost({
        file: join(out, credentialsEntry),
        reason: `can't be read (${fileReason(error)})`
      })
  }).pipe(
    Effect.map((text) =>
      Option.match(decode(Kept, text), {
        onNone: () => ({}),
        onSome: ({ stateKeys }) => Record.map(stateKeys, (key) => Redacted.make(key))
      })
    )
  )

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
      const kept = Option.getOrUndefined(decode(Kept, await smallFile(file)))
      if (kept === undefined) return
      const stateKeys = Record.filter(kept.stateKeys, (_, actor) => actors.includes(actor))
      const left: typeof Kept.Type = { identities: {}, stateKeys }
      await writeOver(out, credentialsEntry, textOf(left))
      if (Record.isEmptyRecord(stateKeys)) await rm(file, { force: true })
    },
    catch: (error) =>
      new StoreFailed({ operation: "erase", place: join(out, credentialsEntry), reason: fileReason(error) })
  })

const textOf = (kept: typeof Kept.Type): Uint8Array => new TextEncoder().encode(`${JSON.stringify(kept)}\n`)

const drawnIn = (out: string): Effect.Effect<RunSecrets, StoreFailed> =>
  Effect.gen(function* () {
    // The broker at NATS_URL knows identities that are not ours to keep.
    const drawn = {
      identities: (yield* givenUrl) === undefined ? drawIdentities(operator) : undefined,
      stateKeys: Record.fromEntries(actorNames.map((actor) => [actor, drawStateKey()]))
    }
    const kept: typeof Kept.Type = {
      identities: Record.map(drawn.identities ?? {}, Redacted.value),
      stateKeys: Record.map(drawn.stateKeys, Redacted.value)
    }
    yield* Effect.tryPromise({
      try: () => writeWhole(out, credentialsEntry, textOf(kept)),
      catch: (error) =>
        new StoreFailed({ operation: "write", place: join(out, credentialsEntry), reason: fileReason(error) })
    })
    return drawn
  })
