/** What must hold in a scenario's `data`, and between it and who holds which columns. */
import { classesOf, isCategory, labelColumns, sourceColumns } from "../../protocol/data/description.ts"
import { areNumbers } from "../../protocol/data/labels.ts"
import { statisticsNeeded } from "../../protocol/data/preparation.ts"
import { exactNumber } from "../../protocol/data/spelling.ts"
import { valueLimit } from "../../protocol/learning/range.ts"
import { leastContributors, neededColumns } from "../../protocol/statistics/statistics.ts"
import { columnsOf } from "./columns.ts"
import { type Inconsistency, repeated } from "./inconsistency.ts"
import type { Scenario, User } from "./schema.ts"

/**
 * Names that differ but look alike, since a letter with an accent can be written in two ways: index, and the
 * one before.
 */
const lookalikes = (names: ReadonlyArray<string>): ReadonlyArray<readonly [number, string]> => {
  const seen = new Map<string, string>()
  return names.flatMap((name, index) => {
    const shown = name.normalize("NFC")
    const before = seen.get(shown)
    if (before === undefined) seen.set(shown, name)
    return before === undefined || before === name ? [] : [[index, before] as const]
  })
}

const looksLike = (before: string): string =>
  `looks like ${JSON.stringify(before)}, but the characters are coded differently (Unicode normalisation); write both as the files do, or rename one`

export const columnProblems = ({ data }: Scenario): ReadonlyArray<Inconsistency> => {
  const features = data.features.map(({ name }) => name)
  const problems: Array<Inconsistency> = []
  if (features.length === 0) {
    problems.push({ path: ["data", "features"], message: "must have at least one feature column" })
  }
  const labels = labelColumns(data)
  for (const taken of [data.id, ...labels]) {
    if (features.includes(taken)) {
      const role = taken === data.id ? "id" : "label"
      problems.push({
        path: ["data", "features", taken],
        message: `is also the ${role} column; a column has one role only`
      })
    }
  }
  if (labels.includes(data.id)) {
    problems.push({
      path: ["data", "label"],
      message: "is also the id column; a column has one role only"
    })
  }
  for (const [index, before] of lookalikes([...features, ...labels, data.id]))
    problems.push({ path: pathOfColumn(data, index), message: looksLike(before) })
  return [...problems, ...labelProblems(classesOf(data) ?? [])]
}

/** Where the scenario names a column, by its place among features, label and id. */
const pathOfColumn = (data: Scenario["data"], index: number): ReadonlyArray<PropertyKey> => {
  const feature = data.features[index]
  if (feature !== undefined) return ["data", "features", feature.name]
  return index < data.features.length + labelColumns(data).length ? ["data", "label"] : ["data", "id"]
}

/** Statistics of columns that too few users hold, unless they may be revealed. */
export const statisticsProblems = ({ data, users, reveal }: Scenario): ReadonlyArray<Inconsistency> => {
  if (reveal.includes("column-statistics")) return []
  const held = users.map((user) => columnsHeldBy(data, user))
  const few = neededColumns(statisticsNeeded(data)).filter(
    (column) => held.filter((own) => own.has(column)).length < leastContributors
  )
  if (few.length === 0) return []
  const named = few.slice(0, 5).join(", ") + (few.length > 5 ? ` and ${few.length - 5} more` : "")
  return [
    {
      path: ["reveal"],
      message: `must have column-statistics: fewer than three users hold ${named}, so mean and deviation, or counts of values, which all users learn, tell what is another's; add it, or give these columns public ranges and fills that are values, and classes weights in numbers`
    }
  ]
}

/** The columns of which a user holds cells. */
export const columnsHeldBy = (data: Scenario["data"], { holds }: User): ReadonlySet<string> =>
  new Set(holds.flatMap(({ columns, header }) => columnsOf(data, columns ?? header ?? sourceColumns(data))))

const labelProblems = (values: ReadonlyArray<string>): ReadonlyArray<Inconsistency> => {
  const at = (index: number, message: string) => ({ path: ["data", "label", "values", index], message })
  const twice = repeated(values).map((index) =>
    at(index, `"${values[index]}" is listed twice; list each label once`)
  )
  const alike = lookalikes(values).map(([index, before]) => at(index, looksLike(before)))
  if (!areNumbers(values)) return [...twice, ...alike]
  // Where all labels are numbers, 1 in a file is the label 1.0.
  const texts = new Map<string | undefined, string>()
  const equal = values.flatMap((each, index) => {
    const number = exactNumber(each)
    const before = texts.get(number)
    if (before === undefined) texts.set(number, each)
    return before === undefined || before === each
      ? []
      : [at(index, `"${each}" is the same number as "${before}"; list each label once`)]
  })
  return [...twice, ...equal]
}

/** Fixed-point numbers that a feature needs, so that something is left of its values. */
const leastSteps = 16

/** Ranges by which no cell could be scaled, or only to what no fixed-point number holds. */
export const rangeProblems = ({ data, security }: Scenario): ReadonlyArray<Inconsistency> => {
  const ranges = data.features.flatMap((feature) =>
    isCategory(feature) || feature.range === undefined ? [] : [{ name: feature.name, range: feature.range }]
  )
  const tooWide = ranges.filter(({ range: [least, most] }) => !Number.isFinite(most - least))
  const limit = valueLimit(security.fractionalBits)
  const steps = (data.scaleTo[1] - data.scaleTo[0]) * 2 ** security.fractionalBits
  const beyond = Math.max(...data.scaleTo.map(Math.abs)) >= limit
  return [
    ...tooWide.map(({ name }) => ({
      path: ["data", "features", name],
      message: "is wider than a number can say; give the range that the quantity really has"
    })),
    ...(beyond
      ? [
          {
            path: ["data", "scaleTo"],
            message: `is beyond the fixed-point numbers of ${security.fractionalBits} fractional bits, which are below ${limit}; use [-1, 1] unless there is a reason not to`
          }
        ]
      : []),
    ...(steps < leastSteps
      ? [
          {
            path: ["data", "scaleTo"],
            message: `is so narrow that different values become the same number of ${security.fractionalBits} fractional bits; use [-1, 1] unless there is a reason not to`
          }
        ]
      : [])
  ]
}
