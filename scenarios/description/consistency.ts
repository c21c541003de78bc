/**
 * What must hold between the parts of a scenario, beyond what each part's own schema says: columns that are
 * named must exist, names are unique, and what is expected can be judged from what is revealed.
 */
import { classesOf } from "../../protocol/data/description.ts"
import { isTested } from "./agreement.ts"
import { ciphertextProblems } from "./ciphertexts.ts"
import { classWeightProblems } from "./class-weights.ts"
import { columnProblems, rangeProblems, statisticsProblems } from "./data-consistency.ts"
import { strangers } from "./faults-consistency.ts"
import { type Inconsistency, repeated } from "./inconsistency.ts"
import { planProblems } from "./plan-problem.ts"
import type { Scenario } from "./schema.ts"
import { servedProblems } from "./served-consistency.ts"
import { identityProblems, userProblems } from "./user-consistency.ts"

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
  ...servedProblems(scenario),
  ...validationProblems(scenario),
  ...faultProblems(scenario)
]

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
