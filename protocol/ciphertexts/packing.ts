/**
 * How integers are packed in plaintexts (section 8 of docs/concepts/protocol.md): signed, slot by slot, Σ x_i·2^(S·i) modulo N.
 * A matrix is packed along its rows or along its columns; each of these lines takes plaintexts of its own.
 */
import { residue } from "../bcp/integers.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { ciphertextBytes, decodeIntegers, encodeIntegers, plaintextBytes } from "../bcp/wire.ts"
import type { Shape } from "../learning/operations.ts"
import type { IntegerMatrix } from "./matrices.ts"
import { transposed } from "./matrices.ts"

/** Along which lines a matrix is packed. */
export type Layout = "rows" | "columns"

export const acrossOf = (layout: Layout): Layout => (layout === "rows" ? "columns" : "rows")

/** Slots of the plaintexts under a modulus. */
export interface Slots {
  readonly parameters: Parameters
  readonly slotBits: number
  /** Of a plaintext. */
  readonly slots: number
}

/** How many plaintexts a line of `length` values takes. */
export const groupsOf = ({ slots }: Pick<Slots, "slots">, length: number): number => Math.ceil(length / slots)

/** Plaintexts of a matrix. */
export const plaintextsOf = (slots: Pick<Slots, "slots">, { rows, cols }: Shape, layout: Layout): number =>
  layout === "rows" ? rows * groupsOf(slots, cols) : cols * groupsOf(slots, rows)

/** Bytes of its ciphertexts. */
export const packedBytes = (slots: Slots, shape: Shape, layout: Layout): number =>
  plaintextsOf(slots, shape, layout) * ciphertextBytes(slots.parameters)

/** The plaintexts of a matrix as residues. Throws `RangeError` where a value does not fit its slot. */
export const packMatrix = (slots: Slots, x: IntegerMatrix, layout: Layout): Uint8Array => {
  const { rows, cols, values } = layout === "rows" ? x : transposed(x)
  const lines = Array.from({ length: rows }, (_, i) => values.slice(i * cols, (i + 1) * cols))
  return packValues(slots, lines)
}

/** The plaintexts of lines of values, each beginning with a plaintext of its own. */
export const packValues = (
  { parameters, slotBits, slots }: Slots,
  lines: ReadonlyArray<ReadonlyArray<bigint>>
): Uint8Array => {
  const limit = 1n << BigInt(slotBits - 1)
  const shift = BigInt(slotBits)
  const plaintexts: bigint[] = []
  for (const line of lines)
    for (let from = 0; from < line.length; from += slots) {
      let plaintext = 0n
      for (let i = Math.min(from + slots, line.length) - 1; i >= from; i--) {
        const value = line[i]!
        if (value >= limit || value < -limit)
          throw new RangeError(`a value takes more than the ${slotBits} bits of its slot`)
        plaintext = (plaintext << shift) + value
      }
      plaintexts.push(residue(plaintext, parameters.N))
    }
  return encodeIntegers(plaintexts, plaintextBytes(parameters))
}

/** The matrix of plaintexts: an offset makes all slots positive before they are read. */
export const unpackMatrix = (
  slots: Slots,
  plaintexts: Uint8Array,
  shape: Shape,
  layout: Layout
): IntegerMatrix => {
  const [lines, length] = layout === "rows" ? [shape.rows, shape.cols] : [shape.cols, shape.rows]
  const values = unpackValues(slots, plaintexts, lines, length)
  return layout === "rows" ? { ...shape, values } : transposed({ rows: shape.cols, cols: shape.rows, values })
}

/** The values of so many lines, one line after another. */
export const unpackValues = (
  { parameters, slotBits, slots }: Slots,
  bytes: Uint8Array,
  lines: number,
  length: number
): Array<bigint> => {
  const plaintexts = decodeIntegers(bytes, plaintextBytes(parameters), "plaintexts")
  const groups = Math.ceil(length / slots)
  const half = parameters.N >> 1n
  const shift = BigInt(slotBits)
  const limit = 1n << (shift - 1n)
  const mask = (1n << shift) - 1n
  let offset = 0n
  for (let i = 0; i < slots; i++) offset = (offset << shift) + limit
  const values: bigint[] = []
  for (let line = 0; line < lines; line++)
    for (let group = 0; group < groups; group++) {
      const plaintext = plaintexts[line * groups + group]!
      let left = (plaintext > half ? plaintext - parameters.N : plaintext) + offset
      for (let i = Math.min(slots, length - group * slots); i > 0; i--) {
        values.push((left & mask) - limit)
        left >>= shift
      }
    }
  return values
}
