/**
 * What must hold between the parts of a scenario, beyond what each part's own schema says: columns that are
 * named must exist, names are unique, and what is expected can be judged from what is revealed.
 */
import { classesOf, isCategory, labelColumns, sourceColumns } from "../../protocol/data/description.ts"
import { areNumbers } from "../../protocol/data/labels.ts"
import { didYouMean } from "../../protocol/data/near-names.ts"
import { statisticsNeeded } from "../../protocol/data/preparation.ts"
import { exactNumber } from "../../protocol/data/spelling.ts"
import { valueLimit } from "../../protocol/learning/range.ts"
import { leastContributors, neededColumns } from "../../protocol/statistics/statistics.ts"
import { isTested } from "./agreement.ts"
import { ciphertextProblems } from "./ciphertexts.ts"
import { classWeightProblems } from "./class-weights.ts"
import { columnsNamed, columnsOf } from "./columns.ts"
import { strangers } from "./faults-consistency.ts"
import { type Inconsistency, repeated } from "./inconsistency.ts"
import { planProblems } from "./plan-problem.ts"
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

/** Every inconsistency of a scenario whose parts are valid each for itself. */
export const inconsistencies = (scenario: Scenario): ReadonlyArray<Inconsistency> => [
  ...columnProblems(scenario),
  ...statisticsProblems(scenario),
  ...userProblems(scenario),
  ...identityProblems(scenario),
  ...securityProblems(scenario),
  ...dealingProblems(scenario),
  ...ciphertextProblems(scenario),
  ...decryptionProblems(scenario),
  ...rangeProblems(scenario),
  ...trainingProblems(scenario),
  ...revealProblems(scenario),
  ...validationProblems(scenario),
  ...faultProblems(scenario)
]

const columnProblems = ({ data }: Scenario): ReadonlyArray<Inconsistency> => {
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
const statisticsProblems = ({ data, users, reveal }: Scenario): ReadonlyArray<Inconsistency> => {
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

const userProblems = ({ data, users, heldOut }: Scenario): ReadonlyArray<Inconsistency> => {
  const problems: Array<Inconsistency> = []
  const named = columnsNamed(data)
  const known = new Set(sourceColumns(data))
  for (const index of repeated(users.map((user) => user.name))) {
    problems.push({
      path: ["users", index, "name"],
      message: `"${users[index]?.name}" is the name of another user too; give each user a name of its own`
    })
  }
  for (const [index, { name }] of users.entries()) {
    if (!/^(kgc|cloud[01]|director|user\d+)$/.test(name) || name === `user${index + 1}`) continue
    problems.push({
      path: ["users", index, "name"],
      message: `"${name}" is what another party is called; give the user a name of its own, or user${index + 1}`
    })
  }
  users.forEach((user, userIndex) => {
    user.holds.forEach((holding, holdingIndex) => {
      const path = ["users", userIndex, "holds", holdingIndex]
      holding.columns?.forEach((column, index) => {
        const names = named(column)
        if (names.length > 0 && !names.includes(data.id)) return
        problems.push({
          path: [...path, "columns", index],
          message: `"${column}" is neither a feature nor the label of data; correct the name or add it there${didYouMean(column, [...known])}`
        })
      })
      for (const field of ["columns", "header"] as const) {
        const seen = new Set<string>()
        holding[field]?.forEach((entry, index) => {
          const stands = named(entry)
          const names = stands.length === 0 ? [entry] : stands
          const twice = names.find((name) => seen.has(name))
          if (twice !== undefined) {
            problems.push({
              path: [...path, field, index],
              message: `"${twice}" is listed twice; list it once`
            })
          }
          for (const name of names) seen.add(name)
        })
      }
      if (holding.dialect?.header === false && holding.header === undefined) {
        problems.push({
          path: [...path, "dialect", "header"],
          message: "says that the file has no names; list the names of its columns as header of the holding"
        })
      }
      if (holding.heldOut !== undefined && heldOut !== "marked") {
        problems.push({
          path: [...path, "heldOut"],
          message: "marks rows, which heldOut of the scenario does not ask for; say heldOut: marked there"
        })
      }
      if (holding.part !== undefined && holding.part.from > holding.part.to) {
        problems.push({
          path: [...path, "part"],
          message: "ends before it begins; give the first row as from"
        })
      }
      const rows = holding.rows ?? []
      for (const index of repeated(rows)) {
        problems.push({
          path: [...path, "rows", index],
          message: `"${rows[index]}" is listed twice; list it once`
        })
      }
    })
  })
  if (heldOut === "marked" && !users.some(({ holds }) => holds.some((holding) => holding.heldOut))) {
    problems.push({
      path: ["heldOut"],
      message: "asks for marked rows, but no file is marked; say heldOut: true in a file that is held"
    })
  }
  return problems
}

/** An identity is one party's: two that share one could speak in each other's name. */
const identityProblems = ({ parties = {}, users }: Scenario): ReadonlyArray<Inconsistency> => {
  const listed = [
    ...Object.entries(parties).map(([name, text]) => ({ path: ["parties", name], name, text })),
    ...users.map(({ name, identity: text }, i) => ({ path: ["users", i, "identity"], name, text }))
  ]
  // Two texts that share either of their keys are of one party.
  const alike = (one: string, other: string) =>
    one.split(".").some((key, part) => key === other.split(".")[part])
  return listed.flatMap(({ path, text }, index) => {
    const before =
      text === undefined
        ? undefined
        : listed.slice(0, index).find((each) => each.text !== undefined && alike(each.text, text))
    return before === undefined
      ? []
      : [{ path, message: `is the identity of ${before.name} too; have each party make one of its own` }]
  })
}

const faultProblems = ({ faults, users }: Scenario): ReadonlyArray<Inconsistency> =>
  faults === undefined
    ? []
    : strangers(faults, users).map(({ path, message }) => ({ path: ["faults", ...path], message }))

const securityProblems = ({ security }: Scenario): ReadonlyArray<Inconsistency> =>
  security.modulusBits < 2048 && !security.insecure
    ? [
        {
          path: ["security", "modulusBits"],
          message: `${security.modulusBits} bits can be factored; use 2048 or 3072, or say insecure: true in a test of the program`
        }
      ]
    : []

/** Where the clouds deal, the KGC leaves after the setup, and its workers would have nothing to do. */
const dealingProblems = ({ placement, security }: Scenario): ReadonlyArray<Inconsistency> =>
  security.dealing === "clouds" && placement.workers.kgc > 0
    ? [
        {
          path: ["placement", "workers", "kgc"],
          message:
            "the KGC's workers deal, and with security.dealing: clouds it does not; leave them out, or let the KGC deal"
        }
      ]
    : []

const decryptionProblems = ({ deadlines, decryption, users }: Scenario): ReadonlyArray<Inconsistency> => {
  const { threshold } = decryption
  const { absenceTimeoutMs, phaseTimeoutMs } = deadlines
  const problems: Array<Inconsistency> = []
  if (threshold !== undefined && threshold > users.length) {
    problems.push({
      path: ["decryption", "threshold"],
      message: `is more than the ${users.length} users there are; give at most that, or leave it out for all of them`
    })
  }
  if (absenceTimeoutMs !== undefined && (threshold ?? users.length) >= users.length) {
    problems.push({
      path: ["deadlines", "absenceTimeoutMs"],
      message:
        "is for runs that can end without some users; give a decryption.threshold below their number, or leave it out"
    })
  }
  if (absenceTimeoutMs !== undefined && absenceTimeoutMs >= phaseTimeoutMs) {
    problems.push({
      path: ["deadlines", "absenceTimeoutMs"],
      message: `must be below phaseTimeoutMs, which is ${phaseTimeoutMs}: the output is over by then`
    })
  }
  return problems
}

/** Fixed-point numbers that a feature needs, so that something is left of its values. */
const leastSteps = 16

/** Ranges by which no cell could be scaled, or only to what no fixed-point number holds. */
const rangeProblems = ({ data, security }: Scenario): ReadonlyArray<Inconsistency> => {
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

const trainingProblems = (scenario: Scenario): ReadonlyArray<Inconsistency> => {
  const own = [
    ...lossProblems(scenario),
    ...classWeightProblems(scenario.data, scenario.training.classWeights)
  ]
  return own.length > 0 || scenario.data.features.length === 0 ? own : planProblems(scenario)
}

/** A cross-entropy is of labels that are zeros and ones. */
const lossProblems = ({ data, training: { loss } }: Scenario): ReadonlyArray<Inconsistency> =>
  loss === "squared-error" || classesOf(data) !== undefined
    ? []
    : [
        {
          path: ["training", "loss"],
          message: `"${loss}" is for a label with values, which are classes; use "squared-error" for numbers`
        }
      ]

/** Rows are validated on for those that learn of it. */
const validationProblems = ({ reveal, training, validation }: Scenario): ReadonlyArray<Inconsistency> => [
  ...(validation > 0 && !reveal.includes("curve")
    ? [
        {
          path: ["validation"],
          message: "is of no use where nobody learns of it; add curve to reveal, or leave validation out"
        }
      ]
    : []),
  ...(validation === 0 && reveal.includes("curve")
    ? [
        {
          path: ["reveal", reveal.indexOf("curve")],
          message: "is how the model does on validation rows; say validation, such as 0.1, or leave curve out"
        }
      ]
    : []),
  ...(validation === 0 && training.stop !== undefined
    ? [
        {
          path: ["training", "stop"],
          message: "goes by the loss on validation rows; say validation, such as 0.1, or leave stop out"
        }
      ]
    : [])
]

const revealProblems = ({ data, expect, heldOut, reveal, seed }: Scenario): ReadonlyArray<Inconsistency> => {
  const problems: Array<Inconsistency> = []
  const tests = isTested({ reveal })
  const areClasses = classesOf(data) !== undefined
  for (const index of repeated(reveal)) {
    problems.push({ path: ["reveal", index], message: `"${reveal[index]}" is listed twice; list it once` })
  }
  for (const key of ["minAccuracy", "maxAccuracyGap"] as const) {
    if (expect[key] !== undefined && !areClasses) {
      problems.push({
        path: ["expect", key],
        message: "is of rows that are put into their class, and the label has none; leave it out"
      })
    } else if (expect[key] !== undefined && !tests) {
      problems.push({
        path: ["expect", key],
        message: "can't be judged unless the accuracy is revealed; add accuracy to reveal"
      })
    }
  }
  if (reveal.includes("accuracy") && !areClasses) {
    problems.push({
      path: ["reveal", reveal.indexOf("accuracy")],
      message:
        "is the share of rows that are put into their class, and the label has none; say metrics, or leave it out"
    })
  }
  if (tests && heldOut === 0) {
    problems.push({
      path: ["heldOut"],
      message: "must be above 0 where accuracy or metrics are to be revealed"
    })
  }
  if (reveal.includes("heldOutRows") && !tests) {
    problems.push({
      path: ["reveal", reveal.indexOf("heldOutRows")],
      message: "serves only to test the model; add accuracy or metrics to reveal, or leave heldOutRows out"
    })
  }
  if (expect.maxWeightDeviation !== undefined && seed === undefined) {
    problems.push({
      path: ["expect", "maxWeightDeviation"],
      message: "compares with a replay of the run, which only a seed allows; give a seed or leave it out"
    })
  }
  return problems
}
