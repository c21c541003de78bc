/**
 * How products are laid out in polynomials (Huang et al., Cheetah, USENIX Security 2022), and what they send: a pure
 * function of their shape and number, which both clouds evaluate alike.
 *
 * A product is X·Y, X of rows × inner in the clear and Y of inner × cols encrypted. In blocks of m rows, k inner and n
 * columns, with g of the blocks of Y in one ciphertext, m·k·n·g = degree:
 *   Y's element (j, l) of the block in slot b   at b·k·n + l·k + j − (k − 1)
 *   X's element (i, j) for that slot            at (i·g − b)·k·n + k − 1 − j
 *   element (i, l) of the product               at i·g·k·n + l·k
 * where x^−e is −x^(degree − e). What else comes to be is at other places: inner indices that differ are at no multiple
 * of k, slots that differ at no multiple of g·k·n.
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

/** Of m rows, k inner and n columns, `share` of which lie in one ciphertext. All are powers of two. */
export interface Blocks {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly share: number
}

/** Products of one shape in one call. */
export interface ProductsPlan {
  readonly shape: ProductShape
  readonly products: number
  readonly blocks: Blocks
  /** Numbers of blocks of a product in each direction. */
  readonly rowBlocks: number
  readonly innerBlocks: number
  readonly colBlocks: number
  /** Column blocks whose plaintexts differ: with one block a ciphertext they are the same for all. */
  readonly variants: number
  /** Ciphertexts that a result takes, at the most. */
  readonly mostTerms: number
  /** Ciphertexts that a cloud sends, and results that it returns. */
  readonly ciphertexts: number
  readonly results: number
  /** Plaintexts that a cloud transforms, and how often it multiplies one by a ciphertext. */
  readonly plaintexts: number
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

const withBlocks = (shape: ProductShape, products: number, blocks: Blocks): ProductsPlan => {
  const { rows, inner, cols } = shape
  const { m, k, n, share } = blocks
  const [rowBlocks, innerBlocks, colBlocks] = [Math.ceil(rows / m), Math.ceil(inner / k), Math.ceil(cols / n)]
  const ciphertexts = Math.ceil((products * innerBlocks * colBlocks) / share)
  const results = products * rowBlocks * colBlocks
  // Inner blocks of a column that share a ciphertext share the plaintext too.
  const terms = Math.ceil(innerBlocks / share)
  const whole = share === 1 || innerBlocks % share === 0 || share % innerBlocks === 0
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
    innerBlocks,
    colBlocks,
    variants: share === 1 ? 1 : colBlocks,
    mostTerms: whole ? terms : terms + 1,
    ciphertexts,
    results,
    plaintexts: products * rowBlocks * terms * (share === 1 ? 1 : colBlocks),
    multiplications: results * terms,
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

/** The powers of two up to the first that is not below a length, and the degree. */
const sizesUpTo = (length: number): ReadonlyArray<number> => {
  const sizes = [1]
  while (sizes.at(-1)! < Math.min(length, degree)) sizes.push(2 * sizes.at(-1)!)
  return sizes
}

/** The plan that sends least, of those the one with fewest multiplications. */
const enumerate = (shape: ProductShape, products: number): ProductsPlan => {
  let best: ProductsPlan | undefined
  for (const m of sizesUpTo(shape.rows))
    for (const k of sizesUpTo(shape.inner))
      for (const n of sizesUpTo(shape.cols)) {
        const share = degree / (m * k * n)
        if (share < 1) continue
        const plan = withBlocks(shape, products, { m, k, n, share })
        if (best === undefined || isBetter(plan, best)) best = plan
      }
  return best!
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

/** Indices of those that have the same shape, by shape, in the order in which shapes first come. */
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
