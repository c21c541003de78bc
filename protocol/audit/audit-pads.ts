/**
 * The audit of pads: that every byte which the clouds received of the training is under a pad of its own, and so are
 * the shares of an upload, what cloud 0 opens for cloud 1, the sums in the encrypted model, and the users' sums of columns
 * (docs/concepts/audit.md).
 */
import { Effect } from "effect"
import { initialWeightsShare } from "../learning/initial.ts"
import { biasShape, outputs, weightShape } from "../learning/network.ts"
import { rowsOpened } from "../learning/plan.ts"
import { atRest } from "../learning/step.ts"
import { type Matrix, Ring } from "../ring/ring.ts"
import { orderOf } from "./order.ts"
import { Generator } from "./pads.ts"
import type { Finding, Recording } from "./recording.ts"
import { auditSums } from "./sum-masks.ts"
import { misfitting, usedTwice } from "./training-pads.ts"
import { auditTransfers } from "./transfer-pads.ts"
import { travelledIn } from "./travelled.ts"

/** The keys that the pads and the order of the training follow from; none if the trial ended before all were dealt out. */
const keysOf = ({ held }: Recording) => {
  const [prg0, prg1, weights0, weights1, order] = [
    ["cloud0", "prgKey"],
    ["cloud1", "prgKey"],
    ["cloud0", "weights"],
    ["cloud1", "weights"],
    ["kgc", "order"]
  ].map(([party, name]) => held.get(party!)?.secrets.get(name!))
  if (prg0 === undefined || prg1 === undefined || order === undefined) return undefined
  if (weights0 === undefined || weights1 === undefined) return undefined
  return { prg: [prg0, prg1], weights: [weights0, weights1], order } as const
}

type Keys = NonNullable<ReturnType<typeof keysOf>>

/** All that is uploaded, in the clear, of all users' cells. */
const tableOf = (
  ring: Ring,
  { plan, held }: Recording
): { readonly features: Matrix; readonly labels: Matrix } => {
  const { network } = plan
  const rows = rowsOpened(plan)
  const features = ring.zeros(rows, network.inputs)
  const labels = ring.zeros(rows, outputs(network))
  for (const { cells } of held.values())
    for (const { rows, columns, words } of cells)
      rows.forEach((row, i) => {
        columns.forEach((column, j) => {
          const [to, at] = column < network.inputs ? [features, column] : [labels, column - network.inputs]
          ring.words(to)[row * to.cols + at] = words[i * columns.length + j]!
        })
      })
  return { features, labels }
}

/** The first weights: the sum of the shares that the clouds drew. */
const firstLayers = (ring: Ring, { plan }: Recording, keys: Keys["weights"]) => {
  const { network, fractionalBits } = plan
  return network.layers.map((_, i) => {
    const { rows, cols } = weightShape(network, i + 1)
    const weights = ring.zeros(rows, cols)
    for (const key of keys) {
      const words = ring.words(weights)
      initialWeightsShare(network, i + 1, key, fractionalBits).forEach((share, at) => {
        words[at]! += share
      })
    }
    const bias = ring.zeros(1, biasShape(network, i + 1).cols)
    return atRest({ weights, bias }, plan, ({ rows, cols }) => ring.zeros(rows, cols))
  })
}

/** What is wrong with the pads of the training. */
const auditTraining = (ring: Ring, recording: Recording, keys: Keys): ReadonlyArray<Finding> => {
  const { plan, computation } = recording
  const order = orderOf(plan, keys.order)
  const { travelled, findings } = travelledIn(recording, order)
  const training = {
    ...{ ring, plan, order },
    generators: [new Generator(keys.prg[0], computation), new Generator(keys.prg[1], computation)] as const,
    start: { ...tableOf(ring, recording), layers: firstLayers(ring, recording, keys.weights) }
  }
  return [...findings, ...usedTwice(travelled), ...misfitting(training, travelled)]
}

/** What is wrong with the pads of a trial run; nothing if each byte is under one of its own. */
export const auditPads = (recording: Recording): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const ring = yield* Effect.promise(() => Ring.load())
    const keys = keysOf(recording)
    const ofTraining = keys === undefined ? [] : auditTraining(ring, recording, keys)
    return [...ofTraining, ...auditTransfers(recording), ...auditSums(recording)]
  })
