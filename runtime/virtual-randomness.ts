/**
 * For simulations only: everything that this process draws at random from the operating system comes from one seed instead, libraries
 * included, and WebCrypto does its work at once. The product has no seam for this, by which somebody
 * could make keys predictable: Node's own modules are replaced in the process of the simulator, for as long as one run takes.
 */
import crypto, {
  type BinaryLike,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  ECDH,
  hkdfSync,
  webcrypto
} from "node:crypto"
import { syncBuiltinESMExports } from "node:module"

/** Bytes that follow from a seed: AES-128-CTR under its hash. */
export const byteStream = (seed: BinaryLike): ((length: number) => Buffer) => {
  const cipher = createCipheriv("aes-128-ctr", keyOf(seed), new Uint8Array(16))
  return (length) => cipher.update(Buffer.alloc(length))
}

const keyOf = (seed: BinaryLike) => createHash("sha256").update(seed).digest().subarray(0, 16)

type Draw = (length: number) => Buffer

let replaced = false

/**
 * Replaces the randomness of this process until the function that it returns is called; `onDrawn` sees all bytes that are drawn. Throws where it is replaced already: two
 * simulations at a time would draw from each other's seed.
 */
export const replaceRandomness = (seed: BinaryLike, onDrawn: (bytes: Uint8Array) => void): (() => void) => {
  if (replaced) throw new Error("the randomness of this process has been replaced already")
  replaced = true
  const stream = byteStream(seed)
  const draw: Draw = (length) => {
    const bytes = stream(length)
    onDrawn(bytes)
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
  return () => {
    for (const back of giveBack) back()
    syncBuiltinESMExports()
    replaced = false
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

/** A key of this simulation: of ECDH on P-256 a scalar with its point, or a point; of anything else its bytes. */
interface VirtualKey {
  readonly [virtual]: true
  readonly type: "private" | "public" | "secret"
  readonly algorithm: unknown
  readonly bytes: Buffer
  readonly point?: Buffer
}

const virtual = Symbol("virtual key")

type Operation = (...args: Array<never>) => Promise<unknown>

const curve = "prime256v1"

const privateKeyOf = (scalar: Buffer): VirtualKey => {
  const ecdh = createECDH(curve)
  ecdh.setPrivateKey(scalar)
  return { [virtual]: true, type: "private", algorithm: p256, bytes: scalar, point: ecdh.getPublicKey() }
}

const p256 = { name: "ECDH", namedCurve: "P-256" }

const publicKeyOf = (point: Buffer): VirtualKey => {
  ECDH.convertKey(point, curve) // throws unless it is a point of the curve
  return { [virtual]: true, type: "public", algorithm: p256, bytes: point, point }
}

type BytesLike = ArrayBuffer | ArrayBufferView

const bufferOf = (source: BytesLike): Buffer =>
  ArrayBuffer.isView(source)
    ? Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    : Buffer.from(source)

const copied = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer

const coordinate = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url")

type Algorithm = string | { readonly name: string }
const nameOf = (algorithm: Algorithm) => (typeof algorithm === "string" ? algorithm : algorithm.name)

interface Gcm {
  readonly iv: BytesLike
  readonly additionalData: BytesLike
}

const tagBytes = 16

/**
 * What HPKE takes of WebCrypto (SHA-256, P-256, AES-128-GCM), done at once in this thread: in Node's own threads it would end when it likes, and
 * cost more.
 */
const virtualSubtle = (draw: Draw) => ({
  generateKey: async () => {
    const privateKey = privateKeyOf(draw(32))
    return { privateKey, publicKey: publicKeyOf(privateKey.point!) }
  },
  importKey: async (format: string, data: BytesLike | webcrypto.JsonWebKey, algorithm: Algorithm) => {
    if (nameOf(algorithm) !== "ECDH")
      return { [virtual]: true, type: "secret", algorithm, bytes: Buffer.from(bufferOf(data as BytesLike)) }
    if (format === "pkcs8") return privateKeyOf(Buffer.from(bufferOf(data as BytesLike).subarray(-32)))
    if (format === "raw") return publicKeyOf(Buffer.from(bufferOf(data as BytesLike)))
    const { x, y } = data as webcrypto.JsonWebKey
    return publicKeyOf(Buffer.concat([Uint8Array.of(4), coordinate(x), coordinate(y)]))
  },
  exportKey: async (format: string, key: VirtualKey) => {
    if (format === "raw") return copied(key.point!)
    const [x, y] = [key.point!.subarray(1, 33), key.point!.subarray(33)]
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
    if (algorithm.name === "HKDF")
      return hkdfSync("sha256", key.bytes, bufferOf(algorithm.salt), bufferOf(algorithm.info), bits / 8)
    const ecdh = createECDH(curve)
    ecdh.setPrivateKey(key.bytes)
    return copied(ecdh.computeSecret(algorithm.public.point!))
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
