/**
 * A cloud's shares of the joint training table, in the memory in which it computes with them: there once, and put together from
 * what the users uploaded run by run, so that no other copy of the whole is ever needed.
 */
import { Effect } from "effect"
import { featureCount } from "../../../protocol/data/encoding.ts"
import { placeRun } from "../../../protocol/data/joint.ts"
import { type CellBlock, countCells } from "../../../protocol/data/rows.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { wordBytes } from "../../../protocol/sharing/split.ts"
import type { Agreement } from "../../party/agreement.ts"
import { othersTurn } from "../../party/yield-turn.ts"

export interface SharedTable {
  readonly rows: number
  readonly ring: Ring
  /** rows × features and rows × labels. */
  readonly features: Matrix
  readonly labels: Matrix
}

/** Words of a run that is made, placed or kept at a time: 4 MiB, some milliseconds of work. */
export const runWords = 2 ** 19

/** A table whose words are still to be placed, in a ring of its own. */
export const emptyTable = (agreement: Agreement, rows: number): Effect.Effect<SharedTable> =>
  Effect.promise(async () => {
    const ring = await Ring.load()
    const features = ring.matrix(rows, featureCount(agreement.data))
    return { rows, ring, features, labels: ring.matrix(rows, agreement.data.label.values.length) }
  })

/**
 * Places all words of a user's blocks. `run` gives those from the `first`-th on, `count` of them, as little-endian bytes; the
 * blocks have passed the coverage check.
 */
export const placeAll = <E, R>(
  { ring, features, labels }: SharedTable,
  blocks: ReadonlyArray<CellBlock>,
  run: (first: number, count: number) => Effect.Effect<Uint8Array, E, R>
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const words = countCells(blocks)
    const widths = { features: features.cols, labels: labels.cols }
    for (let first = 0; first < words; first += runWords) {
      const part = yield* run(first, Math.min(runWords, words - first))
      placeRun(blocks, part, first, { features: ring.view(features), labels: ring.view(labels) }, widths)
      yield* othersTurn
    }
  })

/** Part of a share that is there as a whole. */
export const partOf =
  (share: Uint8Array) =>
  (first: number, count: number): Effect.Effect<Uint8Array> =>
    Effect.succeed(share.subarray(first * wordBytes, (first + count) * wordBytes))
