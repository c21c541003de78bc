/**
 * A user's upload: cells become fixed-point words, each word two shares; both shares are packed and encrypted under the
 * user's own key. The ciphertexts of the first go to C0. Those of the second go to C1 sealed end to end, because C0, which
 * has the master key, could open them.
 */
import { randomBytes } from "node:crypto"
import { Effect } from "effect"
import { slotsPerPlaintext, uploadSlotBits } from "../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../protocol/bcp/wire.ts"
import { cellsInOrder, countCells, indicesToBytes } from "../protocol/data/rows.ts"
import { OpenUpload, SealedCiphertextRun, UploadShare0, UploadShare1 } from "../protocol/messages/upload.ts"
import { OutOfRange, Ring } from "../protocol/ring/ring.ts"
import { rosterBcpKey } from "../protocol/sharing/roster.ts"
import { seedBytes, splitWords, wordBytes } from "../protocol/sharing/split.ts"
import { ciphertextCount, cutRun } from "../protocol/sharing/upload.ts"
import { Party } from "../runtime/actor.ts"
import type { Agreement } from "./agreement.ts"
import { BcpPool, pieceBytes, piecesAtOnce } from "./bcp-pool.ts"
import { type Membership, sealTo } from "./membership.ts"
import { raised } from "./raised.ts"
import type { AgreedRows } from "./user-rows.ts"

/** Cells that are encoded at a time. */
const cellsARun = 2 ** 17

/** Encrypts and sends both shares of all training cells; done when both clouds have confirmed every piece. */
export const upload = (agreement: Agreement, membership: Membership, { joint, placed }: AgreedRows) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const { parameters } = membership
    const publicKey = yield* rosterBcpKey(membership.roster, party.name)
    const ring = yield* Effect.promise(() => Ring.load())
    const mark = ring.mark()
    const words = new Uint8Array(countCells(placed.training) * wordBytes)
    for (const { first, read } of cellsInOrder(placed.training, cellsARun)) {
      const cells = read()
      const matrix = ring.matrix(1, cells.length)
      yield* raised([OutOfRange], () => ring.encode(matrix, cells, agreement.security.fractionalBits))
      words.set(ring.view(matrix), first * wordBytes)
      ring.release(mark)
    }
    const { share0, share1 } = splitWords(words, new Uint8Array(randomBytes(seedBytes)))

    const slots = slotsPerPlaintext(parameters.bits, uploadSlotBits)
    const ciphertexts = ciphertextCount(countCells(placed.training), slots)
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "upload" }
    const opening = {
      rows: joint.training,
      ciphertexts,
      blocks: placed.training.map(({ rows, columns }) => ({
        rows: indicesToBytes(rows),
        columns: [...columns]
      }))
    }
    yield* Effect.forEach(["cloud0", "cloud1"], (cloud) => party.ask(cloud, OpenUpload, opening, ask), {
      concurrency: "unbounded",
      discard: true
    })
    const pieces = yield* cutRun(ciphertexts, ciphertextBytes(parameters), pieceBytes)
    const encrypt = (share: Uint8Array, first: number, count: number) =>
      pool.run("encryptPacked", {
        parameters,
        publicKey,
        mode: agreement.security.exponents,
        words: share.slice(first * slots * wordBytes, (first + count) * slots * wordBytes),
        slotBits: uploadSlotBits
      })
    yield* Effect.forEach(
      pieces,
      ({ first, count }) =>
        Effect.gen(function* () {
          const run0 = { first, ...(yield* encrypt(share0, first, count)) }
          yield* party.ask("cloud0", UploadShare0, run0, ask)
          const run1 = { first, ...(yield* encrypt(share1, first, count)) }
          const sealed = yield* sealTo(membership, "cloud1", UploadShare1.tag, SealedCiphertextRun, run1)
          yield* party.ask("cloud1", UploadShare1, { sealed }, ask)
        }),
      { concurrency: piecesAtOnce, discard: true }
    )
    return { words: countCells(placed.training), ciphertexts: 2 * ciphertexts }
  }).pipe(Effect.withSpan("user.upload"))
