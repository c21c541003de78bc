/**
 * Runs of small integers, as Parquet has levels, booleans and the places of a dictionary (its RLE and
 * bit-packing hybrid): equal ones with their number, and different ones packed in bits.
 */

const damaged = () => new RangeError("runs that are damaged")

/** More bits than these would take more than the four bytes that a value is read from. */
const mostBits = 25

/** Fills `out` with integers of `bits` bits each. Throws `RangeError` if there are fewer of them. */
export const readRuns = (bytes: Uint8Array, bits: number, out: Uint8Array | Int32Array): void => {
  if (bits > mostBits) throw damaged()
  let [at, filled] = [0, 0]
  const header = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= bytes.length) throw damaged()
      const byte = bytes[at++]!
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw damaged()
  }
  while (filled < out.length) {
    const run = header()
    const length = Math.floor(run / 2)
    if (run % 2 === 0) {
      const width = Math.ceil(bits / 8)
      if (at + width > bytes.length) throw damaged()
      let value = 0
      for (let byte = 0; byte < width; byte++) value |= bytes[at++]! << (8 * byte)
      const end = Math.min(filled + length, out.length)
      out.fill(value, filled, end)
      filled = end
    } else {
      const end = Math.min(filled + 8 * length, out.length)
      if (at + Math.ceil(((end - filled) * bits) / 8) > bytes.length) throw damaged()
      readPacked(bytes.subarray(at), bits, out.subarray(filled, end))
      at += length * bits
      filled = end
    }
  }
}

const readPacked = (bytes: Uint8Array, bits: number, out: Uint8Array | Int32Array): void => {
  const mask = 2 ** bits - 1
  for (let place = 0, bit = 0; place < out.length; place++, bit += bits) {
    const at = bit >>> 3
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    out[place] = (word >>> (bit & 7)) & mask
  }
}
