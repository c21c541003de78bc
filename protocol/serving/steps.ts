/**
 * Batches of a served model. A batch has a number of rows out of a few, and is filled up with rows of zeros, so that what is
 * dealt can be dealt before the rows are there. Each step of a session is one batch, and its number says how many rows
 * that has: nobody can have the masks of a step serve two numbers of rows. Step 0 opens the weights.
 */

/** Rows that a batch may have, ascending. */
export const batchRows: ReadonlyArray<number> = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

/** Most rows of a batch, and so of a request. */
export const mostRows = batchRows.at(-1)!

/** The PRG's nonces have 32 bits for a step. */
export const lastStep = 2 ** 32 - 1

/** The fewest rows that a batch of this many fits in. Throws RangeError where none does. */
export const paddedRows = (rows: number): number => {
  const found = batchRows.find((each) => each >= rows)
  if (found === undefined || rows < 1) throw new RangeError(`no batch has ${rows} rows`)
  return found
}

/** The step of the n-th batch with so many rows, n from 0. Throws RangeError beyond the last step. */
export const stepOf = (rows: number, n: number): number => {
  const kind = batchRows.indexOf(rows)
  const step = 1 + n * batchRows.length + kind
  if (kind === -1 || step > lastStep) throw new RangeError(`there is no batch ${n} of ${rows} rows`)
  return step
}

/** How many rows the batch of a step has; undefined where it is none. */
export const rowsOfStep = (step: number): number | undefined =>
  Number.isInteger(step) && step >= 1 && step <= lastStep
    ? batchRows[(step - 1) % batchRows.length]
    : undefined
