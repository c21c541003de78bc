/** Slow twins of the kernels over BigInt, and matrices of awkward words to hold the two together. */
import type { Matrix, ProductForm, Ring } from "../../../protocol/ring/ring.ts"

export const wrap = (x: bigint): bigint => BigInt.asUintN(64, x)
export const signed = (x: bigint): bigint => BigInt.asIntN(64, x)

export interface TwinMatrix {
  readonly rows: number
  readonly cols: number
  readonly words: BigUint64Array
}

/** A small generator (splitmix64) for reproducible test data: never for keys. */
export const splitmix =
  (seed: bigint): (() => bigint) =>
  () => {
    seed = wrap(seed + 0x9e3779b97f4a7c15n)
    let z = seed
    z = wrap((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    return z ^ (z >> 31n)
  }

/** Words near the places where carries and signs change. */
export const edges: ReadonlyArray<bigint> = [
  0n,
  1n,
  wrap(-1n),
  1n << 31n,
  1n << 32n,
  (1n << 32n) - 1n,
  1n << 63n,
  (1n << 63n) - 1n,
  wrap(-(1n << 32n))
]

export const randomMatrix = (rows: number, cols: number, next: () => bigint): TwinMatrix => ({
  rows,
  cols,
  words: BigUint64Array.from({ length: rows * cols }, () => {
    const word = next()
    return word % 5n === 0n ? edges[Number((word >> 8n) % BigInt(edges.length))]! : word
  })
})

export const toRing = (ring: Ring, x: TwinMatrix): Matrix => {
  const matrix = ring.matrix(x.rows, x.cols)
  ring.words(matrix).set(x.words)
  return matrix
}

/** An element of a matrix or of its transpose. */
const at = (x: TwinMatrix, transposed: boolean, i: number, j: number): bigint =>
  x.words[transposed ? j * x.cols + i : i * x.cols + j]!

export const twinProduct = (
  x: TwinMatrix,
  y: TwinMatrix,
  form: ProductForm,
  start?: TwinMatrix
): BigUint64Array => {
  const left = form === "leftTransposed"
  const right = form === "rightTransposed"
  const [m, k, n] = [left ? x.cols : x.rows, left ? x.rows : x.cols, right ? y.rows : y.cols]
  return BigUint64Array.from({ length: m * n }, (_, index) => {
    let sum = start ? start.words[index]! : 0n
    for (let l = 0; l < k; l++) sum += at(x, left, Math.floor(index / n), l) * at(y, right, l, index % n)
    return wrap(sum)
  })
}

export const twinMap = (f: (...words: bigint[]) => bigint, ...xs: TwinMatrix[]): BigUint64Array =>
  xs[0]!.words.map((_, i) => wrap(f(...xs.map((x) => x.words[i]!))))
