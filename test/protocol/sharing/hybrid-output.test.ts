import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ciphertextBytes, firstComponents } from "../../../protocol/bcp/wire.ts"
import { wordBytes } from "../../../protocol/bytes.ts"
import { readCanonical } from "../../../protocol/canonical.ts"
import {
  encodeHybridModel,
  openHybridModel,
  sealHybridModel,
  sealHybridShare,
  shareOverheadBytes
} from "../../../protocol/sharing/hybrid-output.ts"
import { partiallyDecrypt } from "../../../protocol/sharing/model-output.ts"
import type { SealedModel } from "../../../protocol/sharing/sealed-model.ts"
import { subtractWords } from "../../../protocol/sharing/split.ts"
import { localWork, parties } from "./parties.ts"

const { parameters, users, cloud0, cloud1 } = parties(512)
const work = localWork()
const names = users.map(({ name }) => name)
const size = 300
const run = "run-7"

const sealed = Effect.gen(function* () {
  const words = new Uint8Array(randomBytes(size * wordBytes))
  const shares: Uint8Array[] = [new Uint8Array(randomBytes(words.length))]
  shares.push(subtractWords(words, shares[0]!))
  const share0 = yield* sealHybridShare(work, cloud0, run, shares[0]!)
  const model = yield* sealHybridModel(work, cloud1, run, share0, shares[1]!)
  const partials = yield* Effect.forEach(users, ({ name, secretKey }) =>
    Effect.map(
      partiallyDecrypt(work, { parameters, secretKey }, model.ciphertexts),
      (each) => [name, each] as const
    )
  )
  return { words, shares, share0, model, partials: new Map(partials) }
})

const open = (
  model: Required<SealedModel>,
  partials: ReadonlyMap<string, Uint8Array>,
  { words = size, ofRun = run } = {}
) => openHybridModel(work, parameters, ofRun, { ...model, words }, names, partials)

describe("the sealed model, hybrid", () => {
  it.effect(
    "opens to the sum of the clouds' shares with every user's partial decryptions of one ciphertext",
    () =>
      Effect.gen(function* () {
        const { words, shares, share0, model, partials } = yield* sealed
        expect(model.ciphertexts).toHaveLength(ciphertextBytes(parameters))
        // C0 has left room in it for C1's key.
        expect(firstComponents(parameters, model.ciphertexts)).toEqual(
          firstComponents(parameters, share0.ciphertexts)
        )
        for (const [cloud, share] of model.shares.entries()) {
          expect(share).toHaveLength(size * wordBytes + shareOverheadBytes)
          expect(Buffer.from(share).includes(Buffer.from(shares[cloud]!.subarray(0, 16)))).toBe(false)
        }
        expect(yield* open(model, partials)).toEqual(words)
      })
  )

  it.effect("does not open without every user, nor with a partial decryption of another", () =>
    Effect.gen(function* () {
      const { model, partials } = yield* sealed
      const [absent, other] = names
      const fewer = new Map([...partials].filter(([name]) => name !== absent))
      expect(yield* Effect.flip(open(model, fewer))).toMatchObject({
        _tag: "PartialsMissing",
        users: [absent]
      })
      const wrong = new Map([...partials, [absent!, partials.get(other!)!]])
      expect(yield* Effect.flip(open(model, wrong))).toMatchObject({ _tag: "JointDecryptionFailed" })
    })
  )

  it.effect("does not open changed, with the shares exchanged, or as the model of another run", () =>
    Effect.gen(function* () {
      const { model, partials } = yield* sealed
      const [share0, share1] = model.shares
      const changed = share1.map((byte, at) => (at === 17 ? byte ^ 1 : byte))
      const refused = (other: Required<SealedModel>, options = {}) =>
        Effect.flip(open(other, partials, options))
      expect(yield* refused({ ...model, shares: [share0, changed] })).toMatchObject({
        _tag: "ShareUnreadable",
        cloud: 1
      })
      expect(yield* refused({ ...model, shares: [share1, share0] })).toMatchObject({ cloud: 0 })
      expect(yield* refused(model, { ofRun: "run-8" })).toMatchObject({ _tag: "ShareUnreadable" })
      expect(yield* refused({ ...model, shares: [share0, share1.slice(8)] })).toMatchObject({
        _tag: "ModelOfWrongSize"
      })
      expect(yield* refused(model, { words: size - 1 })).toMatchObject({ _tag: "ModelOfWrongSize" })
      const two = new Uint8Array(Buffer.concat([model.ciphertexts, model.ciphertexts]))
      expect(yield* refused({ ...model, ciphertexts: two })).toMatchObject({ _tag: "ModelOfWrongSize" })
    })
  )

  it.effect("rests as the keys and the two shares", () =>
    Effect.gen(function* () {
      const { model } = yield* sealed
      const read = yield* readCanonical(encodeHybridModel(model), (reader) => ({
        ciphertexts: reader.bytes("keys"),
        shares: [reader.bytes("share 0"), reader.bytes("share 1")]
      }))
      expect(read).toEqual(model)
    })
  )
})
