/** Cells that are not of the kind that most of their column are, such as `45 y` among numbers. */
import { flat } from "../../protocol/data/csv.ts"

/** Different texts that are kept of a column. */
const mostTexts = 8

export interface Strays {
  /** What the other cells are. */
  readonly among: "number" | "date"
  /** How many the others are. */
  readonly others: number
  readonly count: number
  /** Where the first is: a line of a file that has them, and a row of another. */
  readonly place: number
  /** Texts that come again among them, which may mark missing cells. */
  readonly markers: ReadonlyArray<string>
}

export class StrayCells {
  #count = 0
  #place = 0
  readonly #texts = new Map<string, number>()

  add(text: string, place: number): void {
    if (this.#count++ === 0) this.#place = place
    const before = this.#texts.get(text)
    if (before !== undefined) this.#texts.set(text, before + 1)
    else if (this.#texts.size < mostTexts) this.#texts.set(flat(text), 1)
  }

  /** The strays among so many others; undefined where they are none, or too many to be strays. */
  among(among: Strays["among"], others: number): Strays | undefined {
    const present = others + this.#count
    if (this.#count === 0 || present < leastCells || others < leastShare * present) return undefined
    const markers = [...this.#texts].flatMap(([text, count]) => (count > 1 ? [text] : []))
    return { among, others, count: this.#count, place: this.#place, markers }
  }
}

/** Cells of a column in which some stray. */
const leastCells = 5
/** Share of the cells that are of the kind of the column. */
const leastShare = 0.8
