/**
 * Canonical bytes: the one layout of structures that are signed, digested, bound into a seal or kept at rest.
 * Integers are little-endian and every field of variable length carries its length (u32), so two different
 * structures never give the same bytes.
 */
import { Data, Either } from "effect"

/** The bytes end early, are too many, or hold something that the layout does not allow. */
export class NotCanonical extends Data.TaggedError("NotCanonical")<{
  readonly field: string
  readonly at: number
  readonly reason: string
}> {
  readonly retryable = false
  override get message() {
    return `Not the bytes expected: ${this.field} at byte ${this.at}: ${this.reason}.`
  }
}

const text = new TextEncoder()

/** Collects fields. `finish` copies the bytes passed in, so they must not change before. */
export class CanonicalWriter {
  readonly #parts: Array<Uint8Array> = []
  #length = 0

  /** Bytes of a length that the layout fixes: no length is written. */
  fixed(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    this.#length += bytes.length
    return this
  }

  u32(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw new NotCanonical({
        field: "u32",
        at: this.#length,
        reason: `${value} is not an unsigned 32-bit integer`
      })
    }
    const part = new Uint8Array(4)
    new DataView(part.buffer).setUint32(0, value, true)
    return this.fixed(part)
  }

  bytes(value: Uint8Array): this {
    return this.u32(value.length).fixed(value)
  }

  string(value: string): this {
    return this.bytes(text.encode(value))
  }

  /** Indices as little-endian u32, with their count. */
  indices(values: ArrayLike<number>): this {
    this.u32(values.length)
    const part = new Uint8Array(4 * values.length)
    const view = new DataView(part.buffer)
    for (let i = 0; i < values.length; i++) view.setUint32(4 * i, values[i]!, true)
    return this.fixed(part)
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }
}

/**
 * Reads fields in the order in which they were written. Bytes are returned as views of the input. Throws
 * `NotCanonical`; inside `readCanonical` the error becomes a value.
 */
export class CanonicalReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  fixed(length: number, field: string): Uint8Array {
    const left = this.#bytes.length - this.#at
    if (length > left) this.#fail(field, `${length} bytes expected, ${left} left`)
    const part = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return part
  }

  u32(field: string): number {
    const part = this.fixed(4, field)
    return new DataView(part.buffer, part.byteOffset, 4).getUint32(0, true)
  }

  /** An integer from `least` to `most`. */
  within(least: number, most: number, field: string): number {
    const value = this.u32(field)
    if (value < least || value > most) this.#fail(field, `${value} is not within ${least} and ${most}`)
    return value
  }

  bytes(field: string): Uint8Array {
    return this.fixed(this.u32(field), field)
  }

  string(field: string): string {
    const bytes = this.bytes(field)
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return this.#fail(field, "not UTF-8")
    }
  }

  /** Bytes whose written length must be `length`. */
  bytesOf(length: number, field: string): Uint8Array {
    const bytes = this.bytes(field)
    if (bytes.length !== length) this.#fail(field, `${bytes.length} bytes, expected ${length}`)
    return bytes
  }

  /** A string that must be this one, such as what the bytes claim to be. */
  literal(expected: string, field: string): void {
    const found = this.string(field)
    if (found !== expected) this.#fail(field, `"${expected}" expected`)
  }

  /** A string that must be one of these. */
  oneOf<const S extends string>(allowed: ReadonlyArray<S>, field: string): S {
    const found = this.string(field)
    return (
      allowed.find((each) => each === found) ?? this.#fail(field, `one of ${allowed.join(", ")} expected`)
    )
  }

  /** A number that must be this one, such as the version of the layout. */
  literalU32(expected: number, field: string): void {
    const found = this.u32(field)
    if (found !== expected) this.#fail(field, `${expected} expected, found ${found}`)
  }

  indices(field: string): Uint32Array {
    const count = this.u32(field)
    const part = this.fixed(4 * count, field)
    const view = new DataView(part.buffer, part.byteOffset, part.length)
    const values = new Uint32Array(count)
    for (let i = 0; i < count; i++) values[i] = view.getUint32(4 * i, true)
    return values
  }

  /**
   * The count of items that follow, each of at least `leastBytes`; an impossible count is refused before
   * memory is allocated for it.
   */
  count(leastBytes: number, field: string): number {
    const count = this.u32(field)
    if (count * leastBytes > this.#bytes.length - this.#at) this.#fail(field, `${count} of them do not fit`)
    return count
  }

  end(): void {
    const left = this.#bytes.length - this.#at
    if (left !== 0) this.#fail("end", `${left} bytes too many`)
  }

  #fail(field: string, reason: string): never {
    throw new NotCanonical({ field, at: this.#at, reason })
  }
}

/** Reads a whole structure. Bytes left over are an error, so a structure has only one encoding. */
export const readCanonical = <A>(
  bytes: Uint8Array,
  read: (reader: CanonicalReader) => A
): Either.Either<A, NotCanonical> => {
  const reader = new CanonicalReader(bytes)
  try {
    const value = read(reader)
    reader.end()
    return Either.right(value)
  } catch (error) {
    if (error instanceof NotCanonical) return Either.left(error)
    throw error
  }
}

/** Whether two byte strings are equal. Not for secrets: its time depends on where they differ. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
