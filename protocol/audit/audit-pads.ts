/**
 * The audit of pads: that every byte which the clouds received of the training is under a pad of its own, and so are
 * the shares of an upload, what cloud 0 opens for cloud 1, and the sums in the encrypted model
 * (docs/concepts/audit.md).
 */
import { Effect } from "effect"
import { initialWeightsShare } from "../learning/initial.ts"
import { biasShape, outputs, weightShape } from "../learning/network.ts"
import { type Matrix, Ring } from "../ring/ring.ts"
import { orderOf } from "./order.ts"
import { Generator } from "./pads.ts"
import type { Finding, Recording } from "./recording.ts"
import { type AuditedTraining, misfitting, usedTwice } from "./training-pads.ts"
import { auditTransfers } from "./transfer-pads.ts"
import { travelledIn } from "./travelled.ts"

/** A secret that a party of the trial holds. A recording without it is incomplete. */
const secretOf = (recording: Recording, party: string, name: string): Uint8Array => {
  const secret = recording.held.get(party)?.secrets.get(name)
  if (secret === undefined) throw new RangeError(`the recording has no ${name} of ${party}`)
  return secret
}

/** The training table in the clear, of all users' cells. */
const tableOf = (
  ring: Ring,
  { plan, held }: Recording
): { readonly features: Matrix; readonly labels: Matrix } => {
  const { network, rows } = plan
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
const firstLayers = (ring: Ring, recording: Recording) => {
  const { network, fractionalBits } = recording.plan
  const keys = ["cloud0", "cloud1"].map((cloud) => secretOf(recording, cloud, "weights"))
  return network.layers.map((_, i) => {
    const { rows, cols } = weightShape(network, i + 1)
    const weights = ring.zeros(rows, cols)
    for (const key of keys) {
      const words = ring.words(weights)
      initialWeightsShare(network, i + 1, key, fractionalBits).forEach((share, at) => {
        words[at]! += share
      })
    }
    return { weights, bias: ring.zeros(1, biasShape(network, i + 1).cols) }
  })
}

const trainingOf = (ring: Ring, recording: Recording): AuditedTraining => {
  const [key0, key1] = ["cloud0", "cloud1"].map((cloud) => secretOf(recording, cloud, "prgKey"))
  const { plan, computation } = recording
  return {
    ring,
    plan,
    generators: [new Generator(key0!, computation), new Generator(key1!, computation)],
    order: orderOf(plan, secretOf(recording, "kgc", "order")),
    start: { ...tableOf(ring, recording), layers: firstLayers(ring, recording) }
  }
}

/** What is wrong with the pads of a trial run; none if each byte is under one of its own. */
export const auditPads = (recording: Recording): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const ring = yield* Effect.promise(() => Ring.load())
    const training = trainingOf(ring, recording)
    const { travelled, findings } = travelledIn(recording, training.order)
    const ofTraining = [...findings, ...usedTwice(travelled), ...misfitting(training, travelled)]
    return [...ofTraining, ...auditTransfers(recording)]
  })
