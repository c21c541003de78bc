/**
 * The work on ciphertexts of a training session, as jobs of the party's pool: its threads and its workers share it. What is
 * under way ends with the session.
 */
import { Effect, FiberSet, Redacted } from "effect"
import { randomizerBits } from "../../../../protocol/bcp/keys.ts"
import { ciphertextBytes, type MasterKeyBytes, plaintextBytes } from "../../../../protocol/bcp/wire.ts"
import { concatenate } from "../../../../protocol/bytes.ts"
import {
  itemsOf,
  joinedPowers,
  type Piece,
  partOfPowers,
  piecesOf,
  piecesOfPowers,
  requireSizes
} from "../../../../protocol/ciphertexts/pieces.ts"
import type { CiphertextWork, PowersRequest } from "../../../../protocol/ciphertexts/work.ts"
import type { Cloud1Keys } from "../../../../protocol/sharing/transformation.ts"
import type { JobFailed } from "../../../../runtime/work/pool.ts"
import { BcpPool } from "../../../party/bcp-pool.ts"

/** Openings or encryptions of a job, and additions, which take a tenth of their time: at most and at least. */
const itemsAJob = [16, 4] as const
const additionsAJob = [64, 16] as const

/** `masterKey` is C0's, which opens and encrypts. */
export const workOf = (
  { parameters, unifiedPublicKey: publicKey, mode }: Cloud1Keys,
  masterKey?: Redacted.Redacted<MasterKeyBytes>
) =>
  Effect.gen(function* () {
    const pool = yield* BcpPool
    const promised = yield* FiberSet.makeRuntimePromise<never, unknown, JobFailed>()
    const [ciphertext, plaintext] = [ciphertextBytes(parameters), plaintextBytes(parameters)]
    const inPieces = <P, A>(
      pieces: ReadonlyArray<P>,
      job: (piece: P) => Effect.Effect<A, JobFailed>
    ): Promise<ReadonlyArray<A>> =>
      promised(Effect.forEach(pieces, job, { concurrency: "unbounded" })) as Promise<ReadonlyArray<A>>
    const sliced = (items: Uint8Array, bytes: number, { first, count }: Piece) =>
      items.slice(first * bytes, (first + count) * bytes)
    const ciphertextsOf = (parts: ReadonlyArray<{ readonly ciphertexts: Uint8Array }>) =>
      concatenate(parts.map(({ ciphertexts }) => ciphertexts))

    /** Jobs on some ciphertexts each, and on what belongs to them. */
    const inPairs = async (
      ciphertexts: Uint8Array,
      others: Uint8Array,
      [bytesEach, what]: readonly [bytes: number, what: string],
      job: (
        some: Uint8Array,
        others: Uint8Array
      ) => Effect.Effect<{ readonly ciphertexts: Uint8Array }, JobFailed>
    ) => {
      const count = itemsOf(ciphertexts, ciphertext, "ciphertexts")
      itemsOf(others, bytesEach, what, count)
      const pieces = piecesOf(count, ...additionsAJob)
      return ciphertextsOf(
        await inPieces(pieces, (piece) =>
          job(sliced(ciphertexts, ciphertext, piece), sliced(others, bytesEach, piece))
        )
      )
    }

    const powers = async (request: PowersRequest): Promise<Uint8Array> => {
      requireSizes(parameters, request)
      const pieces = piecesOfPowers(request)
      const done = await inPieces(pieces, (piece) =>
        pool.run("powersOfCiphertexts", {
          parameters,
          publicKey,
          ...partOfPowers(parameters, request, piece)
        })
      )
      return joinedPowers(
        parameters,
        request,
        pieces.map((piece, i) => [piece, done[i]!.ciphertexts])
      )
    }
    const secret = () => {
      if (masterKey === undefined) throw new RangeError("only C0 opens ciphertexts")
      return { parameters, publicKey, mode, masterKey: Redacted.value(masterKey) }
    }
    const randomizer = Math.ceil(randomizerBits(parameters, mode) / 8)
    const work: CiphertextWork = {
      powers,
      encrypt: async ({ plaintexts, key }) => {
        const count = itemsOf(plaintexts, plaintext, "plaintexts")
        // In full mode randomizers are drawn by rejection, so nobody knows where in the stream the next begins.
        const parts = mode === "short" ? piecesOf(count, ...itemsAJob) : [{ first: 0, count }]
        return ciphertextsOf(
          await inPieces(parts, (piece) =>
            pool.run("encryptResidues", {
              ...secret(),
              ...{ plaintexts: sliced(plaintexts, plaintext, piece), key, offset: piece.first * randomizer }
            })
          )
        )
      },
      open: async ({ ciphertexts }) => {
        const pieces = piecesOf(itemsOf(ciphertexts, ciphertext, "ciphertexts"), ...itemsAJob)
        const opened = await inPieces(pieces, (piece) =>
          pool.run("openResidues", { ...secret(), ciphertexts: sliced(ciphertexts, ciphertext, piece) })
        )
        return concatenate(opened.map(({ plaintexts }) => plaintexts))
      },
      add: ({ ciphertexts, plaintexts: added }) =>
        inPairs(ciphertexts, added, [plaintext, "plaintexts"], (some, plaintexts) =>
          pool.run("addResidues", { parameters, ciphertexts: some, plaintexts })
        ),
      subtract: ({ left: all, right: subtracted }) =>
        inPairs(all, subtracted, [ciphertext, "ciphertexts"], (left, right) =>
          pool.run("subtractCiphertexts", { parameters, left, right })
        )
    }
    return work
  })
