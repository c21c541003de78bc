/**
 * What a cloud keeps of the transformation (section 4 of docs/protocol.md): which cells came from whom, and of each user its
 * share, opened. The joint table is put together from these, after a crash as at first.
 */
import { Effect } from "effect"
import { type CellBlock, indicesFromBytes, indicesToBytes } from "../protocol/data/rows.ts"
import { Bytes, Count, format } from "../protocol/messages/message.ts"
import { Schema } from "../protocol/schema.ts"
import type { Agreement } from "./agreement.ts"
import type { Keeping } from "./once.ts"
import { emptyTable, placeAll } from "./shared-table.ts"

/** The outline of the joint table. */
export interface Transformed {
  readonly rows: number
  /** For the director: how many were transformed, or are in the archive. */
  readonly ciphertexts: number
  readonly uploads: ReadonlyArray<{ readonly user: string; readonly blocks: ReadonlyArray<CellBlock> }>
}

const Kept = format(
  "joint table",
  Schema.Struct({
    rows: Count,
    ciphertexts: Count,
    uploads: Schema.Array(
      Schema.Struct({
        user: Schema.String,
        blocks: Schema.Array(Schema.Struct({ rows: Bytes, columns: Bytes }))
      })
    )
  })
)

/** How it is kept. */
export const keptTransformed: Keeping<
  Transformed,
  Effect.Effect.Error<ReturnType<typeof Kept.decode>>,
  never
> = {
  encode: ({ rows, ciphertexts, uploads }) =>
    Kept.encode({
      rows,
      ciphertexts,
      uploads: uploads.map(({ user, blocks }) => ({
        user,
        blocks: blocks.map((block) => ({
          rows: indicesToBytes(block.rows),
          columns: indicesToBytes(block.columns)
        }))
      }))
    }),
  decode: (bytes) =>
    Effect.map(Kept.decode(bytes), ({ rows, ciphertexts, uploads }) => ({
      rows,
      ciphertexts,
      uploads: uploads.map(({ user, blocks }) => ({
        user,
        blocks: blocks.map((block) => ({
          rows: indicesFromBytes(block.rows),
          columns: indicesFromBytes(block.columns)
        }))
      }))
    }))
}

/** Gives the words of a user's share from the `first`-th on, `count` of them. */
export type ShareOf<E, R> = (first: number, count: number) => Effect.Effect<Uint8Array, E, R>

/** The table, from each user's share in turn; one share is there at a time. */
export const jointTable = <E1, R1, E2, R2>(
  agreement: Agreement,
  { rows, uploads }: Transformed,
  shareOf: (user: string) => Effect.Effect<ShareOf<E2, R2>, E1, R1>
) =>
  Effect.gen(function* () {
    const joint = yield* emptyTable(agreement, rows)
    for (const { user, blocks } of uploads) yield* placeAll(joint, blocks, yield* shareOf(user))
    return joint
  })

/** How a cloud's share of the trained model is kept. */
export const keptTrained = format(
  "trained share",
  Schema.Struct({ words: Bytes, steps: Count, rounds: Count })
)
