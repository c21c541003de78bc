/**
 * A cloud's shares of the joint training table, in the memory in which it computes with them. They are there
 * once, and are assembled part by part from each user's share, so that no other copy of the whole is ever
 * needed.
 */
import { Effect } from "effect"
import { wordBytes } from "../../../protocol/bytes.ts"
import { featureCount, labelCount } from "../../../protocol/data/description.ts"
import { placeRun } from "../../../protocol/data/joint.ts"
import { type CellBlock, countCells, indicesFromBytes, indicesToBytes } from "../../../protocol/data/rows.ts"
import { Bytes, Count, format } from "../../../protocol/messages/message.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { Schema } from "../../../protocol/schema.ts"
import type { Agreement } from "../../party/agreement.ts"
import { yieldTurn } from "../../party/yield-turn.ts"
import { wordsAtATime } from "../../sharing/share-words.ts"
import type { ShareReader } from "../../sharing/sharing.ts"

const Indices: Schema.Schema<Uint32Array, Uint8Array> = Schema.transform(
  Bytes,
  Schema.declare((input): input is Uint32Array => input instanceof Uint32Array),
  { strict: true, decode: indicesFromBytes, encode: indicesToBytes }
)

/** Which cells are whose. */
export const UploadedCells = Schema.Array(
  Schema.Struct({
    user: Schema.String,
    blocks: Schema.Array(Schema.Struct({ rows: Indices, columns: Indices }))
  })
)

const Outline = Schema.Struct({
  rows: Count,
  /** Where users have been withdrawn from an archive: the rows of which all cells are left, of those that were uploaded. */
  left: Schema.optionalWith(Schema.Struct({ of: Count, whole: Indices }), { exact: true }),
  /** For the director: how many ciphertexts were transformed, or are in the archive. */
  ciphertexts: Count,
  uploads: UploadedCells
})
/** Which cells of the joint table came from which user. The users' shares are stored separately. */
export type TableOutline = typeof Outline.Type
export const outlineFormat = format("joint table", Outline)

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
    return { rows, ring, features, labels: ring.matrix(rows, labelCount(agreement.data)) }
  })

/** Places all words of a user's blocks, which have passed the coverage check. */
const placeAll = (
  { ring, features, labels }: SharedTable,
  blocks: ReadonlyArray<CellBlock>,
  read: ShareReader
) =>
  Effect.gen(function* () {
    const words = countCells(blocks)
    const widths = { features: features.cols, labels: labels.cols }
    for (let first = 0; first < words; first += wordsAtATime) {
      const part = yield* read(first, Math.min(wordsAtATime, words - first))
      placeRun(blocks, part, first, { features: ring.view(features), labels: ring.view(labels) }, widths)
      yield* yieldTurn
    }
  })

/** The table with these of its rows, ascending, in the memory that it is in. */
const withRows = ({ ring, features, labels }: SharedTable, whole: Uint32Array): SharedTable => {
  const moved = (matrix: Matrix): Matrix => {
    const bytes = ring.view(matrix)
    const width = matrix.cols * wordBytes
    whole.forEach((row, place) => {
      bytes.copyWithin(place * width, row * width, (row + 1) * width)
    })
    return { ...matrix, rows: whole.length }
  }
  return { rows: whole.length, ring, features: moved(features), labels: moved(labels) }
}

/**
 * The joint table, assembled from each user's share in turn; one share is in memory at a time. A training
 * session consumes the table, so it is assembled again for the next.
 */
export const jointTables = <E, R, E1, R1>(
  agreement: Agreement,
  outline: Effect.Effect<TableOutline, E, R>,
  shareOf: (user: string) => Effect.Effect<ShareReader, E1, R1>
) => {
  let prepared: SharedTable | undefined
  const assembled = Effect.gen(function* () {
    const { rows, left, uploads } = yield* outline
    const joint = yield* emptyTable(agreement, left?.of ?? rows)
    for (const { user, blocks } of uploads) yield* placeAll(joint, blocks, yield* shareOf(user))
    return left === undefined ? joint : withRows(joint, left.whole)
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
