/**
 * A cloud's shares of the joint training table, in the memory in which it computes with them. They are there
 * once, and are assembled part by part from each user's share, so that no other copy of the whole is ever
 * needed.
 */
import { Effect } from "effect"
import { featureCount } from "../../../protocol/data/encoding.ts"
import { placeRun } from "../../../protocol/data/joint.ts"
import { type CellBlock, countCells, indicesFromBytes, indicesToBytes } from "../../../protocol/data/rows.ts"
import { Bytes, Count, format } from "../../../protocol/messages/message.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { Schema } from "../../../protocol/schema.ts"
import type { Agreement } from "../../party/agreement.ts"
import type { StorageFormat } from "../../party/once.ts"
import { yieldTurn } from "../../party/yield-turn.ts"
import { wordsAtATime } from "../../sharing/share-words.ts"
import type { ShareReader } from "../../sharing/sharing.ts"

/**
 * The outline of the joint table: which cells came from which user. The users' shares are stored separately.
 */
export interface TableOutline {
  readonly rows: number
  /** For the director: how many ciphertexts were transformed, or are in the archive. */
  readonly ciphertexts: number
  readonly uploads: ReadonlyArray<{ readonly user: string; readonly blocks: ReadonlyArray<CellBlock> }>
}

const Stored = format(
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

export const outlineFormat: StorageFormat<
  TableOutline,
  Effect.Effect.Error<ReturnType<typeof Stored.decode>>,
  never
> = {
  encode: ({ rows, ciphertexts, uploads }) =>
    Stored.encode({
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
    Effect.map(Stored.decode(bytes), ({ rows, ciphertexts, uploads }) => ({
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

export interface SharedTable {
  readonly rows: number
  readonly ring: Ring
  /** rows × features and rows × labels. */
  readonly features: Matrix
  readonly labels: Matrix
}

/** A table whose words are still to be placed, in a ring of its own. */
export const emptyTable = (agreement: Agreement, rows: number): Effect.Effect<SharedTable> =>
  Effect.promise(async () => {
    const ring = await Ring.load()
    const features = ring.matrix(rows, featureCount(agreement.data))
    return { rows, ring, features, labels: ring.matrix(rows, agreement.data.label.values.length) }
  })

/** Places all words of a user's blocks, which have passed the coverage check. */
const placeAll = <E, R>(
  { ring, features, labels }: SharedTable,
  blocks: ReadonlyArray<CellBlock>,
  read: ShareReader<E, R>
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const words = countCells(blocks)
    const widths = { features: features.cols, labels: labels.cols }
    for (let first = 0; first < words; first += wordsAtATime) {
      const part = yield* read(first, Math.min(wordsAtATime, words - first))
      placeRun(blocks, part, first, { features: ring.view(features), labels: ring.view(labels) }, widths)
      yield* yieldTurn
    }
  })

/**
 * The joint table, assembled from each user's share in turn; one share is in memory at a time. A training
 * session consumes the table, so it is assembled again for the next.
 */
export const jointTables = <E1, R1, E2, R2, E3, R3>(
  agreement: Agreement,
  outline: Effect.Effect<TableOutline, E3, R3>,
  shareOf: (user: string) => Effect.Effect<ShareReader<E2, R2>, E1, R1>
) => {
  let prepared: SharedTable | undefined
  const assembled = Effect.gen(function* () {
    const { rows, uploads } = yield* outline
    const joint = yield* emptyTable(agreement, rows)
    for (const { user, blocks } of uploads) yield* placeAll(joint, blocks, yield* shareOf(user))
    return joint
  })
  /** Assembles it ahead of the training. */
  const prepare = Effect.suspend(() =>
    prepared === undefined
      ? Effect.map(assembled, (table) => {
          prepared = table
        })
      : Effect.void
  )
  /** Hands it over. */
  const take = Effect.suspend(() => {
    const table = prepared
    prepared = undefined
    return table === undefined ? assembled : Effect.succeed(table)
  })
  return { prepare, take }
}
