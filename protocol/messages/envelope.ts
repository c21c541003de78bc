/**
 * The envelope of every message: a MessagePack array `[version, kind, id, tag, number, of, body]`. It is
 * written and read by hand, because it is on the path of every round: the body is neither parsed nor copied on
 * receipt. It has no check of its own, nor does it name its sender: the channel that carries it sealed
 * (`protocol/channels/`) lets no changed byte through and proves who sent it.
 */
import { Either } from "effect"
import { MalformedMessage } from "./codec.ts"

export const envelopeVersion = 3

/** The first byte of a MessagePack array of seven. */
const arrayOfSeven = 0x97

/**
 * `ask` and its answers: `reply`, `failure`, and `working` while the handler runs. `poll` repeats a request
 * that the receiver should have; `unknown` says that it has not. `tell` has no answer. `round` carries a
 * round of a phase and `nack` requests one again. A `fragment` is a part of an envelope too large for one
 * message.
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
  /** Number of fragments; 0 on everything else. */
  readonly of: number
  readonly body: Uint8Array
}

/** Bytes of an envelope whose body has `bodyBytes`. */
export const encodedBytes = ({ id, tag }: Pick<Envelope, "id" | "tag">, bodyBytes: number): number =>
  3 + 2 + id.length + 2 + tag.length + 3 * 5 + bodyBytes

/** Most bytes that an envelope adds to its body. */
export const envelopeBytes = 3 + 2 * (2 + 255) + 3 * 5

/** Where the bytes of an envelope are written: by default, a buffer of their own. */
export type Room = (bytes: number) => Uint8Array

const ownRoom: Room = (bytes) => new Uint8Array(bytes)

/** An envelope whose body is written in place, before the rest of it. */
export interface OpenEnvelope {
  /** All of it. */
  readonly bytes: Uint8Array
  readonly body: Uint8Array
}

/** Memory for an envelope with a body of the given size. */
export const openEnvelope = (
  envelope: Pick<Envelope, "id" | "tag">,
  bodyBytes: number,
  room: Room
): OpenEnvelope => {
  const bytes = room(encodedBytes(envelope, bodyBytes))
  return { bytes, body: bytes.subarray(bytes.length - bodyBytes) }
}

/** Writes everything but the body. The envelope has the id and the tag that the memory was taken for. */
export const closeEnvelope = ({ bytes, body }: OpenEnvelope, envelope: Omit<Envelope, "body">): Uint8Array =>
  writeHead(bytes, envelope, body.length)

/** The bytes of an envelope whose body is the parts, one after another, in memory from `room`. */
export const encodeParts = (
  envelope: Omit<Envelope, "body">,
  parts: ReadonlyArray<Uint8Array>,
  room: Room = ownRoom
): Uint8Array => {
  const open = openEnvelope(envelope, lengthOf(parts), room)
  let at = 0
  for (const part of parts) {
    open.body.set(part, at)
    at += part.length
  }
  return closeEnvelope(open, envelope)
}

/**
 * An envelope's bytes in pieces, among them the parts of its body: for one that will be cut into fragments.
 */
export const encodePieces = (
  envelope: Omit<Envelope, "body">,
  parts: ReadonlyArray<Uint8Array>
): ReadonlyArray<Uint8Array> => [
  writeHead(new Uint8Array(encodedBytes(envelope, 0)), envelope, lengthOf(parts)),
  ...parts
]

const lengthOf = (parts: ReadonlyArray<Uint8Array>): number => {
  let length = 0
  for (const part of parts) length += part.length
  return length
}

/** Writes everything before the body into `bytes`, and returns them. */
const writeHead = (
  bytes: Uint8Array,
  { kind, id, tag, number, of }: Omit<Envelope, "body">,
  bodyBytes: number
): Uint8Array => {
  bytes[0] = arrayOfSeven
  bytes[1] = envelopeVersion
  bytes[2] = kinds.indexOf(kind)
  let at = writeText(bytes, 3, id)
  at = writeText(bytes, at, tag)
  at = writeNumber(bytes, at, 0xce, number)
  at = writeNumber(bytes, at, 0xce, of)
  writeNumber(bytes, at, 0xc6, bodyBytes)
  return bytes
}

/** The envelope's bytes. */
export const encodeEnvelope = (envelope: Envelope, room?: Room): Uint8Array =>
  encodeParts(envelope, [envelope.body], room)

/** Reads an envelope; its body is a view into `bytes`. */
export const decodeEnvelope = (bytes: Uint8Array): Either.Either<Envelope, MalformedMessage> => {
  if (bytes.length < 4 || bytes[0] !== arrayOfSeven) return refuse("not an array of seven")
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

/** Texts read before, by length: rounds repeat the same few. */
const lastRead: Array<string> = []

const readText = (bytes: Uint8Array, at: number): string => {
  const length = bytes[at + 1]!
  const last = lastRead[length]
  if (last !== undefined && isText(bytes, at + 2, last)) return last
  const text = String.fromCharCode(...bytes.subarray(at + 2, at + 2 + length))
  lastRead[length] = text
  return text
}

const isText = (bytes: Uint8Array, at: number, text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

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
