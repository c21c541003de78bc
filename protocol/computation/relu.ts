/**
 * Rescale and ReLU in one (section 5): the word c opened for the truncation also serves the comparison of c' = c − 2^62 with r,
 * both shifted, whose outcome is the sign of the rescaled value. Four rounds: c, the masked factors of the comparison's nodes, those of its root, and the
 * masked gate b' = d ⊕ β. Each opened word or bit is hidden by a mask of its own.
 */
import type { Operation, Round } from "../learning/operations.ts"
import type { Matrix } from "../ring/ring.ts"
import type { Party } from "./party.ts"
import { type OpenedShare, shareOf } from "./product.ts"
import { checkRescale, finishGated, type GateShare, openRounded } from "./rescale.ts"
import { dealtLayout, groupsOf, nodesOf, planesOf } from "./sizes.ts"

export function* rescaleRelu(
  party: Party,
  op: Operation,
  z: Matrix,
  shift: number
): Round<{ readonly value: Matrix; readonly gate: GateShare }> {
  checkRescale(op, shift, 1)
  const { ring, leads } = party
  const { kernels } = ring
  const n = z.rows * z.cols
  const groups = groupsOf(n)
  const c = yield* openRounded(party, op, z, 1)

  const count = nodesOf(shift)
  const planes = planesOf(count)
  const { at, bytes } = dealtLayout.rescaleRelu(n, shift)
  const dealt = party.dealt(op, bytes)
  const products = dealt + at.products
  const masks = party.draw(op, "bitMasks", groups * planes.masks)
  const kept = ring.allocate(groups * planes.kept * 8)
  const nodes = ring.allocate(groups * planes.nodes * 8)
  const root = ring.allocate(groups * planes.root * 8)
  const bits = ring.allocate(groups * planes.gate * 8)

  kernels.compareLeaves(nodes, kept, c.at, dealt + at.oneHot, masks, shift, count, n)
  yield* party.reveal(op, nodes, groups * planes.nodes, "xor")
  kernels.combineNodes(root, kept, nodes, masks, products, count, leads, groups)
  yield* party.reveal(op, root, groups * planes.root, "xor")
  kernels.combineRoot(bits, kept, root, c.at, dealt + at.top, masks, products, shift, count, leads, n)
  yield* party.reveal(op, bits, groups * planes.gate, "xor")

  const value = ring.matrix(z.rows, z.cols)
  const gate = { bits, beta: dealt + at.beta }
  finishGated(party, value, c, dealt, at, gate, shift)
  return { value, gate }
}

/** A share of (activation − labels)·d where activation = d·z already. Local. */
export const gatedDifference = (
  party: Party,
  op: Operation,
  activation: Matrix,
  labels: OpenedShare,
  gate: GateShare
): Matrix => {
  const { ring } = party
  const n = activation.rows * activation.cols
  const out = ring.matrix(activation.rows, activation.cols)
  const mark = ring.mark()
  const betaMask = party.dealt(op, dealtLayout.gatedDifference(n).bytes)
  ring.kernels.gatedDifference(
    out.at,
    activation.at,
    shareOf(party, labels).at,
    labels.opened.at,
    betaMask,
    gate.beta,
    gate.bits,
    n
  )
  ring.release(mark)
  return out
}
