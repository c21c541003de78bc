/**
 * The KGC of a served model: for each session that cloud 0 begins it draws two keys, hands each cloud its own, and deals to
 * cloud 1. It stores nothing: keys that it has lost are drawn anew, in another session. It sees no row and no output.
 */
import { randomBytes } from "node:crypto"
import { Effect } from "effect"
import type { ForwardPlan } from "../../protocol/learning/plan.ts"
import { DealService, ServiceKey, sessionKeyBytes } from "../../protocol/messages/serving.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { ServingDealer } from "../../protocol/serving/dealer.ts"
import { sessionPrg } from "../../protocol/serving/keys.ts"
import { rowsOfStep } from "../../protocol/serving/steps.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { onFrom } from "../party/handlers.ts"
import { RequestUnfit, SessionOver } from "../party/serving-errors.ts"
import { yieldTurn } from "../party/yield-turn.ts"

/** The session that cloud 0 named last. */
interface Session {
  readonly name: string
  readonly keys: ReadonlyMap<string, Uint8Array>
  readonly dealer: ServingDealer
}

/** The handlers of a KGC that serves. */
export const dealingService = (plan: ForwardPlan) =>
  Effect.gen(function* () {
    const party = yield* Party
    const ring = yield* Effect.promise(() => Ring.load())
    const empty = ring.mark()
    let current: Session | undefined
    const oneAtATime = yield* Effect.makeSemaphore(1)

    const begin = (session: Uint8Array, name: string): Session => {
      const key = () => new Uint8Array(randomBytes(sessionKeyBytes))
      const [key0, key1] = [key(), key()]
      ring.release(empty)
      const prgs = { cloud0: sessionPrg(key0, session), cloud1: sessionPrg(key1, session) }
      const keys = new Map([
        ["cloud0", key0],
        ["cloud1", key1]
      ])
      return { name, keys, dealer: new ServingDealer(ring, prgs, plan) }
    }
    const nameOf = (session: Uint8Array): string => Buffer.from(session).toString("hex")
    const known = (session: Uint8Array) =>
      Effect.suspend(() =>
        current?.name === nameOf(session) ? Effect.succeed(current) : new SessionOver({ party: party.name })
      )

    const keyOf = onFrom(["cloud0", "cloud1"], ServiceKey, ({ session }, from) =>
      Effect.gen(function* () {
        const name = nameOf(session)
        if (from === "cloud0" && current?.name !== name) current = begin(session, name)
        const { keys } = yield* known(session)
        return { key: keys.get(from)! }
      }).pipe(oneAtATime.withPermits(1))
    )
    const deal = onFrom("cloud1", DealService, ({ session, step }, from) =>
      Effect.gen(function* () {
        yield* yieldTurn
        if (rowsOfStep(step) === undefined)
          return yield* new RequestUnfit({ asker: from, why: `no batch has the number ${step}` })
        const { dealer } = yield* known(session)
        return { corrections: dealer.deal(step) }
      }).pipe(oneAtATime.withPermits(1), Effect.withSpan("kgc.dealService"))
    )
    return [keyOf, deal]
  })
