/**
 * The output at C1: it adds its share of the model to C0's under the joint key, and hands the sum to the users;
 * to C0 never, which could decrypt it.
 */
import { type Deferred, Effect } from "effect"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { SealModel } from "../../../protocol/messages/control.ts"
import { FetchModel, ModelShare } from "../../../protocol/messages/output.ts"
import { on } from "../../../runtime/messaging/contract.ts"
import { Store } from "../../../runtime/storage/store.ts"
import { type Agreement, partTimeoutMs } from "../../party/agreement.ts"
import { gather } from "../../party/gathering.ts"
import { onDirector, onFrom } from "../../party/handlers.ts"
import { once } from "../../party/once.ts"
import { reached } from "../../party/prerequisites.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import type { TrainedShare } from "../training/session.ts"

/** The entry of the encrypted model in C1's store. */
export const sealedModelEntry = "sealed-model"

export const sealingAtCloud1 = (
  agreement: Agreement,
  credentials: CredentialsFor,
  trained: Deferred.Deferred<TrainedShare>
) =>
  Effect.gen(function* () {
    const store = yield* Store
    const share0 = yield* gather("its share of the model", ["cloud0"], "model-share", ModelShare.payload)
    // Stored before any user receives it: the users decrypt one version together.
    const { done, outcome } = yield* once(
      "sealed",
      FetchModel.reply,
      Effect.gen(function* () {
        const { keys } = yield* credentials("encrypt the model")
        const { words } = yield* reached(trained, "encrypt the model", "it was trained")
        const [received] = yield* share0.all(partTimeoutMs(agreement))
        const { sealed, atRest } = yield* sharingOf(agreement).output.sealModel(keys, received!, words)
        yield* store.put(sealedModelEntry, atRest)
        return sealed
      })
    )
    const users = agreement.users.map(({ actor }) => actor)
    const handlers = [
      on(ModelShare, (share, from) => Effect.as(share0.put(from, share), {})),
      onDirector(SealModel, () =>
        Effect.map(done, ({ ciphertexts }) => ({
          ciphertexts: ciphertexts.length / ciphertextBytes({ bits: agreement.security.modulusBits })
        }))
      ),
      onFrom(users, FetchModel, () => reached(outcome, "hand out the model", "it was sealed"))
    ]
    return { outcome, handlers }
  })
