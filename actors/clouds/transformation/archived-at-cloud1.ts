/**
 * What C1 keeps when a run ends, in addition to the archive: what the KGC published, the keys of the archive among it, and
 * the key of the pieces of a hybrid one.
 */
import { Effect, Option } from "effect"
import { type Archive, checkArchiveKeys, decodeArchive } from "../../../protocol/archive/archive.ts"
import { Bytes, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import { Stable } from "../../../runtime/storage/store.ts"
import type { Agreement } from "../../party/agreement.ts"
import { archivedFields, keptEntry, keptOf, NothingKept } from "../../party/archived.ts"
import { type Enrolled, enrolment, newPrgKey, publishedOf } from "../../party/enrolment.ts"
import { type Membership, ofCloud1 } from "../../party/handouts.ts"
import type { Root } from "../../party/root.ts"
import { archiveEntry } from "./at-cloud1.ts"

/** Its entry in C1's stable storage, after the run. */
export const archiveKeyEntry = "archive-key"

export const KeptByCloud1 = format(
  "archive key",
  Schema.Struct({ ...archivedFields, pieceKey: Schema.optionalWith(Bytes, { exact: true }) })
)

/** Stores it. May be repeated until the root is erased. */
export const keepForArchive = (
  agreement: Agreement,
  { membership }: Pick<Enrolled<unknown>, "membership">,
  root: Root
) =>
  Effect.gen(function* () {
    const kept = yield* KeptByCloud1.encode({
      agreement: JSON.stringify(agreement),
      published: publishedOf(membership),
      ...(agreement.security.upload === "hybrid" ? { pieceKey: root("archive") } : {})
    })
    yield* (yield* Stable).put(archiveKeyEntry, kept)
  })

/** What C1 kept under its state key of the run whose archive is opened. */
const keptByCloud1 = (agreement: Agreement) =>
  keptEntry(agreement, "key of the archive", archiveKeyEntry, KeptByCloud1)

/** The archive, which must be under the keys of this membership, and where its pieces are. */
export const keptArchive = (agreement: Agreement, { wire, unifiedPublicKey }: Membership) =>
  Effect.gen(function* () {
    const { pieceKey } = yield* keptByCloud1(agreement)
    const what = "archive"
    const { run, store } = yield* keptOf(agreement, what)
    const bytes = yield* store.get(archiveEntry)
    if (Option.isNone(bytes)) return yield* new NothingKept({ what, run })
    const keys = { bits: wire.bits, modulus: wire.N, unifiedPublicKey }
    const archive: Archive = yield* checkArchiveKeys(yield* decodeArchive(bytes.value), keys)
    return { archive, pieces: { run, store, pieceKey } }
  })

/** Enrols C1, or takes up what it kept. */
export const enrolmentAtCloud1 = (agreement: Agreement) =>
  enrolment(agreement, ofCloud1, (root) =>
    Effect.gen(function* () {
      const { published } = yield* keptByCloud1(agreement)
      return { published, secrets: yield* newPrgKey(agreement, root) }
    })
  )
