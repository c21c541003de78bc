import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { addShares, openBlinded, reopenShare0, reopenShare1 } from "../../../protocol/archive/reopening.ts"
import { openWithOwnKey, reencryptForUser, transformToUser } from "../../../protocol/archive/transdec.ts"
import { bytesFrom, fromBytes, toBytes } from "../../../protocol/bcp/integers.ts"
import { slotsPerPlaintext, uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes, plaintextBytes } from "../../../protocol/bcp/wire.ts"
import { wordBytes } from "../../../protocol/bytes.ts"
import { splitCells, uploadSlotsOf } from "../../../protocol/ciphertexts/data.ts"
import { uploadedIntegers } from "../../../protocol/ciphertexts/uploaded.ts"
import { addWords } from "../../../protocol/sharing/split.ts"
import {
  AnswerOfWrongSize,
  type Reencrypted,
  reencrypt,
  unifyIntegers0,
  unifyIntegers1,
  unifyShare0,
  unifyShare1
} from "../../../protocol/sharing/transformation.ts"
import { encryptPiece } from "../../../protocol/sharing/upload.ts"
import { againstUniform, betweenSamples, hardlyAbove, histogram } from "./frequency.ts"
import { JobFailed, jobError, localWork, parties, wordsOf } from "./parties.ts"

const { parameters, users, cloud0, cloud1 } = parties(512)
const [user1, user2] = [users[0]!, users[1]!]
const work = localWork()
const slots = slotsPerPlaintext(512, uploadSlotBits)
const bytesEach = ciphertextBytes(parameters)
const words = wordsOf([1n, -2n, 1n << 63n, 4n, 0n, 6n, 7n, 8n, 9n])
const count = words.length / wordBytes
const ciphertexts = Math.ceil(count / slots)

const encrypted = (publicKey: Uint8Array, content = words) =>
  encryptPiece(
    work,
    { parameters, publicKey, mode: "short", randomness: new Uint8Array(randomBytes(16)) },
    content,
    { first: 0, count: Math.ceil(content.length / wordBytes / slots) },
    uploadSlotBits
  ).pipe(Effect.map((piece) => piece.ciphertexts))

/** The digest that the user gives C0 of what it sends to C1. */
const randomnessOf = (uploaded: Uint8Array) =>
  Effect.map(work.run("randomnessOf", { parameters, ciphertexts: uploaded }), ({ digest }) => digest)

/** C0's half for a user who uploaded this. */
const reencryptOf =
  ({ ciphertexts: uploaded }: { readonly ciphertexts: Uint8Array }, user = user1) =>
  (blinded: Uint8Array) =>
    Effect.flatMap(randomnessOf(uploaded), (digest) =>
      reencrypt(work, cloud0, user.publicKey, blinded, digest, true)
    )

const blindKey = new Uint8Array(16).fill(7)

/** Cells as a training on ciphertexts has them uploaded, brought under pk by both clouds. */
const integersUnderPk = Effect.gen(function* () {
  const cells = [1n, -1n, 0n, 2n ** 30n, -(2n ** 30n), 12345n, -67890n]
  const sizes = uploadedIntegers(20)
  const layout = uploadSlotsOf(parameters, { dataSlotBits: sizes.slotBits })
  const plaintexts = splitCells(layout, sizes, cells, bytesFrom(new Uint8Array(16).fill(3)))
  const [sent0, sent1] = yield* Effect.forEach(plaintexts, (each) =>
    work.run("encryptPlaintexts", {
      ...{ parameters, publicKey: user1.publicKey, mode: "short", plaintexts: each },
      randomness: new Uint8Array(randomBytes(16))
    })
  )
  const answers: Array<Reencrypted> = []
  const { ciphertexts: share0 } = yield* unifyIntegers0(work, cloud0, user1.publicKey, sent0!.ciphertexts)
  const piece = { ciphertexts: sent1!.ciphertexts, words: cells.length }
  const digest = yield* randomnessOf(piece.ciphertexts)
  const { ciphertexts: share1, words: inTheClear } = yield* unifyIntegers1(
    ...([work, cloud1, blindKey, piece] as const),
    (blinded) =>
      Effect.tap(reencrypt(work, cloud0, user1.publicKey, blinded, digest, false), (answer) =>
        answers.push(answer)
      )
  )
  return { answers, cells, inTheClear, share0, share1, slotBits: sizes.slotBits }
})

/** The bytes with ciphertext `index` replaced by (A, B). */
const replaced = (bytes: Uint8Array, index: number, A: bigint, B: bigint) => {
  const changed = new Uint8Array(bytes)
  changed.set(toBytes(A, bytesEach / 2), index * bytesEach)
  changed.set(toBytes(B, bytesEach / 2), index * bytesEach + bytesEach / 2)
  return changed
}

describe("transformation to the joint key", () => {
  it.effect("gives each cloud the share it was sent, and the same under pk", () =>
    Effect.gen(function* () {
      const piece = { ciphertexts: yield* encrypted(user1.publicKey), words: count }
      const share0 = yield* unifyShare0(work, cloud0, user1.publicKey, piece)
      const share1 = yield* unifyShare1(work, cloud1, blindKey, piece, reencryptOf(piece))
      for (const share of [share0, share1]) {
        expect(share.words).toEqual(words)
        const opened = yield* reopenShare0(work, cloud0, {
          ciphertexts: share.ciphertexts,
          words: count,
          slotBits: uploadSlotBits
        })
        expect(opened).toEqual(words)
      }
    })
  )

  it.effect("sends C0 nothing but blinded ciphertexts, and no plaintext it sees is the message", () =>
    Effect.gen(function* () {
      const piece = { ciphertexts: yield* encrypted(user1.publicKey), words: count }
      const asked: Array<Uint8Array> = []
      yield* unifyShare1(work, cloud1, blindKey, piece, (blinded) => {
        asked.push(blinded)
        return reencryptOf(piece)(blinded)
      })
      expect(asked).toHaveLength(1)
      const opened = yield* Effect.flip(reopenBlinded(asked[0]!))
      expect(jobError(opened)._tag).toBe("PlaintextTooWide")
      for (let i = 0; i < ciphertexts; i++) {
        const before = Buffer.from(piece.ciphertexts.subarray(i * bytesEach, (i + 1) * bytesEach))
        expect(Buffer.from(asked[0]!).includes(before.subarray(bytesEach / 2))).toBe(false)
      }
    })
  )

  const reopenBlinded = (blinded: Uint8Array) =>
    work.run("openMaster", {
      parameters,
      masterKey: Redacted.value(cloud0.masterKey),
      publicKey: user1.publicKey,
      mode: cloud0.mode,
      ciphertexts: blinded,
      slotBits: uploadSlotBits
    })

  it.effect("shows C0 uniform plaintexts, whatever the message (frequency test)", () =>
    Effect.gen(function* () {
      const many = 300
      const seenFor = (content: Uint8Array) =>
        Effect.gen(function* () {
          const seen: Array<bigint> = []
          const piece = { ciphertexts: yield* encrypted(user1.publicKey, content), words: many * slots }
          yield* unifyShare1(work, cloud1, new Uint8Array(randomBytes(16)), piece, (blinded) =>
            reencryptOf(piece)(blinded).pipe(
              Effect.tap(({ plaintexts = new Uint8Array(0) }) => {
                const width = plaintextBytes(parameters)
                for (let i = 0; i < many; i++)
                  seen.push(fromBytes(plaintexts.subarray(i * width, (i + 1) * width)))
              })
            )
          )
          return seen
        })
      const zeros = yield* seenFor(new Uint8Array(many * slots * wordBytes))
      const ones = yield* seenFor(new Uint8Array(many * slots * wordBytes).fill(255))
      const again = yield* seenFor(new Uint8Array(many * slots * wordBytes))
      expect(new Set([...zeros, ...ones, ...again]).size).toBe(3 * many)

      // The place of m + τ between 0 and N in sixteenths, and the bytes of its lower half, where N's shape does not show.
      const sixteenths = (seen: ReadonlyArray<bigint>) =>
        histogram(
          seen.map((x) => Number((16n * x) / parameters.N)),
          16
        )
      const lowBytes = (seen: ReadonlyArray<bigint>) =>
        histogram(
          seen.flatMap((x) => [...toBytes(x, plaintextBytes(parameters)).subarray(32)]),
          256
        )
      for (const seen of [zeros, ones]) {
        expect(againstUniform(sixteenths(seen))).toBeLessThan(hardlyAbove(15))
        expect(againstUniform(lowBytes(seen))).toBeLessThan(hardlyAbove(255))
      }
      for (const other of [ones, again]) {
        expect(betweenSamples(sixteenths(zeros), sixteenths(other))).toBeLessThan(hardlyAbove(15))
        expect(betweenSamples(lowBytes(zeros), lowBytes(other))).toBeLessThan(hardlyAbove(255))
      }
      // The same statistics do tell the messages themselves apart.
      const plain = (byte: number) => histogram(new Uint8Array(many * 32).fill(byte), 256)
      expect(againstUniform(plain(255))).toBeGreaterThan(hardlyAbove(255))
      expect(betweenSamples(plain(0), plain(255))).toBeGreaterThan(hardlyAbove(255))
    })
  )

  it.effect("refuses ciphertexts outside the group, at both clouds, and names which", () =>
    Effect.gen(function* () {
      const good = yield* encrypted(user1.publicKey)
      const { N, N2 } = parameters
      const p = fromBytes(Redacted.value(cloud0.masterKey).p)
      for (const [A, B] of [
        [0n, 5n],
        [1n, 5n],
        [5n, N2],
        [5n, N],
        [5n, 7n * p]
      ] as const) {
        const piece = { ciphertexts: replaced(good, 1, A, B), words: count }
        const ask = () => Effect.die("C1 must not send on what is no ciphertext")
        const errors = [
          yield* Effect.flip(unifyShare0(work, cloud0, user1.publicKey, piece)),
          yield* Effect.flip(unifyShare1(work, cloud1, blindKey, piece, ask)),
          yield* Effect.flip(reencryptOf(piece)(piece.ciphertexts)),
          yield* Effect.flip(openBlinded(work, cloud0, piece.ciphertexts, []))
        ]
        for (const error of errors)
          expect(jobError(error)).toMatchObject({ _tag: "InvalidCiphertext", index: 1 })
      }
    })
  )

  it.effect("refuses ciphertexts cut short, and a number of words that does not fit", () =>
    Effect.gen(function* () {
      const good = yield* encrypted(user1.publicKey)
      const cut = { ciphertexts: good.subarray(0, -1), words: count }
      expect(jobError(yield* Effect.flip(unifyShare0(work, cloud0, user1.publicKey, cut)))._tag).toBe(
        "MalformedBytes"
      )
      const more = { ciphertexts: good, words: count + slots }
      expect(yield* Effect.flip(unifyShare0(work, cloud0, user1.publicKey, more))).toBeInstanceOf(JobFailed)
    })
  )

  it.effect("gives no share where a user's ciphertexts are under another key", () =>
    Effect.gen(function* () {
      const piece = { ciphertexts: yield* encrypted(user2.publicKey), words: count }
      // What comes out is m + (a_i − a)·r mod N: as good as uniform, so it does not fit its slots but once in 2^50.
      const error = yield* Effect.flip(unifyShare0(work, cloud0, user1.publicKey, piece))
      expect(jobError(error)._tag).toBe("PlaintextTooWide")
    })
  )

  it.effect("refuses an answer of C0 that has not one item for each that was asked", () =>
    Effect.gen(function* () {
      const piece = { ciphertexts: yield* encrypted(user1.publicKey), words: count }
      const unify = (change: (answer: Reencrypted) => object) =>
        Effect.flip(
          unifyShare1(work, cloud1, blindKey, piece, (blinded) =>
            reencryptOf(piece)(blinded).pipe(Effect.map((answer) => ({ ...answer, ...change(answer) })))
          )
        )
      const fewer = yield* unify(({ ciphertexts: all }) => ({ ciphertexts: all.subarray(bytesEach) }))
      expect(fewer).toBeInstanceOf(AnswerOfWrongSize)
      expect(fewer).toMatchObject({
        from: "cloud0",
        what: "ciphertexts",
        expectedBytes: ciphertexts * bytesEach
      })
      const none = yield* unify(() => ({ plaintexts: new Uint8Array(0) }))
      expect(none).toMatchObject({ _tag: "AnswerOfWrongSize", what: "plaintexts", bytes: 0 })
      expect((none as AnswerOfWrongSize).message).toContain("cloud0")
      const outside = yield* unify(({ ciphertexts: all }) => ({ ciphertexts: replaced(all, 1, 1n, 1n) }))
      expect(jobError(outside)).toMatchObject({ _tag: "InvalidCiphertext", index: 1 })
      const other = yield* unify(({ plaintexts }) => ({
        plaintexts: new Uint8Array(randomBytes(plaintexts!.length))
      }))
      expect(jobError(other)._tag).toBe("PlaintextTooWide")
    })
  )

  it.effect(
    "leaves C1 nothing in the clear of shares over the integers, and C0's answer has no plaintexts",
    () =>
      Effect.gen(function* () {
        const { answers, inTheClear } = yield* integersUnderPk
        expect(answers.map((answer) => Object.keys(answer))).toEqual([["ciphertexts"]])
        expect(inTheClear).toHaveLength(0)
        const piece = { ciphertexts: yield* encrypted(user1.publicKey), words: count }
        const digest = yield* randomnessOf(piece.ciphertexts)
        const error = yield* Effect.flip(
          unifyShare1(work, cloud1, blindKey, piece, (blinded) =>
            reencrypt(work, cloud0, user1.publicKey, blinded, digest, false)
          )
        )
        expect(error).toMatchObject({ _tag: "AnswerOfWrongSize", what: "plaintexts", bytes: 0 })
      })
  )

  it.effect("passes on what the way to C0 fails with", () =>
    Effect.gen(function* () {
      const piece = { ciphertexts: yield* encrypted(user1.publicKey), words: count }
      const lost = () => Effect.fail("deadline" as const)
      expect(yield* Effect.flip(unifyShare1(work, cloud1, blindKey, piece, lost))).toBe("deadline")
    })
  )
})

describe("opening the archive again", () => {
  it.effect("blinds c'_i1 anew each time, so what C0 is sent twice has nothing in common", () =>
    Effect.gen(function* () {
      const piece = {
        ciphertexts: yield* encrypted(cloud1.unifiedPublicKey),
        words: count,
        slotBits: uploadSlotBits
      }
      const digest = yield* randomnessOf(piece.ciphertexts)
      const asked: Array<Uint8Array> = []
      for (let time = 0; time < 2; time++) {
        const share = yield* reopenShare1(work, cloud1, new Uint8Array(randomBytes(16)), piece, (blinded) => {
          asked.push(blinded)
          return openBlinded(work, cloud0, blinded, [digest])
        })
        expect(share).toEqual(words)
      }
      expect(Buffer.compare(asked[0]!, asked[1]!)).not.toBe(0)
      expect(yield* openBlinded(work, cloud0, asked[0]!, [digest])).not.toEqual(
        yield* openBlinded(work, cloud0, asked[1]!, [digest])
      )
    })
  )

  it.effect("C0 opens nothing but what it recognises by its randomness", () =>
    Effect.gen(function* () {
      const archived = yield* encrypted(cloud1.unifiedPublicKey)
      const others = yield* encrypted(cloud1.unifiedPublicKey)
      const known = yield* randomnessOf(archived)
      expect(yield* openBlinded(work, cloud0, archived, [yield* randomnessOf(others), known])).toHaveLength(
        ciphertexts * plaintextBytes(parameters)
      )
      const error = yield* Effect.flip(openBlinded(work, cloud0, others, [known]))
      expect(jobError(error)._tag).toBe("OtherRandomness")
    })
  )

  it.effect("refuses an answer of C0 of the wrong size", () =>
    Effect.gen(function* () {
      const piece = {
        ciphertexts: yield* encrypted(cloud1.unifiedPublicKey),
        words: count,
        slotBits: uploadSlotBits
      }
      const digest = yield* randomnessOf(piece.ciphertexts)
      const error = yield* Effect.flip(
        reopenShare1(work, cloud1, new Uint8Array(16), piece, (blinded) =>
          openBlinded(work, cloud0, blinded, [digest]).pipe(Effect.map((answer) => answer.subarray(1)))
        )
      )
      expect(error).toMatchObject({ _tag: "AnswerOfWrongSize", what: "plaintexts" })
    })
  )

  it.effect("reads shares over the integers by the slots of the header: they are shares modulo 2^64", () =>
    Effect.gen(function* () {
      const { cells, share0, share1, slotBits } = yield* integersUnderPk
      const of = (ciphertexts: Uint8Array) => ({ ciphertexts, words: cells.length, slotBits })
      const words0 = yield* reopenShare0(work, cloud0, of(share0))
      const digest = yield* randomnessOf(share1)
      const words1 = yield* reopenShare1(work, cloud1, new Uint8Array(16), of(share1), (blinded) =>
        openBlinded(work, cloud0, blinded, [digest])
      )
      expect(addWords(words0, words1)).toEqual(wordsOf(cells))
      expect(words0).not.toEqual(wordsOf(cells))
      expect(words1).not.toEqual(wordsOf(cells))
      const other = { ...of(share0), slotBits: uploadSlotBits, words: cells.length }
      expect((yield* Effect.flip(reopenShare0(work, cloud0, other)))._tag).toBe("JobFailed")
    })
  )
})

describe("TransDec", () => {
  const layout = { slotBits: uploadSlotBits, words: count }

  it.effect("hands what is under pk to one user under its own key", () =>
    Effect.gen(function* () {
      const underPk = yield* encrypted(cloud1.unifiedPublicKey)
      const forUser = yield* transformToUser(work, cloud1, underPk, (blinded) =>
        reencryptForUser(work, cloud0, user2.publicKey, blinded)
      )
      expect(
        yield* openWithOwnKey(work, { parameters, secretKey: user2.secretKey }, forUser, layout)
      ).toEqual(words)
      for (const [secretKey, given] of [
        [user1.secretKey, forUser],
        [user2.secretKey, underPk]
      ] as const) {
        const error = yield* Effect.flip(openWithOwnKey(work, { parameters, secretKey }, given, layout))
        expect(jobError(error)).toMatchObject({ _tag: "Undecryptable", index: 0 })
      }
    })
  )

  it.effect("hands over the sums of shares over the integers, whose slots have a sign", () =>
    Effect.gen(function* () {
      const { cells, share0, share1, slotBits } = yield* integersUnderPk
      const sum = yield* addShares(work, parameters, share0, share1)
      const forUser = yield* transformToUser(work, cloud1, sum, (blinded) =>
        reencryptForUser(work, cloud0, user2.publicKey, blinded)
      )
      const own = { parameters, secretKey: user2.secretKey }
      const slots = { slotBits, words: cells.length }
      expect(yield* openWithOwnKey(work, own, forUser, { ...slots, signed: true })).toEqual(wordsOf(cells))
      const unsigned = yield* Effect.flip(openWithOwnKey(work, own, forUser, slots))
      expect(jobError(unsigned)._tag).toBe("PlaintextTooWide")
    })
  )

  it.effect("gives C1 ciphertexts only: it runs no job that opens anything", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const watched = localWork((name) => ran.push(name))
      const underPk = yield* encrypted(cloud1.unifiedPublicKey)
      yield* transformToUser(watched, cloud1, underPk, (blinded) =>
        reencryptForUser(work, cloud0, user1.publicKey, blinded)
      )
      expect(ran).toEqual(["blind", "stripCiphertexts"])
    })
  )

  it.effect("refuses an answer of C0 of the wrong size", () =>
    Effect.gen(function* () {
      const underPk = yield* encrypted(cloud1.unifiedPublicKey)
      const error = yield* Effect.flip(
        transformToUser(work, cloud1, underPk, () => Effect.succeed(new Uint8Array(bytesEach)))
      )
      expect(error).toMatchObject({ _tag: "AnswerOfWrongSize", what: "ciphertexts" })
    })
  )
})
