/**
 * Bytes that must not travel on any link in the clear: cells and ids, shares, secret keys, PRG keys, seeds,
 * blinds and randomizers. In a run they travel encrypted under BCP, sealed or masked, or not at all.
 */

const prefixBytes = 4
/** Shorter values turn up by chance. */
export const leastSecretBytes = 8

interface Secret {
  readonly what: string
  readonly bytes: Uint8Array
}

/** Secrets, and a search for all of them in one pass over a frame. */
export class Secrets {
  /** Nonzero for the hash of each secret's first four bytes. */
  readonly #filter: Uint8Array
  readonly #byPrefix = new Map<number, Array<Secret>>()
  readonly #others: Secrets | undefined

  /** Starts with the secrets of `others`, to which none may be added from then on. */
  constructor(others?: Secrets) {
    this.#filter = others === undefined ? new Uint8Array(2 ** 16) : others.#filter.slice()
    this.#others = others
  }

  /** Registers a secret of at least eight bytes that are not all alike. */
  add(what: string, bytes: Uint8Array): void {
    if (bytes.length < leastSecretBytes)
      throw new RangeError(`${what}: ${bytes.length} bytes turn up by chance`)
    const key = prefixAt(bytes, 0)
    this.#filter[filterOf(key)] = 1
    const alike = this.#byPrefix.get(key)
    if (alike === undefined) this.#byPrefix.set(key, [{ what, bytes }])
    else alike.push({ what, bytes })
  }

  /** What the first secret in these bytes is; undefined where there is none. */
  find(data: Uint8Array): string | undefined {
    const last = data.length - leastSecretBytes
    for (let at = 0; at <= last; at++) {
      const key = prefixAt(data, at)
      if (this.#filter[filterOf(key)] === 0) continue
      for (const { what, bytes } of this.#alike(key)) if (isAt(data, at, bytes)) return what
    }
    return undefined
  }

  /** The secrets with this prefix. */
  #alike(prefix: number): ReadonlyArray<Secret> {
    const own = this.#byPrefix.get(prefix) ?? []
    return this.#others === undefined ? own : [...own, ...this.#others.#alike(prefix)]
  }
}

const prefixAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + prefixBytes - 1]! << 24)

const filterOf = (prefix: number): number => (prefix ^ (prefix >>> 16)) & 0xffff

const isAt = (data: Uint8Array, at: number, bytes: Uint8Array): boolean => {
  if (at + bytes.length > data.length) return false
  for (let i = prefixBytes; i < bytes.length; i++) if (data[at + i] !== bytes[i]) return false
  return true
}
