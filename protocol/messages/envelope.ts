/**
 * The envelope of every message: a MessagePack array `[version, kind, id, tag, number, of, body]`, written and read by hand,
 * since it is on the path of every round: the body is neither parsed nor copied on receipt. The sender is not in it; the
 * broker vouches for the one in the subject.
 */
import { Either } from "effect"
import { MalformedMessage } from "./codec.ts"

export const envelopeVersion = 1

/**
 * `ask` and its answers: `reply`, `failure`, and `working` while the handler runs. `poll` asks again after a request that the receiver
 * is thought to have; `unknown` says that it has not. `tell` has no answer. `round` carries a round of a phase and `nack` asks for one again.
 * A `fragment` is a part of an envelope too large for one message.
 */
export const kinds = [
  "ask",
  "tell",
  "reply",
  "failure",
  "working",
  "poll",
  "unknown",
  "round",
  "nack",
  "fragment"
] as const
export type Kind = (typeof kinds)[number]

export interface Envelope {
  readonly kind: Kind
  /** Of the request, the same on its answers; empty on rounds. At most 255 bytes of ASCII, as is the tag. */
  readonly id: string
  /** Of the message, or the phase of a round. */
  readonly tag: string
  /** The number of a round; the place of a fragment, from 0. Below 2^32. */
  readonly number: number
  /** How many fragments there are; 0 on everything else. */
  readonly of: number
  readonly body: Uint8Array
}

/** The most bytes that an envelope adds to its body. */
export const envelopeBytes = 3 + 2 * (2 + 255) + 2 * 5 + 5

/** The envelope's bytes, in a buffer of their own. */
export const encodeEnvelope = (envelope: Envelope): Uint8Array => {
  const { id, tag, body } = envelope
  const bytes = new Uint8Array(3 + 2 + id.length + 2 + tag.length + 15 + body.length)
  bytes[0] = 0x97 // an array of 7
  bytes[1] = envelopeVersion
  bytes[2] = kinds.indexOf(envelope.kind)
  let at = writeText(bytes, 3, id)
  at = writeText(bytes, at, tag)
  at = writeNumber(bytes, at, 0xce, envelope.number)
  at = writeNumber(bytes, at, 0xce, envelope.of)
  at = writeNumber(bytes, at, 0xc6, body.length)
  bytes.set(body, at)
  return bytes
}

/** Reads an envelope; its body is a view into `bytes`. */
export const decodeEnvelope = (bytes: Uint8Array): Either.Either<Envelope, MalformedMessage> => {
  if (bytes.length < 4 || bytes[0] !== 0x97) return refuse("not an array of seven")
  if (bytes[1] !== envelopeVersion) return refuse(`version ${bytes[1]}, this is version ${envelopeVersion}`)
  const kind = kinds[bytes[2]!]
  if (kind === undefined) return refuse(`unknown kind ${bytes[2]}`)
  const afterId = endOfText(bytes, 3)
  const afterTag = afterId === undefined ? undefined : endOfText(bytes, afterId)
  if (afterId === undefined || afterTag === undefined) return refuse("id or tag can't be read")
  if (bytes.length < afterTag + 15) return refuse("truncated")
  if (bytes[afterTag] !== 0xce || bytes[afterTag + 5] !== 0xce || bytes[afterTag + 10] !== 0xc6)
    return refuse("number, count or body can't be read")
  const start = afterTag + 15
  const length = readNumber(bytes, afterTag + 10)
  if (bytes.length !== start + length)
    return refuse(`body of ${bytes.length - start} bytes, announced are ${length}`)
  return Either.right({
    kind,
    id: readText(bytes, 3),
    tag: readText(bytes, afterId),
    number: readNumber(bytes, afterTag),
    of: readNumber(bytes, afterTag + 5),
    body: bytes.subarray(start)
  })
}

const refuse = (reason: string) => Either.left(new MalformedMessage({ what: "envelope", reason }))

/** A str 8: its mark, its length, its bytes. */
const writeText = (bytes: Uint8Array, at: number, text: string): number => {
  if (text.length > 255) throw new RangeError(`"${text}" is longer than the 255 characters of an id or tag`)
  bytes[at] = 0xd9
  bytes[at + 1] = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) throw new RangeError(`"${text}" is not printable ASCII`)
    bytes[at + 2 + i] = code
  }
  return at + 2 + text.length
}

const endOfText = (bytes: Uint8Array, at: number): number | undefined => {
  if (at + 2 > bytes.length || bytes[at] !== 0xd9) return undefined
  const end = at + 2 + bytes[at + 1]!
  if (end > bytes.length) return undefined
  for (let i = at + 2; i < end; i++) if (bytes[i]! < 0x20 || bytes[i]! > 0x7e) return undefined
  return end
}

const readText = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(...bytes.subarray(at + 2, at + 2 + bytes[at + 1]!))

/** A mark and 32 bits, most significant first: a uint 32 (0xce) or the head of a bin 32 (0xc6). */
const writeNumber = (bytes: Uint8Array, at: number, mark: number, value: number): number => {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new RangeError(`${value} does not fit 32 bits`)
  bytes[at] = mark
  bytes[at + 1] = value >>> 24
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 8
  bytes[at + 4] = value
  return at + 5
}

const readNumber = (bytes: Uint8Array, at: number): number =>
  bytes[at + 1]! * 0x1000000 + ((bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!)
