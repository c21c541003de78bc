/**
 * C0, the cloud that holds the master key (paper, section 3). It decrypts its own shares, re-encrypts what C1
 * has blinded, trains on its shares with C1, and seals its share of the model. What it decrypts for C1 is
 * uniform modulo N; a user's second share never reaches it, because it could decrypt that too. What it has
 * confirmed or computed is in stable storage: it may crash at any time and resumes from that point.
 */
import { Effect, Redacted } from "effect"
import { Cloud0Secrets } from "../../protocol/messages/enrolment.ts"
import { UploadShare0 } from "../../protocol/messages/upload.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import { groupMembers } from "../group/members.ts"
import type { Agreement } from "../party/agreement.ts"
import { enrolment } from "../party/enrolment.ts"
import { lifecycle } from "../party/lifecycle.ts"
import { once } from "../party/once.ts"
import { partyRoot } from "../party/root.ts"
import { commonHandlers, sessionInputs } from "./common.ts"
import { sealingAtCloud0 } from "./output/seal-share.ts"
import { credentialsOf } from "./setup/credentials.ts"
import { sessionsAtCloud0 } from "./training/sessions.ts"
import { trainedFormat } from "./training/training.ts"
import { transformationAtCloud0 } from "./transformation/at-cloud0.ts"
import { intakeAt } from "./upload/intake.ts"

/** Serves as C0 of one run, until the director releases it. */
export const cloud0 = (agreement: Agreement) =>
  Effect.gen(function* () {
    const party = yield* Party
    const root = yield* partyRoot(agreement)
    const enrolling = yield* enrolment(agreement, Cloud0Secrets)
    const credentials = credentialsOf(agreement, enrolling, ({ p, q }) => ({
      masterKey: Redacted.make({ p, q })
    }))
    const intake = yield* intakeAt(agreement, 0)
    const transformation = yield* transformationAtCloud0(agreement, credentials, intake)
    const inputs = sessionInputs({ agreement, cloud: 0, credentials, transformation, root })
    const sessions = yield* sessionsAtCloud0(agreement, inputs)
    const training = yield* once("trained", trainedFormat, sessions.trained)
    const sealing = yield* sealingAtCloud0(agreement, credentials, training.outcome)

    const members = yield* groupMembers({ agreement })
    const life = yield* lifecycle(agreement, members)
    yield* party.serve([
      ...life.handlers,
      ...members.handlers,
      ...commonHandlers({ enrolling, intake, transformation, training }),
      on(UploadShare0, (piece, from) => Effect.as(intake.place(from, piece), {})),
      ...transformation.handlers,
      ...sessions.handlers,
      ...sealing
    ])
    yield* life.announced
    yield* life.finished
  })
