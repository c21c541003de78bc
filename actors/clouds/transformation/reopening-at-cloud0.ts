/**
 * Opening an archive again at C0 (section 4 of docs/concepts/protocol.md): C1 sends it its own shares as it had them
 * under the joint key, and has its own opened under blinds. Without its master key nobody opens an archive, and C0
 * opens no other ciphertexts than it made for it, and none once both clouds train.
 */
import { Data, Deferred, Effect, Option } from "effect"
import { openBlinded, reopenShare0 } from "../../../protocol/archive/reopening.ts"
import { uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { concatenate } from "../../../protocol/bytes.ts"
import { sameBytes } from "../../../protocol/canonical.ts"
import { type CellBlock, countCells } from "../../../protocol/data/rows.ts"
import { Progress } from "../../../protocol/messages/control.ts"
import { ArchivedShare0, OpenArchive, Reopen } from "../../../protocol/messages/transformation.ts"
import type { Cloud0Keys } from "../../../protocol/sharing/transformation.ts"
import { cutRun, pieceOf, wordsOfPiece } from "../../../protocol/sharing/upload.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { Stable } from "../../../runtime/storage/store.ts"
import { JobFailed } from "../../../runtime/work/pool.ts"
import { type Agreement, displayName } from "../../party/agreement.ts"
import {
  BcpPool,
  BcpQueue,
  type PiecesInProgress,
  pieceBytes,
  piecesInProgress
} from "../../party/bcp-pool.ts"
import { onFrom } from "../../party/handlers.ts"
import { once, recalled, remembered } from "../../party/once.ts"
import { reached } from "../../party/prerequisites.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import { keptByCloud0, shareDigest } from "./archived-at-cloud0.ts"
import { Decrypted, decryptedEntry } from "./at-cloud0.ts"
import { incomingShares } from "./incoming-shares.ts"
import { jointTables, outlineFormat } from "./joint-table.ts"
import { cellsDigest, reopenedTable, stillHeld } from "./reopened-table.ts"

type MasterKey = Pick<Cloud0Keys, "masterKey">

/** What C1 has of the archive, or asks to have opened, is not what C0 knows of it. */
export class ReopeningRefused extends Data.TaggedError("ReopeningRefused")<{
  readonly party: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} has not the archive that cloud0 has the keys for: ${this.reason}; name the folders that both had in the users' run, and withdraw users from both`
  }
}

/** From when on nothing is opened. */
const closedEntry = "reopening-closed"

/** Opens C0's share of a user's cells, `words` words in all. */
const opened = (keys: Cloud0Keys, ciphertexts: Uint8Array, words: number, pieces: PiecesInProgress) =>
  Effect.gen(function* () {
    const pool = yield* BcpPool
    const bytesEach = ciphertextBytes(keys.parameters)
    const cut = yield* cutRun(ciphertexts.length / bytesEach, bytesEach, pieceBytes)
    const parts = yield* pieces.forEach(cut, (piece) =>
      reopenShare0(pool, keys, {
        ciphertexts: pieceOf(ciphertexts, piece, bytesEach).slice(),
        words: wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits).words,
        slotBits: uploadSlotBits
      })
    )
    return { words: concatenate(parts) }
  })

/** What C1 asks for, answered by what C0 has kept. */
const answering = (agreement: Agreement, credentials: CredentialsFor<MasterKey>) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const kept = yield* keptByCloud0(agreement)
    let closed = Option.isSome(yield* stable.get(closedEntry))
    const refused = (party: string, reason: string) => new ReopeningRefused({ party, reason })
    const onOpenArchive = onFrom("cloud1", OpenArchive, ({ users, cells }, party) => {
      if (sameBytes(cells, cellsDigest(kept.uploads))) return Effect.succeed({})
      const named = (actors: ReadonlyArray<string>) =>
        actors.map((actor) => displayName(agreement, actor)).join(", ") || "nobody"
      const own = kept.uploads.map(({ user }) => user)
      return refused(
        party,
        `that of ${party} has cells of ${named(users)}, and that of cloud0 of ${named(own)}`
      )
    })
    const onReopen = onFrom("cloud1", Reopen, ({ user, first, blinded }, party) =>
      Effect.gen(function* () {
        const pool = yield* BcpPool
        const queue = yield* Effect.serviceOption(BcpQueue)
        const { keys } = yield* credentials("open an archive")
        const of = `ciphertexts of ${displayName(agreement, user)} from number ${first}`
        if (closed) return yield* refused(party, `it asked for ${of} after both had begun to train`)
        const known = kept.pieces.find((piece) => piece.user === user && piece.first === first)
        if (known === undefined) return yield* refused(party, `it asked for ${of}, of which there are none`)
        const plaintexts = yield* openBlinded(pool, keys, blinded, known.randomness).pipe(
          Effect.mapError((failure) =>
            failure instanceof JobFailed && failure.error._tag === "OtherRandomness"
              ? refused(party, `it asked for ${of}, and they are not those that cloud0 made`)
              : failure
          )
        )
        const takers = Option.match(queue, { onNone: () => 1, onSome: (jobs) => jobs.takers() })
        return { plaintexts, takers }
      })
    )
    const close = Effect.suspend(() => {
      closed = true
      return stable.put(closedEntry, new Uint8Array(0))
    })
    return { kept, handlers: [onOpenArchive, onReopen], close }
  })

/** In place of the transformation, in a training from an archive. */
export const reopeningAtCloud0 = (agreement: Agreement, credentials: CredentialsFor<MasterKey>) =>
  Effect.gen(function* () {
    const pieces = yield* piecesInProgress
    const party = yield* Party
    const { kept, handlers, close } = yield* answering(agreement, credentials)
    const { upload: form } = sharingOf(agreement)
    const shares = yield* incomingShares(agreement, "cloud1", ArchivedShare0)
    const bytesEach = ciphertextBytes({ bits: agreement.security.modulusBits })
    const countOf = (blocks: ReadonlyArray<CellBlock>) =>
      form.ciphertexts(countCells(blocks), agreement.security.modulusBits)[0]
    const total = kept.uploads.reduce((sum, { blocks }) => sum + countOf(blocks), 0)
    const { done, outcome } = yield* once(
      "transformed",
      outlineFormat,
      Effect.gen(function* () {
        const { keys } = yield* credentials("open an archive")
        yield* shares.expect(kept.uploads)
        const received = yield* shares.all
        let progress = 0
        for (const { user, blocks } of kept.uploads) {
          const words = form.cloud0.words(countCells(blocks))
          const share = yield* remembered(
            decryptedEntry(user),
            Decrypted,
            opened(keys, received.get(user)!, words, pieces)
          )
          const known = kept.shares.find((each) => each.user === user)
          if (known === undefined || !sameBytes(known.digest, shareDigest(share.words)))
            return yield* new ReopeningRefused({
              party: "cloud1",
              reason: `what it sent as cloud0's share of the cells of ${displayName(agreement, user)} is not that`
            })
          progress += countOf(blocks)
          yield* Effect.ignore(
            party.tell("director", Progress, { phase: "transform", done: progress, total })
          )
        }
        return yield* reopenedTable(agreement, kept.uploads, total)
      }).pipe(
        Effect.withSpan("Cloud0.reopen", { attributes: { ciphertexts: total, bytes: total * bytesEach } })
      )
    )
    const { prepare, take } = jointTables(
      agreement,
      stillHeld(agreement, reached(outcome, "train", "the archive was opened"), kept.uploads),
      (user) => Effect.map(recalled(decryptedEntry(user), Decrypted), ({ words }) => form.cloud0.share(words))
    )
    // A session takes the table once C1 has joined it: C1 too has opened everything then.
    const tables = { prepare, take: Effect.zipRight(close, take) }
    const isDone = Deferred.isDone(outcome)
    return {
      ...{ done, outcome, tables, close, forget: shares.forget },
      handlers: [...handlers, shares.handler(credentials, isDone)]
    }
  })
