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
import type { Reasons } from "./result.ts"

const onlyWithSeed = "only a run with a seed can be replayed"

export interface Comparison {
  /** Of the float64 reference on the held-out rows. */
  readonly referenceAccuracy: number | null
  /** Greatest difference of a weight to the fixed-point reference. */
  readonly maxWeightDeviation: number | null
  /** Why a figure is null. */
  readonly reasons: Reasons
}

/** What is compared, and whether it can be. */
export interface Compared {
  readonly agreement: Agreement
  /** The run's name. */
  readonly run: string
  readonly joined: JoinedData
  readonly model: Model
  /** Why no reference can be trained, such as data that are no longer those of the run. */
  readonly referenceLeftOut?: string | undefined
}

/** Nothing to compare with, for one reason. */
export const notCompared = (reason: string): Comparison => ({
  referenceAccuracy: null,
  maxWeightDeviation: null,
  reasons: { referenceAccuracy: reason, maxWeightDeviation: reason }
})

/** Trains the references on the joined data and compares. */
export const compareWithReferences = async (compared: Compared): Promise<Comparison> => {
  const { agreement, run, joined, model, referenceLeftOut } = compared
  if (referenceLeftOut !== undefined) return notCompared(referenceLeftOut)
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
      seed === undefined ? null : maximumDeviation(model, await trainFixedReference(reference)),
    reasons: seed === undefined ? { maxWeightDeviation: onlyWithSeed } : {}
  }
}
