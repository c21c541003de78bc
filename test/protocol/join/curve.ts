/**
 * Curve25519 and the map of ids to it, slowly: the readable twin of `protocol/join/points.ts`, in affine coordinates
 * of both the curve, v² = u³ + A·u² + u, and its twist, 2v² = u³ + A·u² + u.
 */
import { createHash } from "node:crypto"

export const prime = 2n ** 255n - 19n
const A = 486662n
/** The order of the subgroup of prime order. */
export const order = 2n ** 252n + 27742317777372353535851937790883648493n

/** With B, of B·v² = u³ + A·u² + u. */
interface Affine {
  readonly u: bigint
  readonly v: bigint
  readonly B: bigint
}
type Point = Affine | undefined

const mod = (a: bigint) => ((a % prime) + prime) % prime

const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n
  let square = mod(base)
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square)
    square = mod(square * square)
  }
  return result
}

/** A square root, where there is one: the prime is 5 modulo 8. */
const root = (square: bigint): bigint | undefined => {
  const near = power(square, (prime + 3n) / 8n)
  return [near, mod(near * power(2n, (prime - 1n) / 4n))].find((x) => mod(x * x) === mod(square))
}

/** A point with this coordinate, either of the two, of the curve, or of its twist; undefined for what is neither's. */
export const pointAt = (u: bigint, B = 1n): Point => {
  if (u >= prime) return undefined
  const v = root((u ** 3n + A * u * u + u) * inverse(B))
  return v === undefined ? undefined : { u, v, B }
}

/** By Euclid's algorithm. */
const inverse = (a: bigint): bigint => {
  let [r, s, x, y] = [prime, mod(a), 0n, 1n]
  while (s > 0n) [r, s, x, y] = [s, r % s, y, x - (r / s) * y]
  return mod(x)
}

const added = (P: Point, Q: Point): Point => {
  if (P === undefined) return Q
  if (Q === undefined) return P
  const { B } = P
  if (P.u === Q.u && mod(P.v + Q.v) === 0n) return undefined
  const slope =
    P.u === Q.u
      ? (3n * P.u * P.u + 2n * A * P.u + 1n) * inverse(2n * B * P.v)
      : (Q.v - P.v) * inverse(Q.u - P.u)
  const u = mod(B * slope * slope - A - P.u - Q.u)
  return { u, v: mod(slope * (P.u - u) - P.v), B }
}

export const multiple = (P: Point, scalar: bigint): Point => {
  let sum: Point
  let double = P
  for (let left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) sum = added(sum, double)
    double = added(double, double)
  }
  return sum
}

/** Bytes are little-endian. */
export const integer = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`)

export const bytesOf = (u: bigint) =>
  new Uint8Array(Buffer.from(u.toString(16).padStart(64, "0"), "hex")).reverse()

/** The scalar that X25519 takes from a secret (RFC 7748, section 5). */
export const scalarOf = (secret: Uint8Array): bigint =>
  (integer(secret) & (2n ** 255n - 1n) & ~7n) | (2n ** 254n)

/** The point of an id. */
export const pointOf = (id: string): Affine => {
  for (let attempt = 0; ; attempt++) {
    const hash = createHash("sha256").update(`bicameral private join 2 ${attempt} ${id}`, "utf8").digest()
    const point = pointAt(integer(new Uint8Array(hash)) & (2n ** 255n - 1n))
    if (point !== undefined) return point
  }
}

/** The digest of an id under secrets. */
export const digestOf = (id: string, secrets: ReadonlyArray<Uint8Array>): Uint8Array => {
  const { u } = secrets.map(scalarOf).reduce<Point>(multiple, pointOf(id))!
  const hash = createHash("sha256").update("bicameral private join 2 row ").update(bytesOf(u)).digest()
  return new Uint8Array(hash.subarray(0, 16))
}
