/** Parts of words in memory. Kernels use it; the host does not. */

/** The low `bytes` ≤ 8 bytes of a word. */
export function storeLow(at: usize, word: u64, bytes: usize): void {
  if (bytes & 8) store<u64>(at, word)
  if (bytes & 4) {
    store<u32>(at, <u32>word)
    at += 4
    word >>= 32
  }
  if (bytes & 2) {
    store<u16>(at, <u16>word)
    at += 2
    word >>= 16
  }
  if (bytes & 1) store<u8>(at, <u8>word)
}
