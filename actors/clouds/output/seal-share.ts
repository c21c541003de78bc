/** The output at C0: it encrypts its share of the model under the joint key, and sends it to C1. */
import { type Deferred, Effect } from "effect"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { SealModel } from "../../../protocol/messages/control.ts"
import { ModelShare } from "../../../protocol/messages/output.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
import { once } from "../../party/once.ts"
import { reached } from "../../party/prerequisites.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import type { TrainedShare } from "../training/training.ts"

export const sealingAtCloud0 = (
  agreement: Agreement,
  credentials: CredentialsFor,
  trained: Deferred.Deferred<TrainedShare>
) =>
  once(
    "sealed",
    SealModel.reply,
    Effect.gen(function* () {
      const party = yield* Party
      const { keys } = yield* credentials("encrypt the model")
      const { words } = yield* reached(trained, "encrypt the model", "it was trained")
      const share = yield* sharingOf(agreement).output.sealShare0(keys, words)
      const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "output" }
      yield* party.ask("cloud1", ModelShare, share, ask)
      return { ciphertexts: share.ciphertexts.length / ciphertextBytes(keys.parameters) }
    })
  )
