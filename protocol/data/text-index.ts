/**
 * Numbers texts, each different one once: a hash table with open addressing, which for a million ids takes half
 * the time of a `Map`, and less memory.
 */
export class TextIndex {
  readonly #texts: Array<string> = []
  /** The number of a text in each slot, or −1; and the hash of that text. */
  #numbers = new Int32Array(1 << 10).fill(-1)
  #hashes = new Int32Array(1 << 10)

  /** How many different texts there are. */
  get size(): number {
    return this.#texts.length
  }

  /** The texts by number. */
  get texts(): ReadonlyArray<string> {
    return this.#texts
  }

  /** The number of a text: that of an equal one before it, or else the next. */
  numberOf(text: string): number {
    const hash = hashOf(text)
    const mask = this.#numbers.length - 1
    let slot = hash & mask
    for (let number = this.#numbers[slot]!; number >= 0; number = this.#numbers[slot]!) {
      if (this.#hashes[slot] === hash && this.#texts[number] === text) return number
      slot = (slot + 1) & mask
    }
    this.#numbers[slot] = this.#texts.length
    this.#hashes[slot] = hash
    this.#texts.push(text)
    if (2 * this.#texts.length > this.#numbers.length) this.#grow()
    return this.#texts.length - 1
  }

  #grow(): void {
    const [numbers, hashes] = [this.#numbers, this.#hashes]
    const mask = 2 * numbers.length - 1
    this.#numbers = new Int32Array(mask + 1).fill(-1)
    this.#hashes = new Int32Array(mask + 1)
    for (let from = 0; from < numbers.length; from++) {
      if (numbers[from]! < 0) continue
      let slot = hashes[from]! & mask
      while (this.#numbers[slot]! >= 0) slot = (slot + 1) & mask
      this.#numbers[slot] = numbers[from]!
      this.#hashes[slot] = hashes[from]!
    }
  }
}

/** MurmurHash3 of the units of a text, each as a word of its own. */
const hashOf = (text: string): number => {
  let hash = 0
  for (let at = 0; at < text.length; at++) {
    const word = Math.imul(text.charCodeAt(at), 0xcc9e2d51)
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b873593)
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64
  }
  hash ^= text.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
