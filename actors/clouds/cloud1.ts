/**
 * C1, the cloud that keeps the ciphertexts (paper, section 3) and does most of the work on them: it brings
 * everything under the joint key with C0's help, archives the joint data set, trains on its shares with C0,
 * and encrypts the model for the users. It never has the master key, and what it receives is encrypted or
 * masked. What it has confirmed or computed is in stable storage: it may crash at any time and resumes from
 * that point.
 */
import { Deferred, Effect, Option } from "effect"
import { UploadShare1, UploadWords1 } from "../../protocol/messages/upload.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import { groupMembers } from "../group/members.ts"
import { type Agreement, opensModel, reopens } from "../party/agreement.ts"
import { erasing, type Remains } from "../party/erasure.ts"
import { lifecycle } from "../party/lifecycle.ts"
import { once } from "../party/once.ts"
import { reached } from "../party/prerequisites.ts"
import { partyRoot } from "../party/root.ts"
import { dealingAhead } from "./ahead.ts"
import {
  commonHandlers,
  dealingByBoth,
  dealtMeanwhile,
  forTheOther,
  keptShare,
  trainingOf
} from "./common.ts"
import { sealedModelEntry, sealingAtCloud1 } from "./output/seal-model.ts"
import { isDealt } from "./randomness/stored.ts"
import { credentialsOf } from "./setup/credentials.ts"
import { CheckpointStore } from "./training/checkpoints.ts"
import { onCiphertextsAtCloud1 } from "./training/ciphertexts/at-cloud1.ts"
import { trainedEntry, trainedFormat } from "./training/session.ts"
import { sessionsAtCloud1 } from "./training/sessions.ts"
import { archiveKeyEntry, enrolmentAtCloud1, keepForArchive } from "./transformation/archived-at-cloud1.ts"
import { isOfArchive, transformationAtCloud1 } from "./transformation/at-cloud1.ts"
import { reopeningAtCloud1 } from "./transformation/reopening-at-cloud1.ts"
import { eitherWay } from "./transformation/transformation.ts"
import { intakeAt } from "./upload/intake.ts"

/** What stays at C1 after the run. */
export const remainsAtCloud1 = (agreement: Agreement): Effect.Effect<Remains> =>
  Effect.map(CheckpointStore, (checkpoints) => {
    const { archive, security } = agreement
    const keeps = archive === "keep"
    const sealed = security.upload === "hybrid" ? "the key of the archive's pieces" : "what the KGC published"
    return {
      kept: keeps ? ["the archive, encrypted"] : [],
      sealed: { ...(keeps && { [archiveKeyEntry]: sealed }), ...keptShare(agreement) },
      erases: (name) => name === sealedModelEntry || isDealt(name) || (!keeps && isOfArchive(name)),
      others: Option.toArray(checkpoints)
    }
  })

/** Serves as C1 of one run, until the director releases it. */
export const cloud1 = (agreement: Agreement) =>
  Effect.gen(function* () {
    const party = yield* Party
    const root = yield* partyRoot(agreement)
    const enrolling = yield* enrolmentAtCloud1(agreement)
    const credentials = credentialsOf({ agreement, cloud: 1, root }, enrolling, () => ({}))
    const intake = yield* intakeAt(agreement, 1)
    const transformation = eitherWay(
      yield* reopens(agreement)
        ? reopeningAtCloud1(agreement, credentials, root)
        : transformationAtCloud1(agreement, credentials, intake, root)
    )
    const ahead = yield* dealingAhead({ agreement, credentials, transformation, root })
    const dealsAhead = agreement.security.dealing === "kgc-ahead"
    const trains = trainingOf({
      ...{ agreement, cloud: 1, credentials, transformation, root },
      supplied: (own) =>
        Effect.gen(function* () {
          if (dealsAhead) return { randomness: yield* ahead.randomness(own.prgKey) }
          return yield* dealtMeanwhile(agreement, 1, root, own)
        }),
      onCiphertexts: onCiphertextsAtCloud1
    })
    const sessions = yield* sessionsAtCloud1(agreement, trains)
    const training = yield* once(trainedEntry, trainedFormat, sessions.trained)
    const sealing = yield* sealingAtCloud1(agreement, credentials, training.outcome)

    const dealing = dealsAhead
      ? { handlers: ahead.handlers, ended: Effect.succeed(false) }
      : yield* dealingByBoth(agreement, sessions.dealt)
    const comeBack = yield* forTheOther(sessions.rejoin, {
      dealing: dealing.ended,
      training: Deferred.isDone(training.outcome),
      sealing: Deferred.isDone(sealing.outcome)
    })
    const members = yield* groupMembers({ agreement })
    const remains = yield* remainsAtCloud1(agreement)
    const keepKeys = Effect.gen(function* () {
      if (opensModel(agreement)) yield* reached(sealing.outcome, "erase", "it had encrypted the model")
      else yield* reached(training.outcome, "erase", "the model was trained")
      const enrolled = yield* reached(enrolling.outcome, "erase", "it had enrolled")
      if (agreement.archive === "keep") yield* keepForArchive(agreement, enrolled, root)
    })
    const life = yield* lifecycle(agreement, erasing(remains, keepKeys), members)
    yield* party.serve([
      ...life.handlers,
      ...members.handlers,
      ...commonHandlers({ agreement, enrolling, intake, transformation, training }),
      on(UploadShare1, (piece, from) => Effect.as(intake.place(from, piece), {})),
      on(UploadWords1, (piece, from) => Effect.as(intake.place(from, piece), {})),
      ...transformation.handlers,
      ...dealing.handlers,
      ...sessions.handlers,
      ...sealing.handlers
    ])
    yield* life.announced
    yield* comeBack
    yield* life.finished
  })
