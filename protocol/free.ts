/**
 * Memory that is taken without being cleared, and given back at once. Buffers of megabytes that live for a moment make V8 collect all its
 * garbage again and again; who knows that a buffer has served frees it instead.
 */

/** Smaller buffers are left to the garbage collector: they may lie in a pool. */
const LEAST = 4096

/**
 * Frees the whole buffer under `bytes`, which nobody may use any more. Where the engine has no `ArrayBuffer.transfer` (Node 20 without the
 * option that `runtime/processes/process.ts` gives), it is left to the garbage collector.
 */
export const free = ({ buffer }: Uint8Array): void => {
  const { transfer } = buffer as ArrayBuffer & { readonly transfer?: (bytes: number) => ArrayBuffer }
  if (buffer.byteLength >= LEAST && buffer.byteLength !== Buffer.poolSize) transfer?.call(buffer, 0)
}

/** Memory for bytes that are all written before anyone reads them: whatever was there before still is. It has a buffer of its own. */
export const unwritten = (bytes: number): Uint8Array => new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
