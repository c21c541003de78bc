/**
 * The transformation at C1 (section 4 of docs/protocol.md): with C0's help it brings both shares of every
 * user under the joint key, and archives them. The archive holds everything that is needed to use the data
 * again without any user.
 */
import { Deferred, Effect } from "effect"
import { uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { Progress } from "../../../protocol/messages/control.ts"
import { encodeArchive } from "../../../protocol/sharing/archive.ts"
import type { Cloud1Keys } from "../../../protocol/sharing/transformation.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { Store } from "../../../runtime/storage/store.ts"
import type { Agreement } from "../../party/agreement.ts"
import { piecesInProgress } from "../../party/bcp-pool.ts"
import { once } from "../../party/once.ts"
import { reached } from "../../party/prerequisites.ts"
import type { Root } from "../../party/root.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { CredentialsFor } from "../credentials.ts"
import type { Intake } from "../upload/intake.ts"
import { jointTables, outlineFormat, type TableOutline } from "./joint-table.ts"
import { sharesOfCloud0 } from "./shares-of-cloud0.ts"

/** The entry of the joint data set at rest in C1's store. */
export const archiveEntry = "archive"

export const transformationAtCloud1 = (
  agreement: Agreement,
  credentials: CredentialsFor<Cloud1Keys>,
  intake: Intake,
  root: Root
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const store = yield* Store
    const pieces = yield* piecesInProgress
    const shares0 = yield* sharesOfCloud0(agreement)
    const form = sharingOf(agreement).upload.cloud1
    const { done, outcome } = yield* once(
      "transformed",
      outlineFormat,
      Effect.gen(function* () {
        const { membership, keys } = yield* credentials("transform")
        const { parameters, unifiedPublicKey } = keys
        const { rows, uploads } = yield* intake.whole
        yield* shares0.expect(uploads)
        const total =
          uploads.reduce((sum, { bytes }) => sum + bytes.length, 0) / form.itemBytes(parameters.bits)
        let progress = 0
        const onItems = (count: number) => {
          progress += count
          return Effect.ignore(
            party.tell("director", Progress, { phase: "transform", done: progress, total })
          )
        }
        const archiving = { agreement, membership, keys, root, pieces, onItems }
        const atRest = yield* Effect.forEach(uploads, (upload) =>
          Effect.map(form.archive(upload, archiving), (share1) => ({
            user: upload.user,
            blocks: upload.blocks,
            ...share1
          }))
        )
        const received = yield* shares0.all
        const archived = atRest.map((upload) => ({ ...upload, share0: received.get(upload.user)! }))
        const archive = yield* encodeArchive({
          run: party.run,
          bits: parameters.bits,
          modulus: membership.wire.N,
          unifiedPublicKey,
          slotBits: uploadSlotBits,
          uploads: archived
        })
        yield* store.put(archiveEntry, archive)
        const bytes = archived.reduce((sum, { share0, share1 }) => sum + share0.length + share1.length, 0)
        const outline: TableOutline = {
          rows,
          ciphertexts: bytes / ciphertextBytes(parameters),
          uploads: uploads.map(({ user, blocks }) => ({ user, blocks }))
        }
        return outline
      })
    )
    const tables = jointTables(agreement, reached(outcome, "train", "the data were transformed"), (user) =>
      form.share(user, root)
    )
    return {
      done,
      outcome,
      tables,
      forget: shares0.forget,
      handlers: [shares0.handler(credentials, Deferred.isDone(outcome))]
    }
  })
