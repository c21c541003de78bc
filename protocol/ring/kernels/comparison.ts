/**
 * The sign of a rescaled value y ≡ (c'≫s) − (r≫s) modulo 2^(64−s): top c' ⊕ top r ⊕ [r≫s larger than c'≫s in the
 * 63−s bits below]. These bits are compared in blocks of 4. Block j of r is shared as a one-hot word u_j of 16 bits,
 * so P_j = [blocks equal] and G_j = [r's block larger] are local. Four blocks join in a node, and the two to four
 * nodes in the root: G = G3 ⊕ P3G2 ⊕ P3P2G1 ⊕ P3P2P1G0, P = P3P2P1P0. A factor x is opened as e = x ⊕ λ, and
 * Π(e ⊕ λ) expands into public bits times the dealt products of masks.
 *
 * Bits of 64 values are packed in a word, a plane; the planes of a group of 64 values lie together, nodes from the
 * top one down:
 *   masks  β, then each node's factors P3 P2 P1 G2 G1 G0 P0, but the last one's without P0, then the root's: for k
 *          nodes P of the first k−1 and G of the last k−1
 *   dealt  each node's products of masks, 22 and of the last one 15, then the root's: 1, 5 or 15 for two, three or
 *          four nodes
 * The products, with a b c = P3 P2 P1, x y z = G2 G1 G0, p = P0; a node with fewer factors has the first of them:
 *   ax | ab ay by aby | ac bc abc az bz cz abz acz bcz abcz | ap bp cp abp acp bcp abcp
 * The dealer's kernels find cloud 0's share where cloud 1's goes.
 */

const NODE: usize = 7 * 8
const NODE_DEALT: usize = 22 * 8
const OFFSET: u64 = (<u64>1) << 62

/** Bytes of a group's planes. */
function maskBytes(nodes: usize): usize {
  return (9 * nodes - 2) << 3
}

function nodeBytes(nodes: usize): usize {
  return (7 * nodes - 1) << 3
}

function rootBytes(nodes: usize): usize {
  return (nodes - 1) << 4
}

function dealtBytes(nodes: usize): usize {
  return rootDealt(nodes) + (nodes === 2 ? 8 : nodes === 3 ? 5 * 8 : 15 * 8)
}

/** Where the root's planes are among a group's masks and products. */
function rootMasks(nodes: usize): usize {
  return (7 * nodes) << 3
}

function rootDealt(nodes: usize): usize {
  return (22 * nodes - 7) << 3
}

/**
 * Bits of one group before they are put in planes: 64 bytes each of P and G of blocks 0–7, P and G of blocks
 * 8–15.
 */
const rows: usize = memory.data(4 * 64, 16)
/** The planes of one group: P of the 16 blocks, then G. */
const leaves: usize = memory.data(32 * 8, 16)

/** The 63−s bits of a word below its top bit, s taken off. */
function bitsBelow(word: u64, s: u64): u64 {
  return (word << 1) >> (s + 1)
}

/** Byte j is the j-th block of 4 bits. */
function blocksOf(bits: u64): v128 {
  const both = i64x2.splat(bits)
  const nibble = i8x16.splat(15)
  return v128.shuffle<u8>(
    v128.and(both, nibble),
    v128.and(i64x2.shr_u(both, 4), nibble),
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
}

/**
 * P and G of the 16 blocks of value v: bytes of `rows`. `bits` is compared with r's, u the value's one-hot
 * words.
 */
function leafRow(v: usize, bits: u64, u: usize): void {
  const block = blocksOf(bits)
  const p = v128.load(u)
  const q = v128.load(u, 16)
  const first = v128.shuffle<u8>(p, q, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
  const second = v128.shuffle<u8>(p, q, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
  // By block: the bit of that number in the first and second byte of a word, and the bits above it.
  const bitFirst = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0)
  const bitSecond = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128)
  const aboveFirst = i8x16(-2, -4, -8, -16, -32, -64, -128, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  const aboveSecond = i8x16(-1, -1, -1, -1, -1, -1, -1, -1, -2, -4, -8, -16, -32, -64, -128, 0)
  const equal = v128.or(
    v128.and(first, i8x16.swizzle(bitFirst, block)),
    v128.and(second, i8x16.swizzle(bitSecond, block))
  )
  const above = v128.xor(
    v128.and(first, i8x16.swizzle(aboveFirst, block)),
    v128.and(second, i8x16.swizzle(aboveSecond, block))
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
 * Leaves: from the opened words c and the one-hot shares u (8 bytes a node and value), this cloud's masked
 * factors of the nodes to `out`, and the nodes' unmasked G3, a plane a node, to `kept`. 32 bytes are read of
 * each value's u.
 */
export function compareLeaves(
  out: usize,
  kept: usize,
  c: usize,
  u: usize,
  masks: usize,
  shift: u32,
  nodes: usize,
  n: usize
): void {
  const s = <u64>shift
  for (let first: usize = 0; first < n; first += 64) {
    const count = min<usize>(64, n - first)
    if (count < 64) memory.fill(rows, 0, 256)
    for (let v: usize = 0; v < count; v++) {
      leafRow(v, bitsBelow(load<u64>(c + (v << 3)) - OFFSET, s), u)
      u += nodes << 3
    }
    transposeRows()
    for (let node: usize = 0; node < nodes; node++) {
      const mask = masks + 8 + node * NODE
      const to = out + node * NODE
      const equal = leaves + ((nodes - 1 - node) << 5)
      const larger = equal + 16 * 8
      for (let j: usize = 0; j < 3; j++) {
        store<u64>(to + (j << 3), load<u64>(equal + ((3 - j) << 3)) ^ load<u64>(mask + (j << 3)))
        store<u64>(to + (j << 3), load<u64>(larger + ((2 - j) << 3)) ^ load<u64>(mask + (j << 3), 24), 24)
      }
      if (node < nodes - 1) store<u64>(to, load<u64>(equal) ^ load<u64>(mask, 48), 48)
      store<u64>(kept + (node << 3), load<u64>(larger, 24))
    }
    c += 64 * 8
    masks += maskBytes(nodes)
    out += nodeBytes(nodes)
    kept += nodes << 3
  }
}

/**
 * Share of P3G2 ⊕ P3P2G1 ⊕ P3P2P1G0, or with a smaller fan-in of the first of these. e opened factors, m
 * their mask shares, d dealt products; `all` is all ones at cloud 0.
 */
function combineG(e: usize, m: usize, d: usize, all: u64, fanIn: usize): u64 {
  const eG = e + ((fanIn - 1) << 3)
  const mG = m + ((fanIn - 1) << 3)
  const a = load<u64>(e)
  const x = load<u64>(eG)
  const A = load<u64>(m)
  // a·x
  let g = (a & x & all) ^ (a & load<u64>(mG)) ^ (x & A) ^ load<u64>(d)
  if (fanIn === 2) return g
  const b = load<u64>(e, 8)
  const y = load<u64>(eG, 8)
  const B = load<u64>(m, 8)
  const ab = a & b
  // a·b·y: by subsets of masks: none, one, two, three.
  g ^= (ab & y & all) ^ (ab & load<u64>(mG, 8)) ^ (a & y & B) ^ (b & y & A)
  g ^= (y & load<u64>(d, 8)) ^ (b & load<u64>(d, 16)) ^ (a & load<u64>(d, 24)) ^ load<u64>(d, 32)
  if (fanIn === 3) return g
  const c = load<u64>(e, 16)
  const z = load<u64>(eG, 16)
  const bc = b & c
  const ac = a & c
  // a·b·c·z
  g ^= (ab & c & z & all) ^ (ab & c & load<u64>(mG, 16))
  g ^= z & ((ab & load<u64>(m, 16)) ^ (ac & B) ^ (bc & A))
  g ^= z & ((c & load<u64>(d, 8)) ^ (b & load<u64>(d, 40)) ^ (a & load<u64>(d, 48)) ^ load<u64>(d, 56))
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
  g ^= p & ((c & load<u64>(d, 8)) ^ (b & load<u64>(d, 40)) ^ (a & load<u64>(d, 48)) ^ load<u64>(d, 56))
  g ^= (bc & load<u64>(d, 120)) ^ (ac & load<u64>(d, 128)) ^ (ab & load<u64>(d, 136))
  g ^= (c & load<u64>(d, 144)) ^ (b & load<u64>(d, 152)) ^ (a & load<u64>(d, 160)) ^ load<u64>(d, 168)
  return g
}

/**
 * Nodes: from their opened factors, this cloud's masked factors of the root to `out`; the unmasked G of the
 * top node goes to the first of the group's planes at `kept`, where the nodes' G3 were.
 */
export function combineNodes(
  out: usize,
  kept: usize,
  opened: usize,
  masks: usize,
  dealt: usize,
  nodes: usize,
  leads: u32,
  groups: usize
): void {
  const all = 0 - <u64>leads
  const last = nodes - 1
  for (let group: usize = 0; group < groups; group++) {
    const root = masks + rootMasks(nodes)
    for (let node: usize = 0; node < nodes; node++) {
      const e = opened + node * NODE
      const m = masks + 8 + node * NODE
      const d = dealt + node * NODE_DEALT
      const g = load<u64>(kept + (node << 3)) ^ combineG(e, m, d, all, 4)
      const place = (last + node - 1) << 3
      if (node === 0) store<u64>(kept, g)
      else store<u64>(out + place, g ^ load<u64>(root + place))
      if (node !== last) {
        store<u64>(out + (node << 3), combineP(e, m, d, all) ^ load<u64>(root + (node << 3)))
      }
    }
    out += rootBytes(nodes)
    kept += nodes << 3
    opened += nodeBytes(nodes)
    masks += maskBytes(nodes)
    dealt += dealtBytes(nodes)
  }
}

/**
 * Root: this cloud's share of b' = ¬sign ⊕ β. One plane a group. The share of top r, ⌈s/8⌉ bytes a value, is
 * one modulo a power of two, so its lowest bit is one modulo 2.
 */
export function combineRoot(
  out: usize,
  kept: usize,
  opened: usize,
  c: usize,
  top: usize,
  masks: usize,
  dealt: usize,
  shift: u32,
  nodes: usize,
  leads: u32,
  n: usize
): void {
  const all = 0 - <u64>leads
  const step: usize = (shift + 7) >> 3
  for (let first: usize = 0; first < n; first += 64) {
    const count = min<usize>(64, n - first)
    let tops: u64 = 0
    for (let v: usize = 0; v < count; v++) {
      const notTop = ~(load<u64>(c + (v << 3)) - OFFSET) >> 63
      tops |= ((notTop & all) ^ (load<u8>(top) & 1)) << v
      top += step
    }
    const g = combineG(opened, masks + rootMasks(nodes), dealt + rootDealt(nodes), all, nodes)
    store<u64>(out, load<u64>(kept) ^ g ^ tops ^ load<u64>(masks))
    out += 8
    kept += nodes << 3
    opened += rootBytes(nodes)
    c += 64 * 8
    masks += maskBytes(nodes)
    dealt += dealtBytes(nodes)
  }
}

/** The dealer's: one-hot words of the blocks of r's 63−s bits. 8 bytes a node and value. */
export function dealOneHot(out: usize, r: usize, shift: u32, nodes: usize, n: usize): void {
  const s = <u64>shift
  const bitFirst = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0)
  const bitSecond = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128)
  for (let i: usize = 0; i < n; i++) {
    const block = blocksOf(bitsBelow(load<u64>(r + (i << 3)), s))
    const first = i8x16.swizzle(bitFirst, block)
    const second = i8x16.swizzle(bitSecond, block)
    const low = v128.shuffle<u8>(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
    v128.store(out, v128.xor(v128.load(out), low))
    if (nodes > 2) {
      const high = v128.shuffle<u8>(
        first,
        second,
        8,
        24,
        9,
        25,
        10,
        26,
        11,
        27,
        12,
        28,
        13,
        29,
        14,
        30,
        15,
        31
      )
      store<u64>(out, load<u64>(out, 16) ^ <u64>i64x2.extract_lane(high, 0), 16)
      if (nodes > 3) store<u64>(out, load<u64>(out, 24) ^ <u64>i64x2.extract_lane(high, 1), 24)
    }
    out += nodes << 3
  }
}

function dealPlane(out: usize, plane: usize, bits: u64): void {
  store<u64>(out + (plane << 3), bits ^ load<u64>(out + (plane << 3)))
}

/** The products for `combineG`. */
function dealG(out: usize, m: usize, fanIn: usize): void {
  const mG = m + ((fanIn - 1) << 3)
  const a = load<u64>(m)
  dealPlane(out, 0, a & load<u64>(mG))
  if (fanIn === 2) return
  const b = load<u64>(m, 8)
  const y = load<u64>(mG, 8)
  dealPlane(out, 1, a & b)
  dealPlane(out, 2, a & y)
  dealPlane(out, 3, b & y)
  dealPlane(out, 4, a & b & y)
  if (fanIn === 3) return
  const c = load<u64>(m, 16)
  dealPlane(out, 5, a & c)
  dealPlane(out, 6, b & c)
  dealPlane(out, 7, a & b & c)
  dealFourFactors(out + 64, a, b, c, load<u64>(mG, 16))
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

/** The dealer's: the products of the masks. */
export function dealBits(out: usize, masks: usize, nodes: usize, groups: usize): void {
  for (let group: usize = 0; group < groups; group++) {
    for (let node: usize = 0; node < nodes; node++) {
      const m = masks + 8 + node * NODE
      const to = out + node * NODE_DEALT
      dealG(to, m, 4)
      if (node === nodes - 1) break
      dealFourFactors(to + 120, load<u64>(m), load<u64>(m, 8), load<u64>(m, 16), load<u64>(m, 48))
    }
    dealG(out + rootDealt(nodes), masks + rootMasks(nodes), nodes)
    out += dealtBytes(nodes)
    masks += maskBytes(nodes)
  }
}
