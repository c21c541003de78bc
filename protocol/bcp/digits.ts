/**
 * Converts many integers to and from little-endian bytes of fixed width, through V8's serialisation for
 * structured clones: it copies the digits of a `bigint`, whereas hexadecimal text costs three times as much.
 * A serialised integer is the letter Z, twice the number of its bytes (plus 1 if negative) in base 128 with
 * the least significant digit first, and the bytes, least significant first too.
 */

import { Deserializer, Serializer } from "node:v8"

const integerTag = 0x5a

/** The beginning of every serialised value: the version of the format. */
const header = (() => {
  const writer = new Serializer()
  writer.writeHeader()
  return writer.releaseBuffer()
})()

const base128 = (value: number): Array<number> =>
  value < 128 ? [value] : [(value & 127) | 128, ...base128(value >>> 7)]

/** The integers of `bytes`, which are a multiple of `width`. */
export const fromDigits = (bytes: Uint8Array, width: number): Array<bigint> => {
  const count = bytes.length / width
  const prefix = [integerTag, ...base128(2 * width)]
  const serialised = new Uint8Array(header.length + count * (prefix.length + width))
  serialised.set(header)
  for (let i = 0, at = header.length; i < count; i++, at += width) {
    serialised.set(prefix, at)
    at += prefix.length
    serialised.set(bytes.subarray(i * width, (i + 1) * width), at)
  }
  const reader = new Deserializer(serialised)
  reader.readHeader()
  return Array.from({ length: count }, () => reader.readValue() as bigint)
}

/** The bytes of `values`, `width` bytes each. Throws RangeError unless 0 ≤ x < 256^width. */
export const toDigits = (values: ReadonlyArray<bigint>, width: number): Uint8Array => {
  const writer = new Serializer()
  for (const value of values) writer.writeValue(value)
  // As what it is: views of a `Buffer` take longer to make.
  const { buffer, byteOffset, byteLength } = writer.releaseBuffer()
  const serialised = new Uint8Array(buffer, byteOffset, byteLength)
  const bytes = new Uint8Array(values.length * width)
  let at = 0
  for (let i = 0; i < values.length; i++) {
    let twice = 0
    let shift = 0
    let digit: number
    // The tag is passed over with the first step.
    do {
      digit = serialised[++at]!
      twice |= (digit & 127) << shift
      shift += 7
    } while (digit > 127)
    at++
    if (twice % 2 === 1) throw new RangeError("a negative integer has no fixed-width form")
    const digits = serialised.subarray(at, at + twice / 2)
    at += digits.length
    // V8 gives whole words, and the width need not be a multiple of them.
    for (let above = width; above < digits.length; above++)
      if (digits[above] !== 0) throw new RangeError(`an integer does not fit ${width} bytes`)
    bytes.set(digits.length > width ? digits.subarray(0, width) : digits, i * width)
  }
  return bytes
}
