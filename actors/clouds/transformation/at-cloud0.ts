/**
 * The transformation at C0 (section 4 of docs/protocol.md): it decrypts its own shares, and encrypts them
 * under the joint key for C1's archive; and it re-encrypts what C1 has blinded. What it decrypts for C1 is
 * uniform modulo N.
 */
import { Effect, Option } from "effect"
import { uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { countCells } from "../../../protocol/data/rows.ts"
import { Progress } from "../../../protocol/messages/control.ts"
import { Bytes, format } from "../../../protocol/messages/message.ts"
import { Reencrypt, UnifiedShare0 } from "../../../protocol/messages/transformation.ts"
import { Schema } from "../../../protocol/schema.ts"
import { rosterBcpKey } from "../../../protocol/sharing/roster.ts"
import { type Cloud0Keys, reencrypt, unifyShare0 } from "../../../protocol/sharing/transformation.ts"
import { cutRun, pieceOf, wordsOfPiece } from "../../../protocol/sharing/upload.ts"
import { concatenate } from "../../../protocol/sharing/work.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
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
import { attributed } from "../../sharing/refusal.ts"
import type { Uploaded } from "../../sharing/sharing.ts"
import type { Credentials, CredentialsFor } from "../credentials.ts"
import type { Intake } from "../upload/intake.ts"
import { jointTables, outlineFormat, type TableOutline } from "./joint-table.ts"

/** What is stored of a user's decrypted share: its words, or the seed that they follow from. */
const Decrypted = format("opened share", Schema.Struct({ words: Bytes }))
const decryptedEntry = (user: string) => `opened-${user}`

/** Decrypts what a user has encrypted for C0, and sends it on under the joint key. */
const unify = (
  agreement: Agreement,
  { membership, keys }: Credentials<Cloud0Keys>,
  { user, blocks, bytes }: Uploaded,
  pieces: PiecesInProgress,
  onItems: (count: number) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const publicKey = yield* rosterBcpKey(membership.roster, user)
    const bytesEach = ciphertextBytes(keys.parameters)
    const words = sharingOf(agreement).upload.cloud0.encryptedWords(countCells(blocks))
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "transform" }
    const cut = yield* cutRun(bytes.length / bytesEach, bytesEach, pieceBytes)
    const decrypted = yield* pieces.forEach(cut, (piece) =>
      Effect.gen(function* () {
        const { words: count } = wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits)
        const packed = { ciphertexts: pieceOf(bytes, piece, bytesEach).slice(), words: count }
        const unified = yield* unifyShare0(pool, keys, publicKey, packed).pipe(
          Effect.mapError(attributed(agreement, user, piece.first))
        )
        const sent = { user, first: piece.first, ciphertexts: unified.ciphertexts }
        yield* party.ask("cloud1", UnifiedShare0, sent, ask)
        yield* onItems(piece.count)
        return unified.words
      })
    )
    return { words: concatenate(decrypted) }
  })

/** Serves C1's half of KeyProd. The reply also says how many jobs this cloud can run at once. */
const onReencrypt = (credentials: CredentialsFor<Cloud0Keys>) =>
  onFrom("cloud1", Reencrypt, ({ user, blinded }) =>
    Effect.gen(function* () {
      const pool = yield* BcpPool
      const queue = yield* Effect.serviceOption(BcpQueue)
      const { membership, keys } = yield* credentials("re-encrypt")
      const publicKey = yield* rosterBcpKey(membership.roster, user)
      const reencrypted = yield* reencrypt(pool, keys, publicKey, blinded)
      const takers = Option.match(queue, { onNone: () => 1, onSome: (jobs) => jobs.takers() })
      return { ...reencrypted, takers }
    })
  )

export const transformationAtCloud0 = (
  agreement: Agreement,
  credentials: CredentialsFor<Cloud0Keys>,
  intake: Intake
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pieces = yield* piecesInProgress
    const form = sharingOf(agreement).upload
    const { done, outcome } = yield* once(
      "transformed",
      outlineFormat,
      Effect.gen(function* () {
        const own = yield* credentials("transform")
        const bytesEach = ciphertextBytes(own.keys.parameters)
        const { rows, uploads } = yield* intake.whole
        const total = uploads.reduce((sum, { bytes }) => sum + bytes.length, 0)
        let progress = 0
        const onItems = (count: number) => {
          progress += count * bytesEach
          return Effect.ignore(
            party.tell("director", Progress, { phase: "transform", done: progress, total })
          )
        }
        for (const upload of uploads)
          yield* remembered(
            decryptedEntry(upload.user),
            Decrypted,
            unify(agreement, own, upload, pieces, onItems)
          )
        const outline: TableOutline = {
          rows,
          ciphertexts: total / bytesEach,
          uploads: uploads.map(({ user, blocks }) => ({ user, blocks }))
        }
        return outline
      })
    )
    const tables = jointTables(agreement, reached(outcome, "train", "the data were transformed"), (user) =>
      Effect.map(recalled(decryptedEntry(user), Decrypted), ({ words }) => form.cloud0.share(words))
    )
    return { done, outcome, tables, forget: Effect.void, handlers: [onReencrypt(credentials)] }
  })
