/**
 * Randomness that the clouds make between themselves (`protocol/dealing`): each draws its own PRG key, and both run the
 * dealing beside the training, in rounds of their own, some steps ahead of it. Pairs of lanes deal abreast of the main
 * processes. C1 ends with the bytes that a KGC with both keys would have dealt, and hands each of its lanes the parts that
 * it needs. Nothing of it outlives the session: the next makes the same bytes anew.
 */
import { createCipheriv, randomBytes } from "node:crypto"
import { Effect, Redacted, type Scope } from "effect"
import { type ByteSource, concatenate } from "../../../protocol/bytes.ts"
import { dealTogether } from "../../../protocol/dealing/deal.ts"
import { dealingErrors } from "../../../protocol/dealing/errors.ts"
import { startDealing } from "../../../protocol/dealing/start.ts"
import { dealtStep, type OwnMasks } from "../../../protocol/dealing/steps.ts"
import type { TrainingPlan } from "../../../protocol/learning/plan.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Agreement, computationName, roundDeadlines } from "../../party/agreement.ts"
import { drivenBy } from "../../party/driven.ts"
import { dealingGroups, type Stretch, stepsOfStretch, stretchBytes } from "../../party/stretches.ts"
import { handOut, type WholeStretch } from "./handing-out.ts"
import type { RandomnessProvider, SupplyError, SupplyRequest } from "./provider.ts"

/** The phase of a session's rounds of dealing. */
const dealingPhase = (session: number): string => (session === 1 ? "deal" : `deal.${session}`)

export const randomnessFromClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>
): RandomnessProvider => ({
  prgKey,
  supply: (request) =>
    Effect.flatMap(dealtByClouds(agreement, cloud, prgKey, request), (source) => handOut(source, request))
})

/** Bytes that follow from a secret one drawn now: some are sent as they are, and none tells of the others. */
const drawnNow = (): ByteSource => {
  const cipher = createCipheriv("aes-256-ctr", randomBytes(32), new Uint8Array(16))
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)))
}

/** A round of dealing takes as much longer than one of the training, for what is computed and sent in it. */
const longRounds = 4
/** Groups that are dealt before their turn: the clouds deal one while they train on the other. */
const groupsAhead = 2

/** What a process deals for, with a process of the other cloud. */
export interface DealtWith extends Pick<SupplyRequest, "session" | "plan" | "order"> {
  readonly peer: string
}

/**
 * Begins to deal with a process of the other cloud, under keys of their own. Gives what deals a group of stretches: at C1
 * the corrections of all its steps, one after another; at C0 nothing. One group at a time.
 */
export const dealingWith = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  { peer, session, plan, order }: DealtWith
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { firstMs, deadlineMs } = roundDeadlines(agreement)
    const deadlines = { firstMs, deadlineMs: longRounds * deadlineMs }
    const rounds = yield* party.rounds(peer, dealingPhase(session), deadlines)
    const { drive } = drivenBy(rounds, dealingErrors)
    const ring = yield* Effect.promise(() => Ring.load())
    const prg = Prg.ofRun(Redacted.value(prgKey), computationName(agreement, party.run))
    const own: OwnMasks = { ring, prg, plan, order }
    const dealing = yield* drive(startDealing({ ring, cloud, prg }, drawnNow()))
    return (group: ReadonlyArray<Stretch>) =>
      Effect.suspend(() => {
        const steps = group.flatMap(stepsOfStretch).map((step) => dealtStep(own, step))
        return Effect.map(drive(dealTogether(dealing, steps)), concatenate)
      }).pipe(Effect.withSpan("deal", { attributes: { steps: stepsIn(group) }, captureStackTrace: false }))
  })

const stepsIn = (group: ReadonlyArray<Stretch>): number =>
  group.reduce((sum, { first, last }) => sum + last - first + 1, 0)

/** Both clouds deal the stretches of a session, group by group: their main processes and each pair of lanes in turn. */
const dealtByClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  { dealers = [], order, plan, session, stretches }: SupplyRequest
) =>
  Effect.gen(function* () {
    const peer = cloud === 0 ? "cloud1" : "cloud0"
    const groups = dealingGroups(plan, stretches)
    // With its first group, so that the lanes need not wait for that.
    const own = yield* Effect.cached(dealingWith(agreement, cloud, prgKey, { peer, session, plan, order }))
    const strands = 1 + dealers.length
    const fetch = (group: ReadonlyArray<Stretch>) => {
      const turn = groups.indexOf(group)
      const lane = dealers[(turn % strands) - 1]
      const dealt: Effect.Effect<Uint8Array, SupplyError, Party | Scope.Scope> =
        lane === undefined ? Effect.flatMap(own, (deal) => deal(group)) : lane(turn)
      return Effect.map(dealt, (corrections) =>
        cloud === 0 ? group.map(() => undefined) : byStretch(plan, group, corrections)
      )
    }
    return { groups, groupsAhead, strands, begin: Effect.succeed(fetch) }
  })

/** The corrections of the steps of some stretches, stretch by stretch. */
const byStretch = (
  plan: TrainingPlan,
  group: ReadonlyArray<Stretch>,
  corrections: Uint8Array
): ReadonlyArray<WholeStretch> => {
  let at = 0
  return group.map((stretch) => {
    at += stretchBytes(plan, stretch)
    return corrections.subarray(at - stretchBytes(plan, stretch), at)
  })
}
