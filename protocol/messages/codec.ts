/**
 * Values to bytes and back, as MessagePack; the only file that imports `msgpackr`. Decoded values are copied
 * out of the received buffer, and bytes that do not decode are a `MalformedMessage`, never an exception of
 * the packer.
 */
import { Data, Either } from "effect"
import { addExtension, Packr } from "msgpackr"
import { plainBytes } from "../bytes.ts"

/** Bytes, or a value about to become bytes, that do not fit the message's schema. */
export class MalformedMessage extends Data.TaggedError("MalformedMessage")<{
  /** The message's tag, or the part of the envelope that could not be read. */
  readonly what: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.what} is malformed: ${this.reason}`
  }
}

// The packer would write another typed array's first `length` bytes and lose the rest, silently. Refuse
// instead.
for (const Class of [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView
]) {
  addExtension({
    Class,
    type: 0x70,
    write: () => {
      throw new TypeError(`a ${Class.name} can't be sent: only Uint8Array crosses the wire`)
    }
  })
}

// useRecords: false writes plain maps, which any MessagePack reads; copyBuffers keeps decoded bytes from
// aliasing the socket's buffer.
const packr = new Packr({ useRecords: false, copyBuffers: true })

/** The value as MessagePack, in a buffer of its own. */
export const encode = (what: string, value: unknown): Either.Either<Uint8Array, MalformedMessage> =>
  Either.try({ try: () => plainBytes(packr.pack(value)), catch: (cause) => malformed(what, cause) })

/**
 * The value of MessagePack bytes, which must hold one value and nothing after it, and no extension types: from a
 * stranger's bytes the packer would make errors, sets, regular expressions, typed arrays, copies of what was read
 * before, and functions that read records.
 */
export const decode = (what: string, bytes: Uint8Array): Either.Either<unknown, MalformedMessage> =>
  Either.try({
    try: () => {
      requirePlain(bytes)
      return packr.unpack(bytes) as unknown
    },
    catch: (cause) => malformed(what, cause)
  })

/** Bytes of a fixed-size number after its token. */
const numberBytes: ReadonlyMap<number, number> = new Map([
  ...[0xcc, 0xd0].map((token) => [token, 1] as const),
  ...[0xcd, 0xd1].map((token) => [token, 2] as const),
  ...[0xca, 0xce, 0xd2].map((token) => [token, 4] as const),
  ...[0xcb, 0xcf, 0xd3].map((token) => [token, 8] as const)
])

/**
 * Walks the first value of the bytes, without making anything of it. Throws where it has an extension type, or more
 * items than there are bytes for.
 */
const requirePlain = (bytes: Uint8Array): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  /** Values that are still to come. */
  let open = 1
  const length = (width: 1 | 2 | 4): number => {
    const value = width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at)
    at += width
    return value
  }
  const skip = (count: number) => {
    at += count
  }
  while (open > 0) {
    open--
    const token = length(1)
    if (token <= 0x7f || token >= 0xe0 || token === 0xc0 || token === 0xc2 || token === 0xc3) {
      // A small number, nothing, false or true.
    } else if (token <= 0x8f) open += 2 * (token & 0x0f)
    else if (token <= 0x9f) open += token & 0x0f
    else if (token <= 0xbf) skip(token & 0x1f)
    else if (token === 0xc4 || token === 0xd9) skip(length(1))
    else if (token === 0xc5 || token === 0xda) skip(length(2))
    else if (token === 0xc6 || token === 0xdb) skip(length(4))
    else if (token === 0xdc) open += length(2)
    else if (token === 0xdd) open += length(4)
    else if (token === 0xde) open += 2 * length(2)
    else if (token === 0xdf) open += 2 * length(4)
    else {
      const width = numberBytes.get(token)
      if (width === undefined) throw new TypeError("it has an extension type, and only plain values are read")
      skip(width)
    }
    if (open > bytes.length - at) throw new RangeError("it was cut short")
  }
}

const malformed = (what: string, cause: unknown) =>
  new MalformedMessage({ what, reason: cause instanceof Error ? cause.message : String(cause) })
