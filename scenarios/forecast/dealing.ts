/** What clouds that deal for themselves send each other for that, in a whole training. */
import { dealingGroups, dealingStrands, stepsOfStretch, stretchesOf } from "../../actors/party/stretches.ts"
import { type BothWays, dealingOf, type Taken } from "../../protocol/dealing/cost.ts"
import { type AtBoth, openMaskBytes, startBytes } from "../../protocol/dealing/memory.ts"
import { programOfShapes } from "../../protocol/dealing/steps.ts"
import { publicKeyBytes } from "../../protocol/lattice/plan.ts"
import { evaluationAt } from "../../protocol/learning/evaluations.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import {
  defaultExtension,
  extensionBytes,
  extensionsFor,
  openingBytes
} from "../../protocol/oblivious-transfer/sizes.ts"

/** Rounds, and bytes of both clouds together. */
export interface DealingCost {
  readonly rounds: number
  readonly bytes: number
}

const sum = (sent: ReadonlyArray<BothWays>): number => sent.reduce((all, [to, back]) => all + to + back, 0)

/** The columns of extensions for so many transfers of each direction. */
const columnBytes = ({ forward, reversed }: Taken): number =>
  (extensionsFor(defaultExtension, 0, forward) + extensionsFor(defaultExtension, 0, reversed)) *
  extensionBytes(defaultExtension)

/** All groups of a plan, and what each costs. */
const costsOf = (plan: TrainingPlan) => {
  // Steps are alike, and so are all evaluations: a group is known by how many of each slice it has.
  const known = new Map<string, GroupCost>()
  const groups = dealingGroups(plan, stretchesOf(plan, 0))
  const costOf = (group: (typeof groups)[number]) => {
    const steps = group.flatMap(stepsOfStretch)
    const kind = kindOf(plan, steps)
    const one = known.get(kind) ?? groupCost(plan, steps)
    known.set(kind, one)
    return one
  }
  return { groups, costOf }
}

/** The dealing of all steps and evaluations of a plan by one pair of processes, of each strand by itself. */
export const dealingCosts = (plan: TrainingPlan): ReadonlyArray<DealingCost> => {
  const { groups, costOf } = costsOf(plan)
  const strands = dealingStrands(groups)
  return Array.from({ length: strands }, (_, strand) => {
    let { rounds, bytes } = startCost
    const taken = { forward: 0, reversed: 0 }
    for (let i = strand; i < groups.length; i += strands) {
      const one = costOf(groups[i]!)
      rounds += one.rounds
      bytes += one.bytes
      taken.forward += one.taken.forward
      taken.reversed += one.taken.reversed
    }
    return { rounds, bytes: bytes + columnBytes(taken) }
  })
}

const { sender, receiver } = openingBytes

/** What a strand begins with. */
const startCost: DealingCost = {
  rounds: sender.length,
  bytes: 2 * (sender[0] + sender[1] + receiver[0] + receiver[1] + publicKeyBytes)
}

/** Steps by what sizes depend on: whether they are of the training, and else which slice of an evaluation. */
const kindOf = (plan: TrainingPlan, steps: ReadonlyArray<number>): string =>
  steps.map((step) => evaluationAt(plan, step)?.slice ?? "step").join()

/** Memory that each cloud's process takes to deal, all strands together; that of a pair of lanes as much. */
export const dealingMemory = (plan: TrainingPlan): AtBoth => {
  const { groups, costOf } = costsOf(plan)
  const strands = dealingStrands(groups)
  const most = groups
    .map(costOf)
    .reduce<AtBoth>(
      (sofar, { memory }) => [Math.max(sofar[0], memory[0]), Math.max(sofar[1], memory[1])],
      [0, 0]
    )
  const start = startBytes(defaultExtension)
  return [strands * (most[0] + start), strands * (most[1] + start)]
}

/** What a group costs; `memory` is of the strand that deals it. */
interface GroupCost extends DealingCost {
  readonly taken: Taken
  readonly memory: AtBoth
}

/**
 * So many copies of the largest message each way a strand has at a time: of what it sends in this round and the one before, and of
 * what it receives, sealed and open, until they are collected. Measured.
 */
const copies = 3

/** A group but for the columns of its extensions, which do not begin with it. */
const groupCost = (plan: TrainingPlan, steps: ReadonlyArray<number>): GroupCost => {
  const { room, rounds, taken } = dealingOf(
    defaultExtension,
    steps.map((step) => programOfShapes(plan, step))
  )
  const [forward, back] = [0, 1].map((way) => Math.max(...rounds.map((sent) => sent[way]!))) as [
    number,
    number
  ]
  const open = steps.length * openMaskBytes(plan)
  const memory: AtBoth = [
    room[0] + open + copies * (forward + back),
    room[1] + open + copies * (forward + back)
  ]
  return { rounds: rounds.length, bytes: sum(rounds) - columnBytes(taken), taken, memory }
}
