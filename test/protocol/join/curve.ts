/** P-256 and the map of ids to it, slowly: the readable twin of `protocol/join/points.ts`, in affine coordinates. */
import { createHash } from "node:crypto"

const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
export const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

type Point = readonly [x: bigint, y: bigint] | undefined

const mod = (a: bigint) => ((a % p) + p) % p

const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n
  let square = mod(base)
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square)
    square = mod(square * square)
  }
  return result
}

/** A point with this x-coordinate, either of the two; undefined where there is none. */
export const pointAt = (x: bigint): Point => {
  if (x >= p) return undefined
  const square = mod(x ** 3n - 3n * x + b)
  const y = power(square, (p + 1n) / 4n)
  return mod(y * y) === square ? [x, y] : undefined
}

/** By Euclid's algorithm. */
const inverse = (a: bigint): bigint => {
  let [r, s, x, y] = [p, mod(a), 0n, 1n]
  while (s > 0n) [r, s, x, y] = [s, r % s, y, x - (r / s) * y]
  return mod(x)
}

const added = (P: Point, Q: Point): Point => {
  if (P === undefined) return Q
  if (Q === undefined) return P
  const [[x1, y1], [x2, y2]] = [P, Q]
  if (x1 === x2 && mod(y1 + y2) === 0n) return undefined
  const slope = P === Q ? (3n * x1 * x1 - 3n) * inverse(2n * y1) : (y2 - y1) * inverse(x2 - x1)
  const x = mod(slope * slope - x1 - x2)
  return [x, mod(slope * (x1 - x) - y1)]
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

export const integer = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`)

export const bytesOf = (x: bigint) => new Uint8Array(Buffer.from(x.toString(16).padStart(64, "0"), "hex"))

/** The point of an id. */
export const pointOf = (id: string): Point => {
  for (let attempt = 0; ; attempt++) {
    const text = `bicameral private join 1 ${attempt} ${id}`
    const point = pointAt(integer(createHash("sha256").update(text, "utf8").digest()))
    if (point !== undefined) return point
  }
}

/** The digest of an id under secret exponents. */
export const digestOf = (id: string, secrets: ReadonlyArray<bigint>): Uint8Array => {
  const [x] = secrets.reduce<Point>((point, secret) => multiple(point, secret), pointOf(id))!
  const hash = createHash("sha256").update("bicameral private join 1 row ").update(bytesOf(x)).digest()
  return new Uint8Array(hash.subarray(0, 16))
}
