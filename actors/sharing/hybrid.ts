/**
 * The hybrid form, for bulk. Of an upload, C0 receives the seed of its share under the user's key, and C1 its
 * share as it is. Of the model, each cloud encrypts its share under a fresh key, and only the two
 * keys are under the joint key, in one ciphertext that C0 makes. C1's share of the cells rests in pieces under a key that only C1 has.
 */
import { Effect } from "effect"
import { openPiece, pieceEntry, sealPiece } from "../../protocol/archive/pieces.ts"
import { outputSlotBits, plaintextsFor, uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { cellsInOrder } from "../../protocol/data/rows.ts"
import { UploadShare0, UploadWords1 } from "../../protocol/messages/upload.ts"
import {
  encodeHybridModel,
  keyWords,
  openHybridModel,
  sealHybridModel,
  sealHybridShare
} from "../../protocol/sharing/hybrid-output.ts"
import { publicKeyOf } from "../../protocol/sharing/published.ts"
import { expandSeed, seedBytes, subtractWords } from "../../protocol/sharing/split.ts"
import { RunAssembly } from "../../protocol/sharing/upload.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { Store } from "../../runtime/storage/store.ts"
import { BcpPool, piecesAtOnce } from "../party/bcp-pool.ts"
import { existing } from "../party/once.ts"
import { unifyWords0 } from "./packed.ts"
import { cellsARun, partOf, wordsAtATime } from "./share-words.ts"
import type { Archiving, KeptPieces, OutgoingCells, ShareReader, Sharing, Uploaded } from "./sharing.ts"

const seedWords = seedBytes / wordBytes

/** C1's share is made and sent in runs, so that it is never in memory as a whole. */
const send = ({ agreement, membership, blocks, encode, seed, randomness }: OutgoingCells) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "upload" }
    const { ciphertexts } = yield* pool.run("encryptPacked", {
      parameters: membership.parameters,
      publicKey: yield* publicKeyOf(membership, party.name),
      mode: agreement.security.exponents,
      randomness,
      words: seed,
      slotBits: uploadSlotBits
    })
    yield* party.ask("cloud0", UploadShare0, { first: 0, ciphertexts }, ask)
    yield* Effect.forEach(
      cellsInOrder(blocks, cellsARun),
      ({ first, length, read }) =>
        Effect.gen(function* () {
          const words = subtractWords(yield* encode(read()), expandSeed(seed, length, first))
          yield* party.ask("cloud1", UploadWords1, { first, words }, ask)
        }),
      { concurrency: piecesAtOnce, discard: true }
    )
  })

/** Stores C1's share of a user's cells in pieces, each encrypted under the key of this store. */
const archive = ({ user, bytes }: Uploaded, { root, onItems }: Archiving) =>
  Effect.gen(function* () {
    const { run } = yield* Party
    const store = yield* Store
    const key = root("archive")
    const read = partOf(bytes)
    const words = bytes.length / wordBytes
    for (let first = 0; first < words; first += wordsAtATime) {
      const count = Math.min(wordsAtATime, words - first)
      const name = { run, user, piece: first / wordsAtATime }
      yield* store.put(pieceEntry(name), sealPiece(key, name, yield* read(first, count)))
      yield* onItems(count)
    }
    return { share1: new Uint8Array(0), pieceWords: wordsAtATime }
  })

/** Reads a whole piece at a time. */
const pieceReader =
  (user: string, { run, store, pieceKey = none }: KeptPieces): ShareReader =>
  (first) =>
    Effect.gen(function* () {
      const name = { run, user, piece: first / wordsAtATime }
      return yield* openPiece(pieceKey, name, yield* existing(store, pieceEntry(name)))
    })

export const hybrid: Sharing = {
  upload: {
    slotBits: uploadSlotBits,
    ciphertexts: (_, bits) => [plaintextsFor(seedWords, bits, uploadSlotBits), 0],
    send,
    cloud0: {
      words: () => seedWords,
      unify: (piece) => unifyWords0(piece, seedWords),
      share: (seed) => (first, count) => Effect.sync(() => expandSeed(seed, count, first))
    },
    cloud1: {
      assembly: (from, words) => new RunAssembly(from, words, wordBytes, "words"),
      itemBytes: () => wordBytes,
      archive,
      share: (user, root) =>
        Effect.gen(function* () {
          const { run } = yield* Party
          return pieceReader(user, { run, store: yield* Store, pieceKey: root("archive") })
        }),
      // The pieces are read where they are.
      reopen: () => Effect.void,
      reopened: (user, kept) => Effect.succeed(pieceReader(user, kept))
    }
  },
  output: {
    ciphertexts: (_, bits) => plaintextsFor(keyWords, bits, outputSlotBits),
    sealShare0: (keys, words) =>
      Effect.gen(function* () {
        const { run } = yield* Party
        return yield* sealHybridShare(yield* BcpPool, keys, run, words)
      }),
    sealModel: (keys, { ciphertexts, share = none }, words) =>
      Effect.gen(function* () {
        const { run } = yield* Party
        const sealed = yield* sealHybridModel(yield* BcpPool, keys, run, { ciphertexts, share }, words)
        return { sealed, atRest: encodeHybridModel(sealed) }
      }),
    decrypt: ({ ciphertexts, shares = [none, none] }, { parameters, users, partials, threshold, words }) =>
      Effect.gen(function* () {
        const { run } = yield* Party
        const model = { ciphertexts, shares, words }
        return yield* openHybridModel(yield* BcpPool, parameters, run, model, users, partials, threshold)
      })
  }
}

/** In place of a share that was not sent: refused by its size when the users decrypt. */
const none = new Uint8Array(0)
