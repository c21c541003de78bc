/** Jacobi symbols by the kernels: whether a number is a square modulo a prime. */
import { instantiate, type Kernels } from "./kernels.ts"

const words = 4
/** One page of 64 KiB would do; as the kernels are built with. */
const memoryPages = { initial: 16, maximum: 65536 }

/** Symbols (a/n) for one n: odd, below 2^256. */
export class JacobiSymbols {
  readonly #kernels: Kernels
  readonly #a: BigUint64Array
  readonly #n: BigUint64Array

  constructor(n: bigint) {
    const memory = new WebAssembly.Memory(memoryPages)
    this.#kernels = instantiate(memory)
    const at = (this.#kernels.heapBase() + 63) & ~63
    this.#a = new BigUint64Array(memory.buffer, at, words)
    this.#n = new BigUint64Array(memory.buffer, at + this.#a.byteLength, words)
    write(this.#n, n)
  }

  /** (a/n), of 0 ≤ a < 2^256: 1, −1, or 0 where they have a common factor. Some microseconds, which depend on a. */
  of(a: bigint): number {
    write(this.#a, a)
    return this.#kernels.jacobi(this.#a.byteOffset, this.#n.byteOffset)
  }
}

const write = (to: BigUint64Array, x: bigint): void => {
  // An element takes the low 64 bits of what it is given.
  for (let word = 0; word < words; word++) to[word] = x >> BigInt(64 * word)
}
