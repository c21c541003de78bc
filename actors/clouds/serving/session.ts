/**
 * A session of serving at a cloud: the weights are opened once under masks of this session, and serve all batches of it. The
 * clouds exchange rounds as in the training. Where anything goes wrong between them, the session is over and another begins.
 */
import { Effect } from "effect"
import type { ForwardPlan } from "../../../protocol/learning/plan.ts"
import { ServiceKey } from "../../../protocol/messages/serving.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { ServingCloud } from "../../../protocol/serving/cloud.ts"
import { sessionPrg } from "../../../protocol/serving/keys.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Agreement, roundDeadlines } from "../../party/agreement.ts"
import { drivenBy } from "../../party/driven.ts"
import { computationErrors } from "../training/lanes/rounds.ts"
import type { Waiting } from "./requests.ts"

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

/** The phase of a session's rounds. */
const phaseOf = (session: Uint8Array): string => `serve.${Buffer.from(session).toString("hex")}`

/** Begins a session at this cloud, until the scope ends. The KGC draws its keys when cloud 0 asks. */
export const openSession = ({ agreement, cloud, plan, share }: SessionOptions, session: Uint8Array) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { key } = yield* party.ask("kgc", ServiceKey, { session }, askDeadline(agreement))
    const ring = yield* Effect.promise(() => Ring.load())
    const serving = new ServingCloud({ ring, cloud, prg: sessionPrg(key, session), plan, share })
    const peer = cloud === 0 ? "cloud1" : "cloud0"
    const { deadlineMs } = roundDeadlines(agreement)
    const rounds = yield* party.rounds(peer, phaseOf(session), { deadlineMs })
    const { drive } = drivenBy(rounds, computationErrors)
    return {
      /** Opens the weights. */
      opened: Effect.withSpan(drive(serving.openModel()), "cloud.openModel"),
      /** This cloud's share of the outputs of each request of a batch, which it computes with the other. */
      answered: (step: number, batch: ReadonlyArray<Waiting>, dealt: Uint8Array | undefined) =>
        Effect.gen(function* () {
          const words = batch.map((one) => one.words())
          const found = yield* drive(serving.answer(step, words, dealt))
          const rows = batch.reduce((sum, one) => sum + one.rows, 0)
          const bytesOfRow = found.length / rows
          let at = 0
          return batch.map((one) => {
            const from = at
            at += one.rows * bytesOfRow
            return { one, share: found.slice(from, at) }
          })
        }).pipe(Effect.withSpan("cloud.serveBatch", { attributes: { step, requests: batch.length } }))
    }
  })

export type ServingSession = Effect.Effect.Success<ReturnType<typeof openSession>>
