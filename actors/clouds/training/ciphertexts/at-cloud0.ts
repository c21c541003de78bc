/**
 * C0 in the training on ciphertexts: it opens what C1 has blinded, and keeps nothing but its share of the model in the end. What it
 * draws is of this session alone; its share of the first weights follows from its root, as on shares.
 */
import { Effect } from "effect"
import { blinded0, cloud0Operations } from "../../../../protocol/ciphertexts/cloud0.ts"
import { openCellsAtC0 } from "../../../../protocol/ciphertexts/data.ts"
import { CiphertextParty } from "../../../../protocol/ciphertexts/party.ts"
import { initialShares, layersAtC0, outputAtC0, sealAtC0 } from "../../../../protocol/ciphertexts/state.ts"
import type { Cloud0Keys } from "../../../../protocol/sharing/transformation.ts"
import type { TrainIn } from "../session.ts"
import { initialKey } from "../training.ts"
import { type CiphertextInputs, trainInSession } from "./session.ts"
import { workOf } from "./work.ts"

/** Trains on ciphertexts at C0. `close` ends what C0 opens for the transformation. */
export const onCiphertextsAtCloud0 =
  <E, R>(inputs: CiphertextInputs<Cloud0Keys>, close: Effect.Effect<void, E, R>) =>
  (...[session]: Parameters<TrainIn<never, never>>) =>
    Effect.gen(function* () {
      const { agreement, keys, root } = inputs
      yield* close
      const work = yield* workOf(keys, keys.masterKey)
      return yield* trainInSession(
        ...([inputs, 0, work, session] as const),
        ({ plan, stepOf }) => {
          const party = new CiphertextParty(stepOf(0))
          return {
            cells: (user, cells) => openCellsAtC0(party, { user, cells }),
            layers: function* () {
              if (session.step > 0) return layersAtC0(plan)
              return yield* sealAtC0(party, initialShares(plan, initialKey(agreement, 0, root)))
            },
            value: blinded0,
            operations: (step) => cloud0Operations(stepOf(step)),
            output: () => outputAtC0(party, plan.network)
          }
        },
        () => Effect.void
      )
    }).pipe(Effect.scoped, Effect.withSpan("cloud.train"))
