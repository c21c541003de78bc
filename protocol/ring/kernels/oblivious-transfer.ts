/**
 * Oblivious transfer between the clouds: columns of an extension to rows, and what is hashed and masked block by block
 * (`protocol/oblivious-transfer/`). AES itself is outside: these kernels write what it takes and use what it gives.
 * A tweak is a block of two words: the number of a transfer, and its place: what it is for, direction and block.
 */
import { storeLow } from "./bytes"

/**
 * From 2^bits streams r_x of `bytes` bytes, each `apart` bytes after the one before, which are overwritten: at `sum` their
 * sum, and at `columns`, as far apart, for each bit the sum of those r_x whose x has it. `bytes` is a multiple of 16; sums
 * are modulo 2.
 */
export function foldLeaves(
  columns: usize,
  sum: usize,
  leaves: usize,
  bits: u32,
  bytes: usize,
  apart: usize
): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    let pairs: usize = (<usize>1) << (bits - 1)
    let column = columns + at
    for (let bit: u32 = 0; bit < bits; bit++) {
      let odd = i64x2.splat(0)
      let from = leaves + at
      let to = from
      for (let i: usize = 0; i < pairs; i++) {
        const y = v128.load(from + apart)
        odd = v128.xor(odd, y)
        v128.store(to, v128.xor(v128.load(from), y))
        from += apart << 1
        to += apart
      }
      v128.store(column, odd)
      column += apart
      pairs >>= 1
    }
    v128.store(sum + at, v128.load(leaves + at))
  }
}

/** Four bytes of each of four columns, by bytes: all columns' first byte, then their second… */
function fourColumns(x: usize, apart: usize): v128 {
  let four = v128.load32_zero(x)
  four = v128.load32_lane(x + apart, four, 1)
  four = v128.load32_lane(x + 2 * apart, four, 2)
  four = v128.load32_lane(x + 3 * apart, four, 3)
  return v128.shuffle<u8>(four, four, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
}

/** Eight rows of 16 bits, one a byte of `columns`, each 16 bytes after the one before. */
function eightRows(row: usize, columns: v128): void {
  let rest = columns
  for (let at: usize = 112; ; at -= 16) {
    store<u16>(row + at, <u16>i8x16.bitmask(rest))
    if (at === 0) return
    rest = i8x16.add(rest, rest)
  }
}

/**
 * `count` rows of 128 bits from 128 columns, each `apart` bytes after the one before. `count` is a multiple of 32.
 */
export function columnsToRows(rows: usize, columns: usize, apart: usize, count: usize): void {
  for (let byte: usize = 0; byte < count >> 3; byte += 4) {
    let x = columns + byte
    const end = rows + 16
    for (let row = rows; row < end; row += 2) {
      const a = fourColumns(x, apart)
      const b = fourColumns(x + 4 * apart, apart)
      const c = fourColumns(x + 8 * apart, apart)
      const d = fourColumns(x + 12 * apart, apart)
      const firstAB = v128.shuffle<u32>(a, b, 0, 4, 1, 5)
      const firstCD = v128.shuffle<u32>(c, d, 0, 4, 1, 5)
      const lastAB = v128.shuffle<u32>(a, b, 2, 6, 3, 7)
      const lastCD = v128.shuffle<u32>(c, d, 2, 6, 3, 7)
      eightRows(row, v128.shuffle<u64>(firstAB, firstCD, 0, 2))
      eightRows(row + 128, v128.shuffle<u64>(firstAB, firstCD, 1, 3))
      eightRows(row + 256, v128.shuffle<u64>(lastAB, lastCD, 0, 2))
      eightRows(row + 384, v128.shuffle<u64>(lastAB, lastCD, 1, 3))
      x += apart << 4
    }
    rows += 512
  }
}

/** Rows under their tweaks, the first of which is of the transfer `number`. */
export function tweakedRows(out: usize, rows: usize, number: u64, place: u64, n: usize): void {
  const one = i64x2(1, 0)
  let tweak = i64x2(number, place)
  const end = n << 4
  for (let i: usize = 0; i < end; i += 16) {
    v128.store(out + i, v128.xor(v128.load(rows + i), tweak))
    tweak = i64x2.add(tweak, one)
  }
}

/**
 * Rows under their tweaks, and each once more with Δ added; the other way round where its bit of the corrections is set.
 * Those of a row are side by side.
 */
export function tweakedRowPairs(
  out: usize,
  rows: usize,
  corrections: usize,
  delta: usize,
  number: u64,
  place: u64,
  n: usize
): void {
  const one = i64x2(1, 0)
  const difference = v128.load(delta)
  let tweak = i64x2(number, place)
  for (let i: usize = 0; i < n; i++) {
    const corrected = 0 - <i64>((load<u8>(corrections + (i >> 3)) >> (<u8>i & 7)) & 1)
    const row = v128.xor(v128.load(rows + (i << 4)), tweak)
    const first = v128.xor(row, v128.and(difference, i64x2.splat(corrected)))
    v128.store(out + (i << 5), first)
    v128.store(out + (i << 5) + 16, v128.xor(first, difference))
    tweak = i64x2.add(tweak, one)
  }
}

/**
 * Choice bits of transfers, 16 bytes each: where a batch has its keys and its choices, the number of the first transfer's
 * in it, and the step from one transfer's to the next one's.
 */
function keysOf(bit: usize): usize {
  return load<u32>(bit)
}
function choicesOf(bit: usize): usize {
  return load<u32>(bit + 4)
}
function placeIn(bit: usize, transfer: usize): usize {
  return <usize>load<u32>(bit + 8) + transfer * <usize>load<u32>(bit + 12)
}

/** What of a tweak's place counts the blocks of a message. */
const blockShift: u64 = 32

/**
 * At the sender: for each transfer and each of the 2^w values of its choice the sum of its keys under the tweak, in
 * `blocks` blocks.
 */
export function padInputs(
  out: usize,
  bits: usize,
  w: u32,
  from: usize,
  count: usize,
  number: u64,
  place: u64,
  blocks: usize
): void {
  const size = blocks << 4
  const whole = size << w
  for (let i = from; i < from + count; i++) {
    let x = i64x2(number + <u64>placeIn(bits, i), place)
    for (let bit = bits; bit < bits + (w << 4); bit += 16) {
      x = v128.xor(x, v128.load(keysOf(bit) + (placeIn(bit, i) << 5)))
    }
    v128.store(out, x)
    let half = size
    for (let bit = bits; bit < bits + (w << 4); bit += 16) {
      const keys = keysOf(bit) + (placeIn(bit, i) << 5)
      const difference = v128.xor(v128.load(keys), v128.load(keys, 16))
      for (let v: usize = 0; v < half; v += size) {
        v128.store(out + half + v, v128.xor(v128.load(out + v), difference))
      }
      half <<= 1
    }
    if (blocks > 1) for (let v: usize = 0; v < whole; v += size) spreadBlocks(out + v, size)
    out += whole
  }
}

/** The first block under the tweaks of all others. */
function spreadBlocks(out: usize, size: usize): void {
  const first = v128.load(out)
  for (let at: usize = 16; at < size; at += 16) {
    v128.store(out + at, v128.xor(first, i64x2(0, (<u64>at >> 4) << blockShift)))
  }
}

/** At the receiver: the sum of the keys of the choice of each transfer under the tweak, and at `values` the choice, a byte. */
export function chosenPadInputs(
  out: usize,
  values: usize,
  bits: usize,
  w: u32,
  from: usize,
  count: usize,
  number: u64,
  place: u64,
  blocks: usize
): void {
  const size = blocks << 4
  for (let i = from; i < from + count; i++) {
    let x = i64x2(number + <u64>placeIn(bits, i), place)
    let value: u32 = 0
    for (let j: u32 = 0; j < w; j++) {
      const bit = bits + (j << 4)
      const at = placeIn(bit, i)
      x = v128.xor(x, v128.load(keysOf(bit) + (at << 4)))
      value |= ((load<u8>(choicesOf(bit) + (at >> 3)) >> (<u8>at & 7)) & 1) << j
    }
    v128.store(out, x)
    spreadBlocks(out, size)
    out += size
    store<u8>(values++, <u8>value)
  }
}

/** Ones at the low `width` ≤ 64 bits. */
function lowBits(width: u64): u64 {
  return <u64>-1 >> (64 - width)
}

/** A block of a message under its pad, which is what AES took plus what it gave. */
function masked(message: usize, input: usize, output: usize): v128 {
  return v128.xor(v128.load(message), v128.xor(v128.load(input), v128.load(output)))
}

/** A word of it. */
function maskedWord(message: usize, input: usize, output: usize): u64 {
  return load<u64>(message) ^ load<u64>(input) ^ load<u64>(output)
}

/** Bytes in memory of a message of so many bits. */
function messageBytes(bits: u32): usize {
  return (<usize>bits + 7) >> 3
}

/** Bytes of its pad. */
function padBytes(bits: u32): usize {
  return ((<usize>bits + 127) >> 7) << 4
}

/**
 * `count` messages, an even number, of `bits` bits, each from the beginning of a byte, under pads from what AES took and gave: bit after bit
 * at `wire`. Sixteen bytes must be free behind the last there, and lie behind the last message.
 */
export function maskMessages(
  wire: usize,
  inputs: usize,
  outputs: usize,
  messages: usize,
  bits: u32,
  count: usize
): void {
  if ((bits & 7) === 0) maskBytes(wire, inputs, outputs, messages, bits, count)
  else if (bits < 64) maskShort(wire, inputs, outputs, messages, bits, count)
  else maskLong(wire, inputs, outputs, messages, bits, count)
}

/** Of whole bytes: what is written behind a message is written again by the next. */
function maskBytes(
  wire: usize,
  inputs: usize,
  outputs: usize,
  messages: usize,
  bits: u32,
  count: usize
): void {
  const bytes = messageBytes(bits)
  const size = padBytes(bits)
  for (const end = wire + bytes * count; wire < end; wire += bytes) {
    for (let at: usize = 0; at < bytes; at += 16) {
      v128.store(wire + at, masked(messages + at, inputs + at, outputs + at))
    }
    inputs += size
    outputs += size
    messages += bytes
  }
}

/** Of less than a word. Two that fit into one are put together first. */
function maskShort(
  wire: usize,
  inputs: usize,
  outputs: usize,
  messages: usize,
  bits: u32,
  count: usize
): void {
  const bytes = messageBytes(bits)
  const kept = lowBits(bits)
  const both = bits < 32
  const width = (<u64>bits) << (<u64>both)
  let word: u64 = 0
  let filled: u64 = 0
  for (const end = inputs + (count << 4); inputs < end; inputs += 16) {
    let next = maskedWord(messages, inputs, outputs) & kept
    messages += bytes
    outputs += 16
    if (both) {
      inputs += 16
      next |= (maskedWord(messages, inputs, outputs) & kept) << bits
      messages += bytes
      outputs += 16
    }
    word |= next << filled
    filled += width
    if (filled >= 64) {
      store<u64>(wire, word)
      wire += 8
      filled -= 64
      word = next >> (width - filled)
    }
  }
  store<u64>(wire, word)
}

/** Of any length. */
function maskLong(
  wire: usize,
  inputs: usize,
  outputs: usize,
  messages: usize,
  bits: u32,
  count: usize
): void {
  const bytes = messageBytes(bits)
  const size = padBytes(bits)
  let word: u64 = 0
  let filled: u64 = 0
  for (const end = inputs + size * count; inputs < end; inputs += size) {
    for (let at: usize = 0, left = <u64>bits; left > 0; at += 8) {
      const width = min<u64>(left, 64)
      const next = maskedWord(messages + at, inputs + at, outputs + at) & lowBits(width)
      word |= next << filled
      if (filled + width >= 64) {
        store<u64>(wire, word)
        wire += 8
        word = filled === 0 ? 0 : next >> (64 - filled)
        filled += width - 64
      } else filled += width
      left -= width
    }
    outputs += size
    messages += bytes
  }
  store<u64>(wire, word)
}

/**
 * The chosen ones of the messages of `maskMessages`, 2^w a transfer. Sixteen bytes must lie behind the last at `wire`.
 */
export function unmaskMessages(
  out: usize,
  wire: usize,
  inputs: usize,
  outputs: usize,
  values: usize,
  w: u32,
  bits: u32,
  count: usize
): void {
  const bytes = messageBytes(bits)
  const size = padBytes(bits)
  for (let i: usize = 0; i < count; i++) {
    let position = ((i << w) + load<u8>(values + i)) * bits
    for (let at: usize = 0, left = <u64>bits; left > 0; at += 8) {
      const width = min<u64>(left, 64)
      const from = wire + (position >> 3)
      const skipped = <u64>(position & 7)
      let word = load<u64>(from) >> skipped
      if (skipped + width > 64) word |= (<u64>load<u8>(from, 8)) << (64 - skipped)
      word = (word ^ load<u64>(inputs + at) ^ load<u64>(outputs + at)) & lowBits(width)
      storeLow(out + at, word, (<usize>width + 7) >> 3)
      position += 64
      left -= width
    }
    inputs += size
    outputs += size
    out += bytes
  }
}
