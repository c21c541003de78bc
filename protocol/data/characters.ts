/**
 * Decodes the bytes of a text file. Nothing is replaced: bytes that encode no character are an error, since
 * two different texts must not become one.
 */
import { isAscii, isUtf8 } from "node:buffer"

/** The encodings that a scenario may name. */
export const encodings = ["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"] as const
export type Encoding = (typeof encodings)[number]

/** Bytes that encode no character. `before` holds the bytes before them, since the last piece. */
export class BadBytes extends Error {
  readonly before: string
  /** The bytes from the first wrong one. */
  readonly rest: Uint8Array

  constructor(before: string, rest: Uint8Array) {
    super("bytes that stand for no character")
    this.before = before
    this.rest = rest
  }
}

/**
 * The characters of the next bytes. The bytes of an incomplete character wait for the rest. Throws
 * `BadBytes`.
 */
export type Decode = (bytes: Uint8Array, last: boolean) => string

/** A decoder that is fed a file from its beginning, after its byte order mark. */
export const decoderOf = (encoding: Encoding): Decode => {
  if (encoding === "latin1") return latin1
  if (encoding === "windows-1252") return windows1252
  if (encoding === "utf-8") return inWholeCharacters(decodeUtf8, cutUtf8)
  const swapped = encoding === "utf-16be"
  return inWholeCharacters(
    (bytes) => decodeUtf16(swapped ? swap(bytes) : bytes),
    swapped ? cutUtf16be : cutUtf16le
  )
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

/** The characters 0x80 to 0x9f of Windows-1252, with a dot for unassigned ones; the rest is ISO 8859-1. */
const high1252 = "€.‚ƒ„…†‡ˆ‰Š‹Œ.Ž..‘’“”•–—˜™š›œ.žŸ"

const windows1252 = (bytes: Uint8Array): string => {
  const text = latin1(bytes)
  if (isAscii(bytes)) return text
  const bad = text.search(/[\x81\x8d\x8f\x90\x9d]/)
  const replaced = (part: string) => part.replace(/[\x80-\x9f]/g, (c) => high1252[c.charCodeAt(0) - 0x80]!)
  if (bad >= 0) throw new BadBytes(replaced(text.slice(0, bad)), bytes.subarray(bad))
  return replaced(text)
}

/**
 * Feeds a decoder whole characters only: `cut` returns how many of the last bytes belong to an incomplete
 * one.
 */
const inWholeCharacters = (
  decode: (bytes: Uint8Array) => string,
  cut: (bytes: Uint8Array) => number
): Decode => {
  let waiting = new Uint8Array(0)
  return (bytes, last) => {
    const all = waiting.length === 0 ? bytes : new Uint8Array(Buffer.concat([waiting, bytes]))
    const whole = all.length - (last ? 0 : cut(all))
    waiting = all.slice(whole)
    return decode(all.subarray(0, whole))
  }
}

const decodeUtf8 = (bytes: Uint8Array): string => {
  if (isAscii(bytes)) return latin1(bytes)
  if (!isUtf8(bytes)) throw badBytes(bytes, "utf-8")
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")
}

/** Bytes of an incomplete sequence: its first byte tells its length. */
const cutUtf8 = (bytes: Uint8Array): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}

const utf16 = new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true })

const decodeUtf16 = (bytes: Uint8Array): string => {
  try {
    return utf16.decode(bytes)
  } catch {
    throw badBytes(bytes, "utf-16le")
  }
}

/** Half a unit, and the first unit of a surrogate pair. */
const cutUtf16 = (length: number, high: number | undefined): number =>
  (length % 2) + (high !== undefined && high >= 0xd8 && high <= 0xdb ? 2 : 0)
const cutUtf16le = (bytes: Uint8Array): number =>
  cutUtf16(bytes.length, bytes[bytes.length - (bytes.length % 2) - 1])
const cutUtf16be = (bytes: Uint8Array): number =>
  cutUtf16(bytes.length, bytes[bytes.length - (bytes.length % 2) - 2])

const swap = (bytes: Uint8Array): Uint8Array => {
  const swapped = Uint8Array.from(bytes)
  for (let i = 0; i + 1 < swapped.length; i += 2) {
    swapped[i] = bytes[i + 1]!
    swapped[i + 1] = bytes[i]!
  }
  return swapped
}

/** Finds the first wrong bytes: the longest beginning that decodes ends before them. */
const badBytes = (bytes: Uint8Array, label: "utf-8" | "utf-16le"): BadBytes => {
  const decode = (length: number) => {
    try {
      const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true })
      return decoder.decode(bytes.subarray(0, length), { stream: true })
    } catch {
      return undefined
    }
  }
  let [good, bad] = [0, bytes.length + 1]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (decode(middle) === undefined) bad = middle
    else good = middle
  }
  const before = decode(good) ?? ""
  return new BadBytes(
    before,
    bytes.subarray(Buffer.byteLength(before, label === "utf-8" ? "utf8" : "utf16le"))
  )
}

/** The byte order mark at the beginning of bytes. */
export const byteOrderMark = (
  head: Uint8Array
): { readonly encoding: Encoding; readonly length: number } | undefined => {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { encoding: "utf-8", length: 3 }
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: "utf-16le", length: 2 }
  return head[0] === 0xfe && head[1] === 0xff ? { encoding: "utf-16be", length: 2 } : undefined
}

/** UTF-16 without a byte-order mark, recognised by the zero bytes of Latin letters. */
export const looksLikeUtf16 = (head: Uint8Array): Encoding | undefined => {
  const sample = head.subarray(0, 512)
  const zeros = [0, 0]
  for (const [i, byte] of sample.entries()) if (byte === 0) zeros[i % 2]! += 1
  const many = sample.length / 8
  if (zeros[1]! > many && zeros[0]! < many / 4) return "utf-16le"
  return zeros[0]! > many && zeros[1]! < many / 4 ? "utf-16be" : undefined
}

/** Whether bytes have characters of several bytes, all as UTF-8 writes them: text of another encoding hardly ever does. */
export const looksLikeUtf8 = (head: Uint8Array): boolean =>
  !isAscii(head) && isUtf8(head.subarray(0, head.length - cutUtf8(head)))

/** The encoding that bytes which are not UTF-8 seem to have; undefined for other encodings, and bytes that are no text. */
export const fittingEncoding = (bytes: Uint8Array): Encoding | undefined =>
  /(?![\t-\r\x80-\x9f])\p{Cc}|[\x81\x8d\x8f\x90\x9d]/u.test(latin1(bytes)) ? undefined : "windows-1252"
