/**
 * What a message holds, taken apart without its schema, so that nothing depends on its name: its bytes, byte strings within it,
 * and its numbers as the words and real numbers that they may stand for.
 */
import { createHash } from "node:crypto"
import { Either } from "effect"
import { concatenate, wordBytes } from "../bytes.ts"
import { decode } from "../messages/codec.ts"
import { actorOf } from "../messages/subjects.ts"
import type { Seen } from "./recording.ts"

/** Where something came from: a message and its way. */
export type Origin = Pick<Seen, "tag" | "kind" | "from" | "process">

/** An origin for people: `Declaration from user1 to user2`. */
export const describeOrigin = ({ tag, kind, from, process }: Origin): string => {
  const what =
    kind === "ask" || kind === "tell" ? tag : kind === "round" ? `a round of ${tag}` : `${kind} to ${tag}`
  return `${what} from ${from} to ${process}`
}

export interface Material {
  readonly origin: Origin
  /** All in which anything may be found: the body as it is, and its numbers as bytes. */
  readonly readable: ReadonlyArray<Uint8Array>
  /** Byte strings in the body, and the body itself: ciphertexts, elements, sealed pieces. */
  readonly strings: ReadonlyArray<Uint8Array>
}

const known = new WeakMap<Seen, Material>()

/** `fractionalBits` are those of the words that real numbers become. */
export const materialOf = (seen: Seen, fractionalBits: number): Material => {
  const before = known.get(seen)
  if (before !== undefined) return before
  const made = takeApart(seen, fractionalBits)
  known.set(seen, made)
  return made
}

const takeApart = (seen: Seen, fractionalBits: number): Material => {
  const { tag, kind, from, process, body } = seen
  const origin = { tag, kind, from, process }
  const asReals = (strings: ReadonlyArray<Uint8Array>) =>
    strings.flatMap(realsIn).map((reals) => wordsOfReals(reals, fractionalBits))
  const bare = { origin, readable: [body, ...asReals([body])], strings: [body] }
  if (kind === "round" || body.length === 0) return bare
  const value = decode(tag, body)
  if (Either.isLeft(value)) return bare
  const parts: Parts = { strings: [body], numbers: [], texts: [] }
  walk(value.right, parts, 0)
  const texts = concatenate(parts.texts.map(markOfText))
  const numbers = wordsOfNumbers(parts.numbers, fractionalBits)
  const readable = [body, texts, ...numbers, ...asReals(parts.strings)]
  return { origin, readable, strings: parts.strings }
}

/** A text that stands alone in a message is looked for by its mark, however short it is. */
export const markOfText = (text: string): Uint8Array =>
  new Uint8Array(createHash("sha256").update("bicameral text").update(text).digest().subarray(0, markBytes))

const markBytes = 16

interface Parts {
  readonly strings: Array<Uint8Array>
  readonly numbers: Array<number>
  readonly texts: Array<string>
}

/** Messages within messages: secrets are packed before they are packed into a reply. */
const deepest = 8

const walk = (value: unknown, parts: Parts, depth: number): void => {
  if (typeof value === "number") parts.numbers.push(value)
  else if (typeof value === "bigint") parts.numbers.push(Number(value))
  else if (typeof value === "string") {
    parts.texts.push(value)
    numbersInText(value, parts)
  } else if (value instanceof Uint8Array) {
    parts.strings.push(value)
    numbersInText(printable(value), parts)
    const inner = depth < deepest && value.length > 1 ? decode("bytes", value) : undefined
    if (inner !== undefined && Either.isRight(inner) && typeof inner.right === "object")
      walk(inner.right, parts, depth + 1)
  } else if (Array.isArray(value)) for (const each of value) walk(each, parts, depth)
  else if (value instanceof Map) for (const pair of value) walk(pair, parts, depth)
  else if (typeof value === "object" && value !== null)
    for (const [name, each] of Object.entries(value)) {
      numbersInText(name, parts)
      walk(each, parts, depth)
    }
}

/** Bytes as a text, if they are one. */
const printable = (bytes: Uint8Array): string =>
  bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d))
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
    : ""

const numbersInText = (text: string, { numbers }: Parts): void => {
  for (const [found] of text.matchAll(/-?\d+\.\d+(e[-+]?\d+)?/gi)) numbers.push(Number(found))
}

/** Numbers as the words that they are, and as those that they stand for: of them are cells and weights. */
const wordsOfNumbers = (
  numbers: ReadonlyArray<number>,
  fractionalBits: number
): ReadonlyArray<Uint8Array> => {
  const whole = numbers.filter((each) => Number.isSafeInteger(each))
  return [
    wordsOfReals(numbers, fractionalBits),
    new Uint8Array(BigUint64Array.from(whole, (each) => BigInt.asUintN(64, BigInt(each))).buffer)
  ]
}

/** Real numbers as fixed-point words, of either order of bytes; what can't be one is 0. */
const wordsOfReals = (reals: Iterable<number>, fractionalBits: number): Uint8Array => {
  const words = BigInt64Array.from(reals, (real) => {
    const scaled = Math.round(real * 2 ** fractionalBits)
    return Number.isSafeInteger(scaled) ? BigInt(scaled) : 0n
  })
  return new Uint8Array(words.buffer)
}

/** Cells and weights as real numbers are between these, or 0; of random bytes few are. */
const [leastReal, mostReal] = [2 ** -30, 2 ** 30]

const areReals = (numbers: Float64Array): boolean => {
  let fitting = 0
  for (const each of numbers) {
    const size = Math.abs(each)
    if (size === 0 || (size >= leastReal && size <= mostReal)) fitting++
  }
  return fitting > numbers.length / 2
}

/** Bytes as real numbers, of each order in which they are some. */
const realsIn = (bytes: Uint8Array): ReadonlyArray<Float64Array> => {
  if (bytes.length === 0 || bytes.length % wordBytes !== 0) return []
  const copy = Buffer.from(bytes)
  const little = new Float64Array(new Uint8Array(copy).buffer)
  return [little, new Float64Array(new Uint8Array(copy.swap64()).buffer)].filter(areReals)
}

/** The party of a process. */
export const partyOf = actorOf
