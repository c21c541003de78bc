/**
 * Bytes, whatever they mean: words of 64 bits, views, copies, and memory taken and given back by hand.
 * Buffers of megabytes that live for a moment make V8 collect all its garbage again and again, so their last
 * user frees them.
 */

/** Bytes of a word of the ring Z_2^64. */
export const wordBytes = 8

/** Smaller buffers are left to the garbage collector: they may lie in a pool. */
const leastFreed = 4096

/**
 * Frees the whole buffer under `bytes`, which must not be used afterwards. An engine without
 * `ArrayBuffer.transfer` (Node 20 without the option that `runtime/processes/process.ts` sets) leaves it to
 * the garbage collector.
 */
export const free = ({ buffer }: Uint8Array): void => {
  const { transfer } = buffer as ArrayBuffer & { readonly transfer?: (bytes: number) => ArrayBuffer }
  if (buffer.byteLength >= leastFreed && buffer.byteLength !== Buffer.poolSize) transfer?.call(buffer, 0)
}

/**
 * Memory with a buffer of its own that is not cleared: the caller writes every byte before anything reads it.
 */
export const unwritten = (bytes: number): Uint8Array => new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)

/** A view of the same bytes as a `Uint8Array` that is not a `Buffer`. */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A copy of the parts, one after another. */
export const concatenate = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Gives so many uniform bytes, other ones at each call. */
export type ByteSource = (length: number) => Uint8Array
