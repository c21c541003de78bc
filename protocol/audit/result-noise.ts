/**
 * Whether the noise of a result is flooded. The owner of a key opens a result with all of its noise, and knows its own
 * errors: what is left would be those times the other's masks. Ten bits of it come back, in which the flood shows as the part of
 * their variance that rounding has not. Written after section 5 of docs/concepts/protocol.md, but for the layout of results.
 */
import { degree, floodBits, modulus, returnedBits } from "../lattice/parameters.ts"
import { planProducts, switchedBytes } from "../lattice/plan.ts"
import { LatticeParty } from "../lattice/products.ts"
import { Samples } from "../lattice/sampling.ts"
import { Ring } from "../ring/ring.ts"
import { bytesFrom, inLockstep } from "./noted-dealing.ts"
import type { Finding } from "./recording.ts"

/** A product with as many elements as a polynomial has coefficients, so that one result has them all. */
const shape = { rows: 128, inner: 1, cols: 64 }

/** By so many standard deviations a variance is off by chance once in 10^6; without a flood it is off by ten. */
const mostDeviations = 5

/** What is wrong with the noise of results; cloud 0 and cloud 1 in turn own the key. */
export const auditResultNoise = async (): Promise<ReadonlyArray<Finding>> => {
  const keys = ["zero", "one"].map((cloud) => bytesFrom(`noise at cloud ${cloud}`)(16))
  const rings = [await Ring.load(), await Ring.load()] as const
  const parties = rings.map((ring, cloud) => new LatticeParty(ring, keys[cloud]!))
  const [one, other] = parties as [LatticeParty, LatticeParty]
  inLockstep([one.exchangeKeys(), other.exchangeKeys()])
  const products = rings.map((ring, cloud) => {
    const words = bytesFrom(`masks of cloud ${cloud}`)
    const { rows, inner, cols } = shape
    const filled = (r: number, c: number) => ring.from(r, c, words(8 * r * c))
    return [{ x: filled(rows, inner), y: filled(inner, cols), form: "plain" as const }]
  })
  const returned: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)]
  inLockstep([one.products(products[0]!), other.products(products[1]!)], (cloud, [message]) => {
    returned[cloud] = message!
  })
  return ([0, 1] as const).flatMap((cloud) => {
    const secret = secretOf(rings[cloud], keys[cloud]!)
    if (isFlooded(noiseOf(returned[cloud], secret), secret)) return []
    return [
      {
        coalition: `cloud${cloud}`,
        what: `noise of a result that is not flooded, and so masks of cloud${1 - cloud} that multiply known errors`,
        where: "the results of a product under encryption",
        remedy: "add uniform noise of 148 bits to each element of a result"
      }
    ]
  })
}

/** The ternary secret of a key. */
const secretOf = (ring: Ring, key: Uint8Array): Int32Array => {
  const mark = ring.mark()
  const at = ring.allocate(4 * degree)
  new Samples(ring, key).ternary(at, "secret", { call: 0, number: 0 })
  const secret = new Int32Array(ring.bytes(at, 4 * degree).slice().buffer)
  ring.release(mark)
  return secret
}

/** The lower ten bits of packed numbers behind their `n` words. */
const lowerBits = (switched: Uint8Array, n: number): Int32Array => {
  const bits = switched.subarray(8 * n)
  return Int32Array.from({ length: n }, (_, i) => {
    const at = 10 * i
    return (((bits[at >> 3]! | (bits[(at >> 3) + 1]! << 8)) >> (at & 7)) & 0x3ff) | 0
  })
}

/** c_0 + c_1·s of a result's elements modulo 2^10, centred: the message is above. */
const noiseOf = (returned: Uint8Array, secret: Int32Array): Int32Array => {
  const { rowBlocks, colBlocks } = planProducts(shape, 1)
  if (rowBlocks * colBlocks > 1) throw new Error("the audit of noise is of one result")
  const n = secret.length
  const c1 = lowerBits(returned.subarray(0, switchedBytes(n)), n)
  const sums = lowerBits(returned.subarray(switchedBytes(n)), n)
  for (let i = 0; i < n; i++) {
    const s = secret[i]!
    if (s === 0) continue
    // Powers of x from the degree on come back with the other sign.
    for (let j = 0; j < n - i; j++) sums[i + j]! += s * c1[j]!
    for (let j = n - i; j < n; j++) sums[i + j - n]! -= s * c1[j]!
  }
  return sums.map((sum) => ((sum + 512) & 0x3ff) - 512)
}

/** Whether the variance is that of the flood and of rounding: uniform numbers of ±½, for c_0 and each number of s that is not 0. */
const isFlooded = (noise: Int32Array, secret: Int32Array): boolean => {
  const flood = 2 ** (floodBits + 1 + returnedBits) / Number(modulus)
  const expected = (flood ** 2 + 1 + secret.filter((s) => s !== 0).length) / 12
  const variance = noise.reduce((sum, each) => sum + each ** 2, 0) / noise.length
  return Math.abs(variance / expected - 1) < mostDeviations * Math.sqrt(2 / noise.length)
}
