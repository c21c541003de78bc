/**
 * For simulations only: all randomness that this process draws from the operating system, also in libraries,
 * comes from one seed instead, and WebCrypto works synchronously, on a stand-in for its group. The product
 * has no seam for this that could make keys predictable: Node's own modules are replaced in the simulator's
 * process for the length of a run.
 */
import crypto, {
  type BinaryLike,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hash,
  webcrypto
} from "node:crypto"
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
    replace(crypto, "randomUUID", () => uuidOf(draw(16))),
    replace(crypto, "generateKeyPairSync", ((kind: string) =>
      signingKeyPair(kind, draw(32))) as unknown as typeof crypto.generateKeyPairSync),
    ...replaceSubtle(draw)
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

/** An Ed25519 key pair of these 32 bytes: the private key is the bytes, in PKCS #8. */
const signingKeyPair = (kind: string, bytes: Buffer) => {
  if (kind !== "ed25519") throw new Error(`no simulated key pair of kind ${kind}`)
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), bytes])
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/**
 * A key of this simulation: for key agreement, 32 secret bytes with their public key, or a public key;
 * otherwise its bytes.
 */
interface VirtualKey {
  readonly [virtual]: true
  readonly type: "private" | "public" | "secret"
  readonly algorithm: unknown
  readonly bytes: Buffer
  readonly publicKey?: Buffer
}

const virtual = Symbol("virtual key")

type Operation = (...args: Array<never>) => Promise<unknown>

const sha256 = (bytes: Uint8Array) => hash("sha256", bytes, "buffer")

/**
 * A stand-in for P-256 that costs nothing. A public key is x, the hash of the secret key, and y, the hash of
 * x, so that not any 64 bytes are a key. Two keys agree on the hash of both public keys under a key of the
 * simulator, which uses it only for a holder of one of the two secret keys.
 */
const privateKeyOf = (secret: Buffer): VirtualKey => {
  const x = sha256(secret)
  const publicKey = Buffer.concat([uncompressed, x, sha256(x)])
  return { [virtual]: true, type: "private", algorithm: p256, bytes: secret, publicKey }
}

const publicKeyOf = (publicKey: Buffer): VirtualKey => {
  const isOne =
    publicKey.length === 65 &&
    publicKey[0] === uncompressed[0] &&
    sha256(publicKey.subarray(1, 33)).equals(publicKey.subarray(33))
  if (!isOne) throw new Error("no public key of this simulation")
  return { [virtual]: true, type: "public", algorithm: p256, bytes: publicKey, publicKey }
}

const agree = (one: Buffer, other: Buffer): Buffer =>
  createHmac("sha256", "simulated key agreement")
    .update(Buffer.concat(Buffer.compare(one, other) < 0 ? [one, other] : [other, one]))
    .digest()

/** A stand-in for HKDF: one hash. */
const derived = (key: Buffer, salt: BytesLike, info: BytesLike, length: number): ArrayBuffer => {
  if (length > 32) throw new Error(`no ${length} bytes are derived at a time in a simulation`)
  const digest = createHmac("sha256", key).update(bufferOf(salt)).update(bufferOf(info)).digest()
  return copied(digest.subarray(0, length))
}

const p256 = { name: "ECDH", namedCurve: "P-256" }
const uncompressed = Uint8Array.of(4)

type BytesLike = ArrayBuffer | ArrayBufferView

const bufferOf = (source: BytesLike): Buffer =>
  ArrayBuffer.isView(source)
    ? Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    : Buffer.from(source)

const copied = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

const coordinate = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url")

type Algorithm = string | { readonly name: string }
const nameOf = (algorithm: Algorithm) => (typeof algorithm === "string" ? algorithm : algorithm.name)

interface Gcm {
  readonly iv: BytesLike
  readonly additionalData: BytesLike
}

const tagBytes = 16

/**
 * The part of WebCrypto that HPKE uses (SHA-256, P-256, AES-128-GCM), computed synchronously in this thread:
 * in Node's own threads it would end at an unpredictable time, and cost more.
 */
const virtualSubtle = (draw: Draw) => ({
  generateKey: async () => {
    const privateKey = privateKeyOf(draw(32))
    return { privateKey, publicKey: publicKeyOf(privateKey.publicKey!) }
  },
  importKey: async (format: string, data: BytesLike | webcrypto.JsonWebKey, algorithm: Algorithm) => {
    if (nameOf(algorithm) !== "ECDH")
      return { [virtual]: true, type: "secret", algorithm, bytes: Buffer.from(bufferOf(data as BytesLike)) }
    if (format === "pkcs8") return privateKeyOf(Buffer.from(bufferOf(data as BytesLike).subarray(-32)))
    if (format === "raw") return publicKeyOf(Buffer.from(bufferOf(data as BytesLike)))
    const { x, y } = data as webcrypto.JsonWebKey
    return publicKeyOf(Buffer.concat([uncompressed, coordinate(x), coordinate(y)]))
  },
  exportKey: async (format: string, key: VirtualKey) => {
    if (format === "raw") return copied(key.publicKey!)
    const [x, y] = [key.publicKey!.subarray(1, 33), key.publicKey!.subarray(33)]
    const d = key.type === "private" ? { d: key.bytes.toString("base64url") } : {}
    return { kty: "EC", crv: "P-256", x: x.toString("base64url"), y: y.toString("base64url"), ...d }
  },
  deriveBits: async (
    algorithm: {
      readonly name: string
      readonly public: VirtualKey
      readonly salt: BytesLike
      readonly info: BytesLike
    },
    key: VirtualKey,
    bits: number
  ) => {
    if (algorithm.name === "HKDF") return derived(key.bytes, algorithm.salt, algorithm.info, bits / 8)
    return copied(agree(key.publicKey!, algorithm.public.publicKey!))
  },
  sign: async (_: string, key: VirtualKey, data: BytesLike) =>
    copied(createHmac("sha256", key.bytes).update(bufferOf(data)).digest()),
  encrypt: async ({ iv, additionalData }: Gcm, key: VirtualKey, data: BytesLike) => {
    const cipher = createCipheriv("aes-128-gcm", key.bytes, bufferOf(iv))
    cipher.setAAD(bufferOf(additionalData))
    return copied(Buffer.concat([cipher.update(bufferOf(data)), cipher.final(), cipher.getAuthTag()]))
  },
  decrypt: async ({ iv, additionalData }: Gcm, key: VirtualKey, data: BytesLike) => {
    const sealed = bufferOf(data)
    const decipher = createDecipheriv("aes-128-gcm", key.bytes, bufferOf(iv))
    decipher.setAAD(bufferOf(additionalData))
    decipher.setAuthTag(sealed.subarray(-tagBytes))
    return copied(Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]))
  }
})

const replaceSubtle = (draw: Draw): ReadonlyArray<() => void> => {
  const prototype = Object.getPrototypeOf(webcrypto.subtle) as Record<string, Operation>
  return Object.entries(virtualSubtle(draw)).map(([name, operation]) =>
    replace(prototype, name, operation as Operation)
  )
}
