/** The moments of planned events, as they follow from what a party sends. Pure. */
import { type Agreement, planOfBatch } from "../../actors/party/agreement.ts"
import { stepCost } from "../../protocol/computation/cost.ts"
import type { Envelope } from "../../protocol/messages/envelope.ts"
import type { Moment } from "./plan.ts"

/** Rounds of the clouds for each step of the training. */
export const roundsAStepOf = (agreement: Agreement): number => stepCost(planOfBatch(agreement)).rounds

/** The round in which step 1 begins: the opening of the data comes before. */
const firstRoundOfSteps = 2

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
  roundsAStep: number
): boolean => {
  switch (moment.on) {
    case "message":
      return tag === moment.tag && sent.of(from, tag) >= moment.nth
    case "sent":
      return sent.of(from) >= moment.messages
    case "round":
      return kind === "round" && number >= moment.round
    case "step":
      return kind === "round" && number >= firstRoundOfSteps + (moment.step - 1) * roundsAStep
    default:
      return false
  }
}
