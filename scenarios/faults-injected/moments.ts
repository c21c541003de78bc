/** The moments of planned events, as they follow from what a party sends. Pure. */
import { type Agreement, planOfBatch, trainsOnCiphertexts } from "../../actors/party/agreement.ts"
import {
  cellsCost,
  stepCost as ciphertextStepCost,
  sealingCost,
  transfersCost
} from "../../protocol/ciphertexts/cost.ts"
import { sizesOf } from "../../protocol/ciphertexts/plan.ts"
import { stepCost } from "../../protocol/computation/cost.ts"
import type { Envelope } from "../../protocol/messages/envelope.ts"
import type { Moment } from "./plan.ts"

/** The rounds of the clouds' steps. */
export interface StepRounds {
  /** The round in which step 1 begins: the opening of the data comes before. */
  readonly first: number
  /** Rounds for each step. */
  readonly each: number
}

export const stepRoundsOf = (agreement: Agreement): StepRounds => {
  const plan = planOfBatch(agreement)
  if (!trainsOnCiphertexts(agreement)) return { first: 2, each: stepCost(plan).rounds }
  const { exponents, modulusBits } = agreement.security
  const sizes = sizesOf(plan, modulusBits, exponents)
  const cells = agreement.users.length * cellsCost(sizes, 1).rounds
  return {
    first: 1 + transfersCost.rounds + cells + sealingCost(plan, sizes).rounds,
    each: ciphertextStepCost(plan, sizes).rounds
  }
}

/** Counts what each party has sent, by message and in all. */
export class SentCounts {
  readonly #counts = new Map<string, number>()

  /** Counts one more message of a party. */
  add(from: string, { tag }: Pick<Envelope, "tag">): void {
    for (const key of [from, `${from} ${tag}`]) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** How many messages of a tag, or of all tags where none is given, a party has sent. */
  of(from: string, tag?: string): number {
    return this.#counts.get(tag === undefined ? from : `${from} ${tag}`) ?? 0
  }
}

/** Whether a moment has come when a party sends an envelope that `sent` has counted already. */
export const hasCome = (
  moment: Moment,
  from: string,
  { kind, tag, number }: Pick<Envelope, "kind" | "tag" | "number">,
  sent: SentCounts,
  rounds: StepRounds
): boolean => {
  switch (moment.on) {
    case "message":
      return tag === moment.tag && sent.of(from, tag) >= moment.nth
    case "sent":
      return sent.of(from) >= moment.messages
    case "round":
      return kind === "round" && number >= moment.round
    case "step":
      return kind === "round" && number >= rounds.first + (moment.step - 1) * rounds.each
    default:
      return false
  }
}
