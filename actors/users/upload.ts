/**
 * A user's upload: cells become fixed-point words, and each word two shares, one for each cloud. How the
 * shares are encrypted and sent is the form of the upload (`../sharing/`).
 */
import { Effect } from "effect"
import { countCells, type FilledBlock, indicesToBytes } from "../../protocol/data/rows.ts"
import { OpenUpload } from "../../protocol/messages/upload.ts"
import { OutOfRange, Ring } from "../../protocol/ring/ring.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import type { Agreement } from "../party/agreement.ts"
import type { Membership } from "../party/handouts.ts"
import type { Root } from "../party/root.ts"
import { raised } from "../party/typed-throws.ts"
import { sharingOf } from "../sharing/forms.ts"
import type { OutgoingCells } from "../sharing/sharing.ts"
import type { PlacedRows } from "./rows.ts"
import { digestUpload } from "./upload-digest.ts"

/**
 * Shares and sends all cells but those that are held out; done once both clouds have confirmed every piece. `tables` is the digest
 * of the user's tables. An upload that is repeated after a crash sends the same bytes, because each cloud may
 * have either version of a piece. Other cells, or the same in another order, are under other pads.
 */
export const upload = (
  agreement: Agreement,
  membership: Membership,
  { joint, placed, declared, statistics }: PlacedRows,
  tables: string,
  root: Root
) =>
  Effect.gen(function* () {
    const form = sharingOf(agreement).upload
    const blocks = placed.training
    const words = countCells(blocks)
    const ciphertexts = form.ciphertexts(words, membership.parameters.bits)
    yield* announce(agreement, joint.uploaded, blocks, ciphertexts)
    const covered = digestUpload(tables, declared, statistics)
    const [seed, randomness] = [root("share", covered), root("randomizers", covered)]
    yield* form.send({ agreement, membership, blocks, encode: yield* encoder(agreement), seed, randomness })
    return { words, ciphertexts: ciphertexts[0] + ciphertexts[1] }
  }).pipe(Effect.withSpan("user.upload"))

/** Announces to both clouds which cells are coming, and in how many ciphertexts. */
const announce = (
  { deadlines }: Agreement,
  rows: number,
  blocks: ReadonlyArray<FilledBlock>,
  ciphertexts: readonly [number, number]
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const ask = { deadlineMs: deadlines.replyTimeoutMs, phase: "upload" }
    const held = blocks.map(({ rows, columns }) => ({ rows: indicesToBytes(rows), columns: [...columns] }))
    yield* Effect.forEach(
      ciphertexts,
      (count, cloud) =>
        party.ask(`cloud${cloud}`, OpenUpload, { rows, ciphertexts: count, blocks: held }, ask),
      { concurrency: "unbounded", discard: true }
    )
  })

const encoder = (agreement: Agreement): Effect.Effect<OutgoingCells["encode"]> =>
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
