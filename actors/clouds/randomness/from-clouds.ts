/**
 * Randomness that the clouds make between themselves (`protocol/dealing`): each draws its own PRG key, and both run the
 * dealing beside the training, in rounds of their own, some steps ahead of it. C1 ends with the bytes that a KGC with both
 * keys would have dealt, and hands each of its lanes the parts that it needs. No key of the dealing outlives the session: the
 * next makes the same bytes anew, but for what C1 has stored.
 */
import { Effect, Redacted, type Scope } from "effect"
import { concatenate } from "../../../protocol/bytes.ts"
import { beginDealing } from "../../../protocol/dealing/begin.ts"
import { type DealtStep, dealTogether } from "../../../protocol/dealing/deal.ts"
import { dealingErrors } from "../../../protocol/dealing/errors.ts"
import { dealtStep, type OwnMasks } from "../../../protocol/dealing/steps.ts"
import type { TrainingPlan } from "../../../protocol/learning/plan.ts"
import { defaultExtension } from "../../../protocol/oblivious-transfer/sizes.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Agreement, computationName, roundDeadlines } from "../../party/agreement.ts"
import { drawnNow } from "../../party/drawn-now.ts"
import { drivenBy } from "../../party/driven.ts"
import {
  dealingGroups,
  dealingStrands,
  type Stretch,
  stepsOfStretch,
  strandName,
  stretchBytes
} from "../../party/stretches.ts"
import { type FetchGroup, handOut, type StretchSource, type WholeStretch } from "./handing-out.ts"
import type { RandomnessProvider, SupplyError, SupplyRequest } from "./provider.ts"

/** The phase of a session's rounds of dealing in a strand. */
const dealingPhase = (session: number, strand: number): string =>
  `${strandName(strand)}${session === 1 ? "" : `.${session}`}`

export const randomnessFromClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  /** At C1: reads what it has stored. */
  stored: (stretch: Stretch) => Effect.Effect<WholeStretch, SupplyError> = () => Effect.succeed(undefined)
): RandomnessProvider => ({
  prgKey,
  supply: (request) =>
    handOut(withStored(dealtByClouds(agreement, cloud, prgKey, request), request, stored), request)
})

/** What is stored is read, and dealing begins with what follows. */
const withStored = <E, R>(
  { groups, groupsAhead, strands }: StretchSource<E, R>,
  { dealt = 0, stretches }: SupplyRequest,
  stored: (stretch: Stretch) => Effect.Effect<WholeStretch, SupplyError>
): StretchSource<E | SupplyError, R> => {
  const before = stretches.slice(0, dealt)
  const isStored = new Set(before)
  return {
    groups: [...before.map((stretch) => [stretch]), ...groups],
    groupsAhead,
    strands: strands.map((begin) =>
      Effect.map(
        Effect.cached(begin),
        (begun) => (group: ReadonlyArray<Stretch>) =>
          isStored.has(group[0]!)
            ? Effect.forEach(group, stored)
            : Effect.flatMap(begun, (deal) => deal(group))
      )
    )
  }
}

/** A round of dealing takes as much longer than one of the training, for what is computed and sent in it. */
const longRounds = 4

/** The other cloud's process, and what this cloud deals with it for. */
interface Dealt {
  readonly peer: string
  /** The phase of the rounds. */
  readonly phase: string
  /** This cloud's own. */
  readonly prg: Prg
}

/** Begins to deal with a process of the other cloud. Gives the ring that is dealt in, and what deals some steps at once. */
export const openDealing = (agreement: Agreement, cloud: 0 | 1, { peer, phase, prg }: Dealt) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { firstMs, deadlineMs } = roundDeadlines(agreement)
    const rounds = yield* party.rounds(peer, phase, { firstMs, deadlineMs: longRounds * deadlineMs })
    const { drive } = drivenBy(rounds, dealingErrors)
    const ring = yield* Effect.promise(() => Ring.load())
    const dealing = yield* drive(
      beginDealing({ ring, cloud, prg, randomness: drawnNow(), shape: defaultExtension })
    )
    return { ring, deal: (steps: ReadonlyArray<DealtStep>) => drive(dealTogether(dealing, steps)) }
  })

/** What a strand deals for, with a process of the other cloud. */
export interface DealtWith extends Pick<SupplyRequest, "session" | "plan" | "order"> {
  readonly peer: string
  readonly strand: number
}

/**
 * Begins to deal with a process of the other cloud in a strand, under keys of its own. Gives what deals a group of stretches:
 * at C1 the corrections of all its steps, one after another; at C0 nothing. One group at a time.
 */
export const dealingWith = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  { peer, strand, session, plan, order }: DealtWith
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const prg = Prg.ofRun(Redacted.value(prgKey), computationName(agreement, party.run))
    const phase = dealingPhase(session, strand)
    const { deal, ring } = yield* openDealing(agreement, cloud, { peer, phase, prg })
    const own: OwnMasks = { ring, prg, plan, order }
    return (group: ReadonlyArray<Stretch>) =>
      Effect.suspend(() => {
        const steps = group.flatMap(stepsOfStretch).map((step) => dealtStep(own, step))
        return Effect.map(deal(steps), concatenate)
      })
  })

/**
 * Both clouds deal the stretches of a session, group by group, in some strands side by side: while one waits for the other
 * cloud, or for what is on its way, another computes. Pairs of lanes have as many strands as the main processes.
 */
const dealtByClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  prgKey: Redacted.Redacted<Uint8Array>,
  { dealers = [], dealt = 0, order, plan, session, stretches }: SupplyRequest
) => {
  const peer = cloud === 0 ? "cloud1" : "cloud0"
  const groups = dealingGroups(plan, stretches.slice(dealt))
  const ofStretches =
    <E, R>(deal: (group: ReadonlyArray<Stretch>) => Effect.Effect<Uint8Array, E, R>) =>
    (group: ReadonlyArray<Stretch>) =>
      Effect.map(deal(group), (corrections) =>
        cloud === 0 ? group.map(() => undefined) : byStretch(plan, group, corrections)
      )
  type Strand = Effect.Effect<FetchGroup<SupplyError, Party>, SupplyError, Party | Scope.Scope>
  const strands = Array.from({ length: dealingStrands(groups) }).flatMap(
    (_, strand): ReadonlyArray<Strand> => [
      Effect.map(dealingWith(agreement, cloud, prgKey, { peer, strand, session, plan, order }), (deal) =>
        ofStretches(deal)
      ),
      ...dealers.map((lane) => Effect.succeed(ofStretches((group) => lane(groups.indexOf(group), strand))))
    ]
  )
  const needed = strands.slice(0, Math.max(1, groups.length))
  return { groups, groupsAhead: needed.length + 1, strands: needed }
}

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
