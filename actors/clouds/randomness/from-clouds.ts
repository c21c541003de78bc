/**
 * Randomness that the clouds make between themselves (`protocol/dealing`): each draws its own PRG key, and both run the
 * dealing beside the training, in rounds of their own, some steps ahead of it. C1 ends with the bytes that a KGC with both
 * keys would have dealt, and hands each of its lanes the parts that it needs. Nothing of it outlives the session: the next
 * makes the same bytes anew.
 */
import { createCipheriv, randomBytes } from "node:crypto"
import { Deferred, Effect, Redacted } from "effect"
import { type ByteSource, concatenate } from "../../../protocol/bytes.ts"
import { beginDealing } from "../../../protocol/dealing/begin.ts"
import { dealTogether } from "../../../protocol/dealing/deal.ts"
import { dealingErrors } from "../../../protocol/dealing/errors.ts"
import type { DealingWith } from "../../../protocol/dealing/party.ts"
import { cutStep, dealtStep, type OwnMasks } from "../../../protocol/dealing/steps.ts"
import type { DealtPart } from "../../../protocol/messages/training.ts"
import { defaultExtension } from "../../../protocol/oblivious-transfer/sizes.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Agreement, computationName, roundDeadlines } from "../../party/agreement.ts"
import { drivenBy } from "../../party/driven.ts"
import { NotExpected } from "../../party/handlers.ts"
import { dealingGroups, type Stretch, stepsOfStretch } from "../../party/stretches.ts"
import type { RandomnessProvider, Supply, SupplyRequest } from "./provider.ts"

/** The phase of a session's rounds of dealing. */
const dealingPhase = (session: number): string => (session === 1 ? "deal" : `deal.${session}`)

export const randomnessFromClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>
): RandomnessProvider => ({ prgKey, supply: (request) => dealtAhead(agreement, cloud, prgKey, request) })

/** Bytes that follow from a secret one drawn now: some are sent as they are, and none tells of the others. */
const drawnNow = (): ByteSource => {
  const cipher = createCipheriv("aes-256-ctr", randomBytes(32), new Uint8Array(16))
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)))
}

/** A round of dealing takes as much longer than one of the training, for what is computed and sent in it. */
const longRounds = 4

const dealtAhead = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  request: SupplyRequest
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { order, part, plan, session, stretches } = request
    const { firstMs, deadlineMs } = roundDeadlines(agreement)
    const peer = cloud === 0 ? "cloud1" : "cloud0"
    const deadlines = { firstMs, deadlineMs: longRounds * deadlineMs }
    const rounds = yield* party.rounds(peer, dealingPhase(session), deadlines)
    const { drive } = drivenBy(rounds, dealingErrors)
    const ring = yield* Effect.promise(() => Ring.load())
    const prg = Prg.ofRun(Redacted.value(prgKey), computationName(agreement, party.run))
    const own: OwnMasks = { ring, prg, plan, order }

    const groups = dealingGroups(plan, stretches)
    const ahead = yield* Effect.makeSemaphore(2 * Math.max(1, ...groups.map(({ length }) => length)))
    type Failure = NotExpected | Effect.Effect.Error<ReturnType<typeof deal>>
    const deal = (dealing: DealingWith, group: ReadonlyArray<Stretch>) =>
      drive(
        dealTogether(
          dealing,
          group.flatMap((stretch) => stepsOfStretch(stretch).map((step) => dealtStep(own, step)))
        )
      )
    /** The corrections of a stretch, at C0 nothing. */
    const slot = Deferred.make<ReadonlyArray<Uint8Array> | undefined, Failure>()
    const dealt = yield* Effect.forEach(stretches, () => slot)
    // Lanes may still be waiting for what a session does not come to.
    const over = new NotExpected({
      what: "a request for corrections of a session that is over",
      party: party.name
    })
    yield* Effect.addFinalizer(() =>
      Effect.forEach(dealt, (each) => Deferred.fail(each, over), { discard: true })
    )
    const dealing = Effect.gen(function* () {
      const fresh = { ring, cloud, prg, randomness: drawnNow(), shape: defaultExtension }
      const parties = yield* drive(beginDealing(fresh))
      let done = 0
      for (const group of groups) {
        yield* ahead.take(group.length)
        const corrections = yield* deal(parties, group)
        let at = 0
        for (const stretch of group) {
          const steps = stretch.last - stretch.first + 1
          const own = cloud === 0 ? undefined : corrections.slice(at, at + steps)
          yield* Deferred.succeed(dealt[done++]!, own)
          at += steps
        }
      }
    })
    yield* Effect.forkScoped(
      Effect.catchAllCause(dealing, (cause) =>
        Effect.forEach(dealt, (each) => Deferred.failCause(each, cause), { discard: true })
      )
    )

    let next = 0
    const supply: Supply = {
      next: Effect.gen(function* () {
        const stretch = next++
        const whole = yield* Deferred.await(dealt[stretch]!)
        // Lanes have theirs of the stretch before, without which this process could not have ended it.
        if (stretch > 0) dealt[stretch - 1] = yield* slot
        yield* ahead.release(1)
        if (whole === undefined) return undefined
        return partOf(own, stretches[stretch]!, whole, part)
      }),
      ofLane: ({ step, steps = 1, part }, lane) =>
        Effect.gen(function* () {
          const place = stretches.findIndex(({ first, last }) => first === step && last - first + 1 === steps)
          const stretch = stretches[place]
          const what = `a request for corrections of ${steps} steps from step ${step}`
          if (stretch === undefined || place < next - 1 || part === undefined)
            return yield* new NotExpected({ what, party: lane })
          const whole = yield* Deferred.await(dealt[place]!)
          return partOf(own, stretch, whole ?? [], part)
        }),
      release: () => {}
    }
    return supply
  })

/** The corrections of a stretch for a process: of whole steps, or of its part of each. Lanes take no part in evaluations. */
const partOf = (
  own: OwnMasks,
  stretch: Stretch,
  whole: ReadonlyArray<Uint8Array>,
  part: DealtPart | undefined
): Uint8Array => {
  if (part === undefined || stretch.first > own.plan.steps) return concatenate(whole)
  return concatenate(
    whole.flatMap((corrections, i) => {
      const { gradients, update } = cutStep(own, stretch.first + i, corrections, part)
      return [gradients, update]
    })
  )
}
