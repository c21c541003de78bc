/**
 * The result of a run: what was measured next to what was predicted, and which expectations of the scenario
 * held. Pure.
 */
import type { RunOutcome } from "../../actors/director.ts"
import { type Agreement, displayName, sizesFor } from "../../actors/party/agreement.ts"
import { type Phase, phases } from "../../actors/party/phases.ts"
import { weightsByClass } from "../../protocol/data/class-weights.ts"
import { classesOf } from "../../protocol/data/description.ts"
import { bestEpoch, type Curve } from "../../protocol/learning/evaluations.ts"
import { evaluates } from "../../protocol/learning/plan.ts"
import type { JoinedData } from "../description/joined.ts"
import type { Scenario } from "../description/schema.ts"
import { bytesByLink } from "../forecast/links.ts"
import { cloudsMemory } from "../forecast/memory.ts"
import type { PredictedCost } from "../forecast/traffic.ts"
import { areNumbers, type Comparison } from "../reference/comparison.ts"
import type {
  Expectation,
  PredictedAndMeasured,
  RunResult,
  Uncertain,
  ValidationCurve
} from "../report/result.ts"
import { unlearned } from "../report/unlearned.ts"

/** What is known of a run when it has ended. */
export interface Measured {
  readonly scenario: Scenario
  readonly agreement: Agreement
  readonly run: string
  readonly transport: "nats" | "memory"
  readonly joined: Pick<JoinedData, "rows" | "prepared">
  readonly predicted: PredictedCost
  readonly outcome: RunOutcome
  readonly compared: Comparison
  /** Warnings from before the run. */
  readonly foreseen: ReadonlyArray<string>
  readonly recoveries: RunResult["recoveries"]
  readonly faults: RunResult["faults"]
  readonly seconds: number
}

/** The result of a run. Every number in it is finite, and no time is negative. */
export const resultOf = (measured: Measured): RunResult => {
  const { agreement, run, transport, joined, predicted, outcome, compared } = measured
  const { tested } = outcome
  const absent = absentIn(measured)
  const accuracy = accuracyOf(tested)
  const figures: Judged = {
    accuracy,
    referenceAccuracy: compared.referenceAccuracy,
    maxWeightDeviation: compared.maxWeightDeviation,
    reasons: {
      ...(accuracy === null ? { accuracy: whyNoAccuracy(measured, absent) } : {}),
      ...compared.reasons
    },
    meaningless: [
      ...(tested?.total === 0 && absent.length === 0
        ? ["the model is to be tested, but no held-out row was; hold out more rows"]
        : []),
      ...compared.meaningless
    ]
  }
  return {
    scenario: agreement.scenario,
    run,
    transport,
    modulusBits: agreement.security.modulusBits,
    seed: agreement.seed ?? null,
    users: agreement.users.map(({ actor, name }) => ({ actor, name })),
    revealed: measured.scenario.reveal,
    ...figures,
    warnings: [
      ...measured.foreseen,
      ...testedWithout(absent, tested, joined),
      ...compared.warnings,
      ...(figures.meaningless.length > 0 ? [] : unlearned(agreement, { ...compared, ...outcome, accuracy }))
    ],
    tested: testedClasses(tested) ?? null,
    ...(outcome.metrics === undefined ? {} : { metrics: outcome.metrics }),
    ...(compared.referenceMetrics === undefined ? {} : { referenceMetrics: compared.referenceMetrics }),
    ...(compared.alone === undefined ? {} : { alone: compared.alone }),
    rows: rowsOf(joined),
    ...weightsOf(joined),
    ...curveOf(measured),
    steps: outcome.steps,
    rounds: { predicted: predicted.rounds, measured: outcome.rounds },
    bytes: {
      ...bytesOf(predicted, outcome),
      byLink: bytesByLink(predicted.traffic, outcome.traffic, agreement.users.length)
    },
    received: receivedOf(outcome),
    seconds: secondsOf(outcome, measured.seconds),
    kept: keptOf(transport, outcome),
    recoveries: measured.recoveries.map(({ party, seconds }) => ({ party, seconds: Math.max(0, seconds) })),
    faults: measured.faults,
    peakMemoryBytes: transport === "nats" ? outcome.peakMemoryBytes : null,
    ...memoryOf(measured),
    ...openersOf(measured),
    expectations: expectationsOf(measured.scenario, figures)
  }
}

/** What was predicted of the clouds' memory, where each has a process. */
const memoryOf = ({
  predicted: cost,
  scenario,
  transport
}: Measured): Pick<RunResult, "predictedMemoryBytes"> => {
  const foreseen = transport === "nats" ? cloudsMemory({ scenario, cost }) : undefined
  return foreseen === undefined ? {} : { predictedMemoryBytes: { cloud0: foreseen[0], cloud1: foreseen[1] } }
}

/** How many of the tested rows are right; undefined unless revealed, and where numbers are predicted. */
const testedClasses = (tested: RunOutcome["tested"]): RunResult["tested"] | undefined =>
  tested?.correct === undefined ? undefined : { correct: tested.correct, total: tested.total }

const accuracyOf = (tested: RunOutcome["tested"]): number | null =>
  tested?.correct === undefined || tested.total === 0 ? null : tested.correct / tested.total

const whyNoAccuracy = ({ agreement, outcome }: Measured, absent: ReadonlyArray<string>): string =>
  classesOf(agreement.data) === undefined
    ? areNumbers
    : outcome.tested?.total === 0
      ? noRowTested(absent)
      : "not revealed"
const rowsOf = ({ rows: { training, uploaded, heldOut } }: Measured["joined"]): RunResult["rows"] => ({
  training,
  ...(uploaded > training && { validation: uploaded - training }),
  heldOut
})

const weightsOf = ({ prepared }: Measured["joined"]): Pick<RunResult, "classWeights"> => {
  const classWeights = weightsByClass(prepared)
  return classWeights === undefined ? {} : { classWeights }
}

/** How the model did on the validation rows, beside the fixed-point reference. */
const curveOf = ({
  agreement,
  predicted: { plan },
  joined,
  outcome,
  compared
}: Measured): Pick<RunResult, "curve"> => {
  const { curve } = outcome
  if (curve === undefined || !evaluates(plan)) return {}
  const { rows } = plan.validation
  const shown = (of: Curve): ValidationCurve["epochs"] =>
    of.map(({ error, right }) => ({
      loss: error / 2 ** plan.fractionalBits / rows,
      ...(right !== undefined && { accuracy: right / rows })
    }))
  return {
    curve: {
      rows,
      epochs: shown(curve),
      best: bestEpoch(curve),
      stopped: curve.length < sizesFor(agreement, joined.rows.training).epochs,
      ...(compared.curve && { reference: shown(compared.curve) })
    }
  }
}

/** The users without which the model was opened, by their own names. */
const absentIn = ({ agreement, outcome: { openers } }: Measured): ReadonlyArray<string> =>
  (openers?.absent ?? []).map(({ user }) => displayName(agreement, user))

const noRowTested = (absent: ReadonlyArray<string>): string =>
  absent.length === 0
    ? "no held-out row was tested"
    : `no held-out row could be tested without ${absent.join(", ")}`

/** What a test is of where some users were not there to test, or to send what they held out. */
const testedWithout = (
  absent: ReadonlyArray<string>,
  tested: RunOutcome["tested"],
  { rows }: Measured["joined"]
): ReadonlyArray<string> =>
  absent.length === 0 || tested === undefined || tested.total === 0 || tested.total >= rows.heldOut
    ? []
    : [
        `the test is of ${tested.total} of ${rows.heldOut} held-out rows: the others could not be tested without ${absent.join(", ")}`
      ]

/** Who opened the model, by their own names, where not all users need to. */
const openersOf = ({ agreement, outcome: { openers } }: Measured): Pick<RunResult, "openers"> => {
  if (openers === undefined) return {}
  const named = (actor: string) => displayName(agreement, actor)
  return {
    openers: {
      threshold: openers.threshold,
      opened: openers.opened.map(named),
      absent: openers.absent.map(({ user, reason }) => ({ user: named(user), reason })),
      rejected: openers.rejected.map(named)
    }
  }
}

/** What is under a state key is with its party's process only, where all share one that has ended. */
const keptOf = (transport: Measured["transport"], { kept: all }: RunOutcome): RunResult["kept"] =>
  Object.fromEntries(
    Object.entries(all).map(([actor, { kept, sealed }]) => [
      actor,
      transport === "memory" ? kept : [...kept, ...sealed.map((what) => `${what}, under its state key`)]
    ])
  )

/**
 * Clocks may have been set back; and an earlier process may have done phases, which this one's total lacks.
 */
const secondsOf = ({ seconds }: RunOutcome, total: number): RunResult["seconds"] => {
  const entries = phases.map((phase) => [phase, Math.max(0, seconds[phase])] as const)
  const inPhases = entries.reduce((sum, [, each]) => sum + each, 0)
  const byPhase = Object.fromEntries(entries) as Record<Phase, number>
  return { ...byPhase, total: Math.max(total, inPhases) }
}

/** All bytes on the wire, by the phase in which the plan has each kind of message. */
const bytesOf = (predicted: PredictedCost, outcome: RunOutcome): RunResult["bytes"] => {
  const phases = new Map(predicted.traffic.map(({ tag, phase }) => [tag, phase as string]))
  // Rounds of a repeated training carry the number of their epoch.
  const phaseOf = (tag: string) => phases.get(tag.replace(/\.\d+$/, "")) ?? "other"
  const byPhase: Record<string, { predicted: number; measured: number }> = {}
  const entry = (phase: string) => {
    byPhase[phase] ??= { predicted: 0, measured: 0 }
    return byPhase[phase]
  }
  for (const { tag, bytes } of predicted.traffic) entry(phaseOf(tag)).predicted += bytes
  for (const { tag, bytes } of outcome.traffic) entry(phaseOf(tag)).measured += bytes
  const measured = outcome.traffic.reduce((sum, { bytes }) => sum + bytes, 0)
  return { predicted: predicted.bytes, measured, byPhase }
}

/** What came for each party, as its senders count it. */
const receivedOf = ({ traffic }: RunOutcome): NonNullable<RunResult["received"]> => {
  const received: Record<string, { messages: number; bytes: number }> = {}
  for (const { to, messages, bytes } of traffic) {
    received[to] ??= { messages: 0, bytes: 0 }
    received[to].messages += messages
    received[to].bytes += bytes
  }
  return received
}

type Judged = Pick<RunResult, Uncertain | "reasons" | "meaningless">

/** What a scenario expects of a run, and whether it held. What can't be judged did not hold. */
export const expectationsOf = (
  { expect }: Pick<Scenario, "expect">,
  judged: Judged
): ReadonlyArray<Expectation> => {
  const { accuracy, referenceAccuracy, maxWeightDeviation, reasons } = judged
  const spoilt = judged.meaningless.length > 0 ? "the result is not meaningful" : undefined
  const expectation = (
    what: string,
    limit: number | undefined,
    figure: number | null,
    holds: (figure: number, limit: number) => boolean,
    reason: string | undefined
  ): ReadonlyArray<Expectation> => {
    if (limit === undefined) return []
    const named = `${what} ${limit}`
    return figure === null || spoilt !== undefined
      ? [{ what: named, held: false, reason: `not judged: ${spoilt ?? reason}` }]
      : [{ what: named, held: holds(figure, limit) }]
  }
  const atMost = (figure: number, limit: number) => figure <= limit
  const atLeast = (figure: number, limit: number) => figure >= limit
  const gap = accuracy === null || referenceAccuracy === null ? null : Math.abs(accuracy - referenceAccuracy)
  const { minAccuracy, maxAccuracyGap } = expect
  const noGap = reasons.accuracy ?? `no float64 reference: ${reasons.referenceAccuracy}`
  return [
    ...expectation("accuracy at least", minAccuracy, accuracy, atLeast, reasons.accuracy),
    ...expectation("difference to the float64 reference at most", maxAccuracyGap, gap, atMost, noGap),
    ...expectation(
      "deviation from the fixed-point reference at most",
      expect.maxWeightDeviation,
      maxWeightDeviation,
      atMost,
      reasons.maxWeightDeviation
    )
  ]
}

/** Whether a figure is within a share of what was predicted. */
export const within = ({ predicted, measured }: PredictedAndMeasured, share: number): boolean =>
  Math.abs(measured - predicted) <= share * predicted
