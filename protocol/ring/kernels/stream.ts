/**
 * Counter blocks of AES-128-CTR: the block cipher turns them into the key stream.
 */

/**
 * `count` blocks of 16 bytes: step, operation, kind and block counter, each a big-endian u32, as a CTR stream with
 * the nonce (step, operation, kind) would count them. `lanes` holds step, operation and kind already swapped.
 */
export function counterBlocks(
  out: usize,
  step: u32,
  operation: u32,
  kind: u32,
  first: u32,
  count: usize
): void {
  const nonce = i32x4(bswap<i32>(step), bswap<i32>(operation), bswap<i32>(kind), 0)
  for (let i: usize = 0; i < count; i++) {
    v128.store(out + (i << 4), i32x4.replace_lane(nonce, 3, bswap<i32>(<i32>(first + <u32>i))))
  }
}
