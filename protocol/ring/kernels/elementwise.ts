/**
 * Elementwise arithmetic modulo 2^64 on arrays of `n` words. Outputs may coincide with an input, never
 * overlap it otherwise. Addresses are 16-byte aligned where `v128` is used; a tail of one word is done apart.
 */

export function add(out: usize, x: usize, y: usize, n: usize): void {
  const pairs = (n & ~1) << 3
  for (let i: usize = 0; i < pairs; i += 16) {
    v128.store(out + i, i64x2.add(v128.load(x + i), v128.load(y + i)))
  }
  if (n & 1) store<u64>(out + pairs, load<u64>(x + pairs) + load<u64>(y + pairs))
}

export function subtract(out: usize, x: usize, y: usize, n: usize): void {
  const pairs = (n & ~1) << 3
  for (let i: usize = 0; i < pairs; i += 16) {
    v128.store(out + i, i64x2.sub(v128.load(x + i), v128.load(y + i)))
  }
  if (n & 1) store<u64>(out + pairs, load<u64>(x + pairs) - load<u64>(y + pairs))
}

/** sum = x + y, and y becomes x − y. `sum` may be x. */
export function sumAndDifference(sum: usize, x: usize, y: usize, n: usize): void {
  const pairs = (n & ~1) << 3
  for (let i: usize = 0; i < pairs; i += 16) {
    const a = v128.load(x + i)
    const b = v128.load(y + i)
    v128.store(sum + i, i64x2.add(a, b))
    v128.store(y + i, i64x2.sub(a, b))
  }
  if (n & 1) {
    const a = load<u64>(x + pairs)
    const b = load<u64>(y + pairs)
    store<u64>(sum + pairs, a + b)
    store<u64>(y + pairs, a - b)
  }
}

/** Exclusive or: of bit planes, which are shared modulo 2. */
export function xor(out: usize, x: usize, y: usize, n: usize): void {
  const pairs = (n & ~1) << 3
  for (let i: usize = 0; i < pairs; i += 16) {
    v128.store(out + i, v128.xor(v128.load(x + i), v128.load(y + i)))
  }
  if (n & 1) store<u64>(out + pairs, load<u64>(x + pairs) ^ load<u64>(y + pairs))
}

export function negate(out: usize, x: usize, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) store<u64>(out + i, 0 - load<u64>(x + i))
}

export function scale(out: usize, x: usize, factor: u64, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) store<u64>(out + i, load<u64>(x + i) * factor)
}

/** Elementwise product, for the references: shares never multiply so. */
export function multiply(out: usize, x: usize, y: usize, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) store<u64>(out + i, load<u64>(x + i) * load<u64>(y + i))
}

export function shiftLeft(out: usize, x: usize, shift: u32, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) store<u64>(out + i, load<u64>(x + i) << (<u64>shift))
}

/** 1 where the word read as two's complement is ≥ 0, else 0. */
export function nonNegative(out: usize, x: usize, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) store<u64>(out + i, (load<u64>(x + i) >> 63) ^ 1)
}

/** out = x + (row ≪ shift) in every row of a rows × cols matrix. */
export function addRow(out: usize, x: usize, row: usize, shift: u32, rows: usize, cols: usize): void {
  const width = cols << 3
  for (let r: usize = 0; r < rows; r++) {
    for (let i: usize = 0; i < width; i += 8) {
      store<u64>(out + i, load<u64>(x + i) + (load<u64>(row + i) << (<u64>shift)))
    }
    out += width
    x += width
  }
}

/** out[j] = Σ_i x[i][j]. `out` apart from `x`. */
export function columnSums(out: usize, x: usize, rows: usize, cols: usize): void {
  const width = cols << 3
  memory.fill(out, 0, width)
  for (let r: usize = 0; r < rows; r++) {
    for (let i: usize = 0; i < width; i += 8) {
      store<u64>(out + i, load<u64>(out + i) + load<u64>(x + i))
    }
    x += width
  }
}

/** out row i = x row indices[i]; `indices` are u32. */
export function gatherRows(out: usize, x: usize, indices: usize, count: usize, cols: usize): void {
  const width = cols << 3
  for (let i: usize = 0; i < count; i++) {
    memory.copy(out + i * width, x + <usize>load<u32>(indices + (i << 2)) * width, width)
  }
}
