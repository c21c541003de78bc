/**
 * From the columns of the users' files to the columns of training: features scaled from their public range,
 * then one column for each label (one-hot). The ranges and the list of labels are public, so all users encode
 * their cells the same way without learning anything about the others'.
 */
import type { Cells } from "./cells.ts"

/** A column of the training. */
export interface Feature {
  readonly name: string
  /** The [least, greatest] value that the column may have: public. */
  readonly range: readonly [number, number]
}

/** The public description of the joint table. */
export interface DataDescription {
  /** Name of the column by which the files are joined. */
  readonly id: string
  /** In joint order. A list, since the keys of an object do not keep their order where they are numbers. */
  readonly features: ReadonlyArray<Feature>
  readonly label: { readonly column: string; readonly values: ReadonlyArray<string> }
  /** The interval that each feature's range is scaled to. */
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
  ...features.map(({ name }) => ({ name, source: name })),
  ...label.values.map((value) => ({ name: `${label.column}=${value}`, source: label.column }))
]

/** Number of feature columns; the label columns come after them. */
export const featureCount = ({ features }: DataDescription): number => features.length

/** The columns of a user that declares none: all. */
export const sourceColumns = ({ features, label }: DataDescription): ReadonlyArray<string> => [
  ...features.map(({ name }) => name),
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

/** The numbers of a column within an array: that of row r at `first + r · step`. */
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
  /** Whether the rows are marked as held out, regardless of the share of held-out rows; not by default. */
  readonly heldOut?: boolean
}

/**
 * Encodes the columns read from a file: numbers of a feature, or for the label column the label's position in
 * the list, one entry for each row of `ids`.
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
    const feature = description.features[column]
    return feature !== undefined
      ? (row: number) => scale(values[first + row * step]!, feature.range, description.scaleTo)
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
