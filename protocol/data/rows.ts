/**
 * Whose row is whose: users whose tables differ in rows and in row order agree on one joint order by salted digests of
 * the row ids. The users share the salt; clouds see only indices into the joint order, never an id or a digest.
 */
import { createHmac } from "node:crypto"
import { Data } from "effect"
import type { EncodedTable } from "./encoding.ts"

/** Bytes of a digest: HMAC-SHA256(salt, id), its first half. */
export const digestBytes = 16

/** Digests of the ids, one after the other. Without the salt they tell nothing of the ids. */
export const digestIds = (salt: Uint8Array, ids: ReadonlyArray<string>): Uint8Array => {
  const digests = new Uint8Array(ids.length * digestBytes)
  ids.forEach((id, index) => {
    const digest = createHmac("sha256", salt).update(id, "utf8").digest()
    digests.set(digest.subarray(0, digestBytes), index * digestBytes)
  })
  return digests
}

/** A list of digests or of indices whose length does not fit. */
export class MalformedRows extends Data.TaggedError("MalformedRows")<{
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; the sender speaks another version of the protocol or the message was cut short`
  }
}

/** The rows of the joint table: every id that any user holds, in ascending order of digests. */
export interface JointRows {
  readonly total: number
  /** Rows 0 … training − 1 are uploaded and trained on. */
  readonly training: number
  /** Rows training … total − 1 are kept by the users for testing. */
  readonly heldOut: number
  /** Joint index of each of the given digests. Throws `MalformedRows` for one that is not among them. */
  readonly indices: (digests: Uint8Array) => Uint32Array
}

/** The joint order of all users' rows; the last ⌊share·rows⌋ rows of it are held out. */
export const joinRows = (digestLists: Iterable<Uint8Array>, heldOutShare: number): JointRows => {
  const keys = new Set<string>()
  for (const digests of digestLists) for (const key of digestKeys(digests)) keys.add(key)
  // Hexadecimal text sorts as the bytes do.
  const order = new Map([...keys].sort().map((key, index) => [key, index]))
  const total = order.size
  const heldOut = Math.floor(heldOutShare * total)
  return {
    total,
    training: total - heldOut,
    heldOut,
    indices: (digests) =>
      Uint32Array.from(digestKeys(digests), (key) => {
        const index = order.get(key)
        if (index === undefined)
          throw new MalformedRows({ reason: "a digest is of no row of the joint table" })
        return index
      })
  }
}

const digestKeys = (digests: Uint8Array): ReadonlyArray<string> => {
  if (digests.length % digestBytes !== 0) {
    throw new MalformedRows({
      reason: `${digests.length} bytes are not a whole number of ${digestBytes}-byte digests`
    })
  }
  const text = Buffer.from(digests.buffer, digests.byteOffset, digests.byteLength).toString("hex")
  return Array.from({ length: digests.length / digestBytes }, (_, index) =>
    text.slice(index * 2 * digestBytes, (index + 1) * 2 * digestBytes)
  )
}

/** Cells by index: every one of the rows in every one of the columns. */
export interface CellBlock {
  /** Joint row indices, ascending. */
  readonly rows: Uint32Array
  /** Joint column indices, ascending. */
  readonly columns: Uint32Array
}

/** A block with its cells: rows × columns, row-major. */
export interface FilledBlock extends CellBlock {
  readonly cells: Float64Array
}

/** A user's cells, by joint index: what it uploads, and what it keeps for testing. */
export interface PlacedCells {
  readonly training: ReadonlyArray<FilledBlock>
  readonly heldOut: ReadonlyArray<FilledBlock>
}

/** Places a user's tables in the joint table. Blocks without a cell are left out. */
export const placeCells = (
  tables: ReadonlyArray<EncodedTable>,
  salt: Uint8Array,
  joint: JointRows
): PlacedCells => {
  const blocks = tables.map((table) => placeTable(table, joint.indices(digestIds(salt, table.ids))))
  const filled = (block: FilledBlock) => block.cells.length > 0
  return {
    training: blocks.map((block) => keepRows(block, (row) => row < joint.training)).filter(filled),
    heldOut: blocks.map((block) => keepRows(block, (row) => row >= joint.training)).filter(filled)
  }
}

const placeTable = (table: EncodedTable, rows: Uint32Array): FilledBlock => {
  const width = table.columns.length
  const order = Array.from(rows.keys()).sort((a, b) => rows[a]! - rows[b]!)
  const cells = new Float64Array(table.cells.length)
  order.forEach((from, to) => {
    cells.set(table.cells.subarray(from * width, (from + 1) * width), to * width)
  })
  return { rows: Uint32Array.from(order, (from) => rows[from]!), columns: table.columns, cells }
}

/** The block with only some of its rows; they stay in order. */
const keepRows = ({ rows, columns, cells }: FilledBlock, keep: (row: number) => boolean): FilledBlock => {
  const kept = Array.from(rows.keys()).filter((place) => keep(rows[place]!))
  const width = columns.length
  const keptCells = new Float64Array(kept.length * width)
  kept.forEach((from, to) => {
    keptCells.set(cells.subarray(from * width, (from + 1) * width), to * width)
  })
  return { rows: Uint32Array.from(kept, (place) => rows[place]!), columns, cells: keptCells }
}

/** Number of cells in blocks. */
export const countCells = (blocks: ReadonlyArray<CellBlock>): number =>
  blocks.reduce((sum, { rows, columns }) => sum + rows.length * columns.length, 0)

/** The cells of all blocks, block by block, row by row: the order in which they are uploaded. */
export const cellsInOrder = (blocks: ReadonlyArray<FilledBlock>): Float64Array => {
  const cells = new Float64Array(countCells(blocks))
  let at = 0
  for (const block of blocks) {
    cells.set(block.cells, at)
    at += block.cells.length
  }
  return cells
}

/** Indices as little-endian u32, for messages. */
export const indicesToBytes = (indices: Uint32Array): Uint8Array => {
  const view = new DataView(new ArrayBuffer(4 * indices.length))
  indices.forEach((index, place) => {
    view.setUint32(4 * place, index, true)
  })
  return new Uint8Array(view.buffer)
}

/** The reverse of `indicesToBytes`. Throws `MalformedRows` when the length does not fit. */
export const indicesFromBytes = (bytes: Uint8Array): Uint32Array => {
  if (bytes.length % 4 !== 0) {
    throw new MalformedRows({ reason: `${bytes.length} bytes are not a whole number of 4-byte indices` })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Uint32Array.from({ length: bytes.length / 4 }, (_, place) => view.getUint32(4 * place, true))
}
