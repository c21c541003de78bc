/**
 * The joint table put together from blocks: float64 cells where somebody may see them (references on data that the
 * runner can read, the joint test of held-out rows), shares as bare 64-bit words at the clouds.
 */
import { type CellBlock, countCells, type FilledBlock, MalformedRows } from "./rows.ts"

/** The two matrices of training, row-major: rows × features and rows × labels. */
export interface JointTable {
  readonly rows: number
  readonly features: Float64Array
  readonly labels: Float64Array
}

/** The rows from `firstRow` on, of which there are `rows`, put together from blocks that cover them. */
export const assemble = (
  blocks: ReadonlyArray<FilledBlock>,
  outline: {
    readonly firstRow: number
    readonly rows: number
    readonly features: number
    readonly labels: number
  }
): JointTable => {
  const { firstRow, rows, features, labels } = outline
  const table = { rows, features: new Float64Array(rows * features), labels: new Float64Array(rows * labels) }
  for (const { rows: blockRows, columns, cells } of blocks) {
    let at = 0
    for (const jointRow of blockRows) {
      const row = jointRow - firstRow
      for (const column of columns) {
        if (column < features) table.features[row * features + column] = cells[at]!
        else table.labels[row * labels + column - features] = cells[at]!
        at += 1
      }
    }
  }
  return table
}

/** The two matrices of shares as little-endian 64-bit words, row-major. */
export interface JointWords {
  readonly features: Uint8Array
  readonly labels: Uint8Array
}

/**
 * Puts a user's words, in the order of its blocks, where they belong in the joint training table. `words` may be longer
 * than the cells (packing fills up the last ciphertext), never shorter: `MalformedRows`. The blocks must have passed the
 * coverage check.
 */
export const placeWords = (
  blocks: ReadonlyArray<CellBlock>,
  words: Uint8Array,
  into: JointWords,
  widths: { readonly features: number; readonly labels: number }
): void => {
  const cells = countCells(blocks)
  if (words.length < 8 * cells) {
    throw new MalformedRows({ reason: `${words.length} bytes hold fewer than the ${cells} declared cells` })
  }
  let at = 0
  for (const { rows, columns } of blocks) {
    for (const row of rows) {
      for (const column of columns) {
        const [matrix, cell] =
          column < widths.features
            ? [into.features, row * widths.features + column]
            : [into.labels, row * widths.labels + column - widths.features]
        // Eight single bytes are faster than the object that subarray makes of them.
        for (let byte = 0; byte < 8; byte++) matrix[8 * cell + byte] = words[at + byte]!
        at += 8
      }
    }
  }
}
