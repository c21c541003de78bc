/**
 * Sets the decrypted model beside the references trained alike: float64 for the accuracy, fixed point for the weights. In
 * a reproducible run the fixed-point reference replays the very rounding of the clouds, so it must agree bit for bit;
 * otherwise nobody knows the keys, the references draw their own, and weights cannot be compared.
 */
import { randomBytes } from "node:crypto"
import { type Agreement, computationName, planOf } from "../actors/party/agreement.ts"
import type { Model } from "../protocol/learning/model.ts"
import { type SeededPurpose, seededKey } from "../protocol/seeding.ts"
import type { JoinedData } from "./joined.ts"
import {
  accuracy,
  maximumDeviation,
  type ReferenceRun,
  trainFixedReference,
  trainFloatReference
} from "./reference.ts"

export interface Comparison {
  /** Of the float64 reference on the held-out rows. */
  readonly referenceAccuracy: number
  /** Greatest difference of a weight to the fixed-point reference; null without a seed. */
  readonly maxWeightDeviation: number | null
}

/** Trains the references on the joined data and compares. `run` is the run's name. */
export const compareWithReferences = async (
  agreement: Agreement,
  run: string,
  joined: JoinedData,
  model: Model
): Promise<Comparison> => {
  const { seed } = agreement
  const key = (purpose: SeededPurpose): Uint8Array =>
    seed === undefined ? new Uint8Array(randomBytes(16)) : seededKey(seed, purpose)
  const reference: ReferenceRun = {
    data: agreement.data,
    plan: planOf(agreement, joined.rows.training),
    training: joined.training(),
    orderKey: key("order"),
    initialKeys: [key("initial0"), key("initial1")],
    replay: { run: computationName(agreement, run), keys: [key("dealer0"), key("dealer1")] }
  }
  const float = await trainFloatReference(reference)
  return {
    referenceAccuracy: accuracy(float, joined.heldOut()),
    maxWeightDeviation:
      seed === undefined ? null : maximumDeviation(model, await trainFixedReference(reference))
  }
}
