import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { type Archive, decodeArchive, encodeArchive } from "../../../protocol/archive/archive.ts"
import { openPiece, pieceEntry, sealPiece } from "../../../protocol/archive/pieces.ts"
import { reopenShare0 } from "../../../protocol/archive/reopening.ts"
import { uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { addWords, expandSeed, seedBytes, subtractWords } from "../../../protocol/sharing/split.ts"
import { unifyShare0 } from "../../../protocol/sharing/transformation.ts"
import { localWork, parties, wordsOf } from "../sharing/parties.ts"

const { parameters, users, cloud0 } = parties(512)
const work = localWork()
const key = new Uint8Array(16).fill(9)
const name = { run: "run-7", user: "user1", piece: 3 }
const words = wordsOf([1n, 2n, 3n])
const left = <A, E>(result: Either.Either<A, E>): E => Either.getOrThrow(Either.flip(result))

describe("pieces of the archive", () => {
  it("open under their key and name, to the words", () => {
    const sealed = sealPiece(key, name, words)
    expect(Buffer.from(sealed).includes(Buffer.from(words))).toBe(false)
    expect(Either.getOrThrow(openPiece(key, name, sealed.slice()))).toEqual(words)
    expect(sealPiece(key, name, words)).not.toEqual(sealed)
    expect(pieceEntry(name)).toBe("archive-user1-3")
  })

  it("do not open changed, cut, under another key, or in the place of another", () => {
    const sealed = sealPiece(key, name, words)
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice()
      changed[at]! ^= 1
      expect(left(openPiece(key, name, changed))).toMatchObject({ _tag: "PieceUnreadable", ...name })
    }
    for (const length of [0, 12, 27, sealed.length - 1])
      expect(Either.isLeft(openPiece(key, name, sealed.slice(0, length)))).toBe(true)
    expect(Either.isLeft(openPiece(new Uint8Array(16), name, sealed.slice()))).toBe(true)
    for (const other of [{ run: "run-8" }, { user: "user2" }, { piece: 4 }])
      expect(Either.isLeft(openPiece(key, { ...name, ...other }, sealed.slice()))).toBe(true)
  })
})

describe("archive of a hybrid upload", () => {
  const blocks = [{ rows: Uint32Array.of(0, 1, 5), columns: Uint32Array.of(2, 3) }]
  const upload = { user: "user1", blocks, share1: new Uint8Array(0), pieceWords: 4 }
  const archive = (share0: Uint8Array): Archive => ({
    run: "run-7",
    bits: 512,
    modulus: new Uint8Array(64),
    unifiedPublicKey: cloud0.unifiedPublicKey,
    slotBits: uploadSlotBits,
    uploads: [{ ...upload, share0 }]
  })

  it.effect("gives each cloud its share again without the user, and together the cells", () =>
    Effect.gen(function* () {
      const cells = wordsOf([5n, 6n, 7n, 8n, 9n, -10n])
      const seed = new Uint8Array(seedBytes).fill(0xa5)
      const share1 = subtractWords(cells, expandSeed(seed, 6))
      const user = users[0]!
      const uploaded = yield* work.run("encryptPacked", {
        parameters,
        publicKey: user.publicKey,
        mode: "short",
        words: seed,
        slotBits: uploadSlotBits
      })
      const unified = yield* unifyShare0(work, cloud0, user.publicKey, { ...uploaded, words: 2 })
      expect(unified.words).toEqual(seed)
      const atRest = yield* encodeArchive(archive(unified.ciphertexts))
      const pieces = [0, 1].map((piece) =>
        sealPiece(key, { ...name, piece }, share1.slice(piece * 32, (piece + 1) * 32))
      )

      const [taken] = (yield* decodeArchive(atRest)).uploads
      expect(taken).toEqual({ ...upload, share0: unified.ciphertexts })
      const again = yield* reopenShare0(work, cloud0, {
        ...{ ciphertexts: taken!.share0, words: 2, slotBits: uploadSlotBits }
      })
      const opened = yield* Effect.forEach(pieces, (sealed, piece) =>
        openPiece(key, { ...name, piece }, sealed)
      )
      expect(addWords(expandSeed(again, 6), new Uint8Array(Buffer.concat(opened)))).toEqual(cells)
    })
  )

  it("has one ciphertext a user, whatever the cells, and refuses any other number", () => {
    const bytesEach = 256
    expect(Either.isRight(encodeArchive(archive(new Uint8Array(bytesEach))))).toBe(true)
    for (const bytes of [0, bytesEach - 1, 2 * bytesEach]) {
      expect(left(encodeArchive(archive(new Uint8Array(bytes))))).toMatchObject({
        _tag: "ArchiveIncomplete",
        expectedBytes: [bytesEach, 0]
      })
    }
  })
})
