/** The work on ciphertexts as jobs of a pool, next to the same done at once, one exponentiation after the other. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { workOf } from "../../../../../actors/clouds/training/ciphertexts/work.ts"
import { BcpPool } from "../../../../../actors/party/bcp-pool.ts"
import { Undecryptable } from "../../../../../protocol/bcp/decryption.ts"
import { modPow } from "../../../../../protocol/bcp/exponentiation.ts"
import { CrtDecryptor, MasterDecryptor } from "../../../../../protocol/bcp/master-decryption.ts"
import {
  ciphertextBytes,
  elementBytes,
  encodeIntegers,
  encodeMasterKey,
  plaintextBytes
} from "../../../../../protocol/bcp/wire.ts"
import { directWork } from "../../../../../protocol/ciphertexts/direct.ts"
import type { PowersRequest } from "../../../../../protocol/ciphertexts/work.ts"
import { jobs } from "../../../../../protocol/sharing/jobs.ts"
import type { JobInput, JobName, JobOutput, Work } from "../../../../../protocol/sharing/work.ts"
import type { JobFailed } from "../../../../../runtime/work/pool.ts"
import { keysOf } from "../../../../protocol/ciphertexts/clouds.ts"

/** Runs jobs as they come. */
const atOnce: Work<JobFailed> = {
  run: <K extends JobName>(name: K, input: JobInput<K>) =>
    Effect.sync(() => (jobs[name] as (input: JobInput<K>) => JobOutput<K>)(input))
}

const { masterKey, mode, parameters, publicKey } = keysOf(512)
const direct = directWork({ parameters, publicKey, mode, masterKey })
const jobbed = workOf(
  { parameters, unifiedPublicKey: publicKey, mode },
  Redacted.make(encodeMasterKey(parameters, masterKey))
).pipe(Effect.provideService(BcpPool, atOnce))

const key = (of: number) => new Uint8Array(16).fill(of)
const plaintextsOf = (count: number, of: (i: number) => bigint = (i) => BigInt(i + 1) ** 9n) =>
  encodeIntegers(
    Array.from({ length: count }, (_, i) => of(i)),
    plaintextBytes(parameters)
  )
const encrypted = (count: number) => direct.encrypt({ plaintexts: plaintextsOf(count), key: key(1) })

/** A request of several jobs, unless told otherwise: more results than one takes, and several groups. */
const request = async ({
  terms = 3,
  groups = 2,
  results = 19,
  addends = results * groups,
  ...changes
}: Partial<Omit<PowersRequest, "addends">> & { readonly addends?: number } = {}): Promise<PowersRequest> => {
  const exponentBytes = 5
  return {
    ...{ terms, groups, results, exponentBytes, factor: 6 },
    bases: await encrypted(terms * groups),
    exponents: Uint8Array.from({ length: terms * results * exponentBytes }, (_, i) => (i * 37) % 251),
    addends: await encrypted(addends),
    fresh: { plaintexts: plaintextsOf(results * groups), key: key(2), randomizerBits: 301 },
    ...changes
  }
}

describe("the work on ciphertexts", () => {
  it.scoped.each([
    ["of several terms", {}],
    ["with one addend a group for all results", { addends: 2 }],
    ["that stay at the cloud", { fresh: undefined, factor: 1 }],
    ["of groups that share jobs", { terms: 2, groups: 7, results: 3 }],
    ["of one result a group", { terms: 1, groups: 40, results: 1 }],
    ["of which nothing but fresh encryptions is left", { terms: 0 }]
  ] as const)("has products of powers %s as they are without tables", ([, changes]) =>
    Effect.gen(function* () {
      const work = yield* jobbed
      const asked = yield* Effect.promise(() => request(changes as Parameters<typeof request>[0]))
      const [found, expected] = yield* Effect.promise(() =>
        Promise.all([work.powers(asked), direct.powers(asked)])
      )
      expect(found).toEqual(expected)
    })
  )

  it.scoped("refuses what has not the size that it should have", () =>
    Effect.gen(function* () {
      const work = yield* jobbed
      const asked = yield* Effect.promise(() => request())
      const refused = (ask: () => Promise<unknown>) =>
        Effect.promise(async () => {
          const failed = await ask().then(() => "nothing", String)
          expect(failed).toMatch(/instead of|no multiple/)
        })
      const shorter = (bytes: Uint8Array) => bytes.subarray(1)
      const fewer = asked.bases.subarray(ciphertextBytes(parameters))
      const { plaintexts } = asked.fresh!
      yield* refused(() => work.powers({ ...asked, bases: fewer }))
      yield* refused(() => work.powers({ ...asked, exponents: shorter(asked.exponents) }))
      yield* refused(() => work.powers({ ...asked, addends: fewer }))
      yield* refused(() =>
        work.powers({ ...asked, fresh: { ...asked.fresh!, plaintexts: new Uint8Array(0) } })
      )
      yield* refused(() => work.open({ ciphertexts: shorter(asked.bases) }))
      yield* refused(() => work.encrypt({ plaintexts: shorter(plaintexts), key: key(1) }))
      yield* refused(() => work.add({ ciphertexts: fewer, plaintexts }))
      yield* refused(() => work.subtract({ left: asked.bases, right: fewer }))
    })
  )

  it.scoped("encrypts, opens, adds and subtracts the same, in parts", () =>
    Effect.gen(function* () {
      const work = yield* jobbed
      const count = 70
      const plaintexts = plaintextsOf(count)
      const same = <A>(ask: (of: typeof work) => Promise<A>) =>
        Effect.map(
          Effect.promise(() => Promise.all([ask(work), ask(direct)])),
          ([found, expected]) => {
            expect(found).toEqual(expected)
            return found
          }
        )
      const ciphertexts = yield* same((of) => of.encrypt({ plaintexts, key: key(3) }))
      expect(yield* same((of) => of.open({ ciphertexts }))).toEqual(plaintexts)
      const sums = yield* same((of) => of.add({ ciphertexts, plaintexts }))
      const right = yield* Effect.promise(() => direct.encrypt({ plaintexts, key: key(4) }))
      const back = yield* same((of) => of.subtract({ left: sums, right }))
      expect(yield* same((of) => of.open({ ciphertexts: back }))).toEqual(plaintexts)
    })
  )

  it.scoped("fails with what is wrong with a ciphertext", () =>
    Effect.gen(function* () {
      const work = yield* jobbed
      const ciphertexts = yield* Effect.promise(() => encrypted(20))
      ciphertexts.fill(0, 0, elementBytes(parameters))
      const failed = yield* Effect.promise(() => work.open({ ciphertexts }).then(() => undefined, String))
      expect(failed).toContain("ciphertext")
    })
  )
})

describe("openings with the joint secret key", () => {
  const { masterKey, parameters: pp } = keysOf(2048)
  const decryptor = new CrtDecryptor(pp, masterKey)
  const power = (base: bigint, exponent: bigint) => modPow(base, exponent, pp.N2)

  it("are those of the paper, whatever the randomness, and refuse what is no ciphertext under the key", () => {
    const h = power(pp.g, 5n ** 220n)
    const long = 3n ** 500n
    const ciphertext = { A: power(pp.g, long), B: (power(h, long) * (1n + 12_345n * pp.N)) % pp.N2 }
    expect(decryptor.decryptAll(h, [ciphertext], "short")).toEqual([12_345n])
    expect(new MasterDecryptor(pp, masterKey).decrypt(h, ciphertext)).toBe(12_345n)
    const other = { ...ciphertext, B: (ciphertext.B * pp.g) % pp.N2 }
    expect(() => decryptor.decryptAll(h, [ciphertext, other], "short")).toThrow(Undecryptable)
  })

  it("take the general way where the key is longer than what its residues show", () => {
    const h = power(pp.g, 5n ** 220n + 3n * pp.N)
    const ciphertext = { A: power(pp.g, 77n), B: (power(h, 77n) * (1n + 12_345n * pp.N)) % pp.N2 }
    expect(decryptor.decryptAll(h, [ciphertext], "short")).toEqual([12_345n])
  })
})
