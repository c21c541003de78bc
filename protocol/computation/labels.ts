/**
 * The labels of a ReLU output, opened once a run (section 5 of docs/concepts/protocol.md): their difference from the
 * activation is gated by a secret bit, and with the labels under a mask that takes no round.
 */

import { wordBytes } from "../bytes.ts"
import type { Operation, Round, Shape } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import type { ComputingParty } from "./party.ts"
import { gatherRows } from "./product.ts"
import type { GateShare } from "./rescale.ts"
import { dealtLayout, openingPieces } from "./sizes.ts"
import { padWords, unpadded } from "./slices.ts"

/** A cloud's part of opened labels. */
export interface OpenedLabels extends Shape {
  /** Y − M, M the sum of the masks: known to both clouds. */
  readonly opened: Matrix
  /** This cloud's share of Y. */
  readonly share: Matrix
}

/** Opens labels under the mask of `op`. One round for each of `openingPieces`. */
export function* openLabels(party: ComputingParty, op: Operation, y: Matrix): Round<OpenedLabels> {
  const { ring } = party
  const { rows, cols } = y
  const words = rows * cols
  const opened = { rows, cols, at: party.draw(op, "mask", words, party.range(y).first) }
  ring.subtract(opened, y, opened)
  let first = 0
  for (const piece of openingPieces(words)) {
    yield* party.reveal(op, opened.at + first * wordBytes, piece, "add")
    first += piece
  }
  return { rows, cols, opened, share: y }
}

/** Rows of opened labels. New memory. */
export const gatherLabels = (
  ring: Ring,
  { cols, opened, share }: OpenedLabels,
  rows: Uint32Array
): OpenedLabels => ({
  rows: rows.length,
  cols,
  opened: gatherRows(ring, opened, rows),
  share: gatherRows(ring, share, rows)
})

/** A share of (activation − labels)·d where activation = d·z already. Local. */
export const gatedDifference = (
  party: ComputingParty,
  op: Operation,
  activation: Matrix,
  labels: OpenedLabels,
  gate: GateShare
): Matrix => {
  const { ring } = party
  const range = party.range(activation)
  const out = ring.matrix(1, range.padded)
  const mark = ring.mark()
  ring.kernels.gatedDifference(
    out.at,
    padWords(ring, activation.at, range),
    padWords(ring, labels.share.at, range),
    padWords(ring, labels.opened.at, range),
    party.dealt(op, dealtLayout.gatedDifference, range).memory,
    gate.beta,
    gate.bits,
    range.padded
  )
  ring.release(mark)
  return unpadded(out.at, activation, range)
}
