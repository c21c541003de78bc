/** Numbers of which only a summary is kept: how many, their ends, their mean, and where most of them are. */

/** Numbers that are kept for the shape. */
const mostKept = 4_096
/** Equal parts between the least and the greatest number. */
export const bins = 16

export interface Summary {
  readonly least: number
  readonly greatest: number
  readonly mean: number
  readonly histogram: ReadonlyArray<number>
}

export class Histogram {
  count = 0
  #least = Number.POSITIVE_INFINITY
  #greatest = Number.NEGATIVE_INFINITY
  #mean = 0
  /** Every `#stride`-th number. */
  #kept: Array<number> = []
  #stride = 1

  add(value: number): void {
    if (value < this.#least) this.#least = value
    if (value > this.#greatest) this.#greatest = value
    this.#mean += (value - this.#mean) / (this.count + 1)
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
    return { least, greatest, mean: this.#mean, histogram }
  }
}

const blocks = " ▁▂▃▄▅▆▇█"

/** A line of blocks, the highest for the largest part; a part that is not empty shows. */
export const drawn = (histogram: ReadonlyArray<number>): string => {
  const most = Math.max(1, ...histogram)
  return histogram.map((count) => blocks[Math.ceil((8 * count) / most)]).join("")
}
