/**
 * C0, the cloud that holds the master key (paper, section 3). It decrypts its own shares, re-encrypts what C1
 * has blinded, trains on its shares with C1, and seals its share of the model. What it decrypts for C1 is
 * uniform modulo N; a user's second share never reaches it, because it could decrypt that too. What it has
 * confirmed or computed is in stable storage: it may crash at any time and resumes from that point.
 */
import { Deferred, Effect, Option, Redacted } from "effect"
import { UploadShare0 } from "../../protocol/messages/upload.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import { groupMembers } from "../group/members.ts"
import { type Agreement, opensModel, reopens } from "../party/agreement.ts"
import { erasing, type Remains } from "../party/erasure.ts"
import { lifecycle } from "../party/lifecycle.ts"
import { once } from "../party/once.ts"
import { reached } from "../party/prerequisites.ts"
import { partyRoot } from "../party/root.ts"
import {
  commonHandlers,
  dealingByBoth,
  dealtMeanwhile,
  forTheOther,
  keptShare,
  trainingOf
} from "./common.ts"
import { sealingAtCloud0 } from "./output/seal-share.ts"
import { credentialsOf } from "./setup/credentials.ts"
import { CheckpointStore } from "./training/checkpoints.ts"
import { onCiphertextsAtCloud0 } from "./training/ciphertexts/at-cloud0.ts"
import { trainedEntry, trainedFormat } from "./training/session.ts"
import { sessionsAtCloud0 } from "./training/sessions.ts"
import { enrolmentAtCloud0, keepForArchive, masterKeyEntry } from "./transformation/archived-at-cloud0.ts"
import { transformationAtCloud0 } from "./transformation/at-cloud0.ts"
import { reopeningAtCloud0 } from "./transformation/reopening-at-cloud0.ts"
import { eitherWay } from "./transformation/transformation.ts"
import { intakeAt } from "./upload/intake.ts"

/** What stays at C0 after the run. */
export const remainsAtCloud0 = (agreement: Agreement): Effect.Effect<Remains> =>
  Effect.map(CheckpointStore, (checkpoints) => ({
    kept: [],
    sealed: {
      ...(agreement.archive === "keep" && { [masterKeyEntry]: "the master key" }),
      ...keptShare(agreement)
    },
    erases: () => false,
    others: Option.toArray(checkpoints)
  }))

/** Serves as C0 of one run, until the director releases it. */
export const cloud0 = (agreement: Agreement) =>
  Effect.gen(function* () {
    const party = yield* Party
    const root = yield* partyRoot(agreement)
    const enrolling = yield* enrolmentAtCloud0(agreement)
    const credentials = credentialsOf({ agreement, cloud: 0, root }, enrolling, ({ p, q }) => ({
      masterKey: Redacted.make({ p, q })
    }))
    const intake = yield* intakeAt(agreement, 0)
    const way = yield* reopens(agreement)
      ? reopeningAtCloud0(agreement, credentials)
      : transformationAtCloud0(agreement, credentials, intake)
    const transformation = eitherWay(way)
    const trains = trainingOf({
      ...{ agreement, cloud: 0, credentials, transformation, root },
      supplied: (own) => dealtMeanwhile(agreement, 0, root, own),
      onCiphertexts: (inputs) => onCiphertextsAtCloud0(inputs, way.close)
    })
    const sessions = yield* sessionsAtCloud0(agreement, trains)
    const training = yield* once(trainedEntry, trainedFormat, sessions.trained)
    const sealing = yield* sealingAtCloud0(agreement, credentials, training.outcome)

    const dealing = yield* dealingByBoth(agreement, sessions.dealt)
    const comeBack = yield* forTheOther(sessions.rejoin, {
      dealing: dealing.ended,
      training: Deferred.isDone(training.outcome),
      sealing: Deferred.isDone(sealing.outcome)
    })
    const members = yield* groupMembers({ agreement })
    const remains = yield* remainsAtCloud0(agreement)
    const keepMasterKey = Effect.gen(function* () {
      if (opensModel(agreement))
        yield* reached(sealing.outcome, "erase", "it had encrypted its share of the model")
      else yield* reached(training.outcome, "erase", "the model was trained")
      const enrolled = yield* reached(enrolling.outcome, "erase", "it had enrolled")
      const outline = yield* reached(transformation.outcome, "erase", "the data were transformed")
      if (agreement.archive === "keep") yield* keepForArchive(agreement, enrolled, outline)
    })
    const life = yield* lifecycle(agreement, erasing(remains, keepMasterKey), members)
    yield* party.serve([
      ...life.handlers,
      ...members.handlers,
      ...commonHandlers({ agreement, enrolling, intake, transformation, training }),
      on(UploadShare0, (piece, from) => Effect.as(intake.place(from, piece), {})),
      ...transformation.handlers,
      ...dealing.handlers,
      ...sessions.handlers,
      ...sealing.handlers
    ])
    yield* life.announced
    yield* comeBack
    yield* life.finished
  })
