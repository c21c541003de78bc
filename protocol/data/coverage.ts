/**
 * Every cell of the joint table must be held exactly once. The users check it among themselves, where ids
 * have names; the clouds check it again on what was uploaded, on indices only. Errors name the cells and the
 * users.
 */
import { Data } from "effect"
import type { CellBlock } from "./rows.ts"
import { shown } from "./spelling.ts"

/** The cells a user says it holds. */
export interface UserCells {
  readonly user: string
  readonly blocks: ReadonlyArray<CellBlock>
}

/** The size of the table, and the names of its parts in errors. */
export interface TableOutline {
  readonly rows: number
  /** Name of each column; the columns of one label column may share its name. */
  readonly columns: ReadonlyArray<string>
  /** Name of a row; its index by default. */
  readonly rowName?: ((row: number) => string) | undefined
}

/** Cells of a row that nobody holds, and the users that probably should. */
export interface Gap {
  readonly row: string
  readonly columns: ReadonlyArray<string>
  /** Users that hold other cells of the row. */
  readonly rowHolders: ReadonlyArray<string>
  /** Users that hold one of these columns in other rows. */
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
  /** All cells that nobody holds, including the named ones. */
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

/**
 * `row IR0016: petal_length, petal_width (sepals holds other cells of the row; petals these columns of other
 * rows)`
 */
const describeGap = ({ row, columns, rowHolders, columnHolders }: Gap): string => {
  const others =
    rowHolders.length > 0 ? `other cells of the row: ${listed(rowHolders)}` : "nobody holds a cell of the row"
  const columnText =
    columnHolders.length > 0
      ? `these columns of other rows: ${listed(columnHolders)}`
      : "nobody holds these columns"
  return `  row ${shown(row)}: ${listed(columns.map(shown), namedColumns)} (${others}; ${columnText})`
}

/** `row BC0001: mean_radius (north and south)` */
export const describeOverlap = ({ row, columns, users }: Overlap): string =>
  `  row ${shown(row)}: ${listed(columns.map(shown), namedColumns)} (${users[0] === users[1] ? `${users[0]} twice` : users.join(" and ")})`

/** A declared block lies outside the joint table. */
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

/** A block without repeated rows or columns, and its user. */
interface DistinctBlock extends CellBlock {
  /** Index of the declaration. */
  readonly owner: number
}

/**
 * Throws `CoverageError` or `BlockOutside`. Rows that lie in the same blocks are handled together, and so are
 * columns: the work grows with the blocks' row and column lists, not with their cells.
 */
export const checkCoverage = (outline: TableOutline, declarations: ReadonlyArray<UserCells>): void => {
  const blocks = declarations.flatMap(({ user, blocks }, owner) =>
    blocks.flatMap((block) => {
      requireInside(user, block, outline)
      return distinct(block).map((part): DistinctBlock => ({ ...part, owner }))
    })
  )
  const rows = classesOf(
    outline.rows,
    blocks.map((block) => block.rows)
  )
  const columns = classesOf(
    outline.columns.length,
    blocks.map((block) => block.columns)
  )
  const faults = rows.blocks.map((of) => of && faultsOf(of, columns, blocks, outline))
  if (faults.every((fault) => fault === undefined || fault.gaps.length + fault.overlaps.length === 0)) return
  throw coverageError(outline, declarations, rows.classOf, faults)
}

/** Blocks that together have the cells of one, each with every row and column only once. */
const distinct = (block: CellBlock): ReadonlyArray<CellBlock> => {
  const parts = (indices: Uint32Array): ReadonlyArray<Uint32Array> => {
    const sorted = indices.slice().sort()
    if (sorted.every((index, place) => place === 0 || index > sorted[place - 1]!)) return [sorted]
    const times = new Map<number, number>()
    const layers: number[][] = []
    for (const index of sorted) {
      const before = times.get(index) ?? 0
      times.set(index, before + 1)
      layers[before] ??= []
      layers[before].push(index)
    }
    return layers.map((layer) => Uint32Array.from(layer))
  }
  return parts(block.rows).flatMap((rows) => parts(block.columns).map((columns) => ({ rows, columns })))
}

/** Rows, or columns, in classes: those of a class lie in the same blocks. */
interface Classes {
  readonly classOf: Uint32Array
  /** The blocks of each class, by index, ascending; undefined for a class without rows or columns. */
  readonly blocks: ReadonlyArray<ReadonlyArray<number> | undefined>
}

/** Sorts 0 … count − 1 into classes by the lists that they are in. */
const classesOf = (count: number, lists: ReadonlyArray<Uint32Array>): Classes => {
  const classOf = new Uint32Array(count)
  const blocks: Array<ReadonlyArray<number>> = [[]]
  lists.forEach((list, block) => {
    const split = new Map<number, number>()
    for (const index of list) {
      const before = classOf[index]!
      let after = split.get(before)
      if (after === undefined) {
        after = blocks.push([...blocks[before]!, block]) - 1
        split.set(before, after)
      }
      classOf[index] = after
    }
  })
  const used = new Set(classOf)
  return { classOf, blocks: blocks.map((of, index) => (used.has(index) ? of : undefined)) }
}

/** The faults of every row of a class. Columns of one label column count once. */
interface Faults {
  readonly gaps: ReadonlyArray<number>
  /** Cells that two declare, in the order of the first of them. */
  readonly overlaps: ReadonlyArray<{ readonly owners: readonly [number, number]; readonly columns: number[] }>
}

const faultsOf = (
  rowBlocks: ReadonlyArray<number>,
  columns: Classes,
  blocks: ReadonlyArray<DistinctBlock>,
  outline: TableOutline
): Faults => {
  const inRow = new Set(rowBlocks)
  const ofClass = columns.blocks.map((of) => of?.filter((block) => inRow.has(block)))
  const gaps: number[] = []
  const overlaps = new Map<string, { owners: readonly [number, number]; columns: number[] }>()
  if (ofClass.every((covering) => covering === undefined || covering.length === 1))
    return { gaps, overlaps: [] }
  for (let column = 0; column < outline.columns.length; column++) {
    const [first, ...others] = ofClass[columns.classOf[column]!]!
    if (first === undefined) gaps.push(column)
    for (const other of others) {
      const owners = [blocks[first!]!.owner, blocks[other]!.owner] as const
      const known = overlaps.get(owners.join())
      if (known === undefined) overlaps.set(owners.join(), { owners, columns: [column] })
      else known.columns.push(column)
    }
  }
  return { gaps, overlaps: [...overlaps.values()] }
}

const coverageError = (
  outline: TableOutline,
  declarations: ReadonlyArray<UserCells>,
  classOf: Uint32Array,
  faults: ReadonlyArray<Faults | undefined>
): CoverageError => {
  const names = (columns: ReadonlyArray<number>) => [
    ...new Set(columns.map((column) => outline.columns[column]!))
  ]
  const gaps: Gap[] = []
  const overlaps: Overlap[] = []
  let gapCells = 0
  let overlapCells = 0
  classOf.forEach((index, row) => {
    const fault = faults[index]!
    const rowName = () => outline.rowName?.(row) ?? String(row)
    if (fault.gaps.length > 0) {
      const columns = names(fault.gaps)
      gapCells += columns.length
      if (gaps.length < namedGroups) {
        const ofColumns = (block: CellBlock) => fault.gaps.some((column) => block.columns.includes(column))
        gaps.push({
          row: rowName(),
          columns,
          rowHolders: holders(declarations, (block) => block.rows.includes(row)),
          columnHolders: holders(declarations, ofColumns)
        })
      }
    }
    for (const { owners, columns } of fault.overlaps) {
      overlapCells += names(columns).length
      if (overlaps.length < namedGroups) {
        const [first, second] = owners.map((owner) => declarations[owner]!.user)
        overlaps.push({ row: rowName(), columns: names(columns), users: [first!, second!] })
      }
    }
  })
  return new CoverageError({ gaps, overlaps, gapCells, overlapCells })
}

const holders = (
  declarations: ReadonlyArray<UserCells>,
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
