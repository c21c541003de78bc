/**
 * `bicameral audit`: runs a trial of a scenario, or takes the recording of one that was kept, and prints who saw what and all
 * that anybody could learn beyond the claims of SECURITY.md.
 */

import { availableParallelism } from "node:os"
import { FileSystem } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import { trainsOnCiphertexts } from "../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { auditViews } from "../../protocol/audit/audit.ts"
import { auditPads } from "../../protocol/audit/audit-pads.ts"
import { auditForm, smallFormOf } from "../../protocol/audit/coupled-form.ts"
import { auditDealing } from "../../protocol/audit/dealing.ts"
import { auditDealtRounds } from "../../protocol/audit/dealt-rounds.ts"
import { claimFolder, type KeptTrial, keepAudit, keptTrial } from "../audit/kept.ts"
import { type AuditReport, auditJson, auditText } from "../audit/page.ts"
import { defaultSize, prepareTrial } from "../audit/prepare.ts"
import { runTrial } from "../audit/trial.ts"
import { refuseRun } from "../folders/trial-of-own.ts"
import { answer } from "../text/answer.ts"
import type { AuditRequest } from "./commands.ts"

/** Somebody could learn more than the claims say, or something was not sealed as it must be. */
export class AuditFailed extends Data.TaggedError("AuditFailed")<{ readonly findings: number }> {
  readonly retryable = false
  readonly exitStatus = 3
  override get message(): string {
    return `the audit found ${this.findings === 1 ? "something" : `${this.findings} things`} beyond what SECURITY.md claims; if nothing of the program was changed, please report it as SECURITY.md says`
  }
}

/** The trial did not come to its end, so its audit says little. */
export class TrialFailed extends Data.TaggedError("TrialFailed")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `the trial ended before its time, so not everything was audited: ${this.reason}`
  }
}

/** The pads of a training are followed by the dealer's messages, and here they come before it. */
export class NoDealerToAudit extends Data.TaggedError("NoDealerToAudit")<{ readonly target: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.target}: security.dealing is kgc-ahead, and an audit follows what the KGC deals beside the training; audit a copy of the scenario that says kgc, in which the clouds send each other the same in the training, to the byte`
  }
}

/** The audit follows pads of 64 bits, and blinds of a training on ciphertexts are longer integers. */
export class CiphertextsNotAudited extends Data.TaggedError("CiphertextsNotAudited")<{
  readonly target: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.target}: training.on is ciphertexts, and an audit follows pads of shares, not blinds under encryption; audit a copy of the scenario that trains on shares. What cloud 0 opens in the training is tested in test/protocol/ciphertexts/`
  }
}

/** How large a trial is can't be changed once it is over. */
export class TrialIsOver extends Data.TaggedError("TrialIsOver")<{
  readonly folder: string
  readonly option: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.option} is for a trial, and the trial of ${this.folder} is over; leave it out, or give the scenario`
  }
}

const refuseSizes = ({ target: folder, modulus, rows, epochs }: AuditRequest) =>
  Effect.forEach(
    [["--modulus", modulus] as const, ["--rows", rows] as const, ["--epochs", epochs] as const],
    ([option, value]) => (Option.isSome(value) ? new TrialIsOver({ folder, option }) : Effect.void),
    { discard: true }
  )

/** Runs a trial of a scenario. */
const tried = ({ target, modulus, rows, epochs }: AuditRequest) =>
  Effect.gen(function* () {
    const { input, about } = yield* prepareTrial(target, {
      modulusBits: Option.getOrElse(modulus, () => defaultSize.modulusBits),
      rows: Option.getOrElse(rows, () => defaultSize.rows),
      epochs: Option.getOrElse(epochs, () => defaultSize.epochs)
    })
    if (input.agreement.security.dealing === "kgc-ahead") return yield* new NoDealerToAudit({ target })
    if (trainsOnCiphertexts(input.agreement)) return yield* new CiphertextsNotAudited({ target })
    const trial = yield* Effect.provide(runTrial(input), bcpPool(availableParallelism()))
    const kept: KeptTrial = { ...trial, about }
    return kept
  })

/** Audits a scenario, or a folder that an audit was kept in. */
export const auditAndReport = (request: AuditRequest) =>
  Effect.gen(function* () {
    const { target, out } = request
    const files = yield* FileSystem.FileSystem
    const isFolder = yield* files.stat(target).pipe(
      Effect.map(({ type }) => type === "Directory"),
      Effect.orElseSucceed(() => false)
    )
    if (isFolder) {
      yield* refuseRun(target, "an audit")
      yield* refuseSizes(request)
    }
    if (Option.isSome(out)) yield* claimFolder(out.value)
    const trial = isFolder ? yield* keptTrial(target) : yield* tried(request)
    const { recording, error, about } = trial
    const { views, findings } = auditViews(recording)
    const ofPads = yield* auditPads(recording)
    const coupled = smallFormOf(recording)
    const ofForm = yield* Effect.promise(() => auditForm(coupled))
    const dealtInSmall = recording.agreement.security.dealing === "clouds"
    const ofDealing = dealtInSmall ? yield* Effect.promise(() => auditDealing(coupled)) : []
    const report: AuditReport = {
      views,
      findings: [...findings, ...ofPads, ...auditDealtRounds(recording), ...ofForm, ...ofDealing],
      about,
      users: recording.agreement.users,
      coupled,
      dealtInSmall,
      error,
      asked: { rows: Option.getOrUndefined(request.rows), epochs: Option.getOrUndefined(request.epochs) }
    }
    const text = auditText(report)
    yield* answer({ text, value: auditJson(report) })
    if (Option.isSome(out)) yield* keepAudit(out.value, trial, text, auditJson(report))
    if (report.findings.length > 0) return yield* new AuditFailed({ findings: report.findings.length })
    if (error !== undefined) return yield* new TrialFailed({ reason: error })
  })
