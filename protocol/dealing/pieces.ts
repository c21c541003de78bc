/**
 * How much is dealt at a time. Tasks of the same kind, of several operations and steps, are dealt as one array of
 * values, in pieces of bounded memory; pieces share rounds as long as their memory does.
 */

import { GROUP } from "../computation/sizes.ts"
import { type Round, together } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"

/** Values that are dealt in the same rounds. */
export const valuesAtOnce = 2 ** 15

export interface Task {
  readonly values: number
}

/** Consecutive values of a task. */
export interface Span<T extends Task> {
  readonly task: T
  readonly from: number
  readonly count: number
}

/** A piece of tasks of one kind. */
export interface Piece<T extends Task> {
  readonly spans: ReadonlyArray<Span<T>>
  /** Of all spans. */
  readonly values: number
}

/** All values of tasks in pieces, cut between groups. With `whole` every span takes whole groups. */
export const piecesOf = <T extends Task>(
  tasks: ReadonlyArray<T>,
  { most = valuesAtOnce, whole = false }: { readonly most?: number; readonly whole?: boolean } = {}
): ReadonlyArray<Piece<T>> => {
  const pieces: Array<Piece<T>> = []
  let spans: Array<Span<T>> = []
  let values = 0
  const end = () => {
    if (spans.length > 0) pieces.push({ spans, values })
    spans = []
    values = 0
  }
  for (const task of tasks)
    for (let from = 0; from < task.values; ) {
      const room = Math.floor((most - values) / GROUP) * GROUP
      if (room === 0) {
        end()
        continue
      }
      const count = Math.min(room, task.values - from)
      spans.push({ task, from, count })
      values += whole ? Math.ceil(count / GROUP) * GROUP : count
      from += count
    }
  end()
  return pieces
}

/** Tasks by what makes them one kind, in the order of their first. */
export const byKind = <T>(
  tasks: ReadonlyArray<T>,
  kindOf: (task: T) => string
): ReadonlyArray<ReadonlyArray<T>> => {
  const kinds = new Map<string, T[]>()
  for (const task of tasks) {
    const kind = kindOf(task)
    const before = kinds.get(kind)
    if (before === undefined) kinds.set(kind, [task])
    else before.push(task)
  }
  return [...kinds.values()]
}

/** What is dealt of some values. */
export interface Work {
  readonly values: number
  readonly deal: () => Round<void>
}

/** Deals in waves: works in lockstep, as many as are within the bound, at least one. Their memory is given back. */
export function* inWaves(ring: Pick<Ring, "mark" | "release">, works: ReadonlyArray<Work>): Round<void> {
  for (let next = 0; next < works.length; ) {
    const wave: Work[] = []
    let values = 0
    while (next < works.length && (wave.length === 0 || values + works[next]!.values <= valuesAtOnce)) {
      values += works[next]!.values
      wave.push(works[next++]!)
    }
    const mark = ring.mark()
    yield* together(...wave.map(({ deal }) => deal()))
    ring.release(mark)
  }
}

/** Copies of parts of `width` bytes a value side by side, of whole groups with zeros behind. New memory. */
export const gather = <T extends Task>(
  ring: Ring,
  { spans, values }: Piece<T>,
  width: number,
  at: (task: T) => number,
  whole = false
): number => {
  const out = ring.allocate(values * width + 8)
  if (whole) ring.memory.fill(0, out, out + values * width)
  let to = out
  for (const { task, from, count } of spans) {
    const place = at(task) + from * width
    ring.memory.copyWithin(to, place, place + count * width)
    to += (whole ? Math.ceil(count / GROUP) * GROUP : count) * width
  }
  return out
}

/** The reverse: copies what lies side by side at `from` to the parts. */
export const scatter = <T extends Task>(
  ring: Ring,
  { spans }: Piece<T>,
  width: number,
  from: number,
  at: (task: T) => number,
  whole = false
): void => {
  let next = from
  for (const { task, from: first, count } of spans) {
    ring.memory.copyWithin(at(task) + first * width, next, next + count * width)
    next += (whole ? Math.ceil(count / GROUP) * GROUP : count) * width
  }
}
