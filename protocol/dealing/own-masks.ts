/** A cloud's own masks of what is open when a step begins, drawn from its key where they are needed. */
import { wordBytes } from "../bytes.ts"
import { layerShapes } from "../computation/cost.ts"
import { labelsOperation } from "../computation/evaluating.ts"
import type { LabelMask, MaskDifference } from "../computation/masks.ts"
import type { OpenMasks } from "../computation/programs.ts"
import { streamKinds } from "../computation/streams.ts"
import { opensLabels, outputs } from "../learning/network.ts"
import { type Operation, operation } from "../learning/operations.ts"
import { evaluates, type TrainingPlan } from "../learning/plan.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"

/** A cloud's own masks under which weights are opened in a step. New memory. */
export const ownWeightMasks = (
  ring: Ring,
  prg: Prg,
  plan: Pick<TrainingPlan, "network">,
  step: number
): ReadonlyArray<MaskDifference> =>
  layerShapes(plan).map(({ weights: { rows, cols } }, index) => {
    const out = ring.matrix(rows, cols)
    const stream = { step, operation: operation("openWeights", index + 1), kind: streamKinds.mask }
    prg.fill(ring, out.at, rows * cols, stream)
    return { ...out, of: "factor" }
  })

/** Own masks in place of the differences and sums of both clouds' masks. */
export const ownMasks = (ring: Ring, prg: Prg, plan: TrainingPlan): OpenMasks => {
  const { network, rows: trained } = plan
  const classes = outputs(network)
  const kind = streamKinds.mask

  /** The masks of some rows of a matrix that is opened once a run. */
  const drawRows = (op: Operation, rows: Uint32Array, cols: number): Matrix => {
    const out = ring.matrix(rows.length, cols)
    for (let i = 0; i < rows.length; ) {
      // Rows that follow each other are one piece of the stream.
      let end = i + 1
      while (end < rows.length && rows[end] === rows[i]! + end - i) end++
      const place = rows[i]! * cols
      prg.fill(ring, out.at + i * cols * wordBytes, (end - i) * cols, { step: 0, operation: op, kind }, place)
      i = end
    }
    return out
  }
  const factor = (x: Matrix): MaskDifference => ({ ...x, of: "factor" })
  const ofLabels = (x: Matrix): LabelMask => ({ ...x, of: "labels" })

  return {
    batch: (rows) => ({
      inputs: factor(drawRows(operation("openInput", 0), rows, network.inputs)),
      ...(plan.rowWeights && { rowWeights: factor(drawRows(operation("openRowWeights", 0), rows, 1)) }),
      labels: opensLabels(network)
        ? {
            opened: true,
            value: ofLabels(drawRows(operation("openLabels", network.layers.length), rows, classes))
          }
        : { opened: false, value: { rows: rows.length, cols: classes } }
    }),
    evaluated: ({ from, end }) => {
      const rows = Uint32Array.from({ length: end - from }, (_, i) => trained + from + i)
      const inputs = factor(drawRows(operation("openInput", 0), rows, network.inputs))
      if (!evaluates(plan) || !plan.validation.classes) return { inputs }
      return { inputs, chosen: factor(drawRows(labelsOperation(plan), rows, classes)) }
    },
    weights: (step) => ownWeightMasks(ring, prg, plan, step)
  }
}
