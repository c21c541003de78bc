/**
 * The secrets of a run in its out folder, readable by its owner only: the identities of its parties, which are
 * made up for a trial, and the group secrets. The parties' state can be decrypted only with the identities.
 */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { Data, Effect, Option, Record, Redacted } from "effect"
import { drawGroupSecrets, groupSecretBytes } from "../../actors/group/process-group.ts"
import { drawIdentities, type Identities } from "../../actors/party/identities.ts"
import { identityOfSecret } from "../../protocol/channels/identity.ts"
import { actorsWithMembers } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { everyUser, givenUrl, operator } from "../../runtime/broker/start.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { StoreFailed, writeWhole } from "../../runtime/storage/store.ts"
import { parsed, smallFile } from "./own-folder.ts"

export const credentialsEntry = "credentials.json"

/** The secrets of a run that is to be resumed are lost. */
export class CredentialsLost extends Data.TaggedError("CredentialsLost")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} ${this.reason}, and the parties' state can be decrypted only with the identities in it; put back a good copy, or run the scenario again`
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

const Kept = Schema.Struct({
  houses: Schema.Record({ key: Schema.String, value: Schema.String }),
  identities: Schema.Record({ key: Schema.String, value: Schema.String })
})

const decode = (text: string | null | undefined): Option.Option<typeof Kept.Type> =>
  Schema.decodeUnknownOption(Kept)(parsed(text ?? ""))

/** Whether a file of this name is that of a run. */
export const isCredentials = async (path: string): Promise<boolean> =>
  Option.exists(decode(await smallFile(path)), (kept) =>
    actorsWithMembers.every((actor) => Object.hasOwn(kept.houses, actor))
  )

/** A run's own broker has an identity for each of its users. Those that one at `NATS_URL` knows are not kept here. */
const isWhole = ({ houses: secrets, identities }: typeof Kept.Type): boolean =>
  (Object.keys(identities).length === 0 ||
    everyUser.every((user) => identityOfSecret(identities[user] ?? "") !== undefined)) &&
  actorsWithMembers.every((actor) => Buffer.from(secrets[actor] ?? "", "base64").length === groupSecretBytes)

export interface RunSecrets {
  readonly houses: ReturnType<typeof drawGroupSecrets>
  /** Of the parties and the operator of a run's own broker; undefined with a broker at `NATS_URL`. */
  readonly identities: Identities | undefined
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
    const own = Object.keys(kept.identities).length > 0
    if (own === ((yield* givenUrl) !== undefined)) return yield* new OtherBroker({ given: !own })
    return {
      houses: Record.map(kept.houses, (secret) => Redacted.make(secret)),
      identities: own ? Record.map(kept.identities, (secret) => Redacted.make(secret)) : undefined
    }
  })

const drawnIn = (out: string): Effect.Effect<RunSecrets, StoreFailed> =>
  Effect.gen(function* () {
    // The broker at NATS_URL knows identities that are not ours to keep.
    const drawn = {
      houses: drawGroupSecrets(),
      identities: (yield* givenUrl) === undefined ? drawIdentities(operator) : undefined
    }
    const kept: typeof Kept.Type = {
      houses: Record.map(drawn.houses, Redacted.value),
      identities: Record.map(drawn.identities ?? {}, Redacted.value)
    }
    const bytes = new TextEncoder().encode(`${JSON.stringify(kept)}\n`)
    yield* Effect.tryPromise({
      try: () => writeWhole(out, credentialsEntry, bytes),
      catch: (error) =>
        new StoreFailed({ operation: "write", place: join(out, credentialsEntry), reason: fileReason(error) })
    })
    return drawn
  })
