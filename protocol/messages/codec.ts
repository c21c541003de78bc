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

/** The value of MessagePack bytes, which must hold one value and nothing after it. */
export const decode = (what: string, bytes: Uint8Array): Either.Either<unknown, MalformedMessage> =>
  Either.try({ try: () => packr.unpack(bytes) as unknown, catch: (cause) => malformed(what, cause) })

const malformed = (what: string, cause: unknown) =>
  new MalformedMessage({ what, reason: cause instanceof Error ? cause.message : String(cause) })
