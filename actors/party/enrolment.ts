/**
 * What every party but the KGC does first: it asks the KGC for what is published of the run and for the secrets of its role, and
 * checks both. Secrets stay `Redacted`. The membership is stored, so that a party that crashed keeps it.
 */
import { Data, Effect, Redacted } from "effect"
import { fromBytes } from "../../protocol/bcp/integers.ts"
import { joinPublicKeys } from "../../protocol/bcp/keys.ts"
import {
  checkParameters,
  InsecureModulus,
  InvalidParameters,
  type Parameters
} from "../../protocol/bcp/parameters.ts"
import { decodeParameters } from "../../protocol/bcp/wire.ts"
import { Enrolment, PublishedOnWire } from "../../protocol/messages/enrolment.ts"
import { Bytes, type Format, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import type { Published } from "../../protocol/sharing/published.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, partTimeoutMs } from "./agreement.ts"
import { once, type StorageFormat } from "./once.ts"
import { partyRoot } from "./root.ts"
import { raised } from "./typed-throws.ts"

/** A party's membership of a run: what is published, checked. */
export interface Membership extends Published {
  readonly parameters: Parameters
}

/** The modulus that the KGC sent is not of the agreed size. */
export class WrongParameters extends Data.TaggedError("WrongParameters")<{
  readonly received: number
  readonly agreed: number
}> {
  readonly retryable = false
  override get message(): string {
    return `The KGC sent parameters of ${this.received} bits where the scenario asks for ${this.agreed}; start every party with the same scenario`
  }
}

/** The KGC publishes keys of other users than agreed, or they do not give the joint key. */
export class KeysDisagree extends Data.TaggedError("KeysDisagree")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `The keys that the KGC publishes do not fit the agreement: ${this.reason}; start every party with the same scenario`
  }
}

/** Checks what the KGC publishes: the agreed size, sound parameters, a key of each user, and their product. */
const checkPublished = (agreement: Agreement, published: Published) =>
  Effect.gen(function* () {
    const { modulusBits: agreed, insecure } = agreement.security
    const { bits } = published.wire
    if (bits !== agreed) return yield* new WrongParameters({ received: bits, agreed })
    const parameters = decodeParameters(published.wire)
    yield* raised([InsecureModulus, InvalidParameters], () => checkParameters(parameters, { insecure }))
    yield* checkKeys(agreement, parameters, published)
    return { ...published, parameters }
  })

const checkKeys = (
  { users }: Agreement,
  parameters: Parameters,
  { publicKeys, unifiedPublicKey }: Published
) =>
  Effect.suspend(() => {
    const agreed = users.map(({ actor }) => actor)
    const listed = [...publicKeys.keys()]
    if (agreed.length !== listed.length || agreed.some((actor) => !publicKeys.has(actor)))
      return new KeysDisagree({
        reason: `they are of ${listed.join(", ")}; its users are ${agreed.join(", ")}`
      })
    const joint = joinPublicKeys(parameters, [...publicKeys.values()].map(fromBytes))
    return joint === fromBytes(unifiedPublicKey)
      ? Effect.void
      : new KeysDisagree({ reason: "the joint key is not the product of the users' keys" })
  })

/** What a party holds once it has enrolled: its membership, and the secrets of its role. */
export interface Enrolled<S> {
  readonly membership: Membership
  readonly secrets: Redacted.Redacted<S>
}

const EnrolledFormat = format(
  "standing",
  Schema.Struct({ published: PublishedOnWire, secrets: Schema.Redacted(Bytes) })
)

/**
 * Enrols with the KGC. `secrets` is the format of this role's secrets. What is read from storage is checked
 * again.
 */
export const enrolment = <S>(agreement: Agreement, secrets: Format<S>) =>
  Effect.gen(function* () {
    const root = yield* partyRoot(agreement)
    const checked = (published: Published, packed: Uint8Array) =>
      Effect.gen(function* () {
        const membership = yield* checkPublished(agreement, published)
        const enrolled: Enrolled<S> = { membership, secrets: Redacted.make(yield* secrets.decode(packed)) }
        return enrolled
      })
    const enrol = Effect.gen(function* () {
      const party = yield* Party
      const ask = { deadlineMs: partTimeoutMs(agreement), phase: "setup" }
      const answer = yield* party.ask("kgc", Enrolment, { mark: root("mark") }, ask)
      return yield* checked(answer.published, answer.secrets)
    }).pipe(Effect.withSpan("enrol"))
    const stored: StorageFormat<Enrolled<S>, Effect.Effect.Error<ReturnType<typeof checked>>, never> = {
      encode: ({ membership, secrets: own }) =>
        Effect.flatMap(secrets.encode(Redacted.value(own)), (packed) =>
          EnrolledFormat.encode({ published: publishedOf(membership), secrets: Redacted.make(packed) })
        ),
      decode: (bytes) =>
        Effect.flatMap(EnrolledFormat.decode(bytes), ({ published, secrets: packed }) =>
          checked(published, Redacted.value(packed))
        )
    }
    return yield* once("standing", stored, enrol)
  })

const publishedOf = ({ wire, unifiedPublicKey, orderKey, publicKeys }: Membership): Published => ({
  wire,
  unifiedPublicKey,
  orderKey,
  publicKeys
})
