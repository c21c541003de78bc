import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  type Archive,
  checkArchiveKeys,
  decodeArchive,
  encodeArchive
} from "../../../protocol/archive/archive.ts"
import { addShares, openBlinded, reopenShare0, reopenShare1 } from "../../../protocol/archive/reopening.ts"
import { toBytes } from "../../../protocol/bcp/integers.ts"
import { plaintextsFor, uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes, elementBytes, plaintextBytes } from "../../../protocol/bcp/wire.ts"
import { concatenate, wordBytes } from "../../../protocol/bytes.ts"
import { type CellBlock, countCells } from "../../../protocol/data/rows.ts"
import {
  openModel,
  partiallyDecrypt,
  sealModel,
  sealModelShare
} from "../../../protocol/sharing/model-output.ts"
import { addWords, seedBytes, splitWords } from "../../../protocol/sharing/split.ts"
import { reencrypt, unifyShare0, unifyShare1 } from "../../../protocol/sharing/transformation.ts"
import {
  cutRun,
  encryptPiece,
  type Piece,
  pieceOf,
  RunAssembly,
  wordsOfPiece
} from "../../../protocol/sharing/upload.ts"
import { localWork, parties, type TestUser } from "./parties.ts"

const work = localWork()

/** Sends a share's pieces, last first, and puts them together again. */
const uploadShare = (
  keys: ReturnType<typeof parties>,
  user: TestUser,
  share: Uint8Array,
  pieces: ReadonlyArray<Piece>
) =>
  Effect.gen(function* () {
    const { parameters } = keys
    const randomness = new Uint8Array(randomBytes(16))
    const userKeys = { parameters, publicKey: user.publicKey, mode: "short" as const, randomness }
    const count = plaintextsFor(share.length / wordBytes, parameters.bits, uploadSlotBits)
    const assembly = new RunAssembly(user.name, count, ciphertextBytes(parameters))
    for (const piece of pieces.toReversed()) {
      expect(
        yield* assembly.place(yield* encryptPiece(work, userKeys, share, piece, uploadSlotBits))
      ).toEqual(piece)
    }
    return yield* assembly.whole()
  })

/** A user's cells all the way to the archive, and both clouds' shares of them. */
const bringIn = (keys: ReturnType<typeof parties>, user: TestUser, words: Uint8Array, piecesOf: number) =>
  Effect.gen(function* () {
    const { parameters, cloud0, cloud1 } = keys
    const bytesEach = ciphertextBytes(parameters)
    const count = words.length / wordBytes
    const pieces = yield* cutRun(
      plaintextsFor(count, parameters.bits, uploadSlotBits),
      bytesEach,
      piecesOf * bytesEach
    )
    const { share0, share1 } = splitWords(words, new Uint8Array(randomBytes(seedBytes)))
    const received0 = yield* uploadShare(keys, user, share0, pieces)
    const received1 = yield* uploadShare(keys, user, share1, pieces)
    const unified0 = yield* Effect.forEach(pieces, (piece) =>
      unifyShare0(work, cloud0, user.publicKey, {
        ciphertexts: pieceOf(received0, piece, bytesEach),
        words: wordsOfPiece(count, piece, parameters.bits, uploadSlotBits).words
      })
    )
    const unified1 = yield* Effect.forEach(pieces, (piece) =>
      Effect.gen(function* () {
        const ciphertexts = pieceOf(received1, piece, bytesEach)
        const { digest } = yield* work.run("randomnessOf", { parameters, ciphertexts })
        const { words } = wordsOfPiece(count, piece, parameters.bits, uploadSlotBits)
        const blindKey = new Uint8Array(randomBytes(16))
        return yield* unifyShare1(work, cloud1, blindKey, { ciphertexts, words }, (blinded) =>
          reencrypt(work, cloud0, user.publicKey, blinded, digest, true)
        )
      })
    )
    expect(concatenate(unified0.map((part) => part.words))).toEqual(share0)
    expect(concatenate(unified1.map((part) => part.words))).toEqual(share1)
    return {
      archived0: concatenate(unified0.map((part) => part.ciphertexts)),
      archived1: concatenate(unified1.map((part) => part.ciphertexts)),
      share0,
      share1,
      pieces
    }
  })

/** Reopens one user's part of an archive piece by piece: both shares. */
const reopen = (
  keys: ReturnType<typeof parties>,
  upload: Archive["uploads"][number],
  pieces: ReadonlyArray<Piece>
) =>
  Effect.gen(function* () {
    const { parameters, cloud0, cloud1 } = keys
    const bytesEach = ciphertextBytes(parameters)
    const piece = (share: Uint8Array, each: Piece) => ({
      ciphertexts: pieceOf(share, each, bytesEach),
      words: wordsOfPiece(countCells(upload.blocks), each, parameters.bits, uploadSlotBits).words,
      slotBits: uploadSlotBits
    })
    const share0 = yield* Effect.forEach(pieces, (each) =>
      reopenShare0(work, cloud0, piece(upload.share0, each))
    )
    const share1 = yield* Effect.forEach(pieces, (each) =>
      Effect.gen(function* () {
        const archived = piece(upload.share1, each)
        const { digest } = yield* work.run("randomnessOf", { parameters, ciphertexts: archived.ciphertexts })
        return yield* reopenShare1(work, cloud1, new Uint8Array(randomBytes(16)), archived, (blinded) =>
          openBlinded(work, cloud0, blinded, [digest])
        )
      })
    )
    return { share0: concatenate(share0), share1: concatenate(share1) }
  })

const blocksOf = (
  shapes: ReadonlyArray<readonly [rows: number, columns: number]>
): ReadonlyArray<CellBlock> =>
  shapes.map(([rows, columns], i) => ({
    rows: Uint32Array.from({ length: rows }, (_, row) => 1000 * i + row),
    columns: Uint32Array.from({ length: columns }, (_, column) => column)
  }))

/** Every user's cells in, archive out and in again, the clouds' shares of all words sealed and opened by all users. */
const wholePath = (
  keys: ReturnType<typeof parties>,
  holdings: ReadonlyArray<{ readonly blocks: ReadonlyArray<CellBlock>; readonly words: Uint8Array }>,
  ciphertextsOfPiece: number
) =>
  Effect.gen(function* () {
    const { parameters, users, cloud0, cloud1 } = keys
    const brought = yield* Effect.forEach(holdings, ({ words }, i) =>
      bringIn(keys, users[i]!, words, ciphertextsOfPiece)
    )
    const archive: Archive = {
      run: "path",
      bits: parameters.bits,
      modulus: toBytes(parameters.N, plaintextBytes(parameters)),
      unifiedPublicKey: cloud1.unifiedPublicKey,
      slotBits: uploadSlotBits,
      uploads: holdings.map(({ blocks }, i) => ({
        user: users[i]!.name,
        blocks,
        share0: brought[i]!.archived0,
        share1: brought[i]!.archived1
      }))
    }
    const read = yield* decodeArchive(yield* encodeArchive(archive))
    expect(yield* checkArchiveKeys(read, archive)).toEqual(archive)
    const reopened = yield* Effect.forEach(read.uploads, (upload, i) =>
      reopen(keys, upload, brought[i]!.pieces)
    )
    reopened.forEach(({ share0, share1 }, i) => {
      expect(share0).toEqual(brought[i]!.share0)
      expect(share1).toEqual(brought[i]!.share1)
    })

    // A "model" that is all the data: what the users open together is what they gave.
    const model0 = concatenate(reopened.map(({ share0 }) => share0))
    const model1 = concatenate(reopened.map(({ share1 }) => share1))
    const sealed = yield* sealModel(work, cloud1, yield* sealModelShare(work, cloud0, model0), model1)
    const partials = new Map<string, Uint8Array>()
    for (const { name, secretKey } of users) {
      partials.set(name, yield* partiallyDecrypt(work, { parameters, secretKey }, sealed))
    }
    for (const each of partials.values())
      expect(each.length).toBe((sealed.length * elementBytes(parameters)) / ciphertextBytes(parameters))
    const names = users.map(({ name }) => name)
    return yield* openModel(work, parameters, { sealed, words: model0.length / wordBytes }, names, partials)
  })

const randomWords = (count: number) => new Uint8Array(randomBytes(count * wordBytes))

describe("from a user's words to the jointly opened model", () => {
  const keys = parties(512)

  it.effect("ends with what it began with, for users with any blocks, in pieces of any size (512 bits)", () =>
    Effect.gen(function* () {
      const shapes: ReadonlyArray<ReadonlyArray<readonly [rows: number, columns: number]>> = [
        [
          [5, 3],
          [2, 4]
        ],
        [[1, 1]],
        [[7, 3]]
      ]
      const holdings = shapes.map((each) => {
        const blocks = blocksOf(each)
        return { blocks, words: randomWords(countCells(blocks)) }
      })
      for (const ciphertextsOfPiece of [1, 2, 100]) {
        const opened = yield* wholePath(keys, holdings, ciphertextsOfPiece)
        expect(opened).toEqual(concatenate(holdings.map(({ words }) => words)))
      }
    })
  )

  it.effect("ends with what it began with at 2048 bits", () =>
    Effect.gen(function* () {
      const secure = parties(2048)
      const holdings = [
        [8, 5],
        [1, 31]
      ].map(([rows, columns]) => {
        const blocks = blocksOf([[rows!, columns!]])
        return { blocks, words: randomWords(countCells(blocks)) }
      })
      const opened = yield* wholePath(secure, holdings, 1)
      expect(opened).toEqual(concatenate(holdings.map(({ words }) => words)))
    })
  )

  it.effect("holds for words at the edges: zero, the largest, the sign bit", () =>
    Effect.gen(function* () {
      for (const fill of [0, 255]) {
        const words = new Uint8Array(9 * wordBytes).fill(fill)
        words[15] = 0x80
        const opened = yield* wholePath(keys, [{ blocks: blocksOf([[3, 3]]), words }], 2)
        expect(opened).toEqual(words)
      }
    })
  )

  it.effect("gives Enc_pk(m_i) by adding the two archived shares: the sum of the words, carry and all", () =>
    Effect.gen(function* () {
      const words = randomWords(10)
      const { archived0, archived1, share0, share1 } = yield* bringIn(keys, keys.users[0]!, words, 2)
      const sum = yield* addShares(work, keys.parameters, archived0, archived1)
      const piece = { ciphertexts: sum, words: 10, slotBits: uploadSlotBits }
      expect(yield* reopenShare0(work, keys.cloud0, piece)).toEqual(words)
      expect(addWords(share0, share1)).toEqual(words)
      const unequal = yield* Effect.flip(addShares(work, keys.parameters, archived0, archived1.subarray(256)))
      expect(unequal._tag).toBe("JobFailed")
    })
  )
})
