/** What clouds that deal for themselves send each other for that, in a whole training. */
import { dealingGroups, dealingStrands, stepsOfStretch, stretchesOf } from "../../actors/party/stretches.ts"
import { type BothWays, dealingOf, type Taken } from "../../protocol/dealing/cost.ts"
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

/** The dealing of all steps and evaluations of a plan by one pair of processes, of each strand by itself. */
export const dealingCosts = (plan: TrainingPlan): ReadonlyArray<DealingCost> => {
  // Steps are alike, and so are all evaluations: a group is known by how many of each slice it has.
  const known = new Map<string, { readonly rounds: number; readonly bytes: number; readonly taken: Taken }>()
  const groups = dealingGroups(plan, stretchesOf(plan, 0))
  const costOf = (group: (typeof groups)[number]) => {
    const steps = group.flatMap(stepsOfStretch)
    const kind = kindOf(plan, steps)
    const one = known.get(kind) ?? groupCost(plan, steps)
    known.set(kind, one)
    return one
  }
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

/** A group but for the columns of its extensions, which do not begin with it. */
const groupCost = (plan: TrainingPlan, steps: ReadonlyArray<number>) => {
  const { rounds, taken } = dealingOf(
    defaultExtension,
    steps.map((step) => programOfShapes(plan, step))
  )
  return { rounds: rounds.length, bytes: sum(rounds) - columnBytes(taken), taken }
}
