/**
 * The joint table, assembled from blocks: float64 cells where they may be seen (references on data that the
 * runner can read, the joint test of held-out rows), shares as bare 64-bit words at the clouds.
 */

import { wordBytes } from "../bytes.ts"
import { pickRows } from "./cells.ts"
import type { CellBlock, FilledBlock } from "./rows.ts"

/** The two matrices of training, row-major: rows × features and rows × labels. */
export interface JointTable {
  readonly rows: number
  readonly features: Float64Array
  readonly labels: Float64Array
}

/** Which rows of the joint table blocks are of, and how wide it is. */
interface Outline {
  readonly firstRow: number
  readonly rows: number
  readonly features: number
  readonly labels: number
}

/**
 * The rows, of those of the outline, of which the blocks have every cell, in their order: the remaining cells of others
 * are with other users.
 */
export const assembleWhole = (blocks: ReadonlyArray<FilledBlock>, outline: Outline): JointTable => {
  const { firstRow, rows, features, labels } = outline
  const cellsOfRow = new Uint32Array(rows)
  for (const block of blocks) {
    for (const row of block.rows) cellsOfRow[row - firstRow]! += block.columns.length
  }
  let total = 0
  const placeOf = cellsOfRow.map((cells) => (cells === features + labels ? total++ : 0))
  const isWhole = (row: number) => cellsOfRow[row - firstRow] === features + labels
  const whole = blocks.map(({ rows: ofBlock, columns, cells }): FilledBlock => {
    const kept = Uint32Array.from(ofBlock.keys()).filter((place) => isWhole(ofBlock[place]!))
    return {
      rows: kept.map((place) => placeOf[ofBlock[place]! - firstRow]!),
      columns,
      cells: pickRows(cells, kept)
    }
  })
  return assemble(whole, { firstRow: 0, rows: total, features, labels })
}

/** Some rows of a table, in this order. */
export const pickJoint = ({ rows: all, features, labels }: JointTable, rows: Uint32Array): JointTable => {
  const pick = (from: Float64Array) => {
    const width = from.length / all
    const picked = new Float64Array(rows.length * width)
    rows.forEach((row, place) => {
      picked.set(from.subarray(row * width, (row + 1) * width), place * width)
    })
    return picked
  }
  return { rows: rows.length, features: pick(features), labels: pick(labels) }
}

/** `rows` rows from `firstRow`, assembled from blocks that cover them. */
export const assemble = (blocks: ReadonlyArray<FilledBlock>, outline: Outline): JointTable => {
  const { firstRow, rows, features, labels } = outline
  const table = { rows, features: new Float64Array(rows * features), labels: new Float64Array(rows * labels) }
  for (const { rows: blockRows, columns, cells } of blocks) {
    const spans = spansOf(columns, outline)
    const row = new Float64Array(columns.length)
    for (let place = 0; place < blockRows.length; place++) {
      cells.readRow(place, row, 0)
      for (const { matrix, width, column, at, length } of spans) {
        const to = (blockRows[place]! - firstRow) * width + column
        table[matrix].set(row.subarray(at, at + length), to)
      }
    }
  }
  return table
}

/** Adjacent columns of a block that are adjacent in one of the two matrices. */
interface Span {
  readonly matrix: "features" | "labels"
  /** Columns of that matrix. */
  readonly width: number
  /** The first of them in the matrix, and in the block. */
  readonly column: number
  readonly at: number
  readonly length: number
}

const spansOf = (
  columns: Uint32Array,
  { features, labels }: { readonly features: number; readonly labels: number }
): ReadonlyArray<Span> => {
  const spans: Span[] = []
  for (let at = 0; at < columns.length; ) {
    const first = columns[at]!
    let length = 1
    while (columns[at + length] === first + length && first + length !== features) length += 1
    spans.push(
      first < features
        ? { matrix: "features", width: features, column: first, at, length }
        : { matrix: "labels", width: labels, column: first - features, at, length }
    )
    at += length
  }
  return spans
}

/** The two matrices of shares as little-endian 64-bit words, row-major. */
export interface JointWords {
  readonly features: Uint8Array
  readonly labels: Uint8Array
}

/**
 * Copies a run of a user's words, in the order of its blocks and beginning with the `firstWord`-th of all, to
 * their places in the joint training table. Words beyond the cells are ignored (packing fills up the last
 * ciphertext). The blocks must have passed the coverage check.
 */
export const placeRun = (
  blocks: ReadonlyArray<CellBlock>,
  words: Uint8Array,
  firstWord: number,
  into: JointWords,
  widths: { readonly features: number; readonly labels: number }
): void => {
  const end = firstWord + words.length / wordBytes
  let start = 0
  for (const { rows, columns } of blocks) {
    const size = rows.length * columns.length
    const [from, to] = [Math.max(firstWord - start, 0), Math.min(end - start, size)]
    if (from < to) {
      const spans = spansOf(columns, widths)
      const lastRow = Math.ceil(to / columns.length)
      for (let place = Math.floor(from / columns.length); place < lastRow; place++) {
        const rowStart = place * columns.length
        for (const { matrix, width, column, at, length } of spans) {
          const first = Math.max(from, rowStart + at)
          const last = Math.min(to, rowStart + at + length)
          if (first >= last) continue
          const cell = rows[place]! * width + column + first - rowStart - at
          const word = start + first - firstWord
          copyWords(into[matrix], cell, words, word, last - first)
        }
      }
    }
    start += size
  }
}

/** Up to this many words are copied faster byte by byte than through the object that `subarray` makes. */
const shortRun = 8

const copyWords = (
  to: Uint8Array,
  toWord: number,
  from: Uint8Array,
  fromWord: number,
  words: number
): void => {
  const [at, start] = [toWord * wordBytes, fromWord * wordBytes]
  const bytes = words * wordBytes
  if (words > shortRun) to.set(from.subarray(start, start + bytes), at)
  else for (let byte = 0; byte < bytes; byte++) to[at + byte] = from[start + byte]!
}
