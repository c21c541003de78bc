/**
 * How products are laid out in polynomials, and what they send: a pure function of their shapes, which both clouds evaluate
 * alike.
 *
 * A product is X·Y, X of rows × inner in the clear and Y of inner × cols encrypted. The result is made in blocks of m rows
 * and n columns. The rows of n elements of Y are in slots, g in a ciphertext, m·n·g = degree, all powers of two:
 *   Y's element (j, l), in slot b               at b·n + l
 *   X's element (i, j), for that slot           at (i·g − b)·n
 *   element (i, l) of the product               at i·g·n + l
 * where x^−e is −x^(degree − e). Elements for other slots than an X's come to be at no multiple of g·n. This is the layout
 * of Cheetah (Huang et al., USENIX Security 2022) with runs of columns innermost, so that a plaintext has one
 * coefficient in n and its transform is one of degree/n.
 */
import type { Shape } from "../learning/operations.ts"
import type { ProductForm } from "../ring/ring.ts"
import { NoiseBeyondBound } from "./errors.ts"
import { allowedNoiseBits, noiseBits } from "./noise.ts"
import { degree, primes, residueBits, returnedBits } from "./parameters.ts"
import { seedBytes } from "./sampling.ts"

/** The shape of a product: rows × inner in the clear times inner × cols encrypted. */
export interface ProductShape {
  readonly rows: number
  readonly inner: number
  readonly cols: number
}

/** Of m rows and n columns, from ciphertexts of `slots` slots. */
export interface Blocks {
  readonly m: number
  readonly n: number
  readonly slots: number
}

/** Products of one shape in one call. */
export interface ProductsPlan {
  readonly shape: ProductShape
  readonly products: number
  readonly blocks: Blocks
  /** Numbers of blocks of a product in each direction. */
  readonly rowBlocks: number
  readonly colBlocks: number
  /** Ciphertexts that a cloud sends, and results that it returns. */
  readonly ciphertexts: number
  readonly results: number
  /** Products of a plaintext and a ciphertext that a cloud computes. */
  readonly multiplications: number
  /** Bytes that a cloud sends in the first round and in the second. */
  readonly sentBytes: number
  readonly returnedBytes: number
}

/** Bytes of the half of a fresh ciphertext that is sent. */
export const ciphertextBytes = (primes.length * degree * residueBits) / 8

/** Bytes of a public key: as of a ciphertext, with the seed of its other half. */
export const publicKeyBytes = seedBytes + ciphertextBytes

/** Bytes of `n` numbers modulo 2^74: their upper words, then the lower bits. */
export const switchedBytes = (n: number): number => n * 8 + Math.ceil((n * (returnedBits - 64)) / 8)

/** Bytes of a result of `n` elements: all of c_1, and of c_0 the elements. */
export const resultBytes = (n: number): number => switchedBytes(degree) + switchedBytes(n)

/** The shape of a product of x and y. */
export const shapeOf = (x: Shape, y: Shape, form: ProductForm): ProductShape => ({
  rows: form === "leftTransposed" ? x.cols : x.rows,
  inner: form === "leftTransposed" ? x.rows : x.cols,
  cols: form === "rightTransposed" ? y.rows : y.cols
})

/** A run of ciphertexts, and the slot in the first of them at which something begins. */
export interface Terms {
  readonly first: number
  readonly slot: number
  readonly count: number
}

/** The ciphertexts with the rows of Y for a column block. Rows follow one another over blocks and products. */
export const termsOf = (
  { shape, colBlocks, blocks }: Pick<ProductsPlan, "shape" | "colBlocks" | "blocks">,
  product: number,
  colBlock: number
): Terms => {
  const { inner } = shape
  const row = (product * colBlocks + colBlock) * inner
  const first = Math.floor(row / blocks.slots)
  return {
    first,
    slot: row % blocks.slots,
    count: Math.floor((row + inner - 1) / blocks.slots) - first + 1
  }
}

const withBlocks = (shape: ProductShape, products: number, blocks: Blocks): ProductsPlan => {
  const { rows, inner, cols } = shape
  const { m, n, slots } = blocks
  const [rowBlocks, colBlocks] = [Math.ceil(rows / m), Math.ceil(cols / n)]
  const ciphertexts = Math.ceil((products * colBlocks * inner) / slots)
  const partial = { shape, colBlocks, blocks }
  const columns = Array.from({ length: products * colBlocks }, (_, block) => termsOf(partial, 0, block).count)
  // The lower bits of each result end with a whole byte.
  const resultsBytes = sum(
    partsOf(rows, m).flatMap(([i, ofRows]) =>
      partsOf(cols, n).map(([l, ofCols]) => ofRows * ofCols * resultBytes(i * l))
    )
  )
  return {
    shape,
    products,
    blocks,
    rowBlocks,
    colBlocks,
    ciphertexts,
    results: products * rowBlocks * colBlocks,
    multiplications: rowBlocks * sum(columns),
    sentBytes: seedBytes + ciphertexts * ciphertextBytes,
    returnedBytes: products * resultsBytes
  }
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, x) => all + x, 0)

/** Sizes of the blocks of a length, and how many have them. */
const partsOf = (length: number, block: number): ReadonlyArray<readonly [size: number, count: number]> => [
  [block, Math.floor(length / block)],
  [length % block, length % block === 0 ? 0 : 1]
]

/** The powers of two up to the first that is not below a length, and up to the degree. */
const sizesUpTo = (length: number): ReadonlyArray<number> => {
  const sizes = [1]
  while (sizes.at(-1)! < Math.min(length, degree)) sizes.push(2 * sizes.at(-1)!)
  return sizes
}

/** The plan that sends least, of those the one with fewest multiplications. */
const enumerate = (shape: ProductShape, products: number): ProductsPlan => {
  const plans = sizesUpTo(shape.rows).flatMap((m) =>
    sizesUpTo(shape.cols)
      .filter((n) => m * n <= degree)
      .map((n) => withBlocks(shape, products, { m, n, slots: degree / (m * n) }))
  )
  return plans.reduce((best, plan) => (isBetter(plan, best) ? plan : best))
}

const isBetter = (one: ProductsPlan, other: ProductsPlan): boolean => {
  const less = one.sentBytes + one.returnedBytes - (other.sentBytes + other.returnedBytes)
  return less < 0 || (less === 0 && one.multiplications < other.multiplications)
}

/** Plaintext coefficients that multiply the errors which come together in one coefficient of a result. */
export const noiseTerms = ({ shape, blocks }: Pick<ProductsPlan, "shape" | "blocks">): number =>
  Math.min(shape.rows, blocks.m) * shape.inner

const known = new Map<string, ProductsPlan>()

/**
 * The plan for a number of products of one shape.
 * @throws NoiseBeyondBound where a product is too large for the noise that hides its factors
 */
export const planProducts = (shape: ProductShape, products: number): ProductsPlan => {
  const key = `${shape.rows} ${shape.inner} ${shape.cols} ${products}`
  const plan = known.get(key) ?? enumerate(shape, products)
  const bits = noiseBits(noiseTerms(plan))
  if (bits > allowedNoiseBits) throw new NoiseBeyondBound({ ...shape, bits, allowedBits: allowedNoiseBits })
  known.set(key, plan)
  return plan
}

/** Products of the same shape, by shape, in the order in which shapes first come; `members` are their places among all. */
export const byShape = (
  shapes: ReadonlyArray<ProductShape>
): ReadonlyArray<{ readonly plan: ProductsPlan; readonly members: ReadonlyArray<number> }> => {
  const members = new Map<string, number[]>()
  shapes.forEach(({ rows, inner, cols }, index) => {
    const key = `${rows} ${inner} ${cols}`
    const same = members.get(key)
    if (same === undefined) members.set(key, [index])
    else same.push(index)
  })
  return [...members.values()].map((same) => ({
    plan: planProducts(shapes[same[0]!]!, same.length),
    members: same
  }))
}

/** Bytes that a cloud sends for products of these shapes in one call, by round. */
export const productsBytes = (shapes: ReadonlyArray<ProductShape>): readonly [number, number] => {
  const plans = byShape(shapes).map(({ plan }) => plan)
  return [sum(plans.map(({ sentBytes }) => sentBytes)), sum(plans.map(({ returnedBytes }) => returnedBytes))]
}
