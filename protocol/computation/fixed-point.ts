/**
 * The matrices of the fixed-point reference and how it rounds: in the clear, on the words that the clouds hold shares
 * of, with the clouds' random values or without.
 */
import { wordBytes } from "../bytes.ts"
import type { Added, Operation, Shape } from "../learning/operations.ts"
import type { Matrix, ProductForm, Ring } from "../ring/ring.ts"
import { dotsOfRows, productShape } from "./product.ts"
import { addMultiples, blindingOffset } from "./rescale.ts"
import { blindedBytes, dealtLayout } from "./sizes.ts"

/** By what a rescale multiplies, and how much it adds. */
export interface RescaledBy {
  readonly factor: number
  readonly addends: number
}

/** The random values of both clouds in a step; `drawnIn` of the dealer returns them. */
export interface Drawn {
  /** The difference of the clouds' masks under which an operation opens a matrix; absent where nothing is left of them. */
  readonly maskDifference?: (op: Operation, shape: Shape) => Matrix
  /** ρ of a rescale, of both clouds together. */
  readonly rounding: (op: Operation, shape: Shape, rescaled: RescaledBy) => Matrix
  /** Cloud 0's part of it. */
  readonly leadingRounding: (op: Operation, shape: Shape) => Matrix
  /** Cloud 0's part of a rounding that is a function's argument. */
  readonly leadingPart: (op: Operation, shape: Shape) => Matrix
  /** The sum of the clouds' masks under which an operation opens a matrix. */
  readonly masks: (op: Operation, shape: Shape) => Matrix
  /** Cloud 0's part of it. */
  readonly leadingMask: (op: Operation, shape: Shape) => Matrix
}

/**
 * A matrix in the clear. In a replay an opened matrix has the difference of the clouds' masks; a product has
 * the product of these, which is part of the rounding of its rescale, and cloud 0's share of it.
 */
export interface FixedMatrix extends Matrix {
  readonly difference?: Matrix
  readonly leading?: Matrix
}

/** The matrices of the reference, and how it rounds a product. */
export class FixedPoint {
  readonly ring: Ring
  readonly #drawn: Drawn | undefined

  constructor(ring: Ring, drawn: Drawn | undefined) {
    this.ring = ring
    this.#drawn = drawn
  }

  like({ rows, cols }: Shape): Matrix {
    return this.ring.matrix(rows, cols)
  }

  /** A new matrix of this shape, with what `write` writes to it. */
  made(shape: Shape, write: (out: Matrix) => void): Matrix {
    const out = this.like(shape)
    write(out)
    return out
  }

  product(x: Matrix, y: Matrix, form: ProductForm): Matrix {
    return this.made(productShape(x, y, form), (out) => this.ring.product(out, x, y, form))
  }

  /** Twice each row of x times the number of y. */
  rowProduct(x: FixedMatrix, y: FixedMatrix): FixedMatrix {
    return this.#doubledBy(x, y, (a, b) =>
      this.made(a, (out) => this.ring.kernels.scaleRows(out.at, a.at, b.at, a.rows, a.cols))
    )
  }

  /** Row by row twice the sum of the products. */
  rowDots(x: FixedMatrix, y: FixedMatrix): FixedMatrix {
    return this.#doubledBy(x, y, (a, b) => dotsOfRows(this.ring, a, b))
  }

  /** Twice the product, with the surplus of the clouds' masks if they are known. */
  doubled(x: FixedMatrix, y: FixedMatrix, form: ProductForm): FixedMatrix {
    return this.#doubledBy(x, y, (a, b) => this.product(a, b, form))
  }

  #doubledBy(x: FixedMatrix, y: FixedMatrix, product: (x: Matrix, y: Matrix) => Matrix): FixedMatrix {
    const out = product(x, y)
    this.ring.shiftLeft(out, out, 1)
    if (x.difference === undefined || y.difference === undefined) return out
    const difference = product(x.difference, y.difference)
    const leading = product(this.sum(x, x.difference), this.sum(y, y.difference))
    return { ...out, difference, leading }
  }

  sum(x: Matrix, y: Matrix): Matrix {
    return this.made(x, (out) => this.ring.add(out, x, y))
  }

  subtract(x: Matrix, y: Matrix): Matrix {
    return this.made(x, (out) => this.ring.subtract(out, x, y))
  }

  gated(x: Matrix, gate: Matrix): Matrix {
    return this.made(x, (out) => this.ring.multiply(out, x, gate))
  }

  /**
   * The clouds' own arithmetic with one cloud holding everything: c = factor·x + 2^62 + r, and multiples of what is
   * added, from which y follows.
   */
  rescale(op: Operation, x: FixedMatrix, shift: number, factor: number, added?: Added<Matrix>): Matrix {
    const ring = this.ring
    const words = x.rows * x.cols
    const out = this.like(x)
    const mark = ring.mark()
    const { c, r } = this.opened(op, x, shift, factor, added)
    const { at, bytes } = dealtLayout.rescale(words, shift)
    const dealt = ring.zeros(1, bytes / wordBytes).at
    const [top, shifted] = [dealt + at.top, dealt + at.shifted]
    ring.kernels.dealRescale(top, shifted, r.at, shift, words)
    ring.kernels.finishRescale(out.at, c.at, top, shifted, shift, 1, words)
    ring.release(mark)
    return out
  }

  /** The word c that a rescale opens, and its rounding r. */
  opened(
    op: Operation,
    x: FixedMatrix,
    shift: number,
    factor: number,
    added: Added<Matrix> = []
  ): { readonly c: Matrix; readonly r: Matrix } {
    const drawn = this.#drawn
    const by = { factor, addends: added.length }
    const r = drawn === undefined ? this.#half(x, shift) : this.#dealtRounding(op, x, by, drawn)
    const leading = x.leading && drawn && { share: x.leading, rounding: drawn.leadingRounding(op, x) }
    const opened = blindedBytes(leading ? { product: true } : {}, shift, added)
    const offset = blindingOffset(opened)
    const c = this.#blinded(x, r, factor, offset)
    addMultiples(this.ring, c.at, added, x.rows * x.cols)
    if (leading) this.#openTop(c, this.#blinded(leading.share, leading.rounding, factor, offset), opened)
    return { c, r }
  }

  /** Cloud 0's part of the rounding of a function's argument. */
  part(op: Operation, { rows, cols }: Shape): Matrix {
    return this.#drawn?.leadingPart(op, { rows, cols }) ?? this.ring.zeros(rows, cols)
  }

  /** The sum of the masks under which an operation opens a matrix, and cloud 0's part of it. */
  masks(op: Operation, { rows, cols }: Shape): { readonly both: Matrix; readonly leading: Matrix } {
    const none = () => this.ring.zeros(rows, cols)
    return {
      both: this.#drawn?.masks(op, { rows, cols }) ?? none(),
      leading: this.#drawn?.leadingMask(op, { rows, cols }) ?? none()
    }
  }

  /** With r = 2^(shift−1) the rescale rounds to the nearest. */
  #half(shape: Shape, shift: number): Matrix {
    return this.made(shape, (r) => this.ring.words(r).fill(1n << BigInt(shift - 1)))
  }

  /** r = ρ + 2·factor·ΔA·ΔB for a product, as the dealer has it. */
  #dealtRounding(op: Operation, x: FixedMatrix, by: RescaledBy, { rounding }: Drawn): Matrix {
    const r = rounding(op, x, by)
    if (x.difference === undefined) return r
    const surplus = this.like(x)
    this.ring.scale(surplus, x.difference, 2 * by.factor)
    this.ring.add(r, r, surplus)
    return r
  }

  #blinded(x: Matrix, r: Matrix, factor: number, offset: bigint): Matrix {
    return this.made(x, (out) =>
      this.ring.kernels.blindRescale(out.at, x.at, r.at, BigInt(factor), offset, x.rows * x.cols)
    )
  }

  /**
   * Each cloud opens the upper bytes of its part of a product. Which share has the bias, or what else is added, makes
   * no difference to those below.
   */
  #openTop(c: Matrix, leading: Matrix, bytes: number): void {
    const ring = this.ring
    const words = c.rows * c.cols
    const packed = ring.allocate(words * bytes + wordBytes)
    ring.subtract(c, c, leading)
    ring.kernels.packTop(packed, leading.at, bytes, words)
    ring.kernels.addTop(c.at, packed, bytes, words)
  }
}
