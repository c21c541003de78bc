/**
 * Rescale and ReLU in one (section 5 of docs/concepts/protocol.md): the word c opened for the truncation also serves
 * the comparison of c' = c − 2^62 with r, both shifted, whose outcome is the sign of the rescaled value. Four
 * rounds: c, the masked factors of the comparison's nodes, those of its root, and the masked gate b' = d ⊕ β.
 * Each opened word or bit is hidden by a mask of its own.
 */
import { wordBytes } from "../bytes.ts"
import type { Operation, Round } from "../learning/operations.ts"
import type { Matrix } from "../ring/ring.ts"
import type { ComputingParty } from "./party.ts"
import type { Share } from "./product.ts"
import { finishGated, type GateShare, openRounded } from "./rescale.ts"
import { dealtLayout, groupsOf, nodesOf, planesOf } from "./sizes.ts"
import { clearForeignBits, padWords, unpadded } from "./slices.ts"

export function* rescaleRelu(
  party: ComputingParty,
  op: Operation,
  z: Share,
  shift: number
): Round<{ readonly value: Matrix; readonly gate: GateShare }> {
  const { ring, leads } = party
  const { kernels } = ring
  const range = party.range(z)
  const n = range.padded
  const groups = groupsOf(n)
  const opened = yield* openRounded(party, op, z, shift, 1)
  const c = padWords(ring, opened.at, range)

  const count = nodesOf(shift)
  const planes = planesOf(count)
  const layout = (values: number) => dealtLayout.rescaleRelu(values, shift)
  const dealt = party.dealt(op, layout, range)
  const { memory, at } = dealt
  const products = memory + at.products
  const masks = party.draw(op, "bitMasks", groups * planes.masks, range.group * planes.masks)
  const kept = ring.allocate(groups * planes.kept * wordBytes)
  const nodes = ring.allocate(groups * planes.nodes * wordBytes)
  const root = ring.allocate(groups * planes.root * wordBytes)
  const bits = ring.allocate(groups * planes.gate * wordBytes)

  kernels.compareLeaves(nodes, kept, c, memory + at.oneHot, masks, shift, count, n)
  clearForeignBits(ring, nodes, planes.nodes, range)
  yield* party.reveal(op, nodes, groups * planes.nodes, "xor")
  kernels.combineNodes(root, kept, nodes, masks, products, count, leads, groups)
  clearForeignBits(ring, root, planes.root, range)
  yield* party.reveal(op, root, groups * planes.root, "xor")
  kernels.combineRoot(bits, kept, root, c, memory + at.top, masks, products, shift, count, leads, n)
  clearForeignBits(ring, bits, planes.gate, range)
  yield* party.reveal(op, bits, groups * planes.gate, "xor")

  const values = ring.matrix(1, n)
  const gate = { bits, beta: memory + at.beta }
  finishGated(party, { out: values, c, dealt, gate, shift })
  return { value: unpadded(values.at, z, range), gate }
}
