/**
 * The list of a user's ids as it travels in the private join: their points under the user's secret, each once, in
 * ascending order, cut into pieces. The order says nothing of the ids: without the secret the points look random.
 * Before anybody raises a point of it, every user has the commitment to it: how many points, and a digest of each
 * piece.
 */
import { createHash } from "node:crypto"
import { sameBytes } from "../canonical.ts"
import { DigestOrder, digestBytes } from "../data/digest-order.ts"
import { pointBytes } from "./points.ts"

/** Points of a piece: 64 KiB, and some tenths of a second for a thread. */
export const piecePoints = 2048

/** What every other user has before the list is raised. */
export interface Commitment {
  /** Ids in the list. */
  readonly ids: number
  /** SHA-256 of each piece, 32 bytes each. */
  readonly digests: Uint8Array
}

export const commitmentBytes = 32

/** Pieces of a list of so many points. */
export const pieceCount = (ids: number): number => Math.ceil(ids / piecePoints)

/** Points of a piece; none of a piece that the list does not have. */
export const pointsOfPiece = (ids: number, piece: number): number =>
  Math.max(0, Math.min(piecePoints, ids - piece * piecePoints))

/** The pieces of a list, in order. */
export const piecesOf = (points: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from({ length: pieceCount(points.length / pointBytes) }, (_, piece) =>
    points.slice(piece * piecePoints * pointBytes, (piece + 1) * piecePoints * pointBytes)
  )

const digestOf = (piece: Uint8Array) => createHash("sha256").update(piece).digest()

/** The commitment to a list. Without the owner's secret it says no more of the ids than how many they are. */
export const commitTo = (pieces: ReadonlyArray<Uint8Array>): Commitment => ({
  ids: pieces.reduce((sum, piece) => sum + piece.length / pointBytes, 0),
  digests: new Uint8Array(Buffer.concat(pieces.map(digestOf)))
})

/** Whether a commitment has a digest for each of its pieces. */
export const isWhole = ({ ids, digests }: Commitment): boolean =>
  digests.length === pieceCount(ids) * commitmentBytes

/** Whether these points are the piece that was committed to. */
export const isCommitted = ({ digests }: Commitment, piece: number, points: Uint8Array): boolean =>
  sameBytes(digests.subarray(piece * commitmentBytes, (piece + 1) * commitmentBytes), digestOf(points))

/** Points in ascending order, and the place of each of the given points in it. */
export interface Ascending {
  readonly points: Uint8Array
  readonly places: Uint32Array
}

/** Sorts different points: two of them have never met in the first half of their bytes. */
export const ascending = (points: Uint8Array): Ascending => {
  const count = points.length / pointBytes
  const heads = new Uint8Array(count * digestBytes)
  for (let i = 0; i < count; i++)
    heads.set(points.subarray(i * pointBytes, i * pointBytes + digestBytes), i * digestBytes)
  const order = new DigestOrder([heads])
  const places = Uint32Array.from({ length: count }, (_, i) => order.placeOf(heads, i))
  const sorted = new Uint8Array(points.length)
  places.forEach((place, i) => {
    sorted.set(points.subarray(i * pointBytes, (i + 1) * pointBytes), place * pointBytes)
  })
  return { points: sorted, places }
}
