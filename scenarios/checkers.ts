/**
 * What must hold of a run whatever happens to it, judged by one who stands outside: who sees every frame that is sent, every byte
 * that was drawn at random, the data, and what came out; and asks no party.
 */
import { createHash } from "node:crypto"
import { decodeEnvelope, type Envelope } from "../protocol/messages/envelope.ts"

/** A frame as its sender gave it away. */
export interface SentFrame {
  readonly from: string
  readonly to: string
  readonly data: Uint8Array
}

/** Something that must not be; what and where, in words. */
export type Violation = string

const prefixBytes = 4
/** Shorter things turn up by chance. */
export const leastSecretBytes = 8

/**
 * Bytes that must not be on any link in the clear. Everything that is secret here travels under BCP, sealed or masked, or not at all: cells and
 * ids, shares, secret keys, PRG keys, seeds, blinds and randomizers.
 */
export class Secrets {
  /** By the first four bytes: two bits of a filter for each, and the secrets themselves. */
  readonly #filter = new Uint8Array(2 ** 16)
  readonly #byPrefix = new Map<number, Array<{ readonly what: string; readonly bytes: Uint8Array }>>()

  /** Registers a secret of at least eight bytes that are not all alike. */
  add(what: string, bytes: Uint8Array): void {
    if (bytes.length < leastSecretBytes)
      throw new RangeError(`${what}: ${bytes.length} bytes turn up by chance`)
    const key = prefixAt(bytes, 0)
    this.#filter[filterOf(key)] = 1
    const others = this.#byPrefix.get(key) ?? []
    others.push({ what, bytes })
    this.#byPrefix.set(key, others)
  }

  /** What of it is in these bytes, if anything. */
  find(data: Uint8Array): string | undefined {
    const last = data.length - leastSecretBytes
    for (let at = 0; at <= last; at++) {
      const key = prefixAt(data, at)
      if (this.#filter[filterOf(key)] === 0) continue
      for (const { what, bytes } of this.#byPrefix.get(key) ?? []) if (isAt(data, at, bytes)) return what
    }
    return undefined
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

/**
 * Watches the rounds of the clouds. A mask serves one value: whatever is sent for a round, and however often, by whichever incarnation, is
 * the same bytes. A round begins only when the other side's before it has been sent.
 */
export class RoundWatch {
  readonly #sent = new Map<string, string>()
  readonly #furthest = new Map<string, number>()

  /** What is wrong with a frame, if anything. */
  see({ from, to }: SentFrame, { kind, tag, number, body }: Envelope): Violation | undefined {
    if (kind !== "round") return undefined
    const key = `${from} ${tag} ${number}`
    const digest = createHash("sha256").update(body).digest("base64")
    const before = this.#sent.get(key)
    this.#sent.set(key, digest)
    if (before !== undefined && before !== digest)
      return `${from} sent two different things for round ${number} of ${tag}`
    const theirs = this.#furthest.get(`${to} ${tag}`) ?? 0
    if (number > theirs + 1) return `${from} was at round ${number} of ${tag} while ${to} was at ${theirs}`
    this.#furthest.set(`${from} ${tag}`, Math.max(number, this.#furthest.get(`${from} ${tag}`) ?? 0))
    return undefined
  }
}

/** All watches over the frames of one run. */
export const watchFrames = (secrets: Secrets) => {
  const rounds = new RoundWatch()
  const violations: Array<Violation> = []
  return {
    violations,
    see: (frame: SentFrame): void => {
      const leaked = secrets.find(frame.data)
      if (leaked !== undefined) violations.push(`${leaked} was on the link from ${frame.from} to ${frame.to}`)
      const envelope = decodeEnvelope(frame.data)
      if (envelope._tag === "Left") violations.push(`${frame.from} sent ${frame.to} something malformed`)
      else {
        const wrong = rounds.see(frame, envelope.right)
        if (wrong !== undefined) violations.push(wrong)
      }
    }
  }
}
