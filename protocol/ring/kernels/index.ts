/**
 * The kernels of Z_2^64, compiled by AssemblyScript to WebAssembly. They work on raw addresses in a memory
 * that the host owns and allocates: nothing here allocates, checks or keeps state, so every length is the
 * caller's duty.
 */
export * from "./comparison"
export * from "./dealing"
export * from "./elementwise"
export * from "./fixed-point"
export * from "./jacobi"
export * from "./lattice"
export * from "./losses"
export * from "./losses-dealt"
export * from "./oblivious-transfer"
export * from "./rescale"
export * from "./stream"
export * from "./transforms"
export * from "./winograd"

/** First byte the host may use: what lies below is the module's own data. */
export function heapBase(): usize {
  return __heap_base
}
