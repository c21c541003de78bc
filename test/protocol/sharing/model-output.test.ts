import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { fromBytes, toBytes } from "../../../protocol/bcp/integers.ts"
import { outputSlotBits, slotsPerPlaintext } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes, elementBytes, plaintextBytes } from "../../../protocol/bcp/wire.ts"
import { wordBytes } from "../../../protocol/bytes.ts"
import {
  JointDecryptionFailed,
  openModel,
  PartialsMissing,
  PartialsRejected,
  partiallyDecrypt,
  sealedModelBytes,
  sealModel,
  sealModelShare
} from "../../../protocol/sharing/model-output.ts"
import { ModelOfWrongSize } from "../../../protocol/sharing/sealed-model.ts"
import { subtractWords } from "../../../protocol/sharing/split.ts"
import { againstUniform, betweenSamples, hardlyAbove, histogram } from "./frequency.ts"
import { jobError, localWork, parties, wordsOf } from "./parties.ts"

const { parameters, users, cloud0, cloud1 } = parties(512)
const work = localWork()
const names = users.map(({ name }) => name)
const slots = slotsPerPlaintext(512, outputSlotBits)
const elementSize = elementBytes(parameters)

const sealedFrom = (share0: Uint8Array, share1: Uint8Array) =>
  Effect.flatMap(sealModelShare(work, cloud0, share0), (sealed) => sealModel(work, cloud1, sealed, share1))

const partialsOf = (sealed: Uint8Array) =>
  Effect.map(
    Effect.forEach(users, ({ name, secretKey }) =>
      Effect.map(
        partiallyDecrypt(work, { parameters, secretKey }, sealed),
        (partials) => [name, partials] as const
      )
    ),
    (entries) => new Map(entries)
  )

/** A model of 70 words (more than one job), its sealed form and everybody's partial decryptions. */
const model = Effect.gen(function* () {
  const words = new Uint8Array(randomBytes(70 * wordBytes))
  const share0 = new Uint8Array(randomBytes(words.length))
  const sealed = yield* sealedFrom(share0, subtractWords(words, share0))
  return { words, sealed, partials: yield* partialsOf(sealed) }
})

const open = (sealed: Uint8Array, partials: ReadonlyMap<string, Uint8Array>, words = 70) =>
  openModel(work, parameters, { sealed, words }, names, partials)

describe("the sealed model", () => {
  it.effect("opens to the sum of the clouds' shares with every user's partial decryptions", () =>
    Effect.gen(function* () {
      const { words, sealed, partials } = yield* model
      expect(sealed).toHaveLength(sealedModelBytes(70, 512))
      expect(yield* open(sealed, partials)).toEqual(words)
      const reversed = new Map([...partials].reverse())
      expect(yield* open(sealed, reversed)).toEqual(words)
    })
  )

  it.effect("is nothing for a network of no weights", () =>
    Effect.gen(function* () {
      const sealed = yield* sealedFrom(new Uint8Array(0), new Uint8Array(0))
      expect(sealed).toHaveLength(0)
      expect(yield* open(sealed, yield* partialsOf(sealed), 0)).toEqual(new Uint8Array(0))
    })
  )

  it.effect("shows users the words and no carry: what lies above a word is uniform either way", () =>
    Effect.gen(function* () {
      // The same weights from shares that all carry and from shares that never do.
      const count = 1200
      const weights = wordsOf(Array.from({ length: count }, () => 5n))
      const carrying = wordsOf(Array.from({ length: count }, () => -1n))
      const aboveOf = (share0: Uint8Array) =>
        Effect.gen(function* () {
          const sealed = yield* sealedFrom(share0, subtractWords(weights, share0))
          const { digest } = yield* work.run("randomnessOf", { parameters, ciphertexts: sealed })
          const { plaintexts } = yield* work.run("openBlinded", {
            parameters,
            masterKey: Redacted.value(cloud0.masterKey),
            publicKey: cloud1.unifiedPublicKey,
            mode: cloud0.mode,
            blinded: sealed,
            randomness: [digest]
          })
          const width = plaintextBytes(parameters)
          const above: Array<number> = []
          for (let word = 0; word < count; word++) {
            const i = Math.floor(word / slots)
            const plaintext = fromBytes(plaintexts.subarray(i * width, (i + 1) * width))
            const slot = BigInt.asUintN(outputSlotBits, plaintext >> BigInt((word % slots) * outputSlotBits))
            expect(BigInt.asUintN(64, slot)).toBe(5n)
            above.push(Number(slot >> 64n))
          }
          return above
        })
      const withCarry = yield* aboveOf(carrying)
      const without = yield* aboveOf(new Uint8Array(count * wordBytes))
      expect(Math.max(...withCarry, ...without)).toBeLessThanOrEqual(2 ** 40)
      const low = (above: ReadonlyArray<number>) =>
        histogram(
          above.map((x) => x % 16),
          16
        )
      const high = (above: ReadonlyArray<number>) =>
        histogram(
          above.map((x) => Math.floor(x / 2 ** 36) % 16),
          16
        )
      for (const counts of [low, high]) {
        expect(againstUniform(counts(withCarry))).toBeLessThan(hardlyAbove(15))
        expect(againstUniform(counts(without))).toBeLessThan(hardlyAbove(15))
        expect(betweenSamples(counts(withCarry), counts(without))).toBeLessThan(hardlyAbove(15))
      }
    })
  )

  it.effect("has the first components of what C0 sealed, and no second one in common with it", () =>
    Effect.gen(function* () {
      const share0 = new Uint8Array(8)
      const once = yield* sealModelShare(work, cloud0, share0)
      const sealed = yield* sealModel(work, cloud1, once, new Uint8Array(8))
      expect(sealed.subarray(0, elementSize)).toEqual(once.subarray(0, elementSize))
      expect(sealed.subarray(elementSize)).not.toEqual(once.subarray(elementSize))
    })
  )

  it.effect("is refused where the shares are not of one size, or a ciphertext is outside the group", () =>
    Effect.gen(function* () {
      const sealed0 = yield* sealModelShare(work, cloud0, new Uint8Array(8 * wordBytes))
      const error = yield* Effect.flip(sealModel(work, cloud1, sealed0, new Uint8Array(9 * wordBytes)))
      expect(error).toBeInstanceOf(ModelOfWrongSize)
      expect(error.message).toContain("C0's sealed share")
      const outside = new Uint8Array(sealed0).fill(0, 0, elementSize)
      const refused = yield* Effect.flip(sealModel(work, cloud1, outside, new Uint8Array(8 * wordBytes)))
      expect(jobError(refused)._tag).toBe("InvalidCiphertext")
    })
  )
})

describe("joint decryption", () => {
  it.effect("names the users without whom nothing opens", () =>
    Effect.gen(function* () {
      const { sealed, partials } = yield* model
      const fewer = new Map(partials)
      fewer.delete("user2")
      const error = yield* Effect.flip(open(sealed, fewer))
      expect(error).toBeInstanceOf(PartialsMissing)
      expect(error).toMatchObject({ users: ["user2"], retryable: true })
      expect((yield* Effect.flip(open(sealed, new Map()))).message).toContain(names.join(", "))
    })
  )

  it.effect("gives ⊥ to every proper subset of the users that pretends to be all", () =>
    Effect.gen(function* () {
      const { sealed, partials } = yield* model
      for (const left of names) {
        const subset = names.filter((name) => name !== left)
        const some = new Map([...partials].filter(([name]) => name !== left))
        const error = yield* Effect.flip(openModel(work, parameters, { sealed, words: 70 }, subset, some))
        expect(error).toBeInstanceOf(JointDecryptionFailed)
      }
    })
  )

  it.effect("gives ⊥ on a wrong partial decryption, wherever it is", () =>
    Effect.gen(function* () {
      const { sealed, partials } = yield* model
      const all = sealed.length / ciphertextBytes(parameters)
      for (const [at, element] of [
        [0, 1n],
        [5, 0n],
        [all - 1, parameters.N],
        [3, parameters.g]
      ] as const) {
        const wrong = new Uint8Array(partials.get("user1")!)
        wrong.set(toBytes(element, elementSize), at * elementSize)
        const error = yield* Effect.flip(open(sealed, new Map([...partials, ["user1", wrong]])))
        expect(error).toBeInstanceOf(JointDecryptionFailed)
        const failed = error as JointDecryptionFailed
        expect(jobError(failed.cause)._tag).toBe("Undecryptable")
        expect(failed.first + jobError(failed.cause).index!).toBe(at)
        expect(failed.message).toContain("user1, user2")
      }
    })
  )

  it.effect("gives ⊥ on the partial decryptions of another model", () =>
    Effect.gen(function* () {
      const { sealed, partials } = yield* model
      const other = yield* model
      const error = yield* Effect.flip(
        open(sealed, new Map([...partials, ["user2", other.partials.get("user2")!]]))
      )
      expect(error._tag).toBe("JointDecryptionFailed")
    })
  )

  it.effect("gives ⊥ on a ciphertext that was changed, and on one outside the group", () =>
    Effect.gen(function* () {
      const { sealed, partials } = yield* model
      const changed = new Uint8Array(sealed)
      changed[changed.length - 1]! ^= 1
      expect((yield* Effect.flip(open(changed, partials)))._tag).toBe("JointDecryptionFailed")
      const outside = new Uint8Array(sealed).fill(0, 0, elementSize)
      const error = yield* Effect.flip(open(outside, partials))
      expect(jobError((error as JointDecryptionFailed).cause)).toMatchObject({
        _tag: "InvalidCiphertext",
        index: 0
      })
      const [first] = users
      const refused = yield* Effect.flip(
        partiallyDecrypt(work, { parameters, secretKey: first!.secretKey }, outside)
      )
      expect(jobError(refused)._tag).toBe("InvalidCiphertext")
    })
  )

  it.effect("refuses partial decryptions from a stranger, too few of them, and a model of another size", () =>
    Effect.gen(function* () {
      const { sealed, partials } = yield* model
      const stranger = yield* Effect.flip(
        open(sealed, new Map([...partials, ["user9", partials.get("user1")!]]))
      )
      expect(stranger).toBeInstanceOf(PartialsRejected)
      expect(stranger).toMatchObject({ user: "user9" })
      const short = partials.get("user1")!.subarray(elementSize)
      const few = yield* Effect.flip(open(sealed, new Map([...partials, ["user1", short]])))
      expect(few).toMatchObject({ _tag: "PartialsRejected", user: "user1" })
      const larger = yield* Effect.flip(open(sealed, partials, 80))
      expect(larger).toMatchObject({ _tag: "ModelOfWrongSize", expectedBytes: sealedModelBytes(80, 512) })
      const cut = yield* Effect.flip(
        partiallyDecrypt(work, { parameters, secretKey: users[0]!.secretKey }, sealed.subarray(0, -1))
      )
      expect(jobError(cut)._tag).toBe("MalformedBytes")
    })
  )
})
