/**
 * Opening an archive again at C1 (section 4 of docs/concepts/protocol.md): it sends C0 C0's shares as they are under
 * the joint key, and has its own opened under blinds. The archive itself stays as it is.
 */
import { Effect } from "effect"
import type { ArchivedUpload } from "../../../protocol/archive/archive.ts"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { Progress } from "../../../protocol/messages/control.ts"
import { ArchivedShare0, OpenArchive } from "../../../protocol/messages/transformation.ts"
import { cutRun, pieceOf } from "../../../protocol/sharing/upload.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
import { type PiecesInProgress, pieceBytes, piecesInProgress } from "../../party/bcp-pool.ts"
import { once } from "../../party/once.ts"
import { reached } from "../../party/prerequisites.ts"
import type { Root } from "../../party/root.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import { keptArchive } from "./archived-at-cloud1.ts"
import { jointTables, outlineFormat } from "./joint-table.ts"
import { cellsDigest, reopenedTable, stillHeld } from "./reopened-table.ts"

/** Sends C0 its share of a user's cells. */
const sendShare0 = (
  agreement: Agreement,
  { user, share0 }: ArchivedUpload,
  bytesEach: number,
  { pieces, onItems }: { readonly pieces: PiecesInProgress; readonly onItems: OnItems }
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "transform" }
    const cut = yield* cutRun(share0.length / bytesEach, bytesEach, pieceBytes)
    yield* pieces.forEach(cut, (piece) => {
      const ciphertexts = pieceOf(share0, piece, bytesEach).slice()
      return Effect.zipRight(
        party.ask("cloud0", ArchivedShare0, { user, first: piece.first, ciphertexts }, ask),
        onItems(piece.count)
      )
    })
  })

type OnItems = (count: number) => Effect.Effect<void>

/** In place of the transformation, in a training from an archive. */
export const reopeningAtCloud1 = (agreement: Agreement, credentials: CredentialsFor, root: Root) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pieces = yield* piecesInProgress
    const form = sharingOf(agreement).upload.cloud1
    const bytesEach = ciphertextBytes({ bits: agreement.security.modulusBits })
    const archived = Effect.flatMap(credentials("open an archive"), ({ membership, keys }) =>
      Effect.map(keptArchive(agreement, membership), (found) => ({ ...found, keys }))
    )
    const { done, outcome } = yield* once(
      "transformed",
      outlineFormat,
      Effect.gen(function* () {
        const { archive, keys, pieces: kept } = yield* archived
        const { uploads } = archive
        const held = uploads.map(({ user, blocks }) => ({ user, blocks }))
        const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "transform" }
        const users = uploads.map(({ user }) => user)
        yield* party.ask("cloud0", OpenArchive, { users, cells: cellsDigest(held) }, ask)
        const total =
          uploads.reduce((sum, { share0, share1 }) => sum + share0.length + share1.length, 0) / bytesEach
        let progress = 0
        const onItems = (count: number) => {
          progress += count
          return Effect.ignore(
            party.tell("director", Progress, { phase: "transform", done: progress, total })
          )
        }
        for (const upload of uploads) {
          yield* sendShare0(agreement, upload, bytesEach, { pieces, onItems })
          yield* form.reopen(upload, { agreement, keys, root, pieces, onItems, kept })
        }
        return yield* reopenedTable(agreement, held, total)
      }).pipe(Effect.withSpan("Cloud1.reopen"))
    )
    const opened = reached(outcome, "train", "the archive was opened")
    const whole = Effect.flatMap(archived, ({ archive }) => stillHeld(agreement, opened, archive.uploads))
    const tables = jointTables(agreement, whole, (user) =>
      Effect.flatMap(archived, ({ pieces: kept }) => form.reopened(user, kept))
    )
    return { done, outcome, tables, forget: Effect.void, handlers: [] }
  })
