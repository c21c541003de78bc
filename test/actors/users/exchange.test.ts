/** To which users a user hands what it has sent the others, when it is asked again to open the model. */
import { expect, it } from "@effect/vitest"
import { Context, Effect, Option } from "effect"
import type { Agreement } from "../../../actors/party/agreement.ts"
import type { Gathering } from "../../../actors/party/gathering.ts"
import { exchangeOfPartials, type Partials } from "../../../actors/users/exchange.ts"
import { digestBytes, PartialDecryptions } from "../../../protocol/messages/output.ts"
import { on, Party } from "../../../runtime/messaging/contract.ts"
import { memoryStore } from "../../../runtime/storage/store.ts"
import { makeHub } from "../../../runtime/transport/memory.ts"
import { agreed, processOf } from "../../support/on-a-hub.ts"

const own: Partials = {
  partials: new Uint8Array([1]),
  about: new Uint8Array(digestBytes),
  proof: { challenge: new Uint8Array([2]), response: new Uint8Array([3]) }
}
const ofNobody: Gathering<Partials> = {
  put: () => Effect.void,
  of: () => Option.none(),
  all: () => Effect.never,
  arrived: () => Effect.succeed(new Map())
}

it.scopedLive("partial decryptions go to users that were away, once they are there, and to each once", () =>
  Effect.gen(function* () {
    const agreement: Agreement = {
      ...(yield* agreed),
      decryption: { threshold: 2, absenceTimeoutMs: 1_500 }
    }
    const hub = makeHub()
    const stable = memoryStore()
    yield* stable.put("partials-user1", yield* PartialDecryptions.payload.encode(own))
    const user1 = yield* processOf(hub, "user1", stable)
    const { handOverLate } = exchangeOfPartials(agreement, ofNobody)
    const asked = (openedBefore: boolean) =>
      Effect.provide(handOverLate(["user1", "user2"], openedBefore), user1)
    yield* asked(false)
    // What is still on its way to nobody must not arrive at who comes next.
    for (let turn = 0; turn < 3; turn++) yield* Effect.promise(() => new Promise(setImmediate))
    const got: Array<Partials> = []
    const user2 = Context.get(yield* processOf(hub, "user2"), Party)
    yield* user2.serve([
      on(PartialDecryptions, (partials) => Effect.sync(() => void got.push(partials)).pipe(Effect.as({})))
    ])
    // In the exchange itself it was waited for already.
    yield* asked(false)
    expect(got).toEqual([])
    yield* asked(true)
    yield* asked(true)
    expect(got).toEqual([own])
  })
)
