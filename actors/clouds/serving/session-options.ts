/** What a session of serving is of. */
import type { ForwardPlan } from "../../../protocol/learning/plan.ts"
import type { Agreement } from "../../party/agreement.ts"

export interface SessionOptions {
  readonly agreement: Agreement
  readonly cloud: 0 | 1
  readonly plan: ForwardPlan
  /** This cloud's share of the model. */
  readonly share: Uint8Array
}

/** How long a cloud waits for another party of a session. */
export const askDeadline = ({ deadlines }: Agreement) => ({
  deadlineMs: deadlines.replyTimeoutMs,
  phase: "serve"
})

/** The phase of rounds of a session: of its batches, or of the dealing for them. */
export const sessionPhase = (what: "serve" | "serve-deal", session: Uint8Array): string =>
  `${what}.${Buffer.from(session).toString("hex")}`
