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
import { bytesOf, digestOf, integer, multiple, order, pointAt, pointOf, prime, scalarOf } from "./curve.ts"

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"))
const hex = (of: Uint8Array) => Buffer.from(of).toString("hex")
const keyOf = (i: number) => new Uint8Array(16).fill(i)

/** The coordinates of all points of order 2, 4 and 8. */
const smallOrder = [
  0n,
  1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n
]

const first = (is: (u: bigint) => boolean) => Array.from({ length: 64 }, (_, i) => BigInt(i + 2)).find(is)!

/** What has no place in a list: on the twist, of small order, and no number of the field in its one form. */
const noPoints = [
  first((u) => pointAt(u) === undefined && pointAt(u, 2n) !== undefined),
  ...smallOrder,
  prime + first((u) => pointAt(u) !== undefined),
  2n ** 255n + first((u) => pointAt(u) !== undefined)
].map(bytesOf)

describe("private join - points", () => {
  it("are raised as RFC 7748, section 5.2, raises them", () => {
    const scalar = bytes("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    const u = bytes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    const power = bytes("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    expect(hex(new Raiser(scalar).raiseAll(u))).toBe(hex(power))
  })

  it("have the digests of the slow twin, whatever the ids and the secrets", () => {
    const property = fc.property(
      fc.string({ unit: "binary" }),
      fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 2 }),
      (id, keys) => {
        const secrets = keys.map((key) => joinSecret(keyOf(key)))
        expect(hex(digestIdsUnder(secrets, [id]))).toBe(hex(digestOf(id, secrets)))
      }
    )
    fc.assert(property, { numRuns: 3 })
  })

  it("and of the known answers", () => {
    const secrets = [1, 2, 3].map((key) => joinSecret(keyOf(key)))
    expect(secrets.map(hex)).toMatchInlineSnapshot(`
      [
        "823947e194a345b98bfeb2eba317834529414c652010e9b8e1060ba5948cdb84",
        "c145ff7d54d5593e7c4598c806785812404abaa36d7b0ad651703ebf17493139",
        "844494f224172aae9a694e57c983082b7e07dca7e46878440557eed26d6ee0ce",
      ]
    `)
    expect(hex(digestIdsUnder(secrets, ["BC0001", "", "Zoë"]))).toMatchInlineSnapshot(
      `"f4c2ac6146b351b1b256cf714297a132afd9c9d44367ffaa1c6706c330d9f7be9f19114c64d204919484f0a7e2eab9c8"`
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
    const raiser = new Raiser(joinSecret(keyOf(1)))
    const scalar = scalarOf(joinSecret(keyOf(1)))
    const ids = Array.from({ length: 20 }, (_, i) => `row ${i}`)
    const points = raiser.raiseIds(ids)
    for (const [i, id] of ids.entries())
      expect(integer(points.subarray(i * pointBytes, (i + 1) * pointBytes))).toBe(
        multiple(pointOf(id), scalar)!.u
      )
  })

  it("lie in the subgroup of prime order when they are raised, whatever they were", () => {
    expect(multiple(pointAt(9n), order)).toBe(undefined)
    const raised = integer(new Raiser(joinSecret(keyOf(1))).raiseIds(["a"]))
    expect(multiple(pointAt(raised), order)).toBe(undefined)
    // Four of eight ids are outside before, on average; of these four, at least one.
    expect(["a", "b", "c", "d"].some((id) => multiple(pointOf(id), order) !== undefined)).toBe(true)
  })

  it("are refused by their index where the curve has none", () => {
    const raiser = new Raiser(joinSecret(keyOf(1)))
    const good = raiser.raiseIds(["a"])
    for (const none of noPoints) {
      const points = new Uint8Array([...good, ...none])
      expect(() => raiser.raiseAll(points)).toThrow(NoPoint)
      expect(() => raiser.raiseAll(points)).toThrow("number 1 is the coordinate of no point of Curve25519")
    }
    expect(raiser.raiseAll(good)).toHaveLength(pointBytes)
  })

  it("of small order are these, and none other is of the curve", () => {
    const [second, fourth, ...eighth] = smallOrder.map((u) => pointAt(u))
    const seconds = [multiple(fourth, 2n), ...eighth.map((point) => multiple(point, 4n))]
    for (const point of seconds) expect(point).toEqual(second)
    expect(multiple(second, 2n)).toBe(undefined)
  })

  it("are raised to one secret a key", () => {
    const secrets = Array.from({ length: 50 }, (_, i) => hex(joinSecret(keyOf(i))))
    expect(new Set(secrets).size).toBe(secrets.length)
    expect(joinSecret(keyOf(1))).toEqual(joinSecret(keyOf(1)))
  })
})
