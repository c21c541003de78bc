/**
 * Matrices over Z_2^64 in WebAssembly memory: a bump allocator with mark and release, and the arithmetic of
 * the kernels on them. A party's shares live here; nothing in this file tells a share from a value.
 */
import { Data } from "effect"
import { wordBytes } from "../bytes.ts"
import { instantiate, type Kernels } from "./kernels.ts"

const PAGE_BYTES = 65536
const INITIAL_PAGES = 16 // as the kernels are built with
const MAXIMUM_PAGES = 65536 // 4 GiB, all that 32-bit addresses reach
const ALIGNMENT = 64 // a cache line

/** A matrix of rows × cols words (u64, little-endian, row-major) at the byte address `at`. */
export interface Matrix {
  readonly rows: number
  readonly cols: number
  readonly at: number
}

/** Product forms: X·Y, Xᵀ·Y, X·Yᵀ. */
export type ProductForm = "plain" | "leftTransposed" | "rightTransposed"

/** Matrices whose sizes do not fit the operation. */
export class ShapeMismatch extends Data.TaggedError("ShapeMismatch")<{
  readonly where: string
  readonly expected: string
  readonly actual: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.where}: expected ${this.expected}, got ${this.actual}`
  }
}

/** The ring's memory would pass the 4 GiB that its addresses reach, or the system has no more. */
export class RingMemoryExhausted extends Data.TaggedError("RingMemoryExhausted")<{
  readonly requestedBytes: number
  readonly usedBytes: number
}> {
  readonly retryable = false
  override get message(): string {
    return `no room for ${this.requestedBytes} bytes in addition to the ${this.usedBytes} in use: choose a smaller batch or fewer rows a party`
  }
}

/** A value that the fixed-point encoding cannot hold. */
export class OutOfRange extends Data.TaggedError("OutOfRange")<{
  readonly index: number
  readonly value: number
  readonly limit: number
}> {
  readonly retryable = false
  override get message(): string {
    return `the value at index ${this.index} is not a number of magnitude below ${this.limit}: scale the data down or keep fewer fractional bits`
  }
}

const shapeOf = (x: { rows: number; cols: number }): string => `${x.rows} × ${x.cols}`

/** Rows and columns of x as the product's left or right factor of that form. */
const factorShapes = (x: Matrix, y: Matrix, form: ProductForm): readonly [number, number, number, number] => [
  form === "leftTransposed" ? x.cols : x.rows,
  form === "leftTransposed" ? x.rows : x.cols,
  form === "rightTransposed" ? y.cols : y.rows,
  form === "rightTransposed" ? y.rows : y.cols
]

export class Ring {
  /** The raw kernels, for the operations of `computation`. */
  readonly kernels: Kernels
  readonly #memory: WebAssembly.Memory
  #bytes: Uint8Array
  #top: number

  private constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    this.kernels = instantiate(memory)
    this.#bytes = new Uint8Array(memory.buffer)
    this.#top = align(this.kernels.heapBase() >>> 0)
  }

  /** A ring with a memory of its own. */
  static async load(): Promise<Ring> {
    return new Ring(new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES }))
  }

  /** Room for that many bytes, 64-byte aligned, contents arbitrary. Invalidates views. */
  allocate(bytes: number): number {
    const at = this.#top
    const top = align(at + bytes)
    const available = this.#memory.buffer.byteLength
    if (top > available) this.#grow(top - available, bytes)
    this.#top = top
    return at
  }

  #grow(missing: number, requestedBytes: number): void {
    const pages = this.#memory.buffer.byteLength / PAGE_BYTES
    const least = Math.ceil(missing / PAGE_BYTES)
    const wanted = Math.min(Math.max(least, pages >> 2), MAXIMUM_PAGES - pages)
    try {
      this.#memory.grow(Math.max(least, wanted))
    } catch {
      throw new RingMemoryExhausted({ requestedBytes, usedBytes: this.#top })
    }
    this.#bytes = new Uint8Array(this.#memory.buffer)
  }

  /** A matrix with arbitrary contents. */
  matrix(rows: number, cols: number): Matrix {
    return { rows, cols, at: this.allocate(rows * cols * wordBytes) }
  }

  zeros(rows: number, cols: number): Matrix {
    const x = this.matrix(rows, cols)
    this.view(x).fill(0)
    return x
  }

  /** The current end of allocations; `release` with it frees everything allocated later. */
  mark(): number {
    return this.#top
  }

  /** Frees everything allocated since the mark. Matrices from before stay. */
  release(mark: number): void {
    this.#top = mark
  }

  /** The whole memory; valid until the next allocation. */
  get memory(): Uint8Array {
    return this.#bytes
  }

  /** A region of memory; valid until the next allocation. */
  bytes(at: number, length: number): Uint8Array {
    return this.#bytes.subarray(at, at + length)
  }

  /** The matrix's bytes; valid until the next allocation. */
  view(x: Matrix): Uint8Array {
    return this.bytes(x.at, x.rows * x.cols * wordBytes)
  }

  /** The matrix's words; valid until the next allocation. For tests and edges. */
  words(x: Matrix): BigUint64Array {
    return new BigUint64Array(this.#memory.buffer, x.at, x.rows * x.cols)
  }

  /** Fills a matrix from little-endian words. */
  copyIn(x: Matrix, bytes: Uint8Array): void {
    if (bytes.length !== x.rows * x.cols * wordBytes) {
      throw new ShapeMismatch({
        where: "copyIn",
        expected: `${x.rows * x.cols * wordBytes} bytes`,
        actual: `${bytes.length} bytes`
      })
    }
    this.#bytes.set(bytes, x.at)
  }

  /** A copy of the matrix's bytes, the caller's own. */
  copyOut(x: Matrix): Uint8Array {
    return this.#bytes.slice(x.at, x.at + x.rows * x.cols * wordBytes)
  }

  /** A new matrix with the contents of `bytes`. */
  from(rows: number, cols: number, bytes: Uint8Array): Matrix {
    const x = this.matrix(rows, cols)
    this.copyIn(x, bytes)
    return x
  }

  /** out ← x. */
  copy(out: Matrix, x: Matrix): void {
    this.#same("copy", out, x)
    this.#bytes.copyWithin(out.at, x.at, x.at + x.rows * x.cols * wordBytes)
  }

  /** out ← x·y (or xᵀ·y, x·yᵀ). `out` apart from both factors. */
  product(out: Matrix, x: Matrix, y: Matrix, form: ProductForm = "plain"): void {
    const [m, k, k2, n] = factorShapes(x, y, form)
    if (k !== k2 || out.rows !== m || out.cols !== n) {
      throw new ShapeMismatch({
        where: `product (${form})`,
        expected: "factors and result that fit",
        actual: `${shapeOf(x)} and ${shapeOf(y)} into ${shapeOf(out)}`
      })
    }
    const left = form === "leftTransposed"
    const right = form === "rightTransposed"
    const mark = this.mark()
    const scratch = this.allocate(this.kernels.productScratch(m, k, n) >>> 0)
    this.kernels.product(
      out.at,
      n * wordBytes,
      x.at,
      left ? wordBytes : k * wordBytes,
      left ? m * wordBytes : wordBytes,
      y.at,
      right ? wordBytes : n * wordBytes,
      right ? k * wordBytes : wordBytes,
      m,
      k,
      n,
      0,
      scratch
    )
    this.release(mark)
  }

  add(out: Matrix, x: Matrix, y: Matrix): void {
    this.kernels.add(out.at, x.at, y.at, this.#same("add", out, x, y))
  }

  subtract(out: Matrix, x: Matrix, y: Matrix): void {
    this.kernels.subtract(out.at, x.at, y.at, this.#same("subtract", out, x, y))
  }

  negate(out: Matrix, x: Matrix): void {
    this.kernels.negate(out.at, x.at, this.#same("negate", out, x))
  }

  /** out ← factor·x. A number must be an integer that float64 holds exactly; either may be negative. */
  scale(out: Matrix, x: Matrix, factor: number | bigint): void {
    this.kernels.scale(out.at, x.at, BigInt(factor), this.#same("scale", out, x))
  }

  /** out ← x ≪ bits, 0 ≤ bits < 64. */
  shiftLeft(out: Matrix, x: Matrix, bits: number): void {
    this.kernels.shiftLeft(out.at, x.at, bits, this.#same("shiftLeft", out, x))
  }

  /** Elementwise product: for values in the clear, where one factor is a gate of zeros and ones. */
  multiply(out: Matrix, x: Matrix, y: Matrix): void {
    this.kernels.multiply(out.at, x.at, y.at, this.#same("multiply", out, x, y))
  }

  /** out ← 1 where x, read as two's complement, is ≥ 0, else 0. */
  nonNegative(out: Matrix, x: Matrix): void {
    this.kernels.nonNegative(out.at, x.at, this.#same("nonNegative", out, x))
  }

  /** out ← x + (row ≪ shift) in every row; `row` is 1 × cols. */
  addRow(out: Matrix, x: Matrix, row: Matrix, shift = 0): void {
    this.#same("addRow", out, x)
    this.#shape("addRow", row, 1, x.cols)
    this.kernels.addRow(out.at, x.at, row.at, shift, x.rows, x.cols)
  }

  /** out (1 × cols) ← the sums of x's columns. */
  columnSums(out: Matrix, x: Matrix): void {
    this.#shape("columnSums", out, 1, x.cols)
    this.kernels.columnSums(out.at, x.at, x.rows, x.cols)
  }

  /** Row i of out ← row indices[i] of x. */
  gatherRows(out: Matrix, x: Matrix, indices: Uint32Array): void {
    this.#shape("gatherRows", out, indices.length, x.cols)
    const beyond = indices.find((index) => index >= x.rows)
    if (beyond !== undefined) {
      throw new ShapeMismatch({
        where: "gatherRows",
        expected: `row indices below ${x.rows}`,
        actual: `${beyond}`
      })
    }
    const mark = this.mark()
    const at = this.allocate(indices.length * 4)
    this.#bytes.set(new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength), at)
    this.kernels.gatherRows(out.at, x.at, at, indices.length, x.cols)
    this.release(mark)
  }

  /**
   * out ← round(values·2^f), row-major, ties to even. Scaled magnitudes must be below 2^62, what a rescale
   * bears.
   * @throws OutOfRange naming the first value that is too large or not a number
   */
  encode(out: Matrix, values: Float64Array, fractionalBits: number): void {
    if (values.length !== out.rows * out.cols) {
      throw new ShapeMismatch({
        where: "encode",
        expected: `${out.rows * out.cols} values`,
        actual: `${values.length}`
      })
    }
    this.#bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), out.at)
    const index = this.kernels.encode(out.at, out.at, 2 ** fractionalBits, 2 ** 62, values.length)
    if (index >= 0) {
      throw new OutOfRange({ index, value: values[index]!, limit: 2 ** (62 - fractionalBits) })
    }
  }

  /** The values of x as floats, row-major: exact while magnitudes stay below 2^53. */
  decode(x: Matrix, fractionalBits: number): Float64Array {
    const mark = this.mark()
    const at = this.allocate(x.rows * x.cols * wordBytes)
    this.kernels.decode(at, x.at, 2 ** -fractionalBits, x.rows * x.cols)
    const values = new Float64Array(this.#memory.buffer, at, x.rows * x.cols).slice()
    this.release(mark)
    return values
  }

  #shape(where: string, x: Matrix, rows: number, cols: number): void {
    if (x.rows !== rows || x.cols !== cols) {
      throw new ShapeMismatch({ where, expected: `${rows} × ${cols}`, actual: shapeOf(x) })
    }
  }

  /** Demands equal shapes; the number of words. */
  #same(where: string, first: Matrix, ...others: ReadonlyArray<Matrix>): number {
    for (const other of others) this.#shape(where, other, first.rows, first.cols)
    return first.rows * first.cols
  }
}

const align = (at: number): number => Math.ceil(at / ALIGNMENT) * ALIGNMENT
