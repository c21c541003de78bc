/**
 * What a leader, the main process of a cloud, and its lanes send each other (section 6 of
 * docs/concepts/protocol.md): requests when a session, whose number is `epoch`, begins, and two rounds a
 * step, in which the weights go out and the gradients come back.
 */
import { slicesOf } from "../../../../protocol/learning/evaluations.ts"
import type { TrainingPlan } from "../../../../protocol/learning/plan.ts"
import { type Ask, ask, Bytes, Count, format } from "../../../../protocol/messages/message.ts"
import { type Dealt, dealt } from "../../../../protocol/messages/training.ts"
import { Schema } from "../../../../protocol/schema.ts"
import { type Agreement, roundDeadlines } from "../../../party/agreement.ts"

/** A lane is ready for an assignment. */
export const Enter = ask("EnterLane", Schema.Struct({}), Schema.Struct({}))

/** A lane's assignment from now on, whatever it did before. It replies once it has its rows. */
const Assignment = Schema.Struct({
  epoch: Count,
  /** The step whose weights the leader has. */
  step: Count,
  /** The other cloud's lane of the same rows. */
  peer: Schema.String,
  /** Rows of the training matrix, and the range of them that the lane holds. */
  of: Count,
  from: Count,
  end: Count,
  prgKey: Bytes,
  orderKey: Bytes
})
export type Assignment = typeof Assignment.Type
export const Assign = ask("AssignLane", Assignment, Schema.Struct({}))

/** A lane's session ended before the training did. */
export const LaneFailed = ask(
  "LaneFailed",
  Schema.Struct({ epoch: Count, reason: Schema.String }),
  Schema.Struct({})
)

/** This cloud's shares of `count` rows of the joint table, from the `first`-th, as words. */
export const LaneRows = ask(
  "LaneRows",
  Schema.Struct({ epoch: Count, first: Count, count: Count }),
  Schema.Struct({ features: Bytes, labels: Bytes })
)

const Group = Schema.Struct({
  epoch: Count,
  step: Count,
  peer: Schema.String,
  /** Rows of the training matrix. */
  of: Count,
  prgKey: Bytes,
  orderKey: Bytes,
  /** How many stretches after `step` C1 has stored: the groups begin with what follows them. */
  dealt: Count,
  /** The group, and in which of the pair's strands. */
  group: Count,
  strand: Count
})
export type GroupToDeal = typeof Group.Type

/**
 * A lane deals with its peer, abreast of the main processes, for a session that resumes after `step`: the group of this
 * number. The reply is at C1 the corrections of its steps, one after another, at C0 nothing.
 */
export const DealGroup: Ask<GroupToDeal, Dealt> = {
  kind: "ask",
  tag: "DealGroup",
  payload: format("DealGroup", Group),
  reply: dealt
}

/** The phase of the rounds of a leader with a lane, and the two rounds of a step. */
export const lanePhase = (epoch: number): string => `lane.${epoch}`
export const handOutRound = (step: number): number => 2 * step
export const gatherRound = (step: number): number => 2 * step + 1

/**
 * A leader's rounds with its lanes get twice the timeout: a peer may itself be waiting for the other cloud,
 * and the error that names the late cloud should come first. Between two epochs lanes also wait while their leader
 * evaluates the model, slice by slice; and where the clouds deal, while their leader does.
 */
export const laneDeadlines = (agreement: Agreement, plan: TrainingPlan) => {
  const { firstMs, deadlineMs } = roundDeadlines(agreement)
  return {
    firstMs,
    deadlineMs:
      agreement.security.dealing === "clouds" ? firstMs : 2 * deadlineMs * (1 + slicesOf(plan).length)
  }
}
