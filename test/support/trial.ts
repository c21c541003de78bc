/** Trials of written scenarios, audited. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect } from "effect"
import { auditViews } from "../../protocol/audit/audit.ts"
import { auditPads } from "../../protocol/audit/audit-pads.ts"
import type { Finding } from "../../protocol/audit/recording.ts"
import { defaultSize, prepareTrial, type TrialSize } from "../../scenarios/audit/prepare.ts"
import { runTrial, type TrialOptions } from "../../scenarios/audit/trial.ts"

/** Runs and audits a trial of a scenario; `pads` are the findings of the audit of pads. */
export const audited = (file: string, size: Partial<TrialSize> = {}, options: TrialOptions = {}) =>
  Effect.gen(function* () {
    const { input } = yield* prepareTrial(file, { ...defaultSize, ...size })
    const trial = yield* runTrial(input, options)
    return { ...trial, ...auditViews(trial.recording), pads: yield* auditPads(trial.recording) }
  }).pipe(Effect.provide(nodeContext))

/** A finding in one line. */
export const lineOf = ({ coalition, what, where }: Finding): string => `${coalition}: ${what}; in ${where}`
