/**
 * LZ4 (the block format of lz4_Block_format.md), as pages of Parquet have it: bare (`LZ4_RAW`), or in the
 * frames of Hadoop (`LZ4`, deprecated), which name the lengths of each block. Everything is checked: neither a
 * block that is cut short nor one that is damaged passes for a page.
 */

const damaged = () => new RangeError("LZ4 that is damaged")

/** Unpacks a page that is one block. Throws `RangeError` unless it has `length` bytes. */
export const unpackLz4 = (input: Uint8Array, length: number): Uint8Array => {
  const page = new Uint8Array(length)
  if (unpackBlock(input, page) !== length) throw damaged()
  return page
}

/** Unpacks a page in Hadoop's frames, or one block, as writers other than Hadoop called it by the same name. */
export const unpackHadoopLz4 = (input: Uint8Array, length: number): Uint8Array => {
  const page = new Uint8Array(length)
  return unpackFrames(input, page) ? page : unpackLz4(input, length)
}

/** Whether `input` is frames that fill the page: the bytes of a frame, then its blocks, each after its length. */
const unpackFrames = (input: Uint8Array, page: Uint8Array): boolean => {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  let [at, filled] = [0, 0]
  while (at + 8 <= input.length) {
    const end = filled + view.getUint32(at)
    at += 4
    if (end > page.length) return false
    while (filled < end && at + 4 <= input.length) {
      const size = view.getUint32(at)
      at += 4
      if (at + size > input.length) return false
      try {
        filled += unpackBlock(input.subarray(at, at + size), page.subarray(filled, end))
      } catch {
        return false
      }
      at += size
    }
    if (filled !== end) return false
  }
  return at === input.length && filled === page.length
}

/** Unpacks a block to the beginning of `out`, and returns how many bytes it has. */
const unpackBlock = (input: Uint8Array, out: Uint8Array): number => {
  let [at, filled] = [0, 0]
  const lengthOf = (nibble: number): number => {
    let length = nibble
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) {
      if (at >= input.length) throw damaged()
      byte = input[at++]!
    }
    return length
  }
  while (at < input.length) {
    const token = input[at++]!
    const literals = lengthOf(token >> 4)
    if (at + literals > input.length || filled + literals > out.length) throw damaged()
    for (const end = filled + literals; filled < end; ) out[filled++] = input[at++]!
    // The last sequence has literals only.
    if (at === input.length) return filled
    if (at + 2 > input.length) throw damaged()
    const back = input[at]! | (input[at + 1]! << 8)
    at += 2
    const copied = lengthOf(token & 15) + 4
    if (back === 0 || back > filled || filled + copied > out.length) throw damaged()
    for (const end = filled + copied; filled < end; filled++) out[filled] = out[filled - back]!
  }
  throw damaged()
}
