/**
 * A user's upload: cells become fixed-point words, each word two shares. In the packed form both are packed and encrypted under
 * the user's own key; the ciphertexts of the first go to C0, those of the second to C1, sealed end to end, because C0, which has
 * the master key, could open them. In the hybrid form C0 gets the seed of its share under that key, and C1 its share, sealed.
 */
import { Effect } from "effect"
import { slotsPerPlaintext, uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { cellsInOrder, countCells, type FilledBlock, indicesToBytes } from "../../protocol/data/rows.ts"
import {
  OpenUpload,
  SealedCiphertextRun,
  SealedWordRun,
  UploadShare0,
  UploadShare1,
  UploadWords1
} from "../../protocol/messages/upload.ts"
import { OutOfRange, Ring } from "../../protocol/ring/ring.ts"
import { rosterBcpKey } from "../../protocol/sharing/roster.ts"
import { expandSeed, seedBytes, splitWords, subtractWords, wordBytes } from "../../protocol/sharing/split.ts"
import { ciphertextCount, cutRun, encryptPiece } from "../../protocol/sharing/upload.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import type { Agreement } from "../party/agreement.ts"
import { BcpPool, pieceBytes, piecesAtOnce } from "../party/bcp-pool.ts"
import { type Membership, sealTo } from "../party/enrolment.ts"
import { raised } from "../party/typed-throws.ts"
import type { AgreedRows } from "./rows.ts"

/** Cells that are encoded at a time, and in the hybrid form travel in a message: 1 MiB of words. */
export const cellsARun = 2 ** 17

/**
 * Encrypts and sends both shares of all training cells; done when both clouds have confirmed every piece. Whoever uploads again
 * after a crash splits by the same 16-byte `seed`: each cloud may have either version of a piece.
 */
export const upload = (
  agreement: Agreement,
  membership: Membership,
  { joint, placed }: AgreedRows,
  seed: Uint8Array
) =>
  Effect.gen(function* () {
    const hybrid = agreement.security.upload === "hybrid"
    const words = countCells(placed.training)
    const { parameters } = membership
    const ofWords = (count: number) =>
      ciphertextCount(count, slotsPerPlaintext(parameters.bits, uploadSlotBits))
    const ciphertexts: readonly [number, number] = hybrid
      ? [ofWords(seedBytes / wordBytes), 0]
      : [ofWords(words), ofWords(words)]
    yield* announce(agreement, joint.training, placed.training, ciphertexts)
    const encode = yield* encoder(agreement)
    yield* (hybrid ? uploadHybrid : uploadPacked)(agreement, membership, placed.training, encode, seed)
    return { words, ciphertexts: ciphertexts[0] + ciphertexts[1] }
  }).pipe(Effect.withSpan("user.upload"))

const askOptions = ({ deadlines }: Agreement) => ({ deadlineMs: deadlines.replyTimeoutMs, phase: "upload" })

/** Tells both clouds which cells are coming, in how many ciphertexts. */
const announce = (
  agreement: Agreement,
  rows: number,
  blocks: ReadonlyArray<FilledBlock>,
  ciphertexts: readonly [number, number]
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const held = blocks.map(({ rows, columns }) => ({ rows: indicesToBytes(rows), columns: [...columns] }))
    yield* Effect.forEach(
      ciphertexts,
      (count, cloud) =>
        party.ask(
          `cloud${cloud}`,
          OpenUpload,
          { rows, ciphertexts: count, blocks: held },
          askOptions(agreement)
        ),
      { concurrency: "unbounded", discard: true }
    )
  })

/** Cells to fixed-point words, little-endian. */
type Encode = (cells: Float64Array) => Effect.Effect<Uint8Array, OutOfRange>

const encoder = (agreement: Agreement): Effect.Effect<Encode> =>
  Effect.map(
    Effect.promise(() => Ring.load()),
    (ring) => (cells) =>
      raised([OutOfRange], () => {
        const mark = ring.mark()
        const matrix = ring.matrix(1, cells.length)
        ring.encode(matrix, cells, agreement.security.fractionalBits)
        const words = ring.copyOut(matrix)
        ring.release(mark)
        return words
      })
  )

const uploadPacked = (
  agreement: Agreement,
  membership: Membership,
  blocks: ReadonlyArray<FilledBlock>,
  encode: Encode,
  seed: Uint8Array
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const { parameters } = membership
    const publicKey = yield* rosterBcpKey(membership.roster, party.name)
    const words = new Uint8Array(countCells(blocks) * wordBytes)
    for (const { first, read } of cellsInOrder(blocks, cellsARun))
      words.set(yield* encode(read()), first * wordBytes)
    const { share0, share1 } = splitWords(words, seed)

    const slots = slotsPerPlaintext(parameters.bits, uploadSlotBits)
    const ciphertexts = ciphertextCount(countCells(blocks), slots)
    const ask = askOptions(agreement)
    const pieces = yield* cutRun(ciphertexts, ciphertextBytes(parameters), pieceBytes)
    const key = { parameters, publicKey, mode: agreement.security.exponents }
    yield* Effect.forEach(
      pieces,
      (piece) =>
        Effect.gen(function* () {
          const run0 = yield* encryptPiece(pool, key, share0, piece, uploadSlotBits)
          yield* party.ask("cloud0", UploadShare0, run0, ask)
          const run1 = yield* encryptPiece(pool, key, share1, piece, uploadSlotBits)
          const sealed = yield* sealTo(membership, "cloud1", UploadShare1.tag, SealedCiphertextRun, run1)
          yield* party.ask("cloud1", UploadShare1, { sealed }, ask)
        }),
      { concurrency: piecesAtOnce, discard: true }
    )
  })

/** The share of C1 is made, sealed and sent run by run; nothing is there as a whole. */
const uploadHybrid = (
  agreement: Agreement,
  membership: Membership,
  blocks: ReadonlyArray<FilledBlock>,
  encode: Encode,
  seed: Uint8Array
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const ask = askOptions(agreement)
    const { ciphertexts } = yield* pool.run("encryptPacked", {
      parameters: membership.parameters,
      publicKey: yield* rosterBcpKey(membership.roster, party.name),
      mode: agreement.security.exponents,
      words: seed,
      slotBits: uploadSlotBits
    })
    yield* party.ask("cloud0", UploadShare0, { first: 0, ciphertexts }, ask)
    yield* Effect.forEach(
      cellsInOrder(blocks, cellsARun),
      ({ first, length, read }) =>
        Effect.gen(function* () {
          const words = subtractWords(yield* encode(read()), expandSeed(seed, length, first))
          const sealed = yield* sealTo(membership, "cloud1", UploadWords1.tag, SealedWordRun, {
            first,
            words
          })
          yield* party.ask("cloud1", UploadWords1, { sealed }, ask)
        }),
      { concurrency: piecesAtOnce, discard: true }
    )
  })
