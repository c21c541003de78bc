/** The column to predict: which are likely, what they are in a scenario, and whether all owners write one alike. */
import { Data } from "effect"
import { shown, spellingDifference } from "../../protocol/data/spelling.ts"
import { yamlLines, yamlList, yamlText } from "../text/yaml-text.ts"
import type { ColumnType } from "./column-type.ts"
import type { Study } from "./study.ts"

/** What is predicted: one of some classes, or a number. */
export interface ProposedLabel {
  readonly column: string
  /** The classes; undefined for a number. */
  readonly values?: ReadonlyArray<string>
  /** Whether the classes are no and yes, written in any way. */
  readonly isBoolean?: true
}

/** What a column is as a label, or why it can't be one. */
export const labelOf = ({ isMixed, name, other, type, values }: ColumnType): ProposedLabel | string => {
  if (other) return "has too many different values for classes"
  if (isMixed) return { column: name, values: ["no", "yes"], isBoolean: true }
  if (values !== undefined && (type === "category" || type === "boolean" || type === "whole number"))
    return values.length < 2 ? "has one value only" : { column: name, values }
  if (type === "number" || type === "whole number") return { column: name }
  return type === "id" || type === "text" ? "has texts of more than a few kinds" : `has the type ${type}`
}

const labelNames =
  /^(label|labels|target|class|outcome|y|diagnosis|species|survived|response|result|quality|churn|default|digit|ill|disease|died|death|fraud|spam|price|costs?|charges|progression|yield|salary|income|sales|demand|consumption)$|[_ .-](label|target|class|outcome|diagnosis)$/i

/**
 * The columns that may be labels, the likeliest first: one that is called so; then one of classes, and last of all one
 * of numbers. Of several alike, the last of the file.
 */
export const labelCandidates = (types: ReadonlyArray<ColumnType>): ReadonlyArray<ColumnType> => {
  // Beside an x, y is a coordinate.
  const hasX = types.some(({ name }) => /^x$/i.test(name))
  const isCalledSo = (name: string) => labelNames.test(name) && !(hasX && /^y$/i.test(name))
  const rank = (type: ColumnType): number => {
    const hasClasses = type.type === "category" || type.type === "boolean"
    return (isCalledSo(type.name) ? 0 : 3) + (hasClasses ? 0 : type.values === undefined ? 2 : 1)
  }
  const able = types.filter((type) => typeof labelOf(type) !== "string").reverse()
  return able.sort((a, b) => rank(a) - rank(b))
}

/** The section `label` of a scenario, in lines. */
export const labelLines = ({ column, isBoolean, values }: ProposedLabel): ReadonlyArray<string> => [
  "  label:",
  `    column: ${yamlText(column)}`,
  values === undefined
    ? "    scale: standard"
    : isBoolean
      ? "    type: boolean # the classes no and yes"
      : `    values: ${yamlLines(values, 6)}`
]

/** A column can't be the label, or is not written alike by all owners. */
export class NotALabel extends Data.TaggedError("NotALabel")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return this.reason
  }
}

/** The label that was named, or else the likeliest one. */
export const chosenLabel = (study: Study, given: string | undefined): ProposedLabel | NotALabel => {
  const { columns } = study
  if (given !== undefined) return namedLabel(study, given)
  const [first] = labelCandidates([...columns, ...contested(study)])
  if (first !== undefined && (!columns.includes(first) || isDisjoint(study, first.name)))
    return writtenApart(study, first.name, "the likeliest label")
  const label = first && labelOf(first)
  if (typeof label === "object" && columns.length > 1) return label
  return new NotALabel({
    reason:
      "the files have no column that could be a label besides one to predict it from; give files that have both"
  })
}

const namedLabel = (study: Study, name: string): ProposedLabel | NotALabel => {
  const column = study.columns.find((each) => each.name === name)
  const label = column === undefined ? undefined : labelOf(column)
  if (typeof label === "object") return label
  if (study.leftOut.some((each) => each.column === name && each.isContested))
    return writtenApart(study, name, "the label")
  const reason = label ?? study.leftOut.find((each) => each.column === name)?.reason ?? notThere(study, name)
  return new NotALabel({
    reason: `${shown(name)} can't be the label: it ${reason}; give another column with --label`
  })
}

const notThere = ({ columns }: Study, name: string): string => {
  const near = columns.find((each) => spellingDifference(each.name, name) !== undefined)
  return `is not a column of the files${near === undefined ? "" : `, which have ${shown(near.name)}`}`
}

/** The columns that owners write in ways that contradict each other, as one of them has them. */
const contested = ({ files, leftOut }: Study): ReadonlyArray<ColumnType> =>
  leftOut.flatMap(({ column, isContested }) => {
    const own = files.flatMap(({ types }) => types.filter(({ name }) => name === column))
    return isContested ? labelCandidates(own).slice(0, 1) : []
  })

/** Whether two owners have classes of which none is the same. */
const isDisjoint = ({ files, split }: Study, column: string): boolean => {
  if (split !== "rows") return false
  const all = files.flatMap(({ types }) =>
    types.flatMap(({ isMixed, name, type, values }) =>
      name === column && type === "category" && !isMixed && values !== undefined ? [values] : []
    )
  )
  return all.some((values, index) =>
    all.slice(index + 1).some((others) => others.every((value) => !values.includes(value)))
  )
}

/** Which file writes a column how. The values of a label are public in any scenario. */
const writtenApart = ({ files }: Study, column: string, role: string): NotALabel => {
  const how = files.flatMap(({ file, types }) =>
    types.flatMap((type) => (type.name === column ? [`${wording(type)} in ${file}`] : []))
  )
  return new NotALabel({
    reason: `${shown(column)}, ${role}, is written in different ways: ${how.join(", ")}; write it alike in all files, or give ${role === "the label" ? "another column with --label" : "the column to predict as --label"}`
  })
}

const mostShown = 6

const wording = ({ other, type, values }: ColumnType): string => {
  if (values === undefined)
    return type === "number" || type === "whole number" ? "numbers" : `the type ${type}`
  const few = values.slice(0, mostShown)
  return `values ${yamlList(few)}${other || few.length < values.length ? " and others" : ""}`
}
