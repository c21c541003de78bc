/**
 * Randomness that the clouds make between themselves (`protocol/dealing`): each draws its own PRG key, and both run the
 * dealing beside the training, in rounds of their own, some steps ahead of it. C1 ends with the bytes that a KGC with both
 * keys would have dealt, and hands each of its lanes the parts that it needs. Nothing of it outlives the session: the next
 * makes the same bytes anew.
 */
import { createCipheriv, randomBytes } from "node:crypto"
import { Effect, Redacted } from "effect"
import { type ByteSource, concatenate } from "../../../protocol/bytes.ts"
import { dealTogether } from "../../../protocol/dealing/deal.ts"
import { dealingErrors } from "../../../protocol/dealing/errors.ts"
import { startDealing } from "../../../protocol/dealing/start.ts"
import { dealtStep, type OwnMasks } from "../../../protocol/dealing/steps.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Agreement, computationName, roundDeadlines } from "../../party/agreement.ts"
import { drivenBy } from "../../party/driven.ts"
import { dealingGroups, type Stretch, stepsOfStretch } from "../../party/stretches.ts"
import { handOut, type StretchSource, type WholeStretch } from "./handing-out.ts"
import type { RandomnessProvider, SupplyError, SupplyRequest } from "./provider.ts"

/** The phase of a session's rounds of dealing. */
const dealingPhase = (session: number): string => (session === 1 ? "deal" : `deal.${session}`)

export const randomnessFromClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  /** At C1: reads what it has stored. */
  stored: (stretch: Stretch) => Effect.Effect<WholeStretch, SupplyError> = () => Effect.succeed(undefined)
): RandomnessProvider => ({
  prgKey,
  supply: (request) =>
    Effect.map(dealtByClouds(agreement, cloud, prgKey, request), (source) =>
      withStored(source, request, stored)
    ).pipe(Effect.flatMap((source) => handOut(source, request)))
})

/** What is stored is read, and dealing begins with what follows. */
const withStored = <E, R>(
  { groups, groupsAhead, begin }: StretchSource<E, R>,
  { dealt = 0, stretches }: SupplyRequest,
  stored: (stretch: Stretch) => Effect.Effect<WholeStretch, SupplyError>
): StretchSource<E | SupplyError, R> => {
  const before = stretches.slice(0, dealt)
  const isStored = new Set(before)
  return {
    groups: [...before.map((stretch) => [stretch]), ...groups],
    groupsAhead,
    begin: Effect.map(
      Effect.cached(begin),
      (begun) => (group: ReadonlyArray<Stretch>) =>
        isStored.has(group[0]!) ? Effect.forEach(group, stored) : Effect.flatMap(begun, (deal) => deal(group))
    )
  }
}

/** Bytes that follow from a secret one drawn now: some are sent as they are, and none tells of the others. */
const drawnNow = (): ByteSource => {
  const cipher = createCipheriv("aes-256-ctr", randomBytes(32), new Uint8Array(16))
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)))
}

/** A round of dealing takes as much longer than one of the training, for what is computed and sent in it. */
const longRounds = 4
/** Groups that are dealt before their turn: the clouds deal one while they train on the other. */
const groupsAhead = 2

/** Both clouds deal the stretches of a session, group by group. */
const dealtByClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  { dealt, order, plan, session, stretches }: SupplyRequest
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { firstMs, deadlineMs } = roundDeadlines(agreement)
    const peer = cloud === 0 ? "cloud1" : "cloud0"
    const deadlines = { firstMs, deadlineMs: longRounds * deadlineMs }
    const rounds = yield* party.rounds(peer, dealingPhase(session), deadlines)
    const { drive } = drivenBy(rounds, dealingErrors)
    const ring = yield* Effect.promise(() => Ring.load())
    const prg = Prg.ofRun(Redacted.value(prgKey), computationName(agreement, party.run))
    const own: OwnMasks = { ring, prg, plan, order }
    const begin = Effect.map(
      drive(startDealing({ ring, cloud, prg }, drawnNow())),
      (dealing) => (group: ReadonlyArray<Stretch>) => {
        const steps = group.flatMap(stepsOfStretch).map((step) => dealtStep(own, step))
        return Effect.map(drive(dealTogether(dealing, steps)), (corrections) =>
          cloud === 0 ? group.map(() => undefined) : byStretch(group, corrections)
        )
      }
    )
    return { groups: dealingGroups(plan, stretches.slice(dealt)), groupsAhead, begin }
  })

/** The corrections of the steps of some stretches, stretch by stretch. */
const byStretch = (
  group: ReadonlyArray<Stretch>,
  corrections: ReadonlyArray<Uint8Array>
): ReadonlyArray<WholeStretch> => {
  let at = 0
  return group.map(({ first, last }) => {
    at += last - first + 1
    return concatenate(corrections.slice(at - (last - first + 1), at))
  })
}
