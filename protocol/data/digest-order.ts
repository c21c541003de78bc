/**
 * Digests in ascending order, and the position of one among them: by buckets of their first bits, which are
 * uniform, so that a million rows are joined without an object for each. This file knows only digests.
 */

/** Bytes of a digest. */
export const digestBytes = 16

/** Most bits that choose a bucket: below 2^24 rows there is about one digest in each. */
const mostBits = 24

export class DigestOrder {
  /** Different digests. */
  readonly count: number
  readonly #shift: number
  /** The start of each bucket, and the end of the last. */
  readonly #starts: Uint32Array
  /** The digests, ascending. */
  readonly #sorted: Uint8Array

  /** Every digest of the lists once. The lengths of the lists are multiples of `digestBytes`. */
  constructor(lists: ReadonlyArray<Uint8Array>) {
    const all = Buffer.concat(lists)
    const entries = all.length / digestBytes
    const bits = Math.min(mostBits, Math.max(1, Math.ceil(Math.log2(entries + 1))))
    this.#shift = 32 - bits
    const starts = new Uint32Array(2 ** bits + 1)
    for (let i = 0; i < entries; i++) starts[this.#bucket(all, i) + 1]! += 1
    for (let bucket = 1; bucket < starts.length; bucket++) starts[bucket]! += starts[bucket - 1]!
    const ends = starts.slice(0, -1)
    const order = new Uint32Array(entries)
    for (let i = 0; i < entries; i++) {
      const bucket = this.#bucket(all, i)
      let at = ends[bucket]!
      ends[bucket] = at + 1
      for (; at > starts[bucket]! && compare(all, order[at - 1]!, all, i) > 0; at--)
        order[at] = order[at - 1]!
      order[at] = i
    }
    this.#sorted = new Uint8Array(all.length)
    let count = 0
    let next = 0
    for (let bucket = 0; bucket + 1 < starts.length; bucket++) {
      const end = starts[bucket + 1]!
      starts[bucket] = count
      for (; next < end; next++) {
        const i = order[next]!
        if (count > starts[bucket]! && compare(this.#sorted, count - 1, all, i) === 0) continue
        this.#sorted.set(all.subarray(i * digestBytes, (i + 1) * digestBytes), count * digestBytes)
        count += 1
      }
    }
    starts[starts.length - 1] = count
    this.#starts = starts
    this.count = count
  }

  #bucket(digests: Uint8Array, i: number): number {
    const at = i * digestBytes
    const first =
      ((digests[at]! << 24) | (digests[at + 1]! << 16) | (digests[at + 2]! << 8) | digests[at + 3]!) >>> 0
    return first >>> this.#shift
  }

  /** The position of the i-th of some digests; −1 if it is not among these. */
  placeOf(digests: Uint8Array, i: number): number {
    const bucket = this.#bucket(digests, i)
    const end = this.#starts[bucket + 1]!
    for (let at = this.#starts[bucket]!; at < end; at++)
      if (compare(this.#sorted, at, digests, i) === 0) return at
    return -1
  }

  /** How many of these are also in another order. */
  countIn(other: DigestOrder): number {
    let both = 0
    for (let i = 0; i < this.count; i++) if (other.placeOf(this.#sorted, i) >= 0) both += 1
    return both
  }
}

/** The same digests in ascending order, as often as they are there. */
export const sortDigests = (digests: Uint8Array): Uint8Array => {
  const order = new DigestOrder([digests])
  const places = Uint32Array.from({ length: digests.length / digestBytes }, (_, i) =>
    order.placeOf(digests, i)
  )
  const sorted = new Uint8Array(digests.length)
  Uint32Array.from(places.keys())
    .sort((a, b) => places[a]! - places[b]!)
    .forEach((from, to) => {
      sorted.set(digests.subarray(from * digestBytes, (from + 1) * digestBytes), to * digestBytes)
    })
  return sorted
}

/** Which of two digests comes first, as the difference of the first bytes that differ. */
const compare = (a: Uint8Array, i: number, b: Uint8Array, j: number): number => {
  for (let byte = 0; byte < digestBytes; byte++) {
    const difference = a[i * digestBytes + byte]! - b[j * digestBytes + byte]!
    if (difference !== 0) return difference
  }
  return 0
}
