/**
 * What C1 sends so that C0 can put a result together (section 8 of docs/concepts/protocol.md). Of a product X·W of which C0
 * has X' = X − R_X and W' = W − R_W:
 *
 *   T_1 = h·X·R_W + M_1                                   packed along the columns
 *   T_2 = h·R_X·W + what is added − h·R_X·R_W − M_1 − k   packed along the rows
 *
 * C0 opens both and has h·X'W' + T_1 + T_2 = h·XW + what is added − k. M_1 hides X·R_W, and k the result. Each T is multiplied by a
 * fresh encryption of zero whose exponent is σ bits longer than what the products leave: C0 can find the exponent of what it
 * opens, and knows those of the ciphertexts of X and W, which it made.
 */
import { toDigits } from "../bcp/digits.ts"
import { concatenate } from "../bytes.ts"
import type { Factor, Operation } from "../learning/operations.ts"
import { type IntegerMatrix, leftFactor, mapped, multiplied, rightFactor, transposed } from "./matrices.ts"
import { groupsOf, type Layout, packMatrix } from "./packing.ts"
import type { DrawingParty } from "./party.ts"
import { gainOf, raisedLayouts, resultLayouts, sizesOfProduct } from "./rescaling.ts"
import type { Product1, Sealed1 } from "./values1.ts"
import type { FreshEncryptions } from "./work.ts"

/** A multiple of what rests at C1. */
export interface AddedValue {
  readonly of: Sealed1
  readonly factor: Factor
}

export interface Keyed {
  readonly factor: number
  readonly added: ReadonlyArray<AddedValue>
  /** The key of each result. */
  readonly k: IntegerMatrix
}

/** Multiples of what is added, which have the shape of the result, and how often C0 takes the rest. */
export const termsOfProduct = (
  cloud: DrawingParty,
  op: Operation,
  { x, y, form, bias }: Product1,
  { factor, added, k }: Keyed
): { readonly gain: number; readonly make: () => Promise<Uint8Array> } => {
  const { sizes, slots, work } = cloud
  const gain = gainOf(true, factor, added.length)
  const raised = (2 * factor) / gain
  const { shape, terms } = sizesOfProduct(x, y, form)
  const [left, right] = [leftFactor(x.blinds, form), rightFactor(y.blinds, form)]
  const mask = cloud.draw(op, "mask", shape, sizes.maskBits)
  const layouts = raisedLayouts(form)
  const exponentBytes = Math.ceil(sizes.blindBits / 8)
  const exponents = (blinds: IntegerMatrix) => toDigits(blinds.values, exponentBytes)

  const first = async () =>
    work.powers({
      bases: await raisedIn(x.packed, layouts.left),
      terms,
      groups: groupsOf(slots, shape.rows),
      results: shape.cols,
      exponents: exponents(transposed(right)),
      exponentBytes,
      factor: raised,
      fresh: fresh(cloud, mask, resultLayouts[0])
    })
  const second = async () => {
    const both = multiplied(left, right)
    const rest = mapped(both, (value, i) => -BigInt(raised) * value - mask.values[i]! - k.values[i]!)
    const biases = bias === undefined ? [] : [{ of: bias.of, factor: BigInt(2 ** bias.shift / gain) }]
    const addends = await multiples(cloud, [...biases, ...multiplesOf(added)])
    return work.powers({
      bases: await raisedIn(y.packed, layouts.right),
      terms,
      groups: groupsOf(slots, shape.cols),
      results: shape.rows,
      exponents: exponents(left),
      exponentBytes,
      factor: raised,
      ...(addends && { addends }),
      fresh: fresh(cloud, rest, resultLayouts[1])
    })
  }
  return { gain, make: async () => concatenate(await Promise.all([first(), second()])) }
}

/** Of a value of which C0 has its part: what is added and the multiple of the blinds, less k. */
export const termOfValue = async (
  cloud: DrawingParty,
  blinds: IntegerMatrix,
  { factor, added, k }: Keyed
): Promise<Uint8Array> => {
  const rest = mapped(blinds, (blind, i) => BigInt(factor) * blind - k.values[i]!)
  const addends = await multiples(cloud, multiplesOf(added))
  return cloud.work.powers({
    bases: new Uint8Array(0),
    terms: 0,
    groups: groupsOf(cloud.slots, blinds.cols),
    results: blinds.rows,
    exponents: new Uint8Array(0),
    exponentBytes: 1,
    factor: 1,
    ...(addends && { addends }),
    fresh: fresh(cloud, rest, "rows")
  })
}

const raisedIn = (packed: Product1["x"]["packed"], layout: Layout): Promise<Uint8Array> => {
  const ciphertexts = packed.get(layout)
  if (ciphertexts === undefined) throw new RangeError(`a factor was not opened along its ${layout}`)
  return ciphertexts.ready()
}

const fresh = (cloud: DrawingParty, plaintexts: IntegerMatrix, layout: Layout): FreshEncryptions => ({
  plaintexts: packMatrix(cloud.slots, plaintexts, layout),
  key: cloud.key(),
  randomizerBits: cloud.sizes.randomizerBits
})

interface PublicMultiple {
  readonly of: Sealed1
  readonly factor: bigint
}

const multiplesOf = (added: ReadonlyArray<AddedValue>): ReadonlyArray<PublicMultiple> =>
  added.map(({ of, factor }) => ({ of, factor: BigInt(factor.by) << BigInt(8 * factor.zeroBytes) }))

/** The sum of public multiples of ciphertexts, which stays at C1. Nothing where nothing is added. */
const multiples = async (
  cloud: DrawingParty,
  added: ReadonlyArray<PublicMultiple>
): Promise<Uint8Array | undefined> => {
  const [first] = added
  if (first === undefined) return undefined
  const bases = await Promise.all(added.map(({ of }) => of.ciphertexts.ready()))
  return cloud.work.powers({
    bases: concatenate(bases),
    terms: added.length,
    groups: first.of.rows * groupsOf(cloud.slots, first.of.cols),
    results: 1,
    exponents: toDigits(
      added.map(({ factor }) => factor),
      multipleBytes
    ),
    exponentBytes: multipleBytes,
    factor: 1
  })
}

/** Public multiples are below 2^63. */
const multipleBytes = 8
