/**
 * The comparison c' < r on bits shared modulo 2, for the sign of x = c' − r. The 63 low bits are cut into 16 blocks of 4; block j
 * of r is shared as a one-hot word u_j of 16 bits, so P_j = [blocks equal] and G_j = [r's block larger] are local. Four blocks
 * join in a node, four nodes in the root: G = G3 ⊕ P3G2 ⊕ P3P2G1 ⊕ P3P2P1G0, P = P3P2P1P0. A factor x is opened as
 * e = x ⊕ λ, and Π(e ⊕ λ) expands into public bits times the dealt products of masks.
 *
 * Bits of 64 values are packed in a word, a plane; the planes of a group of 64 values lie together:
 *   masks   35: β, then a node's 7 (P3 P2 P1 G2 G1 G0 P0) four times, then the root's 6 (no P0)
 *   dealt  104: top bit of r, then a node's 22 products four times, then the root's 15
 * The 22 products, a b c = P3 P2 P1, x y z = G2 G1 G0, p = P0:
 *   ab ac bc abc | ax | ay by aby | az bz cz abz acz bcz abcz | ap bp cp abp acp bcp abcp
 * and the root's are the first 15. Node 3 has the top blocks.
 * The dealer's kernels find cloud 0's share where cloud 1's goes.
 */

const MASKS: usize = 35 * 8
const DEALT: usize = 104 * 8
const NODE_MASKS: usize = 7 * 8
const NODE_DEALT: usize = 22 * 8
const ROOT_MASKS: usize = 29 * 8
const ROOT_DEALT: usize = 89 * 8
const LOW: u64 = ((<u64>1) << 63) - 1
const OFFSET: u64 = (<u64>1) << 62

/** Bits of one group before they are put in planes: 64 bytes each of P and G of blocks 0–7, P and G of blocks 8–15. */
const rows: usize = memory.data(4 * 64, 16)
/** The planes of one group: P of the 16 blocks, then G. */
const leaves: usize = memory.data(32 * 8, 16)

/** P and G of the 16 blocks of value v: bytes of `rows`. `low` is c' mod 2^63, u its 16 one-hot words. */
function leafRow(v: usize, low: u64, u: usize): void {
  const digits = i64x2.splat(low)
  const nibble = i8x16.splat(15)
  // Byte j is the j-th digit.
  const digit = v128.shuffle<u8>(
    v128.and(digits, nibble),
    v128.and(i64x2.shr_u(digits, 4), nibble),
    0,
    16,
    1,
    17,
    2,
    18,
    3,
    19,
    4,
    20,
    5,
    21,
    6,
    22,
    7,
    23
  )
  const p = v128.load(u)
  const q = v128.load(u, 16)
  const first = v128.shuffle<u8>(p, q, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
  const second = v128.shuffle<u8>(p, q, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
  // By digit: the bit of that number in the first and second byte of a word, and the bits above it.
  const bitFirst = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0)
  const bitSecond = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128)
  const aboveFirst = i8x16(-2, -4, -8, -16, -32, -64, -128, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  const aboveSecond = i8x16(-1, -1, -1, -1, -1, -1, -1, -1, -2, -4, -8, -16, -32, -64, -128, 0)
  const equal = v128.or(
    v128.and(first, i8x16.swizzle(bitFirst, digit)),
    v128.and(second, i8x16.swizzle(bitSecond, digit))
  )
  const above = v128.xor(
    v128.and(first, i8x16.swizzle(aboveFirst, digit)),
    v128.and(second, i8x16.swizzle(aboveSecond, digit))
  )
  const isEqual = i8x16.bitmask(i8x16.ne(equal, i8x16.splat(0)))
  // The parity of a byte, moved to its top bit.
  const parity = v128.and(i8x16.popcnt(above), i8x16.splat(1))
  const isLarger = i8x16.bitmask(i64x2.shl(parity, 7))
  store<u8>(rows + v, isEqual)
  store<u8>(rows + v, isLarger, 64)
  store<u8>(rows + v, isEqual >> 8, 128)
  store<u8>(rows + v, isLarger >> 8, 192)
}

/** Turns `rows` into `leaves`. */
function transposeRows(): void {
  for (let part: usize = 0; part < 4; part++) {
    // Parts 0 and 2 are P, 1 and 3 G; the last two of blocks 8–15.
    const to = leaves + (((part & 1) << 4) + ((part >> 1) << 3)) * 8
    for (let quarter: usize = 0; quarter < 4; quarter++) {
      let bits = v128.load(rows + (part << 6) + (quarter << 4))
      for (let plane: isize = 7; plane >= 0; plane--) {
        store<u16>(to + ((<usize>plane) << 3) + (quarter << 1), i8x16.bitmask(bits))
        bits = i8x16.add(bits, bits)
      }
    }
  }
}

/**
 * Leaves: from the opened words c and the one-hot shares u (32 bytes a value), this cloud's masked factors of the four
 * nodes (28 planes a group) to `out`, and the nodes' unmasked G3 (4 planes a group) to `kept`.
 */
export function compareLeaves(out: usize, kept: usize, c: usize, u: usize, masks: usize, n: usize): void {
  for (let first: usize = 0; first < n; first += 64) {
    const count = min<usize>(64, n - first)
    if (count < 64) memory.fill(rows, 0, 256)
    for (let v: usize = 0; v < count; v++) {
      leafRow(v, (load<u64>(c + (v << 3)) - OFFSET) & LOW, u + (v << 5))
    }
    transposeRows()
    for (let node: usize = 0; node < 4; node++) {
      const mask = masks + 8 + node * NODE_MASKS
      const to = out + node * NODE_MASKS
      const equal = leaves + (node << 5)
      const larger = equal + 16 * 8
      // Factors in the order P3 P2 P1 G2 G1 G0 P0.
      for (let j: usize = 0; j < 3; j++) {
        store<u64>(to + (j << 3), load<u64>(equal + ((3 - j) << 3)) ^ load<u64>(mask + (j << 3)))
        store<u64>(to + (j << 3), load<u64>(larger + ((2 - j) << 3)) ^ load<u64>(mask + (j << 3), 24), 24)
      }
      store<u64>(to, load<u64>(equal) ^ load<u64>(mask, 48), 48)
      store<u64>(kept + (node << 3), load<u64>(larger, 24))
    }
    c += 64 * 8
    u += 64 * 32
    masks += MASKS
    out += 28 * 8
    kept += 4 * 8
  }
}

/** Share of P3G2 ⊕ P3P2G1 ⊕ P3P2P1G0. e opened factors, m their mask shares, d dealt products; `all` is all ones at cloud 0. */
function combineG(e: usize, m: usize, d: usize, all: u64): u64 {
  const a = load<u64>(e)
  const b = load<u64>(e, 8)
  const c = load<u64>(e, 16)
  const x = load<u64>(e, 24)
  const y = load<u64>(e, 32)
  const z = load<u64>(e, 40)
  const A = load<u64>(m)
  const B = load<u64>(m, 8)
  const C = load<u64>(m, 16)
  const ab = a & b
  const bc = b & c
  const ac = a & c
  // a·x
  let g = (a & x & all) ^ (a & load<u64>(m, 24)) ^ (x & A) ^ load<u64>(d, 32)
  // a·b·y: by subsets of masks: none, one, two, three.
  g ^= (ab & y & all) ^ (ab & load<u64>(m, 32)) ^ (a & y & B) ^ (b & y & A)
  g ^= (y & load<u64>(d)) ^ (b & load<u64>(d, 40)) ^ (a & load<u64>(d, 48)) ^ load<u64>(d, 56)
  // a·b·c·z
  g ^= (ab & c & z & all) ^ (ab & c & load<u64>(m, 40)) ^ (z & ((ab & C) ^ (ac & B) ^ (bc & A)))
  g ^= z & ((c & load<u64>(d)) ^ (b & load<u64>(d, 8)) ^ (a & load<u64>(d, 16)) ^ load<u64>(d, 24))
  g ^= (bc & load<u64>(d, 64)) ^ (ac & load<u64>(d, 72)) ^ (ab & load<u64>(d, 80))
  g ^= (c & load<u64>(d, 88)) ^ (b & load<u64>(d, 96)) ^ (a & load<u64>(d, 104)) ^ load<u64>(d, 112)
  return g
}

/** Share of P3P2P1P0. */
function combineP(e: usize, m: usize, d: usize, all: u64): u64 {
  const a = load<u64>(e)
  const b = load<u64>(e, 8)
  const c = load<u64>(e, 16)
  const p = load<u64>(e, 48)
  const ab = a & b
  const bc = b & c
  const ac = a & c
  let g = (ab & c & p & all) ^ (ab & c & load<u64>(m, 48))
  g ^= p & ((ab & load<u64>(m, 16)) ^ (ac & load<u64>(m, 8)) ^ (bc & load<u64>(m)))
  g ^= p & ((c & load<u64>(d)) ^ (b & load<u64>(d, 8)) ^ (a & load<u64>(d, 16)) ^ load<u64>(d, 24))
  g ^= (bc & load<u64>(d, 120)) ^ (ac & load<u64>(d, 128)) ^ (ab & load<u64>(d, 136))
  g ^= (c & load<u64>(d, 144)) ^ (b & load<u64>(d, 152)) ^ (a & load<u64>(d, 160)) ^ load<u64>(d, 168)
  return g
}

/**
 * Nodes: from their opened factors (28 planes a group), this cloud's masked factors of the root (6 planes a group) to
 * `out`; the root's unmasked G3 goes to the first of the 4 planes at `kept`, where the nodes' were.
 */
export function combineNodes(
  out: usize,
  kept: usize,
  opened: usize,
  masks: usize,
  dealt: usize,
  leads: u32,
  groups: usize
): void {
  const all = 0 - <u64>leads
  for (let group: usize = 0; group < groups; group++) {
    const root = masks + ROOT_MASKS
    for (let node: usize = 0; node < 4; node++) {
      const e = opened + node * NODE_MASKS
      const m = masks + 8 + node * NODE_MASKS
      const d = dealt + 8 + node * NODE_DEALT
      const g = load<u64>(kept + (node << 3)) ^ combineG(e, m, d, all)
      if (node === 3) store<u64>(kept, g)
      else store<u64>(out + ((5 - node) << 3), g ^ load<u64>(root + ((5 - node) << 3)))
      if (node !== 0) {
        const place: usize = (3 - node) << 3
        store<u64>(out + place, combineP(e, m, d, all) ^ load<u64>(root + place))
      }
    }
    out += 6 * 8
    kept += 4 * 8
    opened += 28 * 8
    masks += MASKS
    dealt += DEALT
  }
}

/** Word of the top bits of `count` ≤ 64 words less `offset`. */
function topBits(words: usize, offset: u64, count: usize): u64 {
  let bits: u64 = 0
  for (let v: usize = 0; v < count; v++) bits |= ((load<u64>(words + (v << 3)) - offset) >> 63) << v
  return bits
}

/** Root: this cloud's share of b' = ¬sign ⊕ β, sign = G ⊕ top(r) ⊕ top(c'). One plane a group. */
export function combineRoot(
  out: usize,
  kept: usize,
  opened: usize,
  c: usize,
  masks: usize,
  dealt: usize,
  leads: u32,
  n: usize
): void {
  const all = 0 - <u64>leads
  for (let first: usize = 0; first < n; first += 64) {
    const g = load<u64>(kept) ^ combineG(opened, masks + ROOT_MASKS, dealt + ROOT_DEALT, all)
    const open = ~topBits(c, OFFSET, min<usize>(64, n - first)) & all
    store<u64>(out, g ^ load<u64>(dealt) ^ open ^ load<u64>(masks))
    out += 8
    kept += 4 * 8
    opened += 6 * 8
    c += 64 * 8
    masks += MASKS
    dealt += DEALT
  }
}

/** The dealer's: one-hot words of the blocks of r mod 2^63. 32 bytes a value. */
export function dealOneHot(out: usize, r: usize, n: usize): void {
  for (let i: usize = 0; i < n; i++) {
    let rest = load<u64>(r + (i << 3)) & LOW
    for (let w: usize = 0; w < 32; w += 8) {
      const word =
        ((<u64>1) << (rest & 15)) |
        ((<u64>0x10000) << ((rest >> 4) & 15)) |
        ((<u64>0x100000000) << ((rest >> 8) & 15)) |
        ((<u64>0x1000000000000) << ((rest >> 12) & 15))
      store<u64>(out + w, word ^ load<u64>(out + w))
      rest >>= 16
    }
    out += 32
  }
}

function dealPlane(out: usize, plane: usize, bits: u64): void {
  store<u64>(out + (plane << 3), bits ^ load<u64>(out + (plane << 3)))
}

function dealRootProducts(out: usize, m: usize): void {
  const a = load<u64>(m)
  const b = load<u64>(m, 8)
  const c = load<u64>(m, 16)
  const y = load<u64>(m, 32)
  const z = load<u64>(m, 40)
  dealPlane(out, 0, a & b)
  dealPlane(out, 1, a & c)
  dealPlane(out, 2, b & c)
  dealPlane(out, 3, a & b & c)
  dealPlane(out, 4, a & load<u64>(m, 24))
  dealPlane(out, 5, a & y)
  dealPlane(out, 6, b & y)
  dealPlane(out, 7, a & b & y)
  dealFourFactors(out + 64, a, b, c, z)
}

function dealFourFactors(out: usize, a: u64, b: u64, c: u64, z: u64): void {
  dealPlane(out, 0, a & z)
  dealPlane(out, 1, b & z)
  dealPlane(out, 2, c & z)
  dealPlane(out, 3, a & b & z)
  dealPlane(out, 4, a & c & z)
  dealPlane(out, 5, b & c & z)
  dealPlane(out, 6, a & b & c & z)
}

/** The dealer's: the top bits of r and the products of the masks. 104 planes a group. */
export function dealBits(out: usize, r: usize, masks: usize, n: usize): void {
  for (let first: usize = 0; first < n; first += 64) {
    dealPlane(out, 0, topBits(r, 0, min<usize>(64, n - first)))
    for (let node: usize = 0; node < 4; node++) {
      const m = masks + 8 + node * NODE_MASKS
      const to = out + 8 + node * NODE_DEALT
      dealRootProducts(to, m)
      dealFourFactors(to + 120, load<u64>(m), load<u64>(m, 8), load<u64>(m, 16), load<u64>(m, 48))
    }
    dealRootProducts(out + ROOT_DEALT, masks + ROOT_MASKS)
    out += DEALT
    r += 64 * 8
    masks += MASKS
  }
}
