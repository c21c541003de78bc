/**
 * For simulations only: all randomness that this process draws from the operating system, also in libraries,
 * comes from one seed instead. The product has no seam for this that could make keys predictable: Node's own
 * module is replaced in the simulator's process for the length of a run.
 */
import crypto, { type BinaryLike, createCipheriv, createHash } from "node:crypto"
import { syncBuiltinESMExports } from "node:module"

/** Bytes from a seed: AES-128-CTR under its hash. */
const byteStream = (seed: BinaryLike): ((length: number) => Buffer) => {
  const cipher = createCipheriv("aes-128-ctr", keyOf(seed), new Uint8Array(16))
  return (length) => cipher.update(Buffer.alloc(length))
}

const keyOf = (seed: BinaryLike) => createHash("sha256").update(seed).digest().subarray(0, 16)

type Draw = (length: number) => Buffer

let replaced = false

/** The randomness of this process while it is replaced. */
export interface VirtualRandomness {
  /**
   * Runs `work` with a stream of its own; `onDrawn` sees its bytes. The process's stream then continues as if
   * nothing had happened.
   */
  readonly aside: <A>(seed: BinaryLike, onDrawn: (bytes: Uint8Array) => void, work: () => A) => A
  /** Restores the system's randomness. */
  readonly giveBack: () => void
}

/**
 * Replaces the randomness of this process until it is restored; `onDrawn` sees all bytes drawn. Throws if it
 * is replaced already: two simulations at a time would draw from each other's seed.
 */
export const replaceRandomness = (
  seed: BinaryLike,
  onDrawn: (bytes: Uint8Array) => void
): VirtualRandomness => {
  if (replaced) throw new Error("the randomness of this process has been replaced already")
  replaced = true
  let source = { stream: byteStream(seed), onDrawn }
  const draw: Draw = (length) => {
    const bytes = source.stream(length)
    source.onDrawn(bytes)
    return bytes
  }
  const giveBack = [
    replace(crypto, "randomBytes", ((length: number) => draw(length)) as typeof crypto.randomBytes),
    replace(crypto, "randomUUID", () => uuidOf(draw(16)))
  ]
  syncBuiltinESMExports()
  return {
    aside: (ownSeed, onOwnDrawn, work) => {
      const before = source
      source = { stream: byteStream(ownSeed), onDrawn: onOwnDrawn }
      try {
        return work()
      } finally {
        source = before
      }
    },
    giveBack: () => {
      for (const back of giveBack) back()
      syncBuiltinESMExports()
      replaced = false
    }
  }
}

const replace = <O extends object, K extends keyof O>(owner: O, name: K, by: O[K]): (() => void) => {
  const before = Object.getOwnPropertyDescriptor(owner, name)!
  Object.defineProperty(owner, name, { ...before, value: by })
  return () => Object.defineProperty(owner, name, before)
}

const uuidOf = (bytes: Buffer) => {
  const hex = bytes.toString("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}` as const
}
