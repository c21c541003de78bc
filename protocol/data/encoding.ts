/**
 * From the columns of the users' files to the columns that are trained on: features scaled from their public range,
 * then the label as one column a label (one-hot). The ranges and the list of labels are public, so every user encodes its
 * own cells alike without learning anything of the others'.
 */
import type { Cells } from "./cells.ts"

/** The public description of the joint table. */
export interface DataDescription {
  /** Name of the column by which the files are joined. */
  readonly id: string
  /** Feature columns in joint order, each with the [least, greatest] value it may have. */
  readonly features: Readonly<Record<string, readonly [number, number]>>
  readonly label: { readonly column: string; readonly values: ReadonlyArray<string> }
  /** What each feature's range is scaled to. */
  readonly scaleTo: readonly [number, number]
}

/** A column of the joint table: a feature, or one label of the label column. */
export interface JointColumn {
  /** `mean_radius`, or `diagnosis=malignant`. */
  readonly name: string
  /** The column of the files that it comes from. */
  readonly source: string
}

/** The columns of the joint table: features in their order, then one column a label. */
export const jointColumns = ({ features, label }: DataDescription): ReadonlyArray<JointColumn> => [
  ...Object.keys(features).map((name) => ({ name, source: name })),
  ...label.values.map((value) => ({ name: `${label.column}=${value}`, source: label.column }))
]

/** Number of feature columns; the label columns come after them. */
export const featureCount = ({ features }: DataDescription): number => Object.keys(features).length

/** The columns of the files that a user holds who does not say which: all. */
export const sourceColumns = ({ features, label }: DataDescription): ReadonlyArray<string> => [
  ...Object.keys(features),
  label.column
]

/** Indices, ascending, of the joint columns that come from the given columns of a file. */
export const jointIndices = (description: DataDescription, sources: Iterable<string>): Uint32Array => {
  const held = new Set(sources)
  return Uint32Array.from(
    jointColumns(description).flatMap(({ source }, index) => (held.has(source) ? [index] : []))
  )
}

/** The linear map of the public range onto `scaleTo`. */
export const scale = (
  x: number,
  [least, greatest]: readonly [number, number],
  [low, high]: readonly [number, number]
): number => low + ((x - least) / (greatest - least)) * (high - low)

/** The numbers of a column, wherever they stand in an array: that of row r at `first + r · step`. */
export interface Column {
  readonly values: ArrayLike<number>
  readonly first: number
  readonly step: number
}

/** Rows whose cells are encoded as they are read. */
export interface EncodedTable {
  readonly ids: ReadonlyArray<string>
  /** Joint column indices, ascending. */
  readonly columns: Uint32Array
  /** ids × columns. */
  readonly cells: Cells
  /** Whether the rows are marked as held out, whatever the share of rows that are; not marked where left out. */
  readonly heldOut?: boolean
}

/**
 * Encodes the columns read from a file: numbers of a feature, or for the label column the label's place in the list, one
 * entry a row of `ids`.
 */
export const encodeTable = (
  description: DataDescription,
  table: { readonly ids: ReadonlyArray<string>; readonly columns: ReadonlyMap<string, Column> }
): EncodedTable => {
  const joint = jointColumns(description)
  const features = featureCount(description)
  const columns = jointIndices(description, table.columns.keys())
  const readers = Array.from(columns, (column) => {
    const { source } = joint[column]!
    const { values, first, step } = table.columns.get(source)!
    const range = description.features[source]
    return column < features && range
      ? (row: number) => scale(values[first + row * step]!, range, description.scaleTo)
      : (row: number) => Number(values[first + row * step] === column - features)
  })
  const cells: Cells = {
    rows: table.ids.length,
    width: columns.length,
    readRow: (row, out, at) => {
      for (let place = 0; place < readers.length; place++) out[at + place] = readers[place]!(row)
    }
  }
  return { ids: table.ids, columns, cells }
}
