/** What is known of a run before it starts: its scenario and all data, read and checked, and what a run of them costs and leads to. */
import { randomBytes } from "node:crypto"
import { Effect } from "effect"
import { rootFrom } from "../../actors/party/root.ts"
import { raised } from "../../actors/party/typed-throws.ts"
import { digestsKnowing } from "../../actors/users/join.ts"
import { digestIds } from "../../protocol/data/rows.ts"
import { NoValues, ValueTooLarge } from "../../protocol/statistics/statistics.ts"
import { agreementOf } from "../description/agreement.ts"
import { checkData, joinData } from "../description/joined.ts"
import { loadScenario } from "../description/load.ts"
import { predictCost } from "../forecast/traffic.ts"
import { foresee } from "../reference/foresight.ts"

/**
 * Reads and checks a scenario and all data that it names, and foresees what a run of them would do; `givenSeed` replaces the
 * scenario's seed. Fails with everything that is wrong.
 */
export const prepareRun = Effect.fn("Run.prepare")(function* (file: string, givenSeed?: number) {
  const loaded = yield* loadScenario(file)
  const { scenario } = loaded
  const agreement = agreementOf(scenario, givenSeed ?? scenario.seed)
  const { seed } = agreement
  const data = yield* checkData(loaded)
  // Without a seed the users draw secrets of their own, which hold out other rows; the sizes are the same.
  const drawn = new Uint8Array(randomBytes(32))
  const digestsOf =
    seed === undefined
      ? (ids: ReadonlyArray<string>) => digestIds(drawn, ids)
      : digestsKnowing(agreement, () => rootFrom(drawn))
  const joined = yield* raised([NoValues, ValueTooLarge], () => joinData(scenario, data, digestsOf))
  const predicted = predictCost(scenario, joined)
  /** What may spoil the result. */
  const foreseen = yield* foresee(loaded, agreement, joined)
  return { scenario, agreement, data, joined, predicted, foreseen }
})

export type Prepared = Effect.Effect.Success<ReturnType<typeof prepareRun>>
