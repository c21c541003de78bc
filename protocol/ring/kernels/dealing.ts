/**
 * What two clouds compute for each value when they deal for themselves (section 5 of docs/concepts/protocol.md): the
 * messages that the sender of a transfer offers, one for each choice of the receiver, and what the receiver makes of
 * the one that it gets. Messages of a transfer lie one after another, by the number that the choice bits make; those of
 * the next transfer follow. A word is stored at some of them, so eight bytes must be free behind the last.
 */
import { storeLow } from "./bytes"

/** Words from numbers of `bytes` bytes; a word is read at each. */
export function wordsOfBytes(out: usize, x: usize, bytes: usize, n: usize): void {
  const kept: u64 = bytes === 8 ? -1 : ((<u64>1) << (<u64>(bytes << 3))) - 1
  for (let i: usize = 0; i < n; i++) {
    store<u64>(out + (i << 3), load<u64>(x) & kept)
    x += bytes
  }
}

/** The low `bytes` bytes of words. */
export function bytesOfWords(out: usize, x: usize, bytes: usize, n: usize): void {
  for (let i: usize = 0; i < n; i++) {
    storeLow(out, load<u64>(x + (i << 3)), bytes)
    out += bytes
  }
}

/** The bit of this number of each of n words, 64 of them in a word. */
export function bitOfWords(out: usize, x: usize, bit: u32, n: usize): void {
  for (let first: usize = 0; first < n; first += 64) {
    const count = min<usize>(64, n - first)
    let bits: u64 = 0
    for (let v: usize = 0; v < count; v++) bits |= ((load<u64>(x + ((first + v) << 3)) >> <u64>bit) & 1) << v
    store<u64>(out + ((first >> 6) << 3), bits)
  }
}

/** The low `bits` bits of words. */
export function keepLow(out: usize, x: usize, bits: u32, n: usize): void {
  const kept = ((<u64>1) << (<u64>bits)) - 1
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) store<u64>(out + i, load<u64>(x + i) & kept)
}

/** out[j][i] = x[i][j], of words. */
export function transposeWords(out: usize, x: usize, rows: usize, cols: usize): void {
  for (let j: usize = 0; j < cols; j++) {
    let from = x + (j << 3)
    for (let i: usize = 0; i < rows; i++) {
      store<u64>(out, load<u64>(from))
      out += 8
      from += cols << 3
    }
  }
}

/** The same of blocks of `bytes` bytes. */
export function transposeBlocks(out: usize, x: usize, rows: usize, cols: usize, bytes: usize): void {
  for (let j: usize = 0; j < cols; j++) {
    for (let i: usize = 0; i < rows; i++) {
      memory.copy(out, x + (i * cols + j) * bytes, bytes)
      out += bytes
    }
  }
}

/**
 * The digits of r = r_0 + r_1 in a block of `width` bits from `low` on: for each digit of r_1, and each share of the
 * carry into the block unless it is the first, the masked carry out of it; with `oneHot` ≠ 0 also the digit of r as a
 * one-hot word of 16 bits, under the share at that address, the next value's `stride` bytes on. The masks of the carries
 * into block j are the bits j of `carries`. A message has one byte, or three with the carry in the last.
 */
export function offerBlock(
  out: usize,
  r: usize,
  low: u32,
  width: u32,
  carries: usize,
  block: u32,
  oneHot: usize,
  stride: usize,
  n: usize
): void {
  const size: u32 = 1 << width
  const carried: u32 = block === 0 ? 1 : 2
  const iota = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
  for (let i: usize = 0; i < n; i++) {
    const own = <u32>(load<u64>(r + (i << 3)) >> <u64>low) & (size - 1)
    const masks = load<u64>(carries + (i << 3))
    const into = block === 0 ? 0 : <u32>(masks >> <u64>block) & 1
    const outOf = <u32>(masks >> <u64>(block + 1)) & 1
    if (oneHot !== 0) {
      const share = <u32>load<u16>(oneHot)
      for (let g: u32 = 0; g < carried; g++) {
        for (let b: u32 = 0; b < size; b++) {
          const sum = own + b + (into ^ g)
          store<u32>(out, (((<u32>1) << (sum & (size - 1))) ^ share) | (((sum >> width) ^ outOf) << 16))
          out += 3
        }
      }
      oneHot += stride
    } else if (width === 4) {
      for (let g: u32 = 0; g < carried; g++) {
        const sums = i8x16.add(iota, i8x16.splat(<i8>(own + (into ^ g))))
        v128.store(out, v128.xor(i8x16.shr_u(sums, 4), i8x16.splat(<i8>outOf)))
        out += 16
      }
    } else {
      for (let g: u32 = 0; g < carried; g++) {
        for (let b: u32 = 0; b < size; b++) {
          store<u8>(out, ((own + b + (into ^ g)) >> width) ^ outOf)
          out++
        }
      }
    }
  }
}

/** The receiver's part: its shares of the carries, as bits of `carries` and packed, and of the one-hot words. */
export function takeBlock(
  received: usize,
  carries: usize,
  block: u32,
  packed: usize,
  oneHot: usize,
  stride: usize,
  n: usize
): void {
  const bytes: usize = oneHot !== 0 ? 3 : 1
  for (let first: usize = 0; first < n; first += 64) {
    const count = min<usize>(64, n - first)
    let bits: u64 = 0
    for (let v: usize = 0; v < count; v++) {
      const carry = <u64>(load<u8>(received + bytes - 1) & 1)
      bits |= carry << v
      const at = carries + ((first + v) << 3)
      store<u64>(at, load<u64>(at) | (carry << (<u64>(block + 1))))
      if (oneHot !== 0) {
        store<u16>(oneHot, load<u16>(received))
        oneHot += stride
      }
      received += bytes
    }
    store<u64>(packed + ((first >> 6) << 3), bits)
  }
}

/**
 * Of the top bit of r: for r_1's and its share of the carry into it, the low `bits` bits of the bit itself, or with
 * `wraps` of the carry out of it taken negative, less a mask.
 */
export function offerTop(
  out: usize,
  r: usize,
  carries: usize,
  block: u32,
  mask: usize,
  wraps: bool,
  bits: u32,
  n: usize
): void {
  const kept = ~(<u64>0) >> <u64>(64 - bits)
  const bytes = <usize>((bits + 7) >> 3)
  for (let i: usize = 0; i < n; i++) {
    const own = load<u64>(r + (i << 3)) >> 63
    const into = (load<u64>(carries + (i << 3)) >> <u64>block) & 1
    const less = load<u64>(mask + (i << 3))
    for (let v: u64 = 0; v < 4; v++) {
      const sum = own + (v & 1) + (into ^ (v >> 1))
      storeLow(out, ((wraps ? 0 - (sum >> 1) : sum & 1) - less) & kept, bytes)
      out += bytes
    }
  }
}

/** The masked carries into a block as words less a mask, for each share of the receiver. */
export function offerCarry(out: usize, carries: usize, block: u32, mask: usize, n: usize): void {
  for (let i: usize = 0; i < n; i++) {
    const own = (load<u64>(carries + (i << 3)) >> <u64>block) & 1
    const less = load<u64>(mask + (i << 3))
    store<u64>(out, own - less)
    store<u64>(out, (own ^ 1) - less, 8)
    out += 16
  }
}

/** Cloud 0's mask of the carry, such that r≫s has the given share: share − (r_0≫s) − wrap·2^(64−s). */
export function shiftedMask(out: usize, share: usize, r: usize, wrap: usize, shift: u32, n: usize): void {
  const s = <u64>shift
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(out + i, load<u64>(share + i) - (load<u64>(r + i) >> s) - (load<u64>(wrap + i) << (64 - s)))
  }
}

/** Cloud 1's share of r≫s: (r_1≫s) + carry + wrap·2^(64−s). */
export function shiftedShare(out: usize, carry: usize, r: usize, wrap: usize, shift: u32, n: usize): void {
  const s = <u64>shift
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(out + i, load<u64>(carry + i) + (load<u64>(r + i) >> s) + (load<u64>(wrap + i) << (64 - s)))
  }
}

/** A word times the sum modulo 2 of a bit and the receiver's, less a mask, in `bytes` bytes. Without x, of ones. */
export function offerGated(out: usize, x: usize, mask: usize, bits: usize, bytes: usize, n: usize): void {
  for (let i: usize = 0; i < n; i++) {
    const bit = (load<u64>(bits + ((i >> 6) << 3)) >> (i & 63)) & 1
    const word = x === 0 ? 1 : load<u64>(x + (i << 3))
    const less = load<u64>(mask + (i << 3))
    storeLow(out, (word & (0 - bit)) - less, bytes)
    storeLow(out + bytes, (word & (0 - (bit ^ 1))) - less, bytes)
    out += bytes << 1
  }
}

/** A word times a digit of two bits, with `signed` of two's complement, less a mask, in `bytes` bytes. */
export function offerMultiples(
  out: usize,
  x: usize,
  mask: usize,
  signed: bool,
  bytes: usize,
  n: usize
): void {
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(x + (i << 3))
    const less = load<u64>(mask + (i << 3))
    storeLow(out, 0 - less, bytes)
    storeLow(out + bytes, word - less, bytes)
    storeLow(out + 2 * bytes, (signed ? 0 - 2 * word : 2 * word) - less, bytes)
    storeLow(out + 3 * bytes, (signed ? 0 - word : 3 * word) - less, bytes)
    out += bytes << 2
  }
}

/** Adds words ≪ shift. */
export function addShifted(out: usize, x: usize, shift: u32, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(out + i, load<u64>(out + i) + (load<u64>(x + i) << (<u64>shift)))
  }
}

/** Subtracts words ≪ shift. */
export function subtractShifted(out: usize, x: usize, shift: u32, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(out + i, load<u64>(out + i) - (load<u64>(x + i) << (<u64>shift)))
  }
}

/** The planes of groups, 64 values a word, side by side: plane by plane over all groups. */
export function planesApart(out: usize, x: usize, planes: usize, groups: usize): void {
  transposeWords(out, x, groups, planes)
}

/**
 * Products of masks λ_0 ⊕ λ_1 of up to four factors: for each choice of the receiver's, all products of the transfer,
 * bit by bit under the shares at `share`, in `bytes` bytes. `factors` are the numbers of the planes of masks, which lie
 * apart, as u32; `products` for each its factors as bits and its plane among the `planes` of a group, as u32.
 */
export function offerProducts(
  out: usize,
  masks: usize,
  share: usize,
  factors: usize,
  width: u32,
  products: usize,
  count: usize,
  planes: usize,
  bytes: usize,
  groups: usize
): void {
  const size: u32 = 1 << width
  for (let group: usize = 0; group < groups; group++) {
    for (let v: usize = 0; v < 64; v++) {
      let own: u32 = 0
      for (let f: u32 = 0; f < width; f++) {
        const plane = <usize>load<u32>(factors + (f << 2))
        own |= (<u32>(load<u64>(masks + ((plane * groups + group) << 3)) >> v) & 1) << f
      }
      let under: u32 = 0
      for (let p: usize = 0; p < count; p++) {
        const plane = <usize>load<u32>(products + (p << 3), 4)
        under |= (<u32>(load<u64>(share + ((group * planes + plane) << 3)) >> v) & 1) << (<u32>p)
      }
      for (let choice: u32 = 0; choice < size; choice++) {
        store<u16>(out, under ^ load<u16>(productsOf + (((own ^ choice) & (size - 1)) << 1)))
        out += bytes
      }
    }
  }
}

/** For each value of the factors of a transfer its products, as bits. */
const productsOf: usize = memory.data(16 * 2, 16)

/** Tabulates the products of a transfer for `offerProducts`. */
export function tabulateProducts(width: u32, products: usize, count: usize): void {
  for (let value: u32 = 0; value < (<u32>1) << width; value++) {
    let bits: u32 = 0
    for (let p: usize = 0; p < count; p++) {
      const factors = load<u32>(products + (p << 3))
      if ((value & factors) === factors) bits |= (<u32>1) << (<u32>p)
    }
    store<u16>(productsOf + (value << 1), bits)
  }
}

/** The receiver's part: the planes of its shares. */
export function takeProducts(
  out: usize,
  received: usize,
  products: usize,
  count: usize,
  planes: usize,
  bytes: usize,
  groups: usize
): void {
  for (let group: usize = 0; group < groups; group++) {
    for (let p: usize = 0; p < count; p++) {
      let bits: u64 = 0
      for (let v: usize = 0; v < 64; v++) {
        bits |= ((<u64>load<u16>(received + v * bytes) >> p) & 1) << v
      }
      const plane = <usize>load<u32>(products + (p << 3), 4)
      store<u64>(out + ((group * planes + plane) << 3), bits)
    }
    received += bytes << 6
  }
}

/**
 * The sum of two small numbers, a word each, in a block of `width` bits from `low` on: for each digit of the receiver's,
 * and its share of the carry into it unless that is the first, the digit under the bits of `share` there, and above it
 * the carry under its bit 63. A byte each.
 */
export function offerDigit(out: usize, x: usize, share: usize, low: u32, width: u32, n: usize): void {
  const size: u64 = (<u64>1) << (<u64>width)
  for (let i: usize = 0; i < n; i++) {
    const own = (load<u64>(x + (i << 3)) >> <u64>low) & (size - 1)
    const under = load<u64>(share + (i << 3))
    const carry = under >> 63
    const masks = ((under >> <u64>low) & (size - 1)) | (low === 0 ? carry << (<u64>width) : 0)
    const choices = low === 0 ? size : 2 * size
    for (let choice: u64 = 0; choice < choices; choice++) {
      const into = low === 0 ? 0 : carry ^ (choice >> <u64>width)
      let sum = own + (choice & (size - 1)) + into
      if (low !== 0) sum &= size - 1
      store<u8>(out, <u8>(sum ^ masks))
      out++
    }
  }
}
