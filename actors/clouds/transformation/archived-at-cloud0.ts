/**
 * What C0 keeps when a run ends, for its part in opening the archive again: the master key, which cells there are, and
 * what it recognises both shares by. Its own it compares with a digest; C1's, which it never sees, have the randomness
 * that it gave them.
 */
import { createHash } from "node:crypto"
import { Effect, Redacted } from "effect"
import { Bytes, BytesOf, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import { Stable } from "../../../runtime/storage/store.ts"
import type { Agreement } from "../../party/agreement.ts"
import { archivedFields, keptEntry } from "../../party/archived.ts"
import { type Enrolled, enrolment, newPrgKey, publishedOf } from "../../party/enrolment.ts"
import { ofCloud0 } from "../../party/handouts.ts"
import { recalled } from "../../party/once.ts"
import { Decrypted, decryptedEntry } from "./at-cloud0.ts"
import { type TableOutline, UploadedCells } from "./joint-table.ts"
import { ArchivedPieces, archivedPieces } from "./openable.ts"

/** Its entry in C0's stable storage, after the run. */
export const masterKeyEntry = "master-key"

const digestBytes = 32

/** p and q, fixed-width big-endian. */
export const KeptByCloud0 = format(
  "master key",
  Schema.Struct({
    ...archivedFields,
    p: Bytes,
    q: Bytes,
    uploads: UploadedCells,
    /** SHA-256 of C0's share of each user's cells: of its words, or of the seed that they follow from. */
    shares: Schema.Array(Schema.Struct({ user: Schema.String, digest: BytesOf(digestBytes) })),
    /** What C1's shares are recognised by; none of a hybrid upload. */
    pieces: ArchivedPieces
  })
)

/** SHA-256 of what C0 has decrypted of a user's share. */
export const shareDigest = (words: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(words).digest())

/** Stores it, from what the run has stored. May be repeated until anything of that is erased. */
export const keepForArchive = (
  agreement: Agreement,
  { membership, secrets }: Enrolled<{ readonly p: Uint8Array; readonly q: Uint8Array }>,
  { uploads }: TableOutline
) =>
  Effect.gen(function* () {
    const shares = yield* Effect.forEach(uploads, ({ user }) =>
      Effect.map(recalled(decryptedEntry(user), Decrypted), ({ words }) => ({
        user,
        digest: shareDigest(words)
      }))
    )
    const { p, q } = Redacted.value(secrets)
    const kept = yield* KeptByCloud0.encode({
      agreement: JSON.stringify(agreement),
      published: publishedOf(membership),
      ...{ p, q, uploads, shares },
      pieces: yield* archivedPieces
    })
    yield* (yield* Stable).put(masterKeyEntry, kept)
  })

/** What C0 kept of the run whose archive is opened. */
export const keptByCloud0 = (agreement: Agreement) =>
  keptEntry(agreement, "master key", masterKeyEntry, KeptByCloud0)

/** Enrols C0, or takes up what it kept. */
export const enrolmentAtCloud0 = (agreement: Agreement) =>
  enrolment(agreement, ofCloud0, (root) =>
    Effect.gen(function* () {
      const { published, p, q } = yield* keptByCloud0(agreement)
      return { published, secrets: { p, q, ...(yield* newPrgKey(agreement, root)) } }
    })
  )
