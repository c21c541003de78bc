/**
 * The transformation at C0 (section 4 of docs/concepts/protocol.md): it decrypts its own shares, and encrypts them
 * under the joint key for C1's archive; and it re-encrypts what C1 has blinded (`reencryption.ts`). What it
 * decrypts for C1 is uniform modulo N.
 */
import { Effect } from "effect"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { concatenate } from "../../../protocol/bytes.ts"
import { countCells } from "../../../protocol/data/rows.ts"
import { Bytes, format } from "../../../protocol/messages/message.ts"
import { UnifiedShare0 } from "../../../protocol/messages/transformation.ts"
import { Schema } from "../../../protocol/schema.ts"
import { publicKeyOf } from "../../../protocol/sharing/published.ts"
import type { Cloud0Keys } from "../../../protocol/sharing/transformation.ts"
import { cutRun, pieceOf } from "../../../protocol/sharing/upload.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
import { type PiecesInProgress, pieceBytes, piecesInProgress } from "../../party/bcp-pool.ts"
import { recalled, remembered } from "../../party/once.ts"
import { sharingOf } from "../../sharing/forms.ts"
import { attributed } from "../../sharing/refusal.ts"
import type { Uploaded } from "../../sharing/sharing.ts"
import type { Credentials, CredentialsFor } from "../setup/credentials.ts"
import type { Intake } from "../upload/intake.ts"
import { reencryptionAtCloud0 } from "./reencryption.ts"
import { transformation } from "./transformation.ts"

type MasterKey = Pick<Cloud0Keys, "masterKey">

/** What is stored of a user's decrypted share: its words, or the seed that they follow from. */
export const Decrypted = format("opened share", Schema.Struct({ words: Bytes }))
export const decryptedEntry = (user: string) => `opened-${user}`

/** Decrypts what a user has encrypted for C0, and sends it on under the joint key. */
const unify = (
  agreement: Agreement,
  { membership, keys }: Credentials<MasterKey>,
  { user, blocks, bytes }: Uploaded,
  pieces: PiecesInProgress,
  onItems: (count: number) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const publicKey = yield* publicKeyOf(membership, user)
    const bytesEach = ciphertextBytes(keys.parameters)
    const form = sharingOf(agreement).upload.cloud0
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "transform" }
    const cut = yield* cutRun(bytes.length / bytesEach, bytesEach, pieceBytes)
    const decrypted = yield* pieces.forEach(cut, (piece) =>
      Effect.gen(function* () {
        const ciphertexts = pieceOf(bytes, piece, bytesEach).slice()
        const unified = yield* form
          .unify({ keys, publicKey, piece, ciphertexts }, countCells(blocks))
          .pipe(Effect.mapError(attributed(agreement, user, piece.first)))
        const sent = { user, first: piece.first, ciphertexts: unified.ciphertexts }
        yield* party.ask("cloud1", UnifiedShare0, sent, ask)
        yield* onItems(piece.count)
        return unified.words
      })
    )
    return { words: concatenate(decrypted) }
  })

export const transformationAtCloud0 = (
  agreement: Agreement,
  credentials: CredentialsFor<MasterKey>,
  intake: Intake
) =>
  Effect.gen(function* () {
    const pieces = yield* piecesInProgress
    const reencryption = yield* reencryptionAtCloud0(agreement, credentials, intake)
    const bytesEach = ciphertextBytes({ bits: agreement.security.modulusBits })
    const transformed = yield* transformation(agreement, credentials, intake, {
      itemBytes: 1,
      transform: (own, uploads, onItems) =>
        Effect.gen(function* () {
          yield* reencryption.complete(uploads)
          let ciphertexts = 0
          for (const upload of uploads) {
            const unified = unify(agreement, own, upload, pieces, (count) => onItems(count * bytesEach))
            yield* remembered(decryptedEntry(upload.user), Decrypted, unified)
            ciphertexts += upload.bytes.length / bytesEach
          }
          return ciphertexts
        }),
      shareOf: (user) =>
        Effect.map(recalled(decryptedEntry(user), Decrypted), ({ words }) =>
          sharingOf(agreement).upload.cloud0.share(words)
        )
    })
    const { prepare, take } = transformed.tables
    // A session takes the table once C1 has joined it: C1 too has transformed everything then.
    const tables = { prepare, take: Effect.zipRight(reencryption.close, take) }
    const { close, handlers } = reencryption
    return { ...transformed, tables, close, forget: Effect.void, handlers }
  })
