/**
 * Slices of a batch: a lane of a cloud works on some consecutive rows, and all randomness is addressed by an
 * element's position in the whole batch, so the result does not depend on how the batch was cut.
 *
 * The bits of 64 values share a word (a group), and a group may straddle two slices. Both lanes compute it,
 * each with the foreign values zero; what they send has the foreign bits cleared, so a bit's mask hides one
 * value, that of its own slice. For a part dealt to a single value, the lane that does not own the value gets
 * zeros instead of the share, which would be a share of something else under the same randomness. What is
 * dealt for a group depends on the masks alone and is the same for both.
 */

import { wordBytes } from "../bytes.ts"
import type { Shape } from "../learning/operations.ts"
import type { Prg, Stream } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { GROUP } from "./sizes.ts"

/** Rows of a batch. */
export interface Slice {
  /** Rows of the batch before it. */
  readonly first: number
  /** Rows of the whole batch. */
  readonly of: number
}

/** The values of a slice of a matrix, and the whole groups that hold them. */
export interface Range {
  /** Values of the matrix before the slice. */
  readonly first: number
  readonly count: number
  /** Values of the matrix. */
  readonly of: number
  /** Values in the groups, of which `lead` precede the slice. The last group of the matrix may be short. */
  readonly padded: number
  readonly lead: number
  /** Groups of the matrix before them. */
  readonly group: number
}

/**
 * The position of the rows of `shape` in the matrix that they are a slice of; without a slice they are the
 * matrix.
 */
export const rangeOf = ({ rows, cols }: Shape, slice: Slice | undefined): Range => {
  const count = rows * cols
  if (slice === undefined) return { first: 0, count, of: count, padded: count, lead: 0, group: 0 }
  const [first, of] = [slice.first * cols, slice.of * cols]
  const lead = first % GROUP
  const end = Math.min(of, Math.ceil((first + count) / GROUP) * GROUP)
  return { first, count, of, padded: end - first + lead, lead, group: (first - lead) / GROUP }
}

/** The positions of the dealt parts, and their bytes. */
interface Laid<Part extends string> {
  readonly at: Readonly<Record<Part, number>>
  readonly bytes: number
  readonly parts: Readonly<Record<Part, number>>
}

/** A layout of `sizes.ts`, by the number of values. */
export type Layout<Part extends string> = (values: number) => Laid<Part>

/** A share of what is dealt for the groups of a range, from the address `memory` on. */
export interface Dealt<Part extends string> extends Laid<Part> {
  readonly memory: number
}

/**
 * New memory with cloud 0's share of what is dealt for the groups of a range: each part from its place in
 * that of the whole matrix.
 */
export const drawDealt = <Part extends string>(
  ring: Ring,
  prg: Prg,
  stream: Stream,
  layout: Layout<Part>,
  { of, padded, group }: Range
): Dealt<Part> => {
  const { at, bytes, parts } = layout(padded)
  const memory = ring.allocate(bytes)
  const dealt = { memory, at, bytes, parts }
  if (padded === of) {
    prg.fill(ring, memory, bytes / wordBytes, stream)
    return dealt
  }
  const all = layout(of)
  const before = layout(group * GROUP)
  for (const part of Object.keys(parts) as Part[]) {
    const words = Math.ceil(parts[part] / 16) * 2
    prg.fill(ring, memory + at[part], words, stream, (all.at[part] + before.parts[part]) / wordBytes)
  }
  return dealt
}

/** Puts zeros between the parts and behind the last: what is there completes nothing. */
export const clearPadding = <Part extends string>(
  ring: Ring,
  { memory, at, parts, bytes }: Dealt<Part>
): void => {
  const ends = (Object.keys(parts) as Part[]).map((part) => at[part] + parts[part])
  const starts = Object.values<number>(at)
  for (const [i, end] of ends.entries()) ring.memory.fill(0, memory + end, memory + (starts[i + 1] ?? bytes))
}

/** Puts zeros in the place of shares of foreign values; `parts` are those dealt for each value by itself. */
export const clearForeign = <Part extends string>(
  ring: Ring,
  { memory, at, parts: bytes }: Dealt<Part>,
  parts: ReadonlyArray<Part>,
  { count, lead, padded }: Range
): void => {
  if (padded === count) return
  for (const part of parts) {
    const width = bytes[part] / padded
    const from = memory + at[part]
    ring.memory.fill(0, from, from + lead * width)
    ring.memory.fill(0, from + (lead + count) * width, from + padded * width)
  }
}

/** The words at `at`, with zeros for the foreign values around them: new memory, unless there are none. */
export const padWords = (ring: Ring, at: number, range: Range): number => padBytes(ring, at, wordBytes, range)

/** The same for `width` bytes a value; a word more can be read behind the last. */
export const padBytes = (ring: Ring, at: number, width: number, { count, lead, padded }: Range): number => {
  if (padded === count) return at
  const memory = ring.allocate(padded * width + wordBytes)
  ring.memory.fill(0, memory, memory + padded * width)
  ring.memory.copyWithin(memory + lead * width, at, at + count * width)
  return memory
}

/** The slice in padded words. */
export const unpadded = (at: number, { rows, cols }: Shape, { lead }: Range): Matrix => ({
  rows,
  cols,
  at: at + lead * wordBytes
})

/** Clears the foreign bits in the planes of the first and the last group, `words` words each. */
export const clearForeignBits = (
  ring: Ring,
  at: number,
  planes: number,
  { count, lead, padded }: Range
): void => {
  const groups = Math.ceil(padded / GROUP)
  const keep = (group: number, from: number, to: number) => {
    const words = new Uint32Array(ring.memory.buffer, at + group * planes * wordBytes, 2 * planes)
    for (let i = 0; i < words.length; i++) {
      const start = (i % 2) * 32
      words[i]! &= bitsBelow(to - start) & ~bitsBelow(from - start)
    }
  }
  if (lead > 0) keep(0, lead, GROUP)
  if (lead + count < padded) keep(groups - 1, 0, lead + count - (groups - 1) * GROUP)
}

/** The lowest n bits of 32; all for n ≥ 32, none for n ≤ 0. */
const bitsBelow = (n: number): number => (n >= 32 ? -1 : n <= 0 ? 0 : (1 << n) - 1)
