/**
 * What a cloud keeps of the transformation (section 4 of docs/protocol.md): which cells came from whom, and of each user its
 * share, opened. The joint table is put together from these, after a crash as at first.
 */
import { Effect } from "effect"
import { type CellBlock, indicesFromBytes, indicesToBytes } from "../../../protocol/data/rows.ts"
import { Bytes, Count, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import type { Agreement } from "../../party/agreement.ts"
import type { Keeping } from "../../party/once.ts"
import { emptyTable, placeAll, type SharedTable } from "./shared-table.ts"

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

/**
 * The joint table at a cloud, from each user's share in turn; one share is there at a time. A session of the training uses it up, so
 * it is made again for the next.
 */
export const jointTables = <E1, R1, E2, R2, E3, R3>(
  agreement: Agreement,
  transformed: Effect.Effect<Transformed, E3, R3>,
  shareOf: (user: string) => Effect.Effect<ShareOf<E2, R2>, E1, R1>
) => {
  let ahead: SharedTable | undefined
  const make = Effect.gen(function* () {
    const { rows, uploads } = yield* transformed
    const joint = yield* emptyTable(agreement, rows)
    for (const { user, blocks } of uploads) yield* placeAll(joint, blocks, yield* shareOf(user))
    return joint
  })
  /** Makes it ahead of the training. */
  const prepare = Effect.suspend(() =>
    ahead === undefined
      ? Effect.map(make, (table) => {
          ahead = table
        })
      : Effect.void
  )
  /** Hands it over. */
  const take = Effect.suspend(() => {
    const table = ahead
    ahead = undefined
    return table === undefined ? make : Effect.succeed(table)
  })
  return { prepare, take }
}

/** How a cloud's share of the trained model is kept. */
export const keptTrained = format(
  "trained share",
  Schema.Struct({ words: Bytes, steps: Count, rounds: Count })
)
