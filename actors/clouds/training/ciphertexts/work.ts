/**
 * The work on ciphertexts of a training session, as jobs of the party's pool: its threads and its workers share it. What is
 * under way ends with the session.
 */
import { Effect, FiberSet, Redacted } from "effect"
import { randomizerBits } from "../../../../protocol/bcp/keys.ts"
import { ciphertextBytes, type MasterKeyBytes, plaintextBytes } from "../../../../protocol/bcp/wire.ts"
import { concatenate } from "../../../../protocol/bytes.ts"
import { resultsAJob } from "../../../../protocol/ciphertexts/jobs.ts"
import type { CiphertextWork, PowersRequest } from "../../../../protocol/ciphertexts/work.ts"
import type { Cloud1Keys } from "../../../../protocol/sharing/transformation.ts"
import type { JobFailed } from "../../../../runtime/work/pool.ts"
import { BcpPool } from "../../../party/bcp-pool.ts"

/** Openings, encryptions and additions of a job. */
const itemsAJob = 16

interface Part {
  readonly first: number
  readonly count: number
}

const cut = (items: number, most: number): ReadonlyArray<Part> =>
  Array.from({ length: Math.ceil(items / most) }, (_, i) => ({
    first: i * most,
    count: Math.min(most, items - i * most)
  }))

/** Items of `bytes` at some places. */
const picked = (items: Uint8Array, bytes: number, places: ReadonlyArray<number>): Uint8Array =>
  concatenate(places.map((place) => items.subarray(place * bytes, (place + 1) * bytes)))

/** A part of a request: some results of one group of slots. */
const partOf = (
  request: PowersRequest,
  group: number,
  { first, count }: Part,
  [ciphertext, plaintext]: readonly [number, number]
) => {
  const { addends, bases, exponentBytes, exponents, factor, fresh, groups, terms } = request
  const places = Array.from({ length: count }, (_, i) => (first + i) * groups + group)
  const common = addends !== undefined && addends.length === groups * ciphertext
  return {
    ...{ results: count, exponentBytes, factor },
    bases: picked(
      bases,
      ciphertext,
      Array.from({ length: terms }, (_, j) => j * groups + group)
    ),
    exponents: exponents.slice(first * terms * exponentBytes, (first + count) * terms * exponentBytes),
    ...(addends && { addends: picked(addends, ciphertext, common ? [group] : places) }),
    ...(fresh && {
      fresh: {
        ...{ key: fresh.key, randomizerBits: fresh.randomizerBits, first: places[0]!, stride: groups },
        plaintexts: picked(fresh.plaintexts, plaintext, places)
      }
    })
  }
}

/** `masterKey` is C0's, which opens and encrypts. */
export const workOf = (
  { parameters, unifiedPublicKey: publicKey, mode }: Cloud1Keys,
  masterKey?: Redacted.Redacted<MasterKeyBytes>
) =>
  Effect.gen(function* () {
    const pool = yield* BcpPool
    const promised = yield* FiberSet.makeRuntimePromise<never, unknown, JobFailed>()
    const [ciphertext, plaintext] = [ciphertextBytes(parameters), plaintextBytes(parameters)]
    const inParts = <A>(
      parts: ReadonlyArray<Part>,
      job: (part: Part) => Effect.Effect<A, JobFailed>
    ): Promise<ReadonlyArray<A>> =>
      promised(Effect.forEach(parts, job, { concurrency: "unbounded" })) as Promise<ReadonlyArray<A>>
    const sliced = (items: Uint8Array, bytes: number, { first, count }: Part) =>
      items.slice(first * bytes, (first + count) * bytes)
    const ciphertextsOf = (parts: ReadonlyArray<{ readonly ciphertexts: Uint8Array }>) =>
      concatenate(parts.map(({ ciphertexts }) => ciphertexts))

    const powers = async (request: PowersRequest): Promise<Uint8Array> => {
      const { groups, results } = request
      const parts = cut(results, resultsAJob).flatMap((part) =>
        Array.from({ length: groups }, (_, group) => ({ ...part, group }))
      )
      const sizes = [ciphertext, plaintext] as const
      const done = await inParts(parts, (part) => {
        const { group } = part as (typeof parts)[number]
        const own = partOf(request, group, part, sizes)
        return pool.run("powersOfCiphertexts", { parameters, publicKey, ...own })
      })
      const all = new Uint8Array(results * groups * ciphertext)
      for (const [i, { ciphertexts }] of done.entries()) {
        const { first, count, group } = parts[i]!
        for (let k = 0; k < count; k++)
          all.set(
            ciphertexts.subarray(k * ciphertext, (k + 1) * ciphertext),
            ((first + k) * groups + group) * ciphertext
          )
      }
      return all
    }
    const secret = () => {
      if (masterKey === undefined) throw new RangeError("only C0 opens ciphertexts")
      return { parameters, publicKey, mode, masterKey: Redacted.value(masterKey) }
    }
    const randomizer = Math.ceil(randomizerBits(parameters, mode) / 8)
    // In full mode randomizers are drawn by rejection, so nobody knows where in the stream the next begins.
    const encryptionsAJob = mode === "short" ? itemsAJob : Number.POSITIVE_INFINITY
    const work: CiphertextWork = {
      powers,
      encrypt: async ({ plaintexts, key }) => {
        const count = plaintexts.length / plaintext
        const parts = cut(count, Math.min(count, encryptionsAJob))
        return ciphertextsOf(
          await inParts(parts, (part) =>
            pool.run("encryptResidues", {
              ...secret(),
              ...{ plaintexts: sliced(plaintexts, plaintext, part), key, offset: part.first * randomizer }
            })
          )
        )
      },
      open: async ({ ciphertexts }) => {
        const parts = await inParts(cut(ciphertexts.length / ciphertext, itemsAJob), (part) =>
          pool.run("openResidues", { ...secret(), ciphertexts: sliced(ciphertexts, ciphertext, part) })
        )
        return concatenate(parts.map(({ plaintexts }) => plaintexts))
      },
      add: async ({ ciphertexts, plaintexts }) =>
        ciphertextsOf(
          await inParts(cut(ciphertexts.length / ciphertext, 4 * itemsAJob), (part) =>
            pool.run("addResidues", {
              parameters,
              ciphertexts: sliced(ciphertexts, ciphertext, part),
              plaintexts: sliced(plaintexts, plaintext, part)
            })
          )
        ),
      subtract: async ({ left, right }) =>
        ciphertextsOf(
          await inParts(cut(left.length / ciphertext, 4 * itemsAJob), (part) =>
            pool.run("subtractCiphertexts", {
              parameters,
              left: sliced(left, ciphertext, part),
              right: sliced(right, ciphertext, part)
            })
          )
        )
    }
    return work
  })
