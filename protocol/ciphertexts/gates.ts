/**
 * Numbers times the gates of a ReLU (section 8 of docs/concepts/protocol.md). Of y = y_0 + y_1 and d = d_0 ⊕ d_1 each cloud
 * has a part. C0 offers d·y_0 for both choices of d_1, less a mask, and C1 d·y_1 for both of d_0, less what makes its own
 * part of d·y the blind that it wants. All of it is modulo 2^L, L the bits of a blind, so no number tells of another.
 */
import { fromDigits, toDigits } from "../bcp/digits.ts"
import { randomBits } from "../bcp/integers.ts"
import type { ByteSource } from "../bytes.ts"
import type { TransferringParty } from "../dealing/party.ts"
import { type Round, together } from "../learning/operations.ts"
import type { IntegerMatrix } from "./matrices.ts"
import { mapped } from "./matrices.ts"
import { placed } from "./signs.ts"

/** A cloud's share of the gates, packed. */
export type GateBits = Uint8Array

const bitOf = (bits: GateBits, i: number): number => (bits[i >> 3]! >> (i & 7)) & 1

/** Both messages for each value: what is gated for a choice of 0 and of 1, less the mask. */
const offered = (y: IntegerMatrix, bits: GateBits, masks: ReadonlyArray<bigint>, modulus: bigint) =>
  y.values.flatMap((value, i) =>
    [0, 1].map((choice) => {
      const gated = (bitOf(bits, i) ^ choice) === 1 ? value : 0n
      const less = (gated - masks[i]!) % modulus
      return less < 0n ? less + modulus : less
    })
  )

interface Transfer {
  readonly direction: "forward" | "reversed"
  readonly choices: object
  readonly n: number
  readonly bits: number
}

/** One direction of the transfers: what the sender offers, and what the receiver gets. */
function* moved(
  party: TransferringParty,
  { direction, choices, n, bits }: Transfer,
  offer: () => ReadonlyArray<bigint>
): Round<ReadonlyArray<bigint>> {
  const width = Math.ceil(bits / 8)
  let got: ReadonlyArray<bigint> = []
  yield* party.transfer(
    direction,
    [{ batch: choices, first: 0, stride: 1 }],
    n,
    { messageBits: bits, use: 0 },
    (messages) => party.ring.memory.set(toDigits(offer(), width), messages),
    (received) => {
      got = fromDigits(party.ring.bytes(received, n * width).slice(), width)
    }
  )
  return got
}

/** Both clouds choose by their share of the gates. One round. */
function* chosen(party: TransferringParty, gate: GateBits, n: number): Round<readonly [object, object]> {
  const own = placed(party, gate)
  return yield* together(party.choices("forward", n, own), party.choices("reversed", n, own))
}

/** C0's part of d·y, from −2^L up to 0. Three rounds. */
export function* gatedAtC0(
  party: TransferringParty,
  y: IntegerMatrix,
  gate: GateBits,
  bits: number,
  randomness: ByteSource
): Round<IntegerMatrix> {
  const n = y.values.length
  const modulus = 1n << BigInt(bits)
  const masks = y.values.map(() => randomBits(bits, randomness))
  const [forward, reversed] = yield* chosen(party, gate, n)
  yield* moved(party, { direction: "forward", choices: forward, n, bits }, () =>
    offered(y, gate, masks, modulus)
  )
  const got = yield* moved(party, { direction: "reversed", choices: reversed, n, bits }, () => [])
  return mapped(y, (_, i) => ((masks[i]! + got[i]!) % modulus) - modulus)
}

/** C1's part is `blinds`, from 2^B to 2^L − 2^B. Three rounds. */
export function* gatedAtC1(
  party: TransferringParty,
  y: IntegerMatrix,
  gate: GateBits,
  bits: number,
  blinds: IntegerMatrix
): Round<IntegerMatrix> {
  const n = y.values.length
  const modulus = 1n << BigInt(bits)
  const [forward, reversed] = yield* chosen(party, gate, n)
  const got = yield* moved(party, { direction: "forward", choices: forward, n, bits }, () => [])
  yield* moved(party, { direction: "reversed", choices: reversed, n, bits }, () =>
    offered(
      y,
      gate,
      blinds.values.map((blind, i) => blind - got[i]!),
      modulus
    )
  )
  return blinds
}
