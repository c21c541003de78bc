/**
 * What every party but the KGC does first: it asks the KGC for what is published of the run and for the secrets of its role, and
 * checks both. Secrets stay `Redacted`. The membership is stored, so that a party that crashed keeps it. In a training from an
 * archive a party takes up what it kept of both, and clouds ask the KGC, if that deals, for a PRG key of this run.
 */
import { Effect, Redacted } from "effect"
import { derive } from "../../protocol/aead.ts"
import { Enrolment, NewPrgKey, PublishedOnWire } from "../../protocol/messages/enrolment.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { seededKey } from "../../protocol/seeding.ts"
import type { Published } from "../../protocol/sharing/published.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, kgcDeals, partTimeoutMs, reopens } from "./agreement.ts"
import type { BcpPool } from "./bcp-pool.ts"
import { checkPublished, type Handout, type Membership } from "./handouts.ts"
import { once, type StorageFormat } from "./once.ts"
import { partyRoot, type Root } from "./root.ts"

/** What a party holds once it has enrolled: its membership, and the secrets of its role. */
export interface Enrolled<S> {
  readonly membership: Membership
  readonly secrets: Redacted.Redacted<S>
}

const EnrolledFormat = format(
  "standing",
  Schema.Struct({ published: PublishedOnWire, secrets: Schema.Redacted(Bytes) })
)

/** What a party has of a run before it is checked: its secrets packed, as the KGC hands them out. */
interface Unchecked {
  readonly published: Published
  readonly secrets: Uint8Array
}

/** Takes up what `obtained` gives, for the handout of a role. What is read from storage is checked again. */
const enrolledBy = <S, R, E, R1>(
  agreement: Agreement,
  { check, secrets }: Handout<S, R>,
  obtained: (root: Root) => Effect.Effect<Unchecked, E, R1>
) =>
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
    const enrol = Effect.flatMap(obtained(root), ({ published, secrets }) =>
      checked(published, secrets)
    ).pipe(Effect.withSpan("enrol"))
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

/**
 * Enrols with the KGC, or takes up what the party `kept` when the users' run ended, for a training from its archive: with
 * the secrets of its role but those that each run has anew.
 */
export const enrolment = <S, R, E, R1>(
  agreement: Agreement,
  handout: Handout<S, R>,
  kept: (root: Root) => Effect.Effect<{ readonly published: Published; readonly secrets: NoInfer<S> }, E, R1>
) =>
  enrolledBy(agreement, handout, (root) =>
    Effect.gen(function* () {
      const party = yield* Party
      if (!reopens(agreement))
        return yield* party.ask("kgc", Enrolment, { mark: root("mark") }, askAtSetup(agreement))
      const { published, secrets } = yield* kept(root)
      const packed = yield* handout.secrets.encode(secrets)
      const orderKey = orderKeyOf(agreement, party.run)
      const unchecked: Unchecked = { published: { ...published, orderKey }, secrets: packed }
      return unchecked
    })
  )

const askAtSetup = (agreement: Agreement) => ({ deadlineMs: partTimeoutMs(agreement), phase: "setup" })

/**
 * The key of the batch order of a training from an archive: public, and another in each run. All parties can tell it, so
 * that no one has to hand it out.
 */
export const orderKeyOf = ({ seed }: Agreement, run: string): Uint8Array =>
  seed === undefined
    ? derive(new TextEncoder().encode(run), "bicameral batch order", "", orderKeyBytes)
    : seededKey(seed, "order")

const orderKeyBytes = 16

/** The PRG key of a cloud for a training from an archive, from the KGC where that deals. */
export const newPrgKey = (agreement: Agreement, root: Root) =>
  Effect.gen(function* () {
    if (!kgcDeals(agreement)) return {}
    const party = yield* Party
    return yield* party.ask("kgc", NewPrgKey, { mark: root("mark") }, askAtSetup(agreement))
  })

/** What the KGC published, of a party's membership. */
export const publishedOf = ({ parameters: _, ...published }: Membership): Published => published
