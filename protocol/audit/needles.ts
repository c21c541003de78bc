/**
 * Byte patterns of what nobody may come to know by accident, and a search for all of them in one pass. A pattern that
 * fills its bytes is known for certain where it is found. One that does not, such as a small number in a word, turns up in
 * other data too, and counts only together with others: in one place at least `leastWeak` different ones.
 */

/** Bytes of the shortest pattern. */
export const leastNeedleBytes = 8

/** So many different bytes make a pattern that does not turn up by chance. */
const certainBytes = 6

/** Different weak patterns in one place that are taken for the data and not for chance. */
const leastWeak = 5

const filterBits = 24

interface Needle {
  readonly bytes: Uint8Array
  /** The numbers of all facts that it gives away; only one is true, and the pattern does not say which. */
  readonly facts: Array<number>
  readonly weak: boolean
}

/** Patterns that were found in one place. */
export interface Hit {
  /** The facts that the pattern may stand for. */
  readonly facts: ReadonlyArray<number>
  /** How many different patterns with these facts were found. */
  readonly patterns: number
}

export class Needles {
  readonly #filter = new Uint32Array(2 ** (filterBits - 5))
  readonly #byHash = new Map<number, Array<Needle>>()

  /** Patterns of at least eight bytes that begin alike are compared in full. */
  add(fact: number, bytes: Uint8Array): void {
    if (bytes.length < leastNeedleBytes)
      throw new RangeError(`a pattern of ${bytes.length} bytes turns up by chance`)
    const hash = hashOf(wordAt(bytes, 0), wordAt(bytes, 4))
    const slot = hash >>> (32 - filterBits)
    this.#filter[slot >>> 5]! |= 1 << (slot & 31)
    const alike = this.#byHash.get(hash)
    const same = alike?.find((each) => sameBytes(each.bytes, bytes))
    if (same !== undefined) {
      if (!same.facts.includes(fact)) same.facts.push(fact)
      return
    }
    const needle = { bytes, facts: [fact], weak: isWeak(bytes) }
    if (alike === undefined) this.#byHash.set(hash, [needle])
    else alike.push(needle)
  }

  /** All that is found in these bytes, at any offset. */
  search(data: Uint8Array): ReadonlyArray<Hit> {
    const found = new Set<Needle>()
    const last = data.length - leastNeedleBytes
    if (last < 0) return []
    let low = wordAt(data, 0)
    let high = wordAt(data, 4)
    for (let at = 0; ; at++) {
      const hash = hashOf(low, high)
      const slot = hash >>> (32 - filterBits)
      if ((this.#filter[slot >>> 5]! & (1 << (slot & 31))) !== 0)
        for (const needle of this.#byHash.get(hash) ?? []) if (isAt(data, at, needle.bytes)) found.add(needle)
      if (at === last) break
      low = (low >>> 8) | (high << 24)
      high = (high >>> 8) | (data[at + leastNeedleBytes]! << 24)
    }
    return hitsOf(found)
  }
}

const hitsOf = (found: ReadonlySet<Needle>): ReadonlyArray<Hit> => {
  if (found.size === 0) return []
  const byFacts = new Map<string, { facts: ReadonlyArray<number>; certain: number; weak: number }>()
  for (const { facts, weak } of found) {
    const key = facts.join()
    const hit = byFacts.get(key) ?? { facts, certain: 0, weak: 0 }
    byFacts.set(key, hit)
    if (weak) hit.weak++
    else hit.certain++
  }
  return [...byFacts.values()].flatMap(({ facts, certain, weak }) =>
    certain > 0 || weak >= leastWeak ? [{ facts, patterns: certain + weak }] : []
  )
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

const hashOf = (low: number, high: number): number =>
  (Math.imul(low, 0x9e3779b1) ^ Math.imul(high ^ (low >>> 15), 0x85ebca6b)) >>> 0

/** Noughts, and the ones that fill up a negative number, say nothing. */
const isWeak = (bytes: Uint8Array): boolean => {
  let telling = 0
  for (const byte of bytes) if (byte !== 0 && byte !== 0xff) telling++
  return telling < certainBytes
}

const isAt = (data: Uint8Array, at: number, bytes: Uint8Array): boolean => {
  if (at + bytes.length > data.length) return false
  for (let i = 0; i < bytes.length; i++) if (data[at + i] !== bytes[i]) return false
  return true
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && isAt(one, 0, other)
