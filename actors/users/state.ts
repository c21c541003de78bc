/**
 * What a user stores between its upload and the output, so that it can leave or crash in between: the size of
 * the joint table, and the cells that it held out for testing.
 */
import { Effect } from "effect"
import { denseCells, readRows } from "../../protocol/data/cells.ts"
import { type FilledBlock, indicesFromBytes, indicesToBytes } from "../../protocol/data/rows.ts"
import { Count, format } from "../../protocol/messages/message.ts"
import { BlocksOnWire } from "../../protocol/messages/output.ts"
import { Schema } from "../../protocol/schema.ts"
import type { StorageFormat } from "../party/once.ts"

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

export interface UserState {
  /** Rows of the joint table: the training rows come first, then the held-out rows. */
  readonly rows: { readonly total: number; readonly training: number }
  /** The user's own cells of held-out rows. */
  readonly heldOut: ReadonlyArray<FilledBlock>
  /** The user who tests on pooled held-out rows. */
  readonly tester: string
  /** The size of the upload, for the director. */
  readonly words: number
  readonly ciphertexts: number
}

const Stored = format(
  "user state",
  Schema.Struct({
    rows: Schema.Struct({ total: Count, training: Count }),
    heldOut: BlocksOnWire,
    tester: Schema.String,
    words: Count,
    ciphertexts: Count
  })
)

export const userStateFormat: StorageFormat<
  UserState,
  Effect.Effect.Error<ReturnType<typeof Stored.decode>>,
  never
> = {
  encode: (state) => Stored.encode({ ...state, heldOut: blocksToWire(state.heldOut) }),
  decode: (bytes) =>
    Effect.map(Stored.decode(bytes), (stored) => ({ ...stored, heldOut: blocksFromWire(stored.heldOut) }))
}
