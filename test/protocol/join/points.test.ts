import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  digestIdsUnder,
  digestPoints,
  joinSecret,
  NoPoint,
  pointBytes,
  Raiser
} from "../../../protocol/join/points.ts"
import { bytesOf, digestOf, integer, order, pointAt, pointOf } from "./curve.ts"

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"))
const hex = (of: Uint8Array) => Buffer.from(of).toString("hex")
const keyOf = (i: number) => new Uint8Array(16).fill(i)

/** An x-coordinate without a point, and one that is no element of the field. */
const noPoints = [
  bytesOf(Array.from({ length: 64 }, (_, x) => BigInt(x)).find((x) => pointAt(x) === undefined)!),
  new Uint8Array(pointBytes).fill(255)
]

describe("private join - points", () => {
  it("are raised as RFC 5903, section 8.1, raises them", () => {
    const i = bytes("C88F01F5 10D9AC3F 70A292DA A2316DE5 44E9AAB8 AFE84049 C62A9C57 862D1433")
    const grx = bytes("D12DFB52 89C8D4F8 1208B702 70398C34 2296970A 0BCCB74C 736FC755 4494BF63")
    const girx = bytes("D6840F6B 42F6EDAF D13116E0 E1256520 2FEF8E9E CE7DCE03 812464D0 4B9442DE")
    expect(hex(new Raiser(i).raise(grx)!)).toBe(hex(girx))
  })

  it("have the digests of the slow twin, whatever the ids and the secrets", () => {
    const property = fc.property(
      fc.string({ unit: "binary" }),
      fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 2 }),
      (id, keys) => {
        const secrets = keys.map((key) => joinSecret(keyOf(key)))
        expect(hex(digestIdsUnder(secrets, [id]))).toBe(hex(digestOf(id, secrets.map(integer))))
      }
    )
    fc.assert(property, { numRuns: 3 })
  })

  it("and of the known answers", () => {
    const secrets = [1, 2, 3].map((key) => joinSecret(keyOf(key)))
    expect(secrets.map(hex)).toMatchInlineSnapshot(`
      [
        "d79dfa2ba63e471718e125d2ef4c7948d783ffc6be88dae279a50ad68966ec2f",
        "634fefb228a5380c0e920f84068139d2d205ee4a8ca1f97454087b7b5042d288",
        "c1da059ff553418c7b8acae4b63232d165549275f6e3155a9235ef6441e69b22",
      ]
    `)
    expect(hex(digestIdsUnder(secrets, ["BC0001", "", "Zoë"]))).toMatchInlineSnapshot(
      `"2ee39f882d66e0ba3e08bf1d0ea459b633a7910eaec3af8902bbd3f2aee30c12edbf1d815203f694c5dad544919c94c0"`
    )
  })

  it("are the same in whatever order the users raise them", () => {
    const raisers = [1, 2, 3, 4].map((key) => new Raiser(joinSecret(keyOf(key))))
    const ids = ["a", "b", "c"]
    const along = ([first, ...others]: ReadonlyArray<Raiser>) =>
      others.reduce((points, raiser) => raiser.raiseAll(points), first!.raiseIds(ids))
    const together = hex(digestPoints(along(raisers)))
    expect(hex(digestPoints(along(raisers.toReversed())))).toBe(together)
    expect(
      hex(
        digestIdsUnder(
          [3, 1, 4, 2].map((key) => joinSecret(keyOf(key))),
          ids
        )
      )
    ).toBe(together)
    expect(hex(digestPoints(along(raisers.slice(1))))).not.toBe(together)
  })

  it("take another attempt where the curve has no point, and none for an id that has one", () => {
    // The map is what its description says, for ids of one, two and more attempts.
    const raiser = new Raiser(bytesOf(1n))
    const ids = Array.from({ length: 20 }, (_, i) => `row ${i}`)
    const points = raiser.raiseIds(ids)
    for (const [i, id] of ids.entries())
      expect(integer(points.subarray(i * pointBytes, (i + 1) * pointBytes))).toBe(pointOf(id)![0])
  })

  it("are refused by their index where the curve has none", () => {
    const raiser = new Raiser(joinSecret(keyOf(1)))
    const good = raiser.raiseIds(["a"])
    for (const none of noPoints) {
      expect(raiser.raise(none)).toBe(undefined)
      const points = new Uint8Array([...good, ...none])
      expect(() => raiser.raiseAll(points)).toThrow(NoPoint)
      expect(() => raiser.raiseAll(points)).toThrow("number 1 is the x-coordinate of no point of P-256")
    }
    expect(raiser.raiseAll(good)).toHaveLength(pointBytes)
  })

  it("are raised to secrets below the order, one a key", () => {
    const secrets = Array.from({ length: 50 }, (_, i) => integer(joinSecret(keyOf(i))))
    for (const secret of secrets) expect(secret > 0n && secret < order).toBe(true)
    expect(new Set(secrets).size).toBe(secrets.length)
    expect(joinSecret(keyOf(1))).toEqual(joinSecret(keyOf(1)))
  })
})
