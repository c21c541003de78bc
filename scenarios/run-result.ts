/**
 * The result of a run: what was measured next to what was predicted, and which expectations of the scenario held. Pure.
 */

import type { RunOutcome } from "../actors/director.ts"
import type { Agreement } from "../actors/party/agreement.ts"
import type { Comparison } from "./comparison.ts"
import type { JoinedData } from "./joined.ts"
import type { PredictedCost } from "./plan.ts"
import type { Expectation, PredictedAndMeasured, RunResult, Uncertain } from "./result.ts"
import type { Scenario } from "./schema.ts"

/** All that is known of a run when it has ended. */
export interface Measured {
  readonly scenario: Scenario
  readonly agreement: Agreement
  readonly run: string
  readonly transport: "nats" | "memory"
  readonly joined: Pick<JoinedData, "rows">
  readonly predicted: PredictedCost
  readonly outcome: RunOutcome
  readonly compared: Comparison
  readonly recoveries: RunResult["recoveries"]
  readonly faults: RunResult["faults"]
  readonly seconds: number
}

export const resultOf = (measured: Measured): RunResult => {
  const { agreement, run, transport, joined, predicted, outcome, compared } = measured
  const { tested } = outcome
  const accuracy = tested === undefined ? null : tested.correct / tested.total
  const figures: Judged = {
    accuracy,
    referenceAccuracy: compared.referenceAccuracy,
    maxWeightDeviation: compared.maxWeightDeviation,
    reasons: { ...(accuracy === null ? { accuracy: "not revealed" } : {}), ...compared.reasons }
  }
  return {
    scenario: agreement.scenario,
    run,
    transport,
    modulusBits: agreement.security.modulusBits,
    seed: agreement.seed ?? null,
    ...figures,
    tested: tested ?? null,
    rows: { training: joined.rows.training, heldOut: joined.rows.heldOut },
    steps: outcome.steps,
    rounds: { predicted: predicted.rounds, measured: outcome.rounds },
    bytes: bytesOf(predicted, outcome),
    seconds: { ...outcome.seconds, total: measured.seconds },
    recoveries: measured.recoveries,
    faults: measured.faults,
    peakMemoryBytes: transport === "nats" ? outcome.peakMemoryBytes : null,
    expectations: expectationsOf(measured.scenario, figures)
  }
}

/** Bytes on the wire, all of them, by the phase in which the plan has each kind of message. */
const bytesOf = (predicted: PredictedCost, outcome: RunOutcome): RunResult["bytes"] => {
  const phases = new Map(predicted.traffic.map(({ tag, phase }) => [tag, phase as string]))
  // Rounds that were gone through again carry the number of their epoch.
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

type Judged = Pick<RunResult, Uncertain | "reasons">

/** What a scenario expects of a run, and whether it held: what cannot be judged did not. */
export const expectationsOf = (
  { expect }: Pick<Scenario, "expect">,
  judged: Judged
): ReadonlyArray<Expectation> => {
  const { accuracy, referenceAccuracy, maxWeightDeviation, reasons } = judged
  const expectation = (
    limit: number | undefined,
    what: string,
    held: boolean | undefined,
    reason: string | undefined
  ): ReadonlyArray<Expectation> =>
    limit === undefined
      ? []
      : [
          {
            what: `${what} ${limit}`,
            held: held ?? false,
            ...(held === undefined ? { reason: `not judged: ${reason}` } : {})
          }
        ]
  const known = accuracy !== null
  const gap = known && referenceAccuracy !== null ? Math.abs(accuracy - referenceAccuracy) : undefined
  return [
    ...expectation(
      expect.minAccuracy,
      "accuracy at least",
      known ? accuracy >= expect.minAccuracy! : undefined,
      reasons.accuracy
    ),
    ...expectation(
      expect.maxAccuracyGap,
      "difference to the float64 reference at most",
      gap === undefined ? undefined : gap <= expect.maxAccuracyGap!,
      reasons.accuracy ?? reasons.referenceAccuracy
    ),
    ...expectation(
      expect.maxWeightDeviation,
      "deviation from the fixed-point reference at most",
      maxWeightDeviation === null ? undefined : maxWeightDeviation <= expect.maxWeightDeviation!,
      reasons.maxWeightDeviation
    )
  ]
}

/** Whether a figure is within a share of what was predicted. */
export const within = ({ predicted, measured }: PredictedAndMeasured, share: number): boolean =>
  Math.abs(measured - predicted) <= share * predicted
