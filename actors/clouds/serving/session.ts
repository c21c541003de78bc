/**
 * A session of serving at a cloud: the weights are opened once under masks of this session, and serve all batches of it. The
 * clouds exchange rounds as in the training. Where anything goes wrong between them, the session is over and another begins.
 */
import { randomBytes } from "node:crypto"
import { Effect } from "effect"
import { ServiceKey, sessionKeyBytes } from "../../../protocol/messages/serving.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { ServingCloud } from "../../../protocol/serving/cloud.ts"
import { sessionPrg } from "../../../protocol/serving/keys.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Agreement, kgcServes, roundDeadlines } from "../../party/agreement.ts"
import { drivenBy } from "../../party/driven.ts"
import { computationErrors } from "../training/lanes/rounds.ts"
import { dealingTogether } from "./dealing.ts"
import type { Waiting } from "./requests.ts"
import { askDeadline, type SessionOptions, sessionPhase } from "./session-options.ts"

/** This cloud's key of a session: of the KGC, which draws the keys of both when cloud 0 asks, or its own. */
const keyOf = (agreement: Agreement, session: Uint8Array) =>
  kgcServes(agreement)
    ? Effect.flatMap(Party, (party) =>
        Effect.map(party.ask("kgc", ServiceKey, { session }, askDeadline(agreement)), ({ key }) => key)
      )
    : Effect.sync(() => new Uint8Array(randomBytes(sessionKeyBytes)))

/** Begins a session at this cloud, until the scope ends. */
export const openSession = (options: SessionOptions, session: Uint8Array) =>
  Effect.gen(function* () {
    const { agreement, cloud, plan, share } = options
    const party = yield* Party
    const key = yield* keyOf(agreement, session)
    const ring = yield* Effect.promise(() => Ring.load())
    const serving = new ServingCloud({ ring, cloud, prg: sessionPrg(key, session), plan, share })
    const peer = cloud === 0 ? "cloud1" : "cloud0"
    const { deadlineMs } = roundDeadlines(agreement)
    const rounds = yield* party.rounds(peer, sessionPhase("serve", session), { deadlineMs })
    const { drive } = drivenBy(rounds, computationErrors)
    return {
      /** Deals with the other cloud, where the KGC does not. */
      deal: kgcServes(agreement) ? undefined : yield* dealingTogether(options, session, key),
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
