import { createHash, randomBytes } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestBytes, sortDigests } from "../../../protocol/data/digest-order.ts"
import {
  ascending,
  commitTo,
  isCommitted,
  isWhole,
  piecePoints,
  piecesOf,
  pointsOfPiece
} from "../../../protocol/join/lists.ts"
import { pointBytes } from "../../../protocol/join/points.ts"

const parts = (bytes: Uint8Array, size: number) =>
  Array.from({ length: bytes.length / size }, (_, i) => Buffer.from(bytes.subarray(i * size, (i + 1) * size)))

describe("private join - lists", () => {
  it("leave in ascending order, whatever order the ids were in, and each point is found again", () => {
    const property = fc.property(fc.integer({ min: 0, max: 100 }), (count) => {
      const points = new Uint8Array(randomBytes(count * pointBytes))
      const { points: sorted, places } = ascending(points)
      const expected = parts(points, pointBytes).sort(Buffer.compare)
      expect(Buffer.concat(expected).equals(sorted)).toBe(true)
      for (const [i, point] of parts(points, pointBytes).entries())
        expect(expected[places[i]!]!.equals(point)).toBe(true)
    })
    fc.assert(property, { numRuns: 10 })
  })

  it.each([
    [0, []],
    [1, [1]],
    [piecePoints, [piecePoints]],
    [2 * piecePoints + 3, [piecePoints, piecePoints, 3]]
  ])("of %i ids are cut into pieces of %j", (ids, counts) => {
    const points = new Uint8Array(randomBytes(ids * pointBytes))
    const pieces = piecesOf(points)
    expect(pieces.map((piece) => piece.length / pointBytes)).toEqual(counts)
    expect(Buffer.concat(pieces).equals(points)).toBe(true)
    for (const [piece, count] of counts.entries()) expect(pointsOfPiece(ids, piece)).toBe(count)
    expect(pointsOfPiece(ids, counts.length)).toBe(0)
  })

  it("are committed to by how many ids there are, and by each piece in its place", () => {
    const pieces = piecesOf(new Uint8Array(randomBytes((piecePoints + 1) * pointBytes)))
    const commitment = commitTo(pieces)
    expect(commitment.ids).toBe(piecePoints + 1)
    expect(parts(commitment.digests, 32)).toEqual(
      pieces.map((piece) => createHash("sha256").update(piece).digest())
    )
    expect(isWhole(commitment)).toBe(true)
    expect(isWhole({ ...commitment, ids: 2 * piecePoints + 1 })).toBe(false)
    expect(isCommitted(commitment, 0, pieces[0]!)).toBe(true)
    expect(isCommitted(commitment, 1, pieces[0]!)).toBe(false)
    expect(
      isCommitted(
        commitment,
        1,
        pieces[1]!.map((byte, i) => (i === 9 ? byte ^ 1 : byte))
      )
    ).toBe(false)
  })

  it("are declared in ascending order of digests, each as often as it is there", () => {
    const digests = new Uint8Array(randomBytes(40 * digestBytes))
    digests.copyWithin(0, 5 * digestBytes, 6 * digestBytes)
    expect(parts(sortDigests(digests), digestBytes)).toEqual(parts(digests, digestBytes).sort(Buffer.compare))
  })
})
