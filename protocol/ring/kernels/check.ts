/**
 * A checksum of messages against corruption on the way, not against an adversary: 16 lanes of 32 bits, each
 * taking every sixteenth word as a lane of xxHash32 does, lane ← rotate(lane + word·P2, 13)·P1. For a given
 * state of a lane that is one-to-one in the word, so one changed word is always noticed.
 */

const P1: i32 = 0x9e3779b1
const P2: i32 = 0x85ebca77

/** One block of 16 bytes in four lanes. */
function step(lanes: v128, block: v128): v128 {
  const sum = i32x4.add(lanes, i32x4.mul(block, i32x4.splat(P2)))
  return i32x4.mul(v128.or(i32x4.shl(sum, 13), i32x4.shr_u(sum, 19)), i32x4.splat(P1))
}

/** Takes `n` bytes into the 64 bytes of lanes at `state`; n is a multiple of 64. */
export function checkFold(at: usize, n: usize, state: usize): void {
  let a = v128.load(state)
  let b = v128.load(state, 16)
  let c = v128.load(state, 32)
  let d = v128.load(state, 48)
  const end = at + n
  for (; at < end; at += 64) {
    a = step(a, v128.load(at))
    b = step(b, v128.load(at, 16))
    c = step(c, v128.load(at, 32))
    d = step(d, v128.load(at, 48))
  }
  v128.store(state, a)
  v128.store(state, b, 16)
  v128.store(state, c, 32)
  v128.store(state, d, 48)
}

/** The 32 bits that the lanes and the length come to. */
export function checkDigest(state: usize, length: u32): u32 {
  let sum: u32 = length
  for (let lane: usize = 0; lane < 64; lane += 4) {
    sum = rotl<u32>(sum + load<u32>(state + lane) * P2, 13) * P1
  }
  sum = (sum ^ (sum >> 15)) * P2
  return sum ^ (sum >> 13)
}
