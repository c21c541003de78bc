/**
 * Loads the compiled kernels and gives them a memory. What they export is declared here by hand, because the
 * AssemblyScript sources are outside the TypeScript project. Addresses and lengths are unsigned 32-bit numbers.
 */
import { readFileSync } from "node:fs"
import { artifact } from "../artifact.ts"

type Address = number

/** Words are u64, `n` counts words unless a comment in the kernel says otherwise. */
export interface Kernels {
  heapBase(): number
  add(out: Address, x: Address, y: Address, n: number): void
  subtract(out: Address, x: Address, y: Address, n: number): void
  xor(out: Address, x: Address, y: Address, n: number): void
  negate(out: Address, x: Address, n: number): void
  scale(out: Address, x: Address, factor: bigint, n: number): void
  multiply(out: Address, x: Address, y: Address, n: number): void
  shiftLeft(out: Address, x: Address, shift: bigint, n: number): void
  nonNegative(out: Address, x: Address, n: number): void
  addRow(out: Address, x: Address, row: Address, shift: bigint, rows: number, cols: number): void
  columnSums(out: Address, x: Address, rows: number, cols: number): void
  gatherRows(out: Address, x: Address, indices: Address, count: number, cols: number): void
  encode(out: Address, x: Address, scale: number, limit: number, n: number): number
  decode(out: Address, x: Address, scale: number, n: number): void
  counterBlocks(
    out: Address,
    step: number,
    operation: number,
    kind: number,
    first: number,
    count: number
  ): void
  product(
    out: Address,
    x: Address,
    y: Address,
    m: number,
    k: number,
    n: number,
    xRow: number,
    xCol: number,
    yRow: number,
    yCol: number,
    accumulate: number
  ): void
}

let compiled: WebAssembly.Module | undefined

/** Instantiates the kernels over `memory`. The module is compiled once a process. */
export const instantiate = (memory: WebAssembly.Memory): Kernels => {
  compiled ??= new WebAssembly.Module(readFileSync(artifact(import.meta.url, "./kernels.wasm")))
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernels
}
