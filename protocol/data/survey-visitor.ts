/** Who looks at all cells of a file before anything is declared of it; only the owner of the file does. */

export interface SurveyedColumn {
  /** Empty in a file that names no columns. */
  readonly name: string
  /** What the cells are, such as lists, if they can't be read: then none is shown. */
  readonly holds?: string
  /** Whether all cells are whole numbers from 0 to 255 by the type of the column. */
  readonly isByte?: boolean
}

/** A cell: a number, a text without spaces at its edges in which numbers have a decimal point, or null for none. */
export type SurveyedCell = number | string | null

export interface CellVisitor {
  /** Takes the columns, before any cell. */
  readonly open: (columns: ReadonlyArray<SurveyedColumn>) => void
  /**
   * Takes a cell of a column; the cells of one column come in the order of the rows. `line` is where its row
   * begins, in a format that has lines.
   */
  readonly cell: (column: number, cell: SurveyedCell, line?: number) => void
}
