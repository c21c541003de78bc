/**
 * What must hold of a run whatever happens to it, judged by one who stands outside: who sees every frame that is sent, every byte
 * that was drawn at random, the data, and what came out; and asks no party.
 */
import { hash } from "node:crypto"
import { Either } from "effect"
import { phaseOf } from "../../actors/clouds/training/lanes/rounds.ts"
import { decodeEnvelope, type Envelope } from "../../protocol/messages/envelope.ts"
import { Join } from "../../protocol/messages/training.ts"

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
  /** By the first four bytes: two bytes of a filter for each, and the secrets themselves. */
  readonly #filter: Uint8Array
  readonly #byPrefix = new Map<number, Array<{ readonly what: string; readonly bytes: Uint8Array }>>()
  readonly #others: Secrets | undefined

  /** Secrets beside others, of which none is added any more. */
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

  /** What of it is in these bytes, if anything. */
  find(data: Uint8Array): string | undefined {
    const last = data.length - leastSecretBytes
    for (let at = 0; at <= last; at++) {
      const key = prefixAt(data, at)
      if (this.#filter[filterOf(key)] === 0) continue
      for (const { what, bytes } of this.#alike(key)) if (isAt(data, at, bytes)) return what
    }
    return undefined
  }

  /** Those that begin so. */
  #alike(prefix: number): ReadonlyArray<{ readonly what: string; readonly bytes: Uint8Array }> {
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
    const digest = hash("sha256", body, "base64")
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

/** In the phase of an epoch this round opens the data; those of the steps follow. */
const openingRound = 1

/**
 * Watches the masks of training over all of its epochs. A step that is done again, by clouds that went on from a checkpoint, uses the same masks, so it
 * has to open the same values: what each cloud sends for it is the same bytes as the first time. From which step an epoch goes on is
 * in what the clouds tell each other as it begins.
 */
export class MaskWatch {
  readonly #roundsAStep: number
  /** The epochs that were asked for, by the request's id. */
  readonly #joining = new Map<string, number>()
  readonly #stepsBefore = new Map<string, number>()
  readonly #sent = new Map<string, string>()

  constructor(roundsAStep: number) {
    this.#roundsAStep = roundsAStep
  }

  see({ from }: SentFrame, { kind, id, tag, number, body }: Envelope): Violation | undefined {
    if (tag === Join.tag) this.#join(kind, id, body)
    const before = this.#stepsBefore.get(tag)
    if (kind !== "round" || before === undefined) return undefined
    const after = number - openingRound - 1
    const step = after < 0 ? 0 : before + 1 + Math.floor(after / this.#roundsAStep)
    const of = after < 0 ? "the opening of the data" : `step ${step}, part ${after % this.#roundsAStep}`
    const digest = hash("sha256", body, "base64")
    const first = this.#sent.get(`${from} ${of}`) ?? digest
    this.#sent.set(`${from} ${of}`, first)
    return first === digest
      ? undefined
      : `${from} opened two different things under the masks of ${of}, the latter in ${tag}`
  }

  #join(kind: Envelope["kind"], id: string, body: Uint8Array): void {
    if (kind === "ask") this.#joining.set(id, Either.getOrThrow(Join.payload.decode(body)).epoch)
    const epoch = this.#joining.get(id)
    if (kind === "reply" && epoch !== undefined)
      this.#stepsBefore.set(phaseOf(epoch), Either.getOrThrow(Join.reply.decode(body)).step)
  }
}

/** All watches over the frames of one run, whose clouds take so many rounds for a step. */
export const watchFrames = (secrets: Secrets, roundsAStep: number) => {
  const watches = [new RoundWatch(), new MaskWatch(roundsAStep)]
  const violations: Array<Violation> = []
  return {
    violations,
    /** Sees a frame, and what it reads as where that is known. */
    see: (frame: SentFrame, envelope = decodeEnvelope(frame.data)): void => {
      const leaked = secrets.find(frame.data)
      if (leaked !== undefined) violations.push(`${leaked} was on the link from ${frame.from} to ${frame.to}`)
      if (envelope._tag === "Left") violations.push(`${frame.from} sent ${frame.to} something malformed`)
      else
        for (const each of watches) {
          const wrong = each.see(frame, envelope.right)
          if (wrong !== undefined) violations.push(wrong)
        }
    }
  }
}
