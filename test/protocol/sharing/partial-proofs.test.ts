import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { fromBytes, toBytes } from "../../../protocol/bcp/integers.ts"
import { generateKeys } from "../../../protocol/bcp/jobs.ts"
import { elementBytes, encodeParameters } from "../../../protocol/bcp/wire.ts"
import { wordBytes } from "../../../protocol/bytes.ts"
import {
  openModel,
  PartialsRejected,
  sealModel,
  sealModelShare
} from "../../../protocol/sharing/model-output.ts"
import {
  decryptPartially,
  type JointlyDecrypted,
  type ProvenPartials,
  verifyPartials
} from "../../../protocol/sharing/partial-proofs.ts"
import type { SealedModel } from "../../../protocol/sharing/sealed-model.ts"
import { localWork, parties } from "./parties.ts"

const { parameters, users, cloud0, cloud1 } = parties(512)
const work = localWork()
const width = elementBytes(parameters)
const words = 70
const run = "run-7"

const published = {
  parameters,
  wire: encodeParameters(parameters),
  unifiedPublicKey: cloud1.unifiedPublicKey,
  orderKey: new Uint8Array(16).fill(1),
  publicKeys: new Map(users.map(({ name, publicKey }) => [name, publicKey]))
}

const sealed: Effect.Effect<SealedModel, unknown> = Effect.gen(function* () {
  const share0 = yield* sealModelShare(work, cloud0, new Uint8Array(randomBytes(words * wordBytes)))
  const share1 = new Uint8Array(randomBytes(words * wordBytes))
  return { ciphertexts: yield* sealModel(work, cloud1, share0, share1) }
})

const jointly = Effect.map(
  sealed,
  (model): JointlyDecrypted => ({
    run,
    published,
    mode: "full",
    sealed: model
  })
)

const [north, south] = users as [(typeof users)[0], (typeof users)[0]]
const provenBy = (decrypted: JointlyDecrypted, user = north) =>
  decryptPartially(work, decrypted, user.name, user.secretKey)

/** How another user takes it. */
const taken = (decrypted: JointlyDecrypted, proven: ProvenPartials, user = north) =>
  Effect.either(verifyPartials(work, decrypted, { actor: user.name, name: "north" }, proven))

const rejection = (decrypted: JointlyDecrypted, proven: ProvenPartials, user = north) =>
  Effect.map(Effect.flip(taken(decrypted, proven, user).pipe(Effect.flatten)), (error) => {
    expect(error).toBeInstanceOf(PartialsRejected)
    return error as PartialsRejected
  })

/** One partial decryption changed. */
const changed = (proven: ProvenPartials, change: (P: bigint) => bigint, at = 1): ProvenPartials => {
  const partials = proven.partials.slice()
  const P = fromBytes(partials.subarray(at * width, (at + 1) * width))
  partials.set(toBytes(change(P), width), at * width)
  return { ...proven, partials }
}

/** What a user proves whose partial decryptions are not all powers under its key. */
const provenWith = (decrypted: JointlyDecrypted, change: (P: bigint) => bigint) =>
  decryptPartially(
    {
      run: (job, input) =>
        Effect.map(work.run(job, input), (output) =>
          job === "partialDecrypt" ? (changed(output as ProvenPartials, change) as typeof output) : output
        )
    },
    decrypted,
    north.name,
    north.secretKey
  )

describe("proven partial decryptions", () => {
  it.effect("are taken from every user, under its own key", () =>
    Effect.gen(function* () {
      const decrypted = yield* jointly
      for (const user of users)
        expect(yield* taken(decrypted, yield* provenBy(decrypted, user), user)).toMatchObject({
          _tag: "Right"
        })
    })
  )

  it.effect("are rejected with a response that is longer than one of a short key", () =>
    Effect.gen(function* () {
      const decrypted = yield* jointly
      const proven = yield* provenBy(decrypted)
      const short: JointlyDecrypted = { ...decrypted, mode: "short" }
      expect((yield* rejection(short, proven)).message).toContain("its proof is not of the size of one")
    })
  )

  it.effect("are rejected by the user's name where one is planted, or not in the group", () =>
    Effect.gen(function* () {
      const decrypted = yield* jointly
      const proven = yield* provenBy(decrypted)
      const { N, N2 } = parameters
      const plant = (P: bigint) => (P * (1n + (N2 - 5n * N))) % N2
      for (const planted of [changed(proven, plant), yield* provenWith(decrypted, plant)])
        expect((yield* rejection(decrypted, planted)).message).toMatch(
          /^The partial decryptions of the model by north were rejected: its proof does not hold/
        )
      for (const element of [0n, N, N2])
        expect(
          (yield* rejection(
            decrypted,
            changed(proven, () => element)
          )).message
        ).toContain("group")
      const few = { ...proven, partials: proven.partials.slice(width) }
      expect((yield* rejection(decrypted, few)).message).toContain("bytes")
    })
  )

  it.effect("are rejected as those of another user, run, key or model", () =>
    Effect.gen(function* () {
      const decrypted = yield* jointly
      const proven = yield* provenBy(decrypted)
      const proof = "its proof does not hold"
      expect((yield* rejection(decrypted, proven, south)).message).toContain(proof)
      const orderKey = new Uint8Array(16).fill(2)
      // The same first components, and another B.
      const ciphertexts = decrypted.sealed.ciphertexts.slice()
      ciphertexts[2 * width - 1]! ^= 1
      for (const change of [
        { run: "run-8" },
        { published: { ...published, orderKey } },
        { sealed: { ciphertexts } }
      ]) {
        const other = { ...decrypted, ...change }
        expect((yield* rejection(other, proven)).message).toContain(
          "cloud1 has handed it another encrypted model than this user, or the KGC other keys, or it claims so"
        )
        const claimed = { ...proven, about: (yield* provenBy(other)).about }
        expect((yield* rejection(other, claimed)).message).toContain(proof)
      }
    })
  )

  it.effect("open the same with the other sign, which a proof does not show", () =>
    Effect.gen(function* () {
      const decrypted = yield* jointly
      const all = yield* Effect.forEach(users, (user) => provenBy(decrypted, user))
      const turned = yield* provenWith(decrypted, (P) => parameters.N2 - P)
      expect(turned.partials).not.toEqual(all[0]!.partials)
      expect(yield* taken(decrypted, turned)).toMatchObject({ _tag: "Right" })
      const opened = (partials: ReadonlyArray<ProvenPartials>) =>
        openModel(
          work,
          parameters,
          { sealed: decrypted.sealed.ciphertexts, words },
          users.map(({ name }) => name),
          new Map(partials.map((each, i) => [users[i]!.name, each.partials]))
        )
      expect(yield* opened([turned, ...all.slice(1)])).toEqual(yield* opened(all))
    })
  )

  it.effect("are the same bytes when made again, and the proof another", () =>
    Effect.gen(function* () {
      const decrypted = yield* jointly
      const [once, again] = [yield* provenBy(decrypted), yield* provenBy(decrypted)]
      expect(again.partials).toEqual(once.partials)
      expect(again.about).toEqual(once.about)
      expect(again.proof.challenge).not.toEqual(once.proof.challenge)
      expect(again.proof.response).not.toEqual(once.proof.response)
    })
  )
})

describe("proven partial decryptions under a shared joint key", () => {
  const threshold = 2
  const names = ["user1", "user2", "user3"]
  const keys = generateKeys({ parameters, count: names.length, mode: "short", threshold })
  const byName = (each: ReadonlyArray<Uint8Array>) => new Map(names.map((name, i) => [name, each[i]!]))
  const { keyShares, verificationKeys } = keys.shared!
  const { unifiedPublicKey } = keys
  const words = new Uint8Array(randomBytes(70 * wordBytes))
  const opening = Effect.gen(function* () {
    const share0 = yield* sealModelShare(work, { ...cloud0, unifiedPublicKey }, words)
    const ciphertexts = yield* sealModel(work, cloud1, share0, new Uint8Array(words.length))
    const decrypted: JointlyDecrypted = {
      run,
      published: {
        ...published,
        unifiedPublicKey,
        publicKeys: byName(keys.publicKeys),
        shared: { threshold, verificationKeys: byName(verificationKeys) }
      },
      mode: "short",
      sealed: { ciphertexts }
    }
    const proven = new Map<string, ProvenPartials>()
    for (const [i, name] of names.entries())
      proven.set(name, yield* decryptPartially(work, decrypted, name, Redacted.make(keyShares[i]!)))
    return { decrypted, proven, ciphertexts }
  })

  it.effect("are taken from every user, and open with those of any two and of no single one", () =>
    Effect.gen(function* () {
      const { ciphertexts, decrypted, proven } = yield* opening
      for (const [name, each] of proven)
        expect(
          yield* Effect.either(verifyPartials(work, decrypted, { actor: name, name }, each))
        ).toMatchObject({ _tag: "Right" })
      const opened = (...some: ReadonlyArray<string>) =>
        openModel(
          work,
          parameters,
          { sealed: ciphertexts, words: 70 },
          names,
          new Map(some.map((name) => [name, proven.get(name)!.partials])),
          threshold
        )
      for (const some of [names, ["user1", "user2"], ["user3", "user1"], ["user2", "user3"]])
        expect(yield* opened(...some)).toEqual(words)
      const missing = yield* Effect.flip(opened("user2"))
      expect(missing.message).toBe(
        "No partial decryption of the model by user1, user3; at least 2 users have to take part in decrypting it."
      )
    })
  )

  it.effect("are rejected where they are powers under the user's secret key, or another's share", () =>
    Effect.gen(function* () {
      const { decrypted, proven } = yield* opening
      const [name] = names
      for (const secret of [keys.secretKeys[0]!, keyShares[1]!]) {
        const other = yield* decryptPartially(work, decrypted, name!, Redacted.make(secret))
        const error = yield* Effect.flip(
          verifyPartials(work, decrypted, { actor: name!, name: name! }, other)
        )
        expect((error as PartialsRejected).message).toContain("its proof does not hold")
      }
      // What was handed out with another threshold, or other verification keys, is something else.
      const shared = decrypted.published.shared!
      const swapped = { ...shared, verificationKeys: byName(verificationKeys.toReversed()) }
      for (const otherwise of [{ ...shared, threshold: 3 }, swapped]) {
        const changed = { ...decrypted, published: { ...decrypted.published, shared: otherwise } }
        const error = yield* Effect.flip(
          verifyPartials(work, changed, { actor: name!, name: name! }, proven.get(name!)!)
        )
        expect((error as PartialsRejected).message).toContain("or the KGC other keys")
      }
    })
  )
})
