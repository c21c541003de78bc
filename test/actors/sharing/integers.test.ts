/** An upload for a training on ciphertexts, as large as no list of arguments is. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { BcpPool } from "../../../actors/party/bcp-pool.ts"
import type { Membership } from "../../../actors/party/handouts.ts"
import { integers } from "../../../actors/sharing/integers.ts"
import type { OutgoingCells } from "../../../actors/sharing/sharing.ts"
import { ciphertextBytes, plaintextBytes } from "../../../protocol/bcp/wire.ts"
import { concatenate } from "../../../protocol/bytes.ts"
import { uploadSlotsOf } from "../../../protocol/ciphertexts/data.ts"
import { unpackValues } from "../../../protocol/ciphertexts/packing.ts"
import { uploadedIntegers } from "../../../protocol/ciphertexts/uploaded.ts"
import { UploadShare0, UploadShare1 } from "../../../protocol/messages/upload.ts"
import type { JobInput, Work } from "../../../protocol/sharing/work.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { Stable, Store } from "../../../runtime/storage/store.ts"
import type { JobFailed } from "../../../runtime/work/pool.ts"
import { keysOf } from "../../protocol/ciphertexts/clouds.ts"

const { parameters, publicKey } = keysOf(512)
const fractionalBits = 20
const [rows, columns] = [2000, 70]

/** Ciphertexts whose first half is the plaintext: what matters here is which of them goes where. */
const legible: Work<JobFailed> = {
  run: ((name: string, input: JobInput<"encryptPlaintexts">) => {
    if (name === "randomnessOf") return Effect.succeed({ digest: new Uint8Array(32) })
    const [plain, wide] = [plaintextBytes(parameters), ciphertextBytes(parameters)]
    const count = input.plaintexts.length / plain
    const ciphertexts = new Uint8Array(count * wide)
    for (let i = 0; i < count; i++)
      ciphertexts.set(input.plaintexts.subarray(i * plain, (i + 1) * plain), i * wide)
    return Effect.succeed({ ciphertexts })
  }) as Work<JobFailed>["run"]
}

/** What each cloud gets of the cells, by the first ciphertext of each piece. */
const sent = (cells: OutgoingCells) =>
  Effect.gen(function* () {
    const pieces = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()] as const
    const party = {
      name: "user1",
      ask: (
        to: string,
        { tag }: { readonly tag: string },
        body: { first: number; ciphertexts: Uint8Array }
      ) =>
        Effect.sync(() => {
          if (tag === UploadShare0.tag || tag === UploadShare1.tag)
            pieces[to === "cloud0" ? 0 : 1].set(body.first, body.ciphertexts)
          return {}
        })
    }
    const services = Context.empty().pipe(
      Context.add(Party, party as unknown as Context.Tag.Service<typeof Party>),
      Context.add(BcpPool, legible),
      // An upload stores nothing.
      Context.add(Store, {} as Context.Tag.Service<typeof Store>),
      Context.add(Stable, {} as Context.Tag.Service<typeof Stable>)
    )
    yield* integers(fractionalBits).send(cells).pipe(Effect.provide(services))
    return pieces
  })

const partOf = (pieces: ReadonlyMap<number, Uint8Array>, count: number): ReadonlyArray<bigint> => {
  const slots = uploadSlotsOf(parameters, { dataSlotBits: uploadedIntegers(fractionalBits).slotBits })
  const [plain, wide] = [plaintextBytes(parameters), ciphertextBytes(parameters)]
  const inOrder = [...pieces]
    .sort(([x], [y]) => x - y)
    .flatMap(([, bytes]) =>
      Array.from({ length: bytes.length / wide }, (_, i) => bytes.subarray(i * wide, i * wide + plain))
    )
  return unpackValues(slots, concatenate(inOrder), 1, count)
}

/** Cell i of the table is i/2^20 less an offset. */
const cellsFrom = (value: (i: number) => number): OutgoingCells => ({
  agreement: {
    security: { fractionalBits, exponents: "short" },
    deadlines: { replyTimeoutMs: 1000 }
  } as Agreement,
  membership: { parameters, publicKeys: new Map([["user1", publicKey]]) } as unknown as Membership,
  blocks: [
    {
      rows: Uint32Array.from({ length: rows }, (_, row) => row),
      columns: Uint32Array.from({ length: columns }, (_, column) => column),
      cells: {
        ...{ rows, width: columns },
        readRow: (row, out, at) => {
          for (let column = 0; column < columns; column++) out[at + column] = value(row * columns + column)
        }
      }
    }
  ],
  encode: (cells) =>
    Effect.sync(() => {
      const words = BigInt64Array.from(cells, (cell) => BigInt(Math.round(cell * 2 ** fractionalBits)))
      return new Uint8Array(words.buffer)
    }),
  seed: new Uint8Array(16).fill(5),
  randomness: new Uint8Array(16).fill(6)
})

describe("an upload of integers", () => {
  const count = rows * columns
  it.effect(`has shares of all of ${count} cells, in their order`, () =>
    Effect.gen(function* () {
      const [to0, to1] = yield* sent(cellsFrom((i) => (i - 70_000) / 2 ** fractionalBits))
      const [part0, part1] = [partOf(to0, count), partOf(to1, count)]
      const wrong = part0.findIndex((share, i) => share + part1[i]! !== BigInt(i - 70_000))
      expect(wrong).toBe(-1)
      expect(part0).toHaveLength(count)
    })
  )

  it.effect("is refused where the last cell is too large to be trained on", () =>
    Effect.gen(function* () {
      const tooLarge = cellsFrom((i) => (i === count - 1 ? 2048 : 0))
      expect(yield* Effect.flip(sent(tooLarge))).toMatchObject({
        _tag: "OutOfRange",
        index: count - 1,
        limit: 2048
      })
    })
  )
})
