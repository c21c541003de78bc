/** Numbers of which only a summary is kept: how many, their ends, their mean, and where most of them are. */

/** Numbers that are kept for the shape. */
const mostKept = 4_096
/** Equal parts between the least and the greatest number. */
export const bins = 16

export interface Summary {
  readonly least: number
  readonly greatest: number
  /** Lines or rows of the least and of the greatest. */
  readonly places: readonly [number, number]
  readonly count: number
  readonly mean: number
  /** The standard deviation. */
  readonly deviation: number
  /** How many of some of the numbers are in each of equal parts from the least to the greatest. */
  readonly histogram: ReadonlyArray<number>
}

export class Histogram {
  count = 0
  #least = Number.POSITIVE_INFINITY
  #greatest = Number.NEGATIVE_INFINITY
  #places: [number, number] = [0, 0]
  #mean = 0
  /** The sum of the squared distances from the mean. */
  #squares = 0
  /** Every `#stride`-th number. */
  #kept: Array<number> = []
  #stride = 1

  add(value: number, place: number): void {
    if (value < this.#least) [this.#least, this.#places[0]] = [value, place]
    if (value > this.#greatest) [this.#greatest, this.#places[1]] = [value, place]
    const distance = value - this.#mean
    this.#mean += distance / (this.count + 1)
    this.#squares += distance * (value - this.#mean)
    if (this.count % this.#stride === 0) this.#keep(value)
    this.count++
  }

  #keep(value: number): void {
    if (this.#kept.length === mostKept) {
      this.#kept = this.#kept.filter((_, place) => place % 2 === 0)
      this.#stride *= 2
      if (this.count % this.#stride !== 0) return
    }
    this.#kept.push(value)
  }

  finish(): Summary {
    const [least, greatest] = [this.#least, this.#greatest]
    const histogram = new Array<number>(bins).fill(0)
    for (const value of this.#kept) {
      const part = greatest > least ? (value - least) / (greatest - least) : 0
      histogram[Math.min(bins - 1, Math.floor(bins * part))]! += 1
    }
    const deviation = Math.sqrt(this.#squares / Math.max(1, this.count))
    const { count } = this
    return { least, greatest, places: this.#places, count, mean: this.#mean, deviation, histogram }
  }
}

const blocks = " ▁▂▃▄▅▆▇█"

/** A line of blocks, the highest for the largest part; a part that is not empty shows. */
export const drawn = (histogram: ReadonlyArray<number>): string => {
  const most = Math.max(1, ...histogram)
  return histogram.map((count) => blocks[Math.ceil((8 * count) / most)]).join("")
}
