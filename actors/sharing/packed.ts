/**
 * The packed form: every word is encrypted under BCP, several to a ciphertext. Of an upload, C0 receives the
 * ciphertexts of the first share, C1 those of the second, which C0 must not see: it has the master key. Of the model, C1 adds its share to C0's under the joint key.
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { derive } from "../../protocol/aead.ts"
import type { ArchivedUpload } from "../../protocol/archive/archive.ts"
import { reopenShare1 } from "../../protocol/archive/reopening.ts"
import type { ExponentMode } from "../../protocol/bcp/keys.ts"
import { outputSlotBits, plaintextsFor, uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { concatenate, wordBytes } from "../../protocol/bytes.ts"
import { CanonicalWriter } from "../../protocol/canonical.ts"
import { cellsInOrder, countCells } from "../../protocol/data/rows.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Reencrypt, Reopen } from "../../protocol/messages/transformation.ts"
import { UploadRandomness, UploadShare0, UploadShare1 } from "../../protocol/messages/upload.ts"
import { Schema } from "../../protocol/schema.ts"
import { openModel, sealModel, sealModelShare } from "../../protocol/sharing/model-output.ts"
import { publicKeyOf } from "../../protocol/sharing/published.ts"
import { seedBytes, splitWords } from "../../protocol/sharing/split.ts"
import { type UnifiedPiece, unifyShare0, unifyShare1 } from "../../protocol/sharing/transformation.ts"
import {
  cutRun,
  encryptPiece,
  type Piece,
  pieceOf,
  RunAssembly,
  wordsOfPiece
} from "../../protocol/sharing/upload.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import type { JobFailed } from "../../runtime/work/pool.ts"
import { BcpPool, pieceBytes, piecesAtOnce } from "../party/bcp-pool.ts"
import { recalled, remembered } from "../party/once.ts"
import type { Root } from "../party/root.ts"
import { attributed } from "./refusal.ts"
import { cellsARun, partOf } from "./share-words.ts"
import type { Archiving, EncryptedPiece, OutgoingCells, Reopening, Sharing, Uploaded } from "./sharing.ts"

const ciphertexts = (words: number, bits: number): readonly [number, number] => {
  const count = plaintextsFor(words, bits, uploadSlotBits)
  return [count, count]
}

/** Encrypts a piece of a user's share for a cloud. */
type EncryptPiece<E, R> = (
  cloud: 0 | 1,
  mode: ExponentMode,
  piece: Piece
) => Effect.Effect<{ readonly ciphertexts: Uint8Array }, E, R>

/** Encrypts and sends both shares of a user's cells, `count` ciphertexts each, piece by piece. */
export const sendPieces = <E, R>(
  { agreement, membership: { parameters } }: Pick<OutgoingCells, "agreement" | "membership">,
  count: number,
  encrypt: EncryptPiece<E, R>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "upload" }
    const pieces = yield* cutRun(count, ciphertextBytes(parameters), pieceBytes)
    const digests = yield* Effect.forEach(
      pieces,
      (piece) =>
        Effect.gen(function* () {
          const { first } = piece
          const run0 = yield* encrypt(0, agreement.security.exponents, piece)
          yield* party.ask("cloud0", UploadShare0, { first, ciphertexts: run0.ciphertexts }, ask)
          // C0 opens nothing for C1 whose r it can't see to be short.
          const { ciphertexts } = yield* encrypt(1, "short", piece)
          yield* party.ask("cloud1", UploadShare1, { first, ciphertexts }, ask)
          return (yield* pool.run("randomnessOf", { parameters, ciphertexts })).digest
        }),
      { concurrency: piecesAtOnce }
    )
    yield* party.ask("cloud0", UploadRandomness, { digests: concatenate(digests) }, ask)
  })

const send = (cells: OutgoingCells) =>
  Effect.gen(function* () {
    const { membership, blocks, encode, seed, randomness } = cells
    const party = yield* Party
    const pool = yield* BcpPool
    const { parameters } = membership
    const publicKey = yield* publicKeyOf(membership, party.name)
    const words = new Uint8Array(countCells(blocks) * wordBytes)
    for (const { first, read } of cellsInOrder(blocks, cellsARun))
      words.set(yield* encode(read()), first * wordBytes)
    const { share0, share1 } = splitWords(words, seed)
    const [count] = ciphertexts(countCells(blocks), parameters.bits)
    yield* sendPieces(cells, count, (cloud, mode, piece) => {
      const key = derive(randomness, "", `share ${cloud}`, seedBytes)
      const keys = { parameters, publicKey, mode, randomness: key }
      return encryptPiece(pool, keys, cloud === 0 ? share0 : share1, piece, uploadSlotBits)
    })
  })

/** Decrypts a piece of what a user has encrypted for C0, `words` words in all, and encrypts it under pk. */
export const unifyWords0 = (
  { keys, publicKey, piece, ciphertexts }: EncryptedPiece,
  words: number
): Effect.Effect<UnifiedPiece, JobFailed, BcpPool> =>
  Effect.flatMap(BcpPool, (pool) =>
    unifyShare0(pool, keys, publicKey, {
      ciphertexts,
      words: wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits).words
    })
  )

/** C1's share of a user's cells, as stored: under pk for the archive, and in the clear. */
export const Unified = format("opened share", Schema.Struct({ ciphertexts: Bytes, words: Bytes }))
export const unifiedEntry = (user: string) => `opened-${user}`

/** The key of the blinds of a piece: for these ciphertexts alone, so that no blind hides two messages. */
const blindKey = (root: Root, user: string, first: number, ciphertexts: Uint8Array): Uint8Array => {
  const place = new CanonicalWriter().string(user).u32(first).finish()
  return root("blinds", createHash("sha256").update(place).update(ciphertexts).digest())
}

/** Brings C1's share of a user's cells under pk: KeyProd, batched. `unifyPiece` makes what is kept of a piece. */
export const unify1 = (
  { user, blocks, bytes }: Uploaded,
  archiving: Archiving,
  unifyPiece: typeof unifyShare1 = unifyShare1
) =>
  Effect.gen(function* () {
    const { agreement, keys, root, pieces, onItems } = archiving
    const party = yield* Party
    const pool = yield* BcpPool
    const bytesEach = ciphertextBytes(keys.parameters)
    const words = countCells(blocks)
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "transform" }
    const askCloud0 = (first: number) => (blinded: Uint8Array) =>
      Effect.tap(party.ask("cloud0", Reencrypt, { user, first, blinded }, ask), ({ takers }) =>
        pieces.setOthers(takers)
      )
    const cut = yield* cutRun(bytes.length / bytesEach, bytesEach, pieceBytes)
    const unified = yield* pieces.forEach(cut, (piece) => {
      const { words: count } = wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits)
      const packed = { ciphertexts: pieceOf(bytes, piece, bytesEach).slice(), words: count }
      const key = blindKey(root, user, piece.first, packed.ciphertexts)
      return unifyPiece(pool, keys, key, packed, askCloud0(piece.first)).pipe(
        Effect.mapError(attributed(agreement, user, piece.first)),
        Effect.zipLeft(onItems(piece.count))
      )
    })
    return {
      ciphertexts: concatenate(unified.map((each) => each.ciphertexts)),
      words: concatenate(unified.map((each) => each.words))
    }
  })

/** Opens C1's share of a user's cells in the archive again: what C0 sees of it is under new blinds. */
const reopen1 = ({ user, blocks, share1 }: ArchivedUpload, reopening: Reopening) =>
  Effect.gen(function* () {
    const { agreement, keys, root, pieces, onItems } = reopening
    const party = yield* Party
    const pool = yield* BcpPool
    const bytesEach = ciphertextBytes(keys.parameters)
    const words = countCells(blocks)
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "transform" }
    const cut = yield* cutRun(share1.length / bytesEach, bytesEach, pieceBytes)
    const opened = yield* pieces.forEach(cut, (piece) => {
      const { first } = piece
      const { words: count } = wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits)
      const ciphertexts = pieceOf(share1, piece, bytesEach).slice()
      const packed = { ciphertexts, words: count, slotBits: uploadSlotBits }
      const key = blindKey(root, user, first, packed.ciphertexts)
      const askCloud0 = (blinded: Uint8Array) =>
        Effect.map(
          Effect.tap(party.ask("cloud0", Reopen, { user, first, blinded }, ask), ({ takers }) =>
            pieces.setOthers(takers)
          ),
          ({ plaintexts }) => plaintexts
        )
      return reopenShare1(pool, keys, key, packed, askCloud0).pipe(Effect.zipLeft(onItems(piece.count)))
    })
    return { ciphertexts: new Uint8Array(0), words: concatenate(opened) }
  })

/** C1's words of a user's share, in stable storage since it was opened. */
const sharedWords = (user: string) =>
  Effect.map(recalled(unifiedEntry(user), Unified), ({ words }) => partOf(words))

export const packed: Sharing = {
  upload: {
    slotBits: uploadSlotBits,
    ciphertexts,
    send,
    cloud0: { words: (cells) => cells, unify: unifyWords0, share: partOf },
    cloud1: {
      assembly: (from, words, bits) =>
        new RunAssembly(from, ciphertexts(words, bits)[1], ciphertextBytes({ bits })),
      itemBytes: (bits) => ciphertextBytes({ bits }),
      archive: (upload, archiving) =>
        Effect.map(
          remembered(unifiedEntry(upload.user), Unified, unify1(upload, archiving)),
          ({ ciphertexts }) => ({ share1: ciphertexts })
        ),
      share: sharedWords,
      reopen: (upload, reopening) =>
        Effect.asVoid(remembered(unifiedEntry(upload.user), Unified, reopen1(upload, reopening))),
      reopened: sharedWords
    }
  },
  output: {
    ciphertexts: (words, bits) => plaintextsFor(words, bits, outputSlotBits),
    sealShare0: (keys, words) =>
      Effect.flatMap(BcpPool, (pool) =>
        Effect.map(sealModelShare(pool, keys, words), (ciphertexts) => ({ ciphertexts }))
      ),
    sealModel: (keys, share0, words) =>
      Effect.flatMap(BcpPool, (pool) =>
        Effect.map(sealModel(pool, keys, share0.ciphertexts, words), (ciphertexts) => ({
          sealed: { ciphertexts },
          atRest: ciphertexts
        }))
      ),
    decrypt: ({ ciphertexts }, { parameters, users, partials, threshold, words }) =>
      Effect.flatMap(BcpPool, (pool) =>
        openModel(pool, parameters, { sealed: ciphertexts, words }, users, partials, threshold)
      )
  }
}
