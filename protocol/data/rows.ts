/**
 * Matches the users' rows: users whose tables differ in rows and row order agree on one joint order by digests of
 * the row ids, under a salt that they share or, in a private join (`protocol/join/`), under secrets of all of
 * them. Clouds see only indices into the joint order, never an id or a digest.
 */
import { Data } from "effect"
import { type Cells, pickRows, readRows } from "./cells.ts"
import { DigestOrder, digestBytes } from "./digest-order.ts"
import { type EncodedTable, type HeldTable, pickHeld } from "./encoding.ts"
import { keyedDigests } from "./keyed-digest.ts"

/**
 * HMAC-SHA256(salt, id) of the ids, the first half of each, one after the other. Without the salt they tell
 * nothing of the ids.
 */
export const digestIds = (salt: Uint8Array, ids: ReadonlyArray<string>): Uint8Array =>
  keyedDigests(salt, ids, digestBytes)

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
  /** Rows training … uploaded − 1 are uploaded too, and only validated on. */
  readonly uploaded: number
  /** Rows uploaded … total − 1 are kept by the users for testing. */
  readonly heldOut: number
  /** Joint index of each of the given digests. Throws `MalformedRows` for one that is not among them. */
  readonly indices: (digests: Uint8Array) => Uint32Array
}

/** Digests of the rows of one block, and whether they are marked as held out. */
export interface DigestList {
  readonly digests: Uint8Array
  readonly heldOut: boolean
}

/** Rows that some users mark as held out and others do not. */
export class MarkedByOneOnly extends Data.TaggedError("MarkedByOneOnly")<{
  readonly rows: number
}> {
  readonly retryable = false
  override get message(): string {
    const what = this.rows === 1 ? "1 row is" : `${this.rows} rows are`
    return `${what} marked as held out in one file and not in another; mark the row in every file that has cells of it`
  }
}

/** How many of the rows that are uploaded are validated on: the last of them. */
export const validatedRows = (share: number, uploaded: number): number => Math.floor(share * uploaded)

/**
 * The joint order of all users' rows: first those that no user marks as held out, of which the last
 * ⌊share·rows⌋ are held out nevertheless, then the marked ones. Throws `MalformedRows` and `MarkedByOneOnly`.
 */
export const joinRows = (
  lists: Iterable<DigestList>,
  heldOutShare: number,
  validationShare = 0
): JointRows => {
  const all = [...lists]
  for (const { digests } of all) requireWhole(digests)
  const listed = (heldOut: boolean) => all.flatMap((list) => (list.heldOut === heldOut ? [list.digests] : []))
  const order = new DigestOrder(listed(false))
  const marked = new DigestOrder(listed(true))
  const both = marked.countIn(order)
  if (both > 0) throw new MarkedByOneOnly({ rows: both })
  const uploaded = order.count - Math.floor(heldOutShare * order.count)
  const total = order.count + marked.count
  return {
    total,
    training: uploaded - validatedRows(validationShare, uploaded),
    uploaded,
    heldOut: total - uploaded,
    indices: (digests) => {
      requireWhole(digests)
      const indices = new Uint32Array(digests.length / digestBytes)
      for (let i = 0; i < indices.length; i++) {
        const place = order.placeOf(digests, i)
        const markedPlace = place < 0 ? marked.placeOf(digests, i) : 0
        if (markedPlace < 0) throw new MalformedRows({ reason: "a digest is of no row of the joint table" })
        indices[i] = place < 0 ? order.count + markedPlace : place
      }
      return indices
    }
  }
}

const requireWhole = ({ length }: Uint8Array): void => {
  if (length % digestBytes !== 0) {
    throw new MalformedRows({
      reason: `${length} bytes are not a whole number of ${digestBytes}-byte digests`
    })
  }
}

/** The tables of all users without the rows of which some user lacks the label, which no user's cells take part in. */
export const leaveOut = (
  tables: ReadonlyArray<ReadonlyArray<HeldTable>>
): ReadonlyArray<ReadonlyArray<HeldTable>> => {
  const out = new Set(
    tables.flat().flatMap(({ ids, unlabelled }) => Array.from(unlabelled, (row) => ids[row]!))
  )
  return tables.map((held) => withoutIds(held, out))
}

const withoutIds = (tables: ReadonlyArray<HeldTable>, out: ReadonlySet<string>): ReadonlyArray<HeldTable> => {
  if (out.size === 0) return tables
  const kept = ({ ids }: HeldTable) => Uint32Array.from(ids.keys()).filter((row) => !out.has(ids[row]!))
  return tables.map((table) => pickHeld(table, kept(table)))
}

/**
 * A user's tables without the rows that lack the label and that this user has all `width` joint columns of: the
 * others need not know of them.
 */
export const withoutOwnUnlabelled = (
  tables: ReadonlyArray<HeldTable>,
  width: number
): ReadonlyArray<HeldTable> => {
  const columns = new Map(
    tables.flatMap(({ ids, unlabelled }) =>
      Array.from(unlabelled, (row) => [ids[row]!, 0] as [string, number])
    )
  )
  if (columns.size === 0) return tables
  for (const table of tables)
    for (const id of table.ids) {
      const before = columns.get(id)
      if (before !== undefined) columns.set(id, before + table.columns.length)
    }
  return withoutIds(tables, new Set([...columns].flatMap(([id, held]) => (held === width ? [id] : []))))
}

/** A digest as the key of a map. */
const keyOf = (digests: Uint8Array, place: number): string =>
  Buffer.from(digests.buffer, digests.byteOffset + place * digestBytes, digestBytes).toString("latin1")

/** The digests of some rows, to be left out of others. Throws `MalformedRows`. */
export const digestSet = (digests: Uint8Array): ReadonlySet<string> => {
  requireWhole(digests)
  return new Set(Array.from({ length: digests.length / digestBytes }, (_, place) => keyOf(digests, place)))
}

/** Which of the digests are not in a set, by their places, ascending. Throws `MalformedRows`. */
export const placesOutside = (digests: Uint8Array, out: ReadonlySet<string>): Uint32Array => {
  requireWhole(digests)
  const places = new Uint32Array(digests.length / digestBytes).map((_, place) => place)
  return out.size === 0 ? places : places.filter((place) => !out.has(keyOf(digests, place)))
}

/** The digests at these places. */
export const pickDigests = (digests: Uint8Array, places: Uint32Array): Uint8Array => {
  const picked = new Uint8Array(places.length * digestBytes)
  places.forEach((place, i) => {
    picked.set(digests.subarray(place * digestBytes, (place + 1) * digestBytes), i * digestBytes)
  })
  return picked
}

/** Cells by index: every one of the rows in every one of the columns. */
export interface CellBlock {
  /** Joint row indices, ascending. */
  readonly rows: Uint32Array
  /** Joint column indices, ascending. */
  readonly columns: Uint32Array
}

/** A block with its cells: rows × columns. */
export interface FilledBlock extends CellBlock {
  readonly cells: Cells
}

/** A user's cells, by joint index: what it uploads, to train and to validate on, and what it keeps for testing. */
export interface PlacedCells {
  readonly training: ReadonlyArray<FilledBlock>
  readonly heldOut: ReadonlyArray<FilledBlock>
}

/** The places of different numbers below a limit, in ascending order of the numbers. */
const ascending = (numbers: Uint32Array, limit: number): Uint32Array => {
  const nowhere = 0xffffffff
  const places = new Uint32Array(limit).fill(nowhere)
  numbers.forEach((number, place) => {
    places[number] = place
  })
  return places.filter((place) => place !== nowhere)
}

/** The cells of a table whose rows are at these places of the joint table. */
export const cellsAt = (
  { cells, trained }: Pick<EncodedTable, "cells" | "trained">,
  rows: Uint32Array,
  { training }: Pick<JointRows, "training">
): Cells =>
  trained === undefined
    ? cells
    : { ...cells, readRow: (row, out, at) => (rows[row]! < training ? trained : cells).readRow(row, out, at) }

/**
 * Places a user's tables in the joint table, in ascending order of joint rows. `digests` are those of each
 * table's ids. Blocks without cells are omitted.
 */
export const placeCells = (
  tables: ReadonlyArray<EncodedTable>,
  digests: ReadonlyArray<Uint8Array>,
  joint: JointRows
): PlacedCells => {
  const placed = tables.map((table, index) => {
    const rows = joint.indices(digests[index]!)
    const order = ascending(rows, joint.total)
    const cells = cellsAt(table, rows, joint)
    const some = (keep: (row: number) => boolean): FilledBlock => {
      const kept = order.filter((place) => keep(rows[place]!))
      return {
        rows: kept.map((place) => rows[place]!),
        columns: table.columns,
        cells: pickRows(cells, kept)
      }
    }
    return { training: some((row) => row < joint.uploaded), heldOut: some((row) => row >= joint.uploaded) }
  })
  const filled = ({ rows, columns }: FilledBlock) => rows.length > 0 && columns.length > 0
  return {
    training: placed.map(({ training }) => training).filter(filled),
    heldOut: placed.map(({ heldOut }) => heldOut).filter(filled)
  }
}

/** Number of cells in blocks. */
export const countCells = (blocks: ReadonlyArray<CellBlock>): number =>
  blocks.reduce((sum, { rows, columns }) => sum + rows.length * columns.length, 0)

/** A run of cells in the order in which they are uploaded. */
export interface CellRun {
  /** The place of the first of them. */
  readonly first: number
  readonly length: number
  /** The cells, made anew each time. */
  readonly read: () => Float64Array
}

/**
 * The cells of all blocks, block by block, row by row: the order in which they are uploaded. In runs of whole
 * rows, each of at most `most` cells where a row is not longer.
 */
export const cellsInOrder = (blocks: ReadonlyArray<FilledBlock>, most: number): ReadonlyArray<CellRun> => {
  let first = 0
  const runs: CellRun[] = []
  for (const { rows, columns, cells } of blocks) {
    const rowsARun = Math.max(1, Math.floor(most / columns.length))
    for (let row = 0; row < rows.length; row += rowsARun) {
      const count = Math.min(rowsARun, rows.length - row)
      runs.push({ first, length: count * columns.length, read: () => readRows(cells, row, count) })
      first += count * columns.length
    }
  }
  return runs
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
