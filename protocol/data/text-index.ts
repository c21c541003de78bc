/**
 * Numbers texts, each different one once: a hash table with open addressing, which for a million ids takes half
 * the time of a `Map`, and less memory.
 */
export class TextIndex {
  readonly #texts: Array<string> = []
  /** Slots of two words: the number of a text, or −1, and the hash of that text. */
  #slots = new Int32Array(1 << 11).fill(-1)

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
    let at = this.#firstSlot(hash)
    for (let number = this.#slots[at]!; number >= 0; number = this.#slots[at]!) {
      if (this.#slots[at + 1] === hash && this.#texts[number] === text) return number
      at = this.#nextSlot(at)
    }
    this.#slots[at] = this.#texts.length
    this.#slots[at + 1] = hash
    this.#texts.push(text)
    if (4 * this.#texts.length > this.#slots.length) this.#grow()
    return this.#texts.length - 1
  }

  #firstSlot(hash: number): number {
    return (2 * hash) & (this.#slots.length - 1)
  }

  #nextSlot(at: number): number {
    return (at + 2) & (this.#slots.length - 1)
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Int32Array(2 * before.length).fill(-1)
    for (let from = 0; from < before.length; from += 2) {
      if (before[from]! < 0) continue
      let at = this.#firstSlot(before[from + 1]!)
      while (this.#slots[at]! >= 0) at = this.#nextSlot(at)
      this.#slots[at] = before[from]!
      this.#slots[at + 1] = before[from + 1]!
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
