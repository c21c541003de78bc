/**
 * How often each value of a column occurs, and where: all of them while they are few, and beyond that as long as
 * hardly any comes again, as with ids.
 */
import { flat } from "../../protocol/data/csv.ts"

/** A value, and how many cells have it. */
export interface ValueCount {
  readonly value: string
  readonly count: number
}

/** Cells whose value was there before. */
export interface Repeated {
  readonly count: number
  /** Where the first of them is, and its value before; lines of a file that has them, and rows of another. */
  readonly places: readonly [number, number]
}

/** Different values of a column that are counted. */
export const mostValues = 1_000
/** Values that are compared in a column in which hardly any has come twice. */
export const mostCompared = 1_000_000
/** Share of the cells whose value may have been there before, among ids with mistakes. */
export const mostRepeated = 0.05

export class ValueCounts {
  #counts: Map<string, { count: number; readonly place: number }> | undefined = new Map()
  /** Where each value is, once there are too many to count them. */
  #places: Map<string, number> | undefined
  #cells = 0
  #repeated = 0
  #first: readonly [number, number] | undefined

  add(text: string, place: number): void {
    this.#cells++
    if (this.#counts !== undefined) {
      const before = this.#counts.get(text)
      if (before !== undefined) {
        before.count++
        this.#repeat(before.place, place)
        return
      }
      if (this.#counts.size < mostValues) {
        this.#counts.set(flat(text), { count: 1, place })
        return
      }
      this.#places = new Map([...this.#counts].map(([value, { place }]) => [value, place]))
      this.#counts = undefined
    }
    if (this.#places !== undefined) this.#compare(this.#places, text, place)
  }

  #compare(places: Map<string, number>, text: string, place: number): void {
    const before = places.get(text)
    if (before !== undefined) this.#repeat(before, place)
    else if (places.size < mostCompared) places.set(flat(text), place)
    if (this.#repeated > mostRepeated * this.#cells) this.#places = undefined
  }

  #repeat(before: number, place: number): void {
    this.#repeated++
    this.#first ??= [before, place]
  }

  /** Gives up on comparing more values than are counted: they are no ids. */
  dismiss(): void {
    if (this.#counts === undefined) this.#places = undefined
  }

  /** Whether all values are counted. */
  get areCounted(): boolean {
    return this.#counts !== undefined
  }

  /** All values with how often they occur; undefined where there are too many. */
  get counts(): ReadonlyArray<ValueCount> | undefined {
    return this.#counts && Array.from(this.#counts, ([value, { count }]) => ({ value, count }))
  }

  /** Whether cells are still told apart, so that `repeated` is true of all. */
  get isCompared(): boolean {
    return this.#counts !== undefined || this.#places !== undefined
  }

  /** Cells whose value was there before; undefined where there are none. */
  get repeated(): Repeated | undefined {
    return this.#first && { count: this.#repeated, places: this.#first }
  }

  /** The values that were kept, to be compared with those of another file, and where the first of each is. */
  get kept(): ReadonlyMap<string, number> {
    if (this.#places !== undefined) return this.#places
    return new Map(Array.from(this.#counts ?? [], ([value, { place }]) => [value, place]))
  }
}
