/**
 * Randomness from the KGC: it draws both PRG keys, and deals to C1. C1 asks for corrections ahead of the step
 * that it is at, so that it never waits for them. C0 needs nothing but its key. Where the clouds deal, a lane of C1 asks
 * its main process in the same way.
 */
import { Effect, Fiber, type Redacted } from "effect"
import { rowsOpened } from "../../../protocol/learning/plan.ts"
import { dealers } from "../../../protocol/messages/subjects.ts"
import { Deal } from "../../../protocol/messages/training.ts"
import { type AskError, Party } from "../../../runtime/messaging/contract.ts"
import { freeReceived } from "../../../runtime/transport/transport.ts"
import { type Agreement, partTimeoutMs } from "../../party/agreement.ts"
import type { Stretch } from "../../party/stretches.ts"
import type { RandomnessProvider, Supply, SupplyRequest } from "./provider.ts"

/** Requests for corrections that are pending or answered ahead of the stretch that C1 is at. */
const requestsAhead = 3

export const randomnessFromKgc = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>
): RandomnessProvider =>
  asking({ who: dealers, deadlineMs: agreement.deadlines.replyTimeoutMs }, cloud, prgKey)

/** Whom a process asks for corrections, and how long it waits for an answer. */
interface Dealer {
  readonly who: string
  readonly deadlineMs: number
}

/** At a lane: from the KGC while it deals, or from its main process, which deals or has stored what was dealt. */
export const randomnessOfLane = (
  agreement: Agreement,
  main: string,
  prgKey: Redacted.Redacted<Uint8Array>
): RandomnessProvider => {
  const cloud = main === "cloud0" ? 0 : 1
  return agreement.security.dealing === "kgc"
    ? randomnessFromKgc(agreement, cloud, prgKey)
    : // It answers once it is so far.
      asking({ who: main, deadlineMs: partTimeoutMs(agreement) }, cloud, prgKey)
}

const asking = (dealer: Dealer, cloud: 0 | 1, prgKey: Redacted.Redacted<Uint8Array>): RandomnessProvider => ({
  prgKey,
  supply: (request) => (cloud === 0 ? Effect.succeed(nothing) : askedAhead(dealer, request))
})

const nothing: Supply = { next: Effect.succeed(undefined), release: () => {} }

const askedAhead = ({ who, deadlineMs }: Dealer, { plan, stretches, part }: SupplyRequest) =>
  Effect.gen(function* () {
    const party = yield* Party
    const scope = yield* Effect.scope
    const ask = { deadlineMs, phase: "train" }
    // Lanes take part in steps only.
    const partOf = (step: number) => (part !== undefined && step <= plan.steps ? { part } : {})
    const fetch = ({ first, last }: Stretch) =>
      Effect.map(
        party.ask(
          who,
          Deal,
          { rows: rowsOpened(plan), step: first, steps: last - first + 1, ...partOf(first) },
          ask
        ),
        ({ corrections }) => corrections
      )
    const pending: Array<Fiber.Fiber<Uint8Array, AskError>> = []
    let asked = 0
    const askAhead = Effect.gen(function* () {
      for (; asked < stretches.length && pending.length <= requestsAhead; asked++)
        pending.push(yield* Effect.forkIn(fetch(stretches[asked]!), scope))
    })
    // Now: before its first answer the dealer draws the masks of the data set, while the clouds open it.
    yield* askAhead
    const supply: Supply = {
      next: Effect.gen(function* () {
        yield* askAhead
        return yield* Fiber.join(pending.shift()!)
      }),
      release: (corrections) => {
        if (corrections !== undefined) freeReceived(corrections)
      }
    }
    return supply
  })
