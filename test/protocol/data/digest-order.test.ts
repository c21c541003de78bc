import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DigestOrder, digestBytes } from "../../../protocol/data/digest-order.ts"

const digest = fc
  .tuple(fc.nat(3), fc.uint8Array({ minLength: digestBytes, maxLength: digestBytes }))
  // Few different beginnings, so that buckets hold several.
  .map(([first, bytes]) => Uint8Array.from(bytes, (byte, at) => (at < 4 ? first : byte % 4)))

const joined = (digests: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(digests))

describe("digest order", () => {
  it("is that of the bytes, each digest once", () => {
    const property = fc.property(fc.array(digest), fc.array(digest), (some, others) => {
      const order = new DigestOrder([joined(some), joined(others)])
      const hex = [...some, ...others].map((each) => Buffer.from(each).toString("hex"))
      const sorted = [...new Set(hex)].sort()
      expect(order.count).toBe(sorted.length)
      sorted.forEach((each, place) => {
        expect(order.placeOf(new Uint8Array(Buffer.from(each, "hex")), 0)).toBe(place)
      })
    })
    fc.assert(property, { numRuns: 100 })
  })

  it("knows what is not among them, and counts what two have in common", () => {
    const one = Uint8Array.from({ length: 3 * digestBytes }, (_, i) => Math.floor(i / digestBytes))
    const other = one.slice(digestBytes).map((byte) => 2 * byte)
    expect(new DigestOrder([one]).placeOf(other, 1)).toBe(-1)
    expect(new DigestOrder([one]).countIn(new DigestOrder([other]))).toBe(1)
    expect(new DigestOrder([]).count).toBe(0)
  })
})
