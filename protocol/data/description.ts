/**
 * The public description of the joint table: what each column of the users' files is, and which columns of the
 * training it becomes. It says how cells are prepared and holds none, so all users prepare theirs the same way
 * without learning anything about the others'.
 */

/** [least, greatest]. */
export type Interval = readonly [number, number]

/** How a number becomes a cell: by its public range onto `scaleTo`, or else by the column's mean and deviation. */
export interface Scaled {
  readonly name: string
  /** The values that the column may have. */
  readonly range?: Interval
  /** By mean and deviation although there is a range; they are what is used where there is none. */
  readonly scale?: "standard" | "range"
  /**
   * Mean and standard deviation of the joint training rows, once the users have found them (`preparation.ts`).
   */
  readonly mean?: number
  readonly deviation?: number
}

/** A column of numbers; of `boolean`, 0 and 1; of `date`, days since 1970-01-01. One column of the training. */
export interface NumberFeature extends Scaled {
  readonly kind?: "boolean" | "date"
  /** How dates are written, where it is not by year, month and day. */
  readonly format?: DateFormat
  /** What stands in for a missing cell; without it a missing cell is an error. */
  readonly fill?: "mean" | "mode" | { readonly value: number }
  /** Whether one more column of the training says which cells were missing. */
  readonly indicator?: true
  /** What becomes of a value outside the range: it is moved to the nearest end. Without it, it is an error. */
  readonly outside?: "clip"
}

/** A column of categories: one-hot, one column of the training for each. */
export interface CategoryFeature {
  readonly name: string
  readonly kind: "category"
  readonly values: ReadonlyArray<string>
  /** Whether a further column stands for all other values; without it such a value is an error. */
  readonly other?: true
  readonly fill?: "mode" | { readonly value: string }
  readonly indicator?: true
}

export type Feature = NumberFeature | CategoryFeature

/** Orders in which dates are written with `/`, `.` or `-` between their parts. */
export const dateFormats = ["YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY"] as const
export type DateFormat = (typeof dateFormats)[number]

/** Classes to tell apart: one output each, one-hot. */
export interface ClassLabel {
  readonly column: string
  readonly values: ReadonlyArray<string>
  /** With the classes no and yes in this order: a cell has one of the words for them. */
  readonly kind?: "boolean"
  /** The weight of a row of each class in the training, in the order of the values; balanced until the counts are known. */
  readonly weights?: "balanced" | ReadonlyArray<number>
}

/** Numbers to predict: one output each, scaled as features are. */
export interface NumberLabel {
  readonly numbers: ReadonlyArray<Scaled>
}

export type Label = ClassLabel | NumberLabel

export interface DataDescription {
  /** Name of the column by which the files are joined. */
  readonly id: string
  /** In joint order. A list, since the keys of an object do not keep their order where they are numbers. */
  readonly features: ReadonlyArray<Feature>
  readonly label: Label
  /** The interval that ranges are scaled to. */
  readonly scaleTo: Interval
  /** The texts that mark a missing cell, in place of `defaultMissing`. */
  readonly missing?: ReadonlyArray<string>
}

/** The texts that mark a missing cell, in any case of letters, unless the description has texts of its own. */
export const defaultMissing: ReadonlyArray<string> = [
  "",
  "NA",
  "N/A",
  "n.a.",
  "<NA>",
  "NaN",
  "NaT",
  "null",
  "none",
  "nil",
  "missing",
  "?",
  "-",
  "–",
  "—",
  ".",
  "*",
  "\\N"
]

declare const isPrepared: unique symbol
/** A description in which all is said that follows from statistics (`preparation.ts`): it encodes each cell. */
export type Prepared = DataDescription & { readonly [isPrepared]: true }

export const isCategory = (feature: Feature): feature is CategoryFeature => feature.kind === "category"

/** The classes of the label; undefined where numbers are predicted. */
export const classesOf = ({ label }: Pick<DataDescription, "label">): ReadonlyArray<string> | undefined =>
  "values" in label ? label.values : undefined

/** The columns of the files that are predicted. */
export const labelColumns = ({ label }: Pick<DataDescription, "label">): ReadonlyArray<string> =>
  "values" in label ? [label.column] : label.numbers.map(({ name }) => name)

/** Whether a column is scaled by its mean and deviation. */
export const isStandard = ({ range, scale }: Scaled): boolean => scale === "standard" || range === undefined

/** The columns of a user that declares none: all. */
export const sourceColumns = (description: DataDescription): ReadonlyArray<string> => [
  ...description.features.map(({ name }) => name),
  ...labelColumns(description)
]

/** A column of the joint table. */
export interface JointColumn {
  /** `mean_radius`, `sex=female`, `age missing`, or `diagnosis=malignant`. */
  readonly name: string
  /** The column of the files that it comes from. */
  readonly source: string
  /** The number itself, whether the cell is missing, or whether it is this one of the column's values. */
  readonly what: "number" | "missing" | { readonly value: number }
  /** Where the column is described. */
  readonly of: Feature | Scaled | ClassLabel
}

/** The columns of the joint table: those of the features in their order, then those of the label. */
export const jointColumns = ({ features, label }: DataDescription): ReadonlyArray<JointColumn> => [
  ...features.flatMap(columnsOfFeature),
  ...("values" in label
    ? oneHot(label.column, label.values, label)
    : label.numbers.map((of) => ({ name: of.name, source: of.name, what: "number" as const, of })))
]

const columnsOfFeature = (feature: Feature): ReadonlyArray<JointColumn> => {
  const { name, indicator } = feature
  const own: ReadonlyArray<JointColumn> = isCategory(feature)
    ? oneHot(name, valuesOf(feature), feature)
    : [{ name, source: name, what: "number", of: feature }]
  return indicator ? [...own, { name: `${name} missing`, source: name, what: "missing", of: feature }] : own
}

const valuesOf = ({ values, other }: CategoryFeature): ReadonlyArray<string> =>
  other ? [...values, "(other)"] : values

const oneHot = (
  source: string,
  values: ReadonlyArray<string>,
  of: CategoryFeature | ClassLabel
): ReadonlyArray<JointColumn> =>
  values.map((text, value) => ({ name: `${source}=${text}`, source, what: { value }, of }))

/** Columns that a feature has in the joint table. */
const widthOf = (feature: Feature): number =>
  (isCategory(feature) ? feature.values.length + (feature.other ? 1 : 0) : 1) + (feature.indicator ? 1 : 0)

/** Number of joint columns of features, the network's inputs; those of the label come after them. */
export const featureCount = ({ features }: Pick<DataDescription, "features">): number =>
  features.reduce((sum, feature) => sum + widthOf(feature), 0)

/** Number of joint columns of the label, the network's outputs. */
export const labelCount = (description: Pick<DataDescription, "label">): number =>
  (classesOf(description) ?? labelColumns(description)).length

/** Indices, ascending, of the joint columns that come from the given columns of a file. */
export const jointIndices = (description: DataDescription, sources: Iterable<string>): Uint32Array => {
  const held = new Set(sources)
  return Uint32Array.from(
    jointColumns(description).flatMap(({ source }, index) => (held.has(source) ? [index] : []))
  )
}
