/**
 * Comparisons of opened words with masks (section 5 of docs/concepts/protocol.md): whether c' = c − 2^62 is at least r, both
 * shifted. Three rounds: the masked factors of the comparison's nodes, those of its root, and the masked gate b' = d ⊕
 * β. Each opened bit is hidden by a mask of its own.
 */
import { wordBytes } from "../bytes.ts"
import type { Operation, Round } from "../learning/operations.ts"
import type { ComputingParty } from "./party.ts"
import type { GateShare } from "./rescale.ts"
import { dealtLayout, groupsOf, nodesOf, planesOf } from "./sizes.ts"
import { clearForeignBits, type Range } from "./slices.ts"

/** What is compared: addresses of a word of c, and of what is dealt of r, for each value of whole groups. */
export interface Compared {
  readonly c: number
  /** Shares of the top bits of r, as for a rescale. */
  readonly top: number
  readonly oneHot: number
}

/** The gates' bits, one word for 64 values. `products` are dealt. */
export function* compare(
  party: ComputingParty,
  op: Operation,
  { c, top, oneHot, products }: Compared & { readonly products: number },
  shift: number,
  range: Range
): Round<number> {
  const { ring, leads } = party
  const { kernels } = ring
  const n = range.padded
  const groups = groupsOf(n)
  const count = nodesOf(shift)
  const planes = planesOf(count)
  const masks = party.draw(op, "bitMasks", groups * planes.masks, range.group * planes.masks)
  const kept = ring.allocate(groups * planes.kept * wordBytes)
  const nodes = ring.allocate(groups * planes.nodes * wordBytes)
  const root = ring.allocate(groups * planes.root * wordBytes)
  const bits = ring.allocate(groups * planes.gate * wordBytes)

  kernels.compareLeaves(nodes, kept, c, oneHot, masks, shift, count, n)
  clearForeignBits(ring, nodes, planes.nodes, range)
  yield* party.reveal(op, nodes, groups * planes.nodes, "xor")
  kernels.combineNodes(root, kept, nodes, masks, products, count, leads, groups)
  clearForeignBits(ring, root, planes.root, range)
  yield* party.reveal(op, root, groups * planes.root, "xor")
  kernels.combineRoot(bits, kept, root, c, top, masks, products, shift, count, leads, n)
  clearForeignBits(ring, bits, planes.gate, range)
  yield* party.reveal(op, bits, groups * planes.gate, "xor")
  return bits
}

/** A gate that says whether c' is at least r, with what is dealt for it alone. */
export function* bound(
  party: ComputingParty,
  op: Operation,
  compared: Compared,
  shift: number,
  range: Range
): Round<GateShare> {
  const { memory, at } = party.dealt(op, (values) => dealtLayout.bound(values, shift), range)
  const bits = yield* compare(party, op, { ...compared, products: memory + at.products }, shift, range)
  return { bits, beta: memory + at.beta }
}
