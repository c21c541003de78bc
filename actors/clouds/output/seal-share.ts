/**
 * The output at C0: it encrypts its share of the model under the joint key, sends it to C1, and states to the
 * users which first components are its own. It encrypts once in a run, so that no two sets of them exist.
 */
import { type Deferred, Effect } from "effect"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { SealModel } from "../../../protocol/messages/control.ts"
import { ModelDigest, ModelShare } from "../../../protocol/messages/output.ts"
import { share0Digest } from "../../../protocol/sharing/sealed-model.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
import { onDirector, onFrom } from "../../party/handlers.ts"
import { once } from "../../party/once.ts"
import { reached } from "../../party/prerequisites.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import type { TrainedShare } from "../training/session.ts"

export const sealingAtCloud0 = (
  agreement: Agreement,
  credentials: CredentialsFor,
  trained: Deferred.Deferred<TrainedShare>
) =>
  Effect.gen(function* () {
    const modulus = { bits: agreement.security.modulusBits }
    // Stored before it is sent: what a C0 that crashed sends again is the same.
    const { done, outcome } = yield* once(
      "sealed",
      ModelShare.payload,
      Effect.gen(function* () {
        const { keys } = yield* credentials("encrypt the model")
        const { words } = yield* reached(trained, "encrypt the model", "it was trained")
        return yield* sharingOf(agreement).output.sealShare0(keys, words)
      })
    )
    const handOver = Effect.gen(function* () {
      const party = yield* Party
      const share = yield* done
      const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "output" }
      yield* party.ask("cloud1", ModelShare, share, ask)
      return { ciphertexts: share.ciphertexts.length / ciphertextBytes(modulus) }
    })
    const users = agreement.users.map(({ actor }) => actor)
    const handlers = [
      onDirector(SealModel, () => handOver),
      onFrom(users, ModelDigest, () =>
        Effect.map(reached(outcome, "state what it sealed", "it had sealed its share"), (share) => ({
          digest: share0Digest(modulus, share)
        }))
      )
    ]
    return { outcome, handlers }
  })
