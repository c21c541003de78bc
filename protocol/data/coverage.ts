/**
 * Every cell of the joint table must be held exactly once. The users check it among themselves, where ids have names;
 * the clouds check it again on what was uploaded, on indices only. Errors name the cells and the users.
 */
import { Data } from "effect"
import type { CellBlock } from "./rows.ts"

/** The cells a user says it holds. */
export interface DeclaredCells {
  readonly user: string
  readonly blocks: ReadonlyArray<CellBlock>
}

/** What the table is, and what its parts are called in errors. */
export interface TableOutline {
  readonly rows: number
  /** Name of each column; the columns of one label column may share its name. */
  readonly columns: ReadonlyArray<string>
  /** Name of a row; its index where left out. */
  readonly rowName?: ((row: number) => string) | undefined
}

/** Cells of a row that nobody holds, and who would be expected to. */
export interface Gap {
  readonly row: string
  readonly columns: ReadonlyArray<string>
  /** Who holds other cells of the row. */
  readonly rowHolders: ReadonlyArray<string>
  /** Who holds one of these columns in other rows. */
  readonly columnHolders: ReadonlyArray<string>
}

/** Cells of a row that are held more than once; a user that holds them twice is listed twice. */
export interface Overlap {
  readonly row: string
  readonly columns: ReadonlyArray<string>
  readonly users: readonly [string, string]
}

/** Gaps and overlaps named in one error; the other cells are counted. */
const namedGroups = 10
/** Columns named of one gap or overlap. */
const namedColumns = 6

const listed = (names: ReadonlyArray<string>, limit = names.length): string =>
  names.length <= limit
    ? names.join(", ")
    : `${names.slice(0, limit).join(", ")} and ${names.length - limit} more`

const cells = (count: number): string => (count === 1 ? "1 cell is" : `${count} cells are`)

/** Blocks that do not cover the joint table exactly once. */
export class CoverageError extends Data.TaggedError("CoverageError")<{
  readonly gaps: ReadonlyArray<Gap>
  readonly overlaps: ReadonlyArray<Overlap>
  /** All cells that nobody holds, the named among them. */
  readonly gapCells: number
  /** All cells that are held more than once, the named among them. */
  readonly overlapCells: number
}> {
  readonly retryable = false
  override get message(): string {
    return [
      ...(this.gapCells > 0
        ? [
            `${cells(this.gapCells)} held by nobody; add the rows or columns to a user, or take the rows out everywhere:`,
            ...this.gaps.map(describeGap)
          ]
        : []),
      ...(this.overlapCells > 0
        ? [
            `${cells(this.overlapCells)} held more than once; let one user declare each cell:`,
            ...this.overlaps.map(describeOverlap)
          ]
        : [])
    ].join("\n")
  }
}

/** `row IR0016: petal_length, petal_width (sepals holds other cells of the row; petals these columns of other rows)` */
export const describeGap = ({ row, columns, rowHolders, columnHolders }: Gap): string => {
  const others =
    rowHolders.length > 0 ? `other cells of the row: ${listed(rowHolders)}` : "nobody holds a cell of the row"
  const columnText =
    columnHolders.length > 0
      ? `these columns of other rows: ${listed(columnHolders)}`
      : "nobody holds these columns"
  return `  row ${row}: ${listed(columns, namedColumns)} (${others}; ${columnText})`
}

/** `row BC0001: mean_radius (north and south)` */
export const describeOverlap = ({ row, columns, users }: Overlap): string =>
  `  row ${row}: ${listed(columns, namedColumns)} (${users[0] === users[1] ? `${users[0]} twice` : users.join(" and ")})`

/** A declared block that lies outside the joint table. */
export class BlockOutside extends Data.TaggedError("BlockOutside")<{
  readonly user: string
  readonly what: "row" | "column"
  readonly index: number
  readonly limit: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.user} declares ${this.what} ${this.index} of a joint table of ${this.limit} ${this.what}s; all parties must run the same scenario`
  }
}

/** At most 255 users, so that an owner fits a byte. Throws `CoverageError` or `BlockOutside`; memory: a byte a cell. */
export const checkCoverage = (outline: TableOutline, declarations: ReadonlyArray<DeclaredCells>): void => {
  const width = outline.columns.length
  /** Of each cell, 1 + the index of the first user who declares it. */
  const owner = new Uint8Array(outline.rows * width)
  const overlaps = new GroupedCells(outline)
  declarations.forEach(({ user, blocks }, index) => {
    for (const block of blocks) {
      requireInside(user, block, outline)
      for (const row of block.rows) {
        for (const column of block.columns) {
          const before = owner[row * width + column]!
          if (before === 0) owner[row * width + column] = index + 1
          else overlaps.add(row, column, `${before - 1},${index}`)
        }
      }
    }
  })
  const gaps = new GroupedCells(outline)
  for (let row = 0; row < outline.rows; row++) {
    const start = row * width
    if (!owner.subarray(start, start + width).includes(0)) continue
    for (let column = 0; column < width; column++) if (owner[start + column] === 0) gaps.add(row, column, "")
  }
  if (gaps.count === 0 && overlaps.count === 0) return
  throw new CoverageError({
    gaps: gaps.groups().map(({ row, columns }) => ({
      row: gaps.rowName(row),
      columns: gaps.names(columns),
      rowHolders: holders(declarations, (block) => block.rows.includes(row)),
      columnHolders: holders(declarations, (block) =>
        columns.some((column) => block.columns.includes(column))
      )
    })),
    overlaps: overlaps.groups().map(({ row, columns, key }) => {
      const [first, second] = key.split(",").map((index) => declarations[Number(index)]!.user)
      return { row: overlaps.rowName(row), columns: overlaps.names(columns), users: [first!, second!] }
    }),
    gapCells: gaps.count,
    overlapCells: overlaps.count
  })
}

const holders = (
  declarations: ReadonlyArray<DeclaredCells>,
  holds: (block: CellBlock) => boolean
): ReadonlyArray<string> => declarations.filter(({ blocks }) => blocks.some(holds)).map(({ user }) => user)

const requireInside = (user: string, block: CellBlock, { rows, columns }: TableOutline): void => {
  for (const [what, indices, limit] of [
    ["row", block.rows, rows],
    ["column", block.columns, columns.length]
  ] as const) {
    const index = indices.find((candidate) => candidate >= limit)
    if (index !== undefined) throw new BlockOutside({ user, what, index, limit })
  }
}

interface CellGroup {
  readonly row: number
  readonly key: string
  readonly columns: Array<number>
}

/** Cells grouped by row and key: the first groups in full, of the rest the number. */
class GroupedCells {
  readonly #outline: TableOutline
  readonly #groups = new Map<string, CellGroup>()
  #last = ""
  /** Cells added, columns of one name counting once a row. */
  count = 0

  constructor(outline: TableOutline) {
    this.#outline = outline
  }

  add(row: number, column: number, key: string): void {
    const cell = `${row}:${this.#outline.columns[column]}:${key}`
    if (cell !== this.#last) this.count += 1
    this.#last = cell
    const group = this.#groups.get(`${row}:${key}`)
    if (group !== undefined) group.columns.push(column)
    else if (this.#groups.size < namedGroups)
      this.#groups.set(`${row}:${key}`, { row, key, columns: [column] })
  }

  groups(): ReadonlyArray<CellGroup> {
    return [...this.#groups.values()].sort((a, b) => a.row - b.row)
  }

  names(columns: ReadonlyArray<number>): ReadonlyArray<string> {
    return [...new Set(columns.map((column) => this.#outline.columns[column]!))]
  }

  rowName(row: number): string {
    return this.#outline.rowName?.(row) ?? String(row)
  }
}
