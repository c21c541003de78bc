/**
 * Counter blocks of AES-128-CTR: the block cipher turns them into the key stream.
 */

/**
 * `count` blocks of 16 bytes: step, operation, kind and block counter, each a big-endian u32, as a CTR stream
 * with the nonce (step, operation, kind) would count them.
 */
export function counterBlocks(
  out: usize,
  step: u32,
  operation: u32,
  kind: u32,
  first: u32,
  count: usize
): void {
  const one = i32x4(0, 0, 0, 1)
  let block = i32x4(step, operation, kind, first)
  const end = out + (count << 4)
  while (out < end) {
    v128.store(out, v128.shuffle<u8>(block, block, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))
    block = i32x4.add(block, one)
    out += 16
  }
}
