/**
 * The form of an upload for a training on ciphertexts: every cell is split over the integers, and both shares are encrypted
 * under BCP, several to a ciphertext. C1 has both under the joint key in the end, and their sum is the cell under that key. Nothing
 * of either share is kept in the clear.
 */
import { Effect } from "effect"
import { derive } from "../../protocol/aead.ts"
import { bytesFrom } from "../../protocol/bcp/integers.ts"
import { plaintextsFor } from "../../protocol/bcp/packing.ts"
import { ciphertextBytes, plaintextBytes } from "../../protocol/bcp/wire.ts"

import { wordBytes } from "../../protocol/bytes.ts"
import { splitCells, uploadSlotsOf } from "../../protocol/ciphertexts/data.ts"
import { uploadedIntegers } from "../../protocol/ciphertexts/uploaded.ts"
import { cellsInOrder } from "../../protocol/data/rows.ts"
import { OutOfRange } from "../../protocol/ring/ring.ts"
import { publicKeyOf } from "../../protocol/sharing/published.ts"
import { seedBytes } from "../../protocol/sharing/split.ts"
import { unifyIntegers0, unifyIntegers1 } from "../../protocol/sharing/transformation.ts"
import { RunAssembly } from "../../protocol/sharing/upload.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { BcpPool } from "../party/bcp-pool.ts"
import { remembered } from "../party/once.ts"
import { sendPieces, Unified, unifiedEntry, unify1 } from "./packed.ts"
import { cellsARun, partOf } from "./share-words.ts"
import type { OutgoingCells, UploadForm } from "./sharing.ts"

/** Little-endian words as the integers that they are in two's complement. */
const integersOf = (words: Uint8Array): ReadonlyArray<bigint> => {
  const view = new DataView(words.buffer, words.byteOffset, words.length)
  return Array.from({ length: words.length / wordBytes }, (_, i) => view.getBigInt64(i * wordBytes, true))
}

/** The cells as integers; one that is too large for the training is refused. */
const cellsOf = ({ agreement, blocks, encode }: OutgoingCells) =>
  Effect.gen(function* () {
    const { fractionalBits } = agreement.security
    const { valueBits } = uploadedIntegers(fractionalBits)
    const values: Array<bigint> = []
    for (const { read } of cellsInOrder(blocks, cellsARun))
      for (const value of integersOf(yield* encode(read()))) values.push(value)
    const limit = 1n << BigInt(valueBits)
    const index = values.findIndex((value) => value >= limit || value <= -limit)
    if (index < 0) return values
    const unit = 2 ** fractionalBits
    return yield* new OutOfRange({ index, value: Number(values[index]) / unit, limit: Number(limit) / unit })
  })

const send = (cells: OutgoingCells) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const { agreement, membership, randomness, seed } = cells
    const { parameters } = membership
    const publicKey = yield* publicKeyOf(membership, party.name)
    const sizes = uploadedIntegers(agreement.security.fractionalBits)
    const slots = uploadSlotsOf(parameters, { dataSlotBits: sizes.slotBits })
    const shares = splitCells(slots, sizes, yield* cellsOf(cells), bytesFrom(seed))
    const bytesEach = plaintextBytes(parameters)
    yield* sendPieces(cells, shares[0].length / bytesEach, (cloud, mode, { first, count }) =>
      pool.run("encryptPlaintexts", {
        ...{ parameters, publicKey, mode },
        plaintexts: shares[cloud].slice(first * bytesEach, (first + count) * bytesEach),
        randomness: derive(randomness, "", `share ${cloud} from ${first}`, seedBytes)
      })
    )
  })

/** The form for numbers of so many fractional bits. */
export const integers = (fractionalBits: number): UploadForm => {
  const { slotBits } = uploadedIntegers(fractionalBits)
  const ciphertexts = (words: number, bits: number): readonly [number, number] => {
    const count = plaintextsFor(words, bits, slotBits)
    return [count, count]
  }
  return {
    slotBits,
    ciphertexts,
    send,
    cloud0: {
      words: (cells) => cells,
      unify: ({ keys, publicKey, ciphertexts }) =>
        Effect.flatMap(BcpPool, (pool) => unifyIntegers0(pool, keys, publicKey, ciphertexts)),
      share: partOf
    },
    cloud1: {
      assembly: (from, words, bits) =>
        new RunAssembly(from, ciphertexts(words, bits)[1], ciphertextBytes({ bits })),
      itemBytes: (bits) => ciphertextBytes({ bits }),
      archive: (upload, archiving) =>
        Effect.map(
          remembered(unifiedEntry(upload.user), Unified, unify1(upload, archiving, unifyIntegers1)),
          ({ ciphertexts }) => ({ share1: ciphertexts })
        ),
      share: () => Effect.succeed(partOf(new Uint8Array(0))),
      // What is archived for a training on ciphertexts is refused before (`../party/archived.ts`).
      reopen: () => Effect.void,
      reopened: () => Effect.succeed(partOf(new Uint8Array(0)))
    }
  }
}
