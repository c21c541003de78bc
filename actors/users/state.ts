/**
 * What a user stores between its upload and the output, so that it can leave or crash in between: the size of
 * the joint table, and the cells that it held out for testing.
 */
import { denseCells, readRows } from "../../protocol/data/cells.ts"
import type { Moments, Statistics } from "../../protocol/data/preparation.ts"
import { type FilledBlock, indicesFromBytes, indicesToBytes } from "../../protocol/data/rows.ts"
import { Count, format } from "../../protocol/messages/message.ts"
import { BlocksOnWire } from "../../protocol/messages/output.ts"
import { Schema } from "../../protocol/schema.ts"

type Blocks = typeof BlocksOnWire.Type

export const blocksToWire = (blocks: ReadonlyArray<FilledBlock>): Blocks =>
  blocks.map(({ rows, columns, cells }) => ({
    rows: indicesToBytes(rows),
    columns: [...columns],
    cells: new Uint8Array(readRows(cells).buffer)
  }))

export const blocksFromWire = (blocks: Blocks): ReadonlyArray<FilledBlock> =>
  blocks.map(({ rows, columns, cells }) => ({
    rows: indicesFromBytes(rows),
    columns: Uint32Array.from(columns),
    cells: denseCells(columns.length, new Float64Array(cells.slice().buffer))
  }))

const HeldOutBlocks: Schema.Schema<ReadonlyArray<FilledBlock>, Blocks> = Schema.transform(
  BlocksOnWire,
  Schema.declare((input): input is ReadonlyArray<FilledBlock> => Array.isArray(input)),
  { strict: true, decode: blocksFromWire, encode: blocksToWire }
)

const StatisticsOnWire: Schema.Schema<Statistics, Wire> = Schema.transform(
  Schema.Struct({
    moments: Schema.Array(
      Schema.Struct({
        column: Schema.String,
        count: Count,
        mean: Schema.Number,
        deviation: Schema.optionalWith(Schema.Number, { exact: true })
      })
    ),
    counts: Schema.Array(Schema.Struct({ column: Schema.String, counts: Schema.Array(Count) }))
  }),
  Schema.declare((input): input is Statistics => typeof input === "object" && input !== null),
  {
    strict: true,
    decode: ({ moments, counts }) => ({
      moments: new Map(moments.map(({ column, ...rest }) => [column, rest])),
      counts: new Map(counts.map(({ column, counts }) => [column, counts]))
    }),
    encode: ({ moments, counts }) => ({
      moments: [...moments].map(([column, rest]) => ({ column, ...rest })),
      counts: [...counts].map(([column, counts]) => ({ column, counts }))
    })
  }
)
interface Wire {
  readonly moments: ReadonlyArray<Moments & { readonly column: string }>
  readonly counts: ReadonlyArray<{ readonly column: string; readonly counts: ReadonlyArray<number> }>
}

const UserState = Schema.Struct({
  /** Rows of the joint table: those that are uploaded come first, then the held-out rows. */
  rows: Schema.Struct({ total: Count, uploaded: Count }),
  /** The user's own cells of held-out rows. */
  heldOut: HeldOutBlocks,
  /** The users that hold labels. The first of those that are there tests on pooled held-out rows. */
  testers: Schema.Array(Schema.String),
  /** What the users have found out of their columns: the model says what becomes of a cell by it. */
  statistics: StatisticsOnWire,
  /** The size of the upload, for the director. */
  words: Count,
  ciphertexts: Count
})
export type UserState = typeof UserState.Type
export const userStateFormat = format("user state", UserState)
