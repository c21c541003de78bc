/**
 * What a user keeps when a run ends, so that it can open a model that is trained later on the archive: its secret key and
 * its share of the joint key, what the KGC published, and what it knows of the joint table: its held-out cells, to test
 * such a model on, and what the users found of their columns, which a model states.
 */
import { Effect, Option, Redacted } from "effect"
import { type UserSecrets, UserSecretsOnWire } from "../../protocol/messages/enrolment.ts"
import { format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { Stable } from "../../runtime/storage/store.ts"
import { type Agreement, opensModel, servesModel } from "../party/agreement.ts"
import { archivedFields, keptEntry, keptOf, NothingKept } from "../party/archived.ts"
import { type Enrolled, enrolment, publishedOf } from "../party/enrolment.ts"
import type { Remains } from "../party/erasure.ts"
import { ofUser } from "../party/handouts.ts"
import { userStateFormat } from "./state.ts"

/** The entry of its keys in a user's stable storage, after the run. */
export const secretKeyEntry = "secret-key"
/** That of what it knows of the joint table, from its upload on. */
export const uploadedEntry = "uploaded"

/** sk_i, and the key share where the joint key is shared; fixed-width big-endian. */
export const KeptByUser = format(
  "secret key",
  Schema.Struct({ ...archivedFields, secrets: UserSecretsOnWire })
)

const secretsInWords = (decryption: Agreement["decryption"]): string =>
  decryption === undefined ? "its secret key" : "its secret key and its share of the joint key"

/** What stays at a user after the run. */
export const remainsAtUser = (agreement: Agreement): Remains => ({
  kept: [
    ...(opensModel(agreement) ? ["the model"] : []),
    ...(servesModel(agreement) ? ["how rows are prepared for it"] : [])
  ],
  sealed:
    agreement.archive === "keep"
      ? { [secretKeyEntry]: secretsInWords(agreement.decryption), [uploadedEntry]: "its held-out cells" }
      : {},
  erases: () => false,
  others: []
})

type Secrets = Effect.Effect.Success<ReturnType<typeof UserSecrets.decode>>

/** Stores the keys. May be repeated until they are erased. */
export const keepForArchive = (agreement: Agreement, { membership, secrets }: Enrolled<Secrets>) =>
  Effect.gen(function* () {
    const kept = yield* KeptByUser.encode({
      agreement: JSON.stringify(agreement),
      published: publishedOf(membership),
      secrets: Redacted.value(secrets)
    })
    yield* (yield* Stable).put(secretKeyEntry, kept)
  })

/** Enrols a user, or takes up its keys of the run whose archive is opened. */
export const enrolmentAtUser = (agreement: Agreement) =>
  enrolment(agreement, ofUser, () => keptEntry(agreement, "secret key", secretKeyEntry, KeptByUser))

/** What it knows of the joint table of that run. */
export const keptState = (agreement: Agreement) =>
  Effect.gen(function* () {
    const what = "record of the upload"
    const { run, stable } = yield* keptOf(agreement, what)
    const bytes = yield* stable.get(uploadedEntry)
    if (Option.isNone(bytes)) return yield* new NothingKept({ what, run })
    return yield* userStateFormat.decode(bytes.value)
  })
