import { describe, expect, it } from "vitest"
import { initialWeights, initialWeightsShare } from "../../../protocol/learning/initial.ts"
import { networkOf } from "./example.ts"

const keys = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)] as const
const network = networkOf([100, 80, 10], "identity")

const moments = (values: Float64Array) => {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length
  return { mean, variance: values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length }
}

describe("initial weights", () => {
  it("have mean zero and He's variance of 2/fan-in as the sum of the two shares", () => {
    const { mean, variance } = moments(initialWeights(network, 1, keys, 20))
    expect(Math.abs(mean)).toBeLessThan(0.01)
    expect(variance / (2 / 100)).toBeGreaterThan(0.93)
    expect(variance / (2 / 100)).toBeLessThan(1.07)
  })

  it("has another variance over the fan-in where the network asks for it", () => {
    const narrow = { ...network, initialVariance: 0.5 }
    const { mean, variance } = moments(initialWeights(narrow, 1, keys, 20))
    expect(Math.abs(mean)).toBeLessThan(0.01)
    expect((variance * network.inputs) / 0.5).toBeCloseTo(1, 1)
  })

  it("are the sum of the shares modulo 2^64", () => {
    const shares = keys.map((key) => initialWeightsShare(network, 2, key, 20))
    const sums = initialWeights(network, 2, keys, 20)
    sums.forEach((value, i) => {
      expect(BigInt.asIntN(64, shares[0]![i]! + shares[1]![i]!)).toBe(BigInt(value * 2 ** 20))
    })
  })

  it("give each cloud a share within ±√(3/fan-in)", () => {
    const bound = Math.sqrt(3 / 80) * 2 ** 20 + 1
    for (const word of initialWeightsShare(network, 2, keys[0], 20))
      expect(Math.abs(Number(BigInt.asIntN(64, word)))).toBeLessThanOrEqual(bound)
  })

  it("follow from the key and the layer alone", () => {
    const share = initialWeightsShare(network, 1, keys[0], 20)
    expect(initialWeightsShare(network, 1, keys[0], 20)).toEqual(share)
    expect(initialWeightsShare(network, 1, keys[1], 20)).not.toEqual(share)
    expect(
      initialWeightsShare(networkOf([100, 100, 80], "identity"), 2, keys[0], 20).slice(0, 8)
    ).not.toEqual(share.slice(0, 8))
  })

  it("need a key of sixteen bytes", () => {
    expect(() => initialWeightsShare(network, 1, new Uint8Array(15), 20)).toThrow()
  })
})
