/**
 * What every party but the KGC does first: it asks the KGC for what is published of the run and for the secrets of its role, and
 * checks both. Secrets stay `Redacted`. The membership is stored, so that a party that crashed keeps it.
 */
import { Effect, Redacted } from "effect"
import { Enrolment, PublishedOnWire } from "../../protocol/messages/enrolment.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import type { Published } from "../../protocol/sharing/published.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, partTimeoutMs } from "./agreement.ts"
import type { BcpPool } from "./bcp-pool.ts"
import { checkPublished, type Handout, type Membership } from "./handouts.ts"
import { once, type StorageFormat } from "./once.ts"
import { partyRoot } from "./root.ts"

/** What a party holds once it has enrolled: its membership, and the secrets of its role. */
export interface Enrolled<S> {
  readonly membership: Membership
  readonly secrets: Redacted.Redacted<S>
}

const EnrolledFormat = format(
  "standing",
  Schema.Struct({ published: PublishedOnWire, secrets: Schema.Redacted(Bytes) })
)

/** Enrols with the KGC, for the handout of a role. What is read from storage is checked again. */
export const enrolment = <S, R>(agreement: Agreement, { check, secrets }: Handout<S, R>) =>
  Effect.gen(function* () {
    const root = yield* partyRoot(agreement)
    const checked = (published: Published, packed: Uint8Array) =>
      Effect.gen(function* () {
        const membership = yield* checkPublished(agreement, published)
        const own = yield* secrets.decode(packed)
        yield* check(agreement, membership, own)
        const enrolled: Enrolled<S> = { membership, secrets: Redacted.make(own) }
        return enrolled
      })
    const enrol = Effect.gen(function* () {
      const party = yield* Party
      const ask = { deadlineMs: partTimeoutMs(agreement), phase: "setup" }
      const answer = yield* party.ask("kgc", Enrolment, { mark: root("mark") }, ask)
      return yield* checked(answer.published, answer.secrets)
    }).pipe(Effect.withSpan("enrol"))
    const stored: StorageFormat<Enrolled<S>, Effect.Effect.Error<ReturnType<typeof checked>>, R | BcpPool> = {
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

const publishedOf = ({ parameters: _, ...published }: Membership): Published => published
