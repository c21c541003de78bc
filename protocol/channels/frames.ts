/**
 * Sealed frames: what one process sends another under the key that a handshake gave it for this direction.
 *
 *     kind (1) ‖ session (8) ‖ number (8) ‖ AES-128-GCM of the content ‖ tag (16)
 *
 * The number counts sealings and is the nonce, so that no two frames share one; what is sent again is sealed again.
 * The head is authenticated. Each frame opens once. Keys move on by HKDF every 2^22 frames, so that the key of the
 * moment opens nothing from long before. Megabytes are sealed in pieces that fit the processor's cache.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from "node:crypto"
import { Option } from "effect"
import { derive, nonceBytes, tagBytes } from "../aead.ts"

/**
 * The kinds of frames: the two messages of a handshake, that a session is not known, what is sealed to a group, and
 * what is sealed under a session. The first message of a process that knows no session of the receiver, since it has
 * been started anew, is a kind of its own. No other kind is taken.
 */
export const frameKinds = { hello: 1, answer: 2, lost: 3, group: 4, sealed: 5, newcomer: 6 } as const

export const sessionBytes = 8
const numberBytes = 8
export const headBytes = 1 + sessionBytes + numberBytes

/** How much longer a frame is than its content. */
export const overheadBytes = headBytes + tagBytes

/** Frames under one key, before it moves on. */
const framesAKey = 2 ** 22

/** What is sealed at a time: of more than that, the library would take new memory each time. */
const pieceBytes = 64 * 1024

/** The content's place in a frame. */
export const contentOf = (frame: Uint8Array): Uint8Array =>
  frame.subarray(headBytes, Math.max(headBytes, frame.length - tagBytes))

/** The session that a frame says it is of; none of a frame that is too short. */
export const sessionOf = (frame: Uint8Array): string | undefined =>
  frame.length < overheadBytes ? undefined : nameOf(frame.subarray(1, 1 + sessionBytes))

/** A session's name, for maps. */
export const nameOf = (session: Uint8Array): string => Buffer.from(session).toString("hex")

const numberOf = (frame: Uint8Array): number =>
  Number(new DataView(frame.buffer, frame.byteOffset).getBigUint64(1 + sessionBytes))

const nonceOf = (frame: Uint8Array): Uint8Array => {
  const nonce = new Uint8Array(nonceBytes)
  nonce.set(frame.subarray(1 + sessionBytes, headBytes), nonceBytes - numberBytes)
  return nonce
}

/** The key of an epoch, of 16 bytes, and the secret that the next epoch is derived from. */
interface Epoch {
  readonly key: Uint8Array
  readonly next: Uint8Array
}

const cipher = "aes-128-gcm"
const keyBytes = 16
const secretBytes = 32

const epochOf = (secret: Uint8Array): Epoch => {
  const both = derive(secret, "", "bicameral frames", keyBytes + secretBytes)
  return { key: both.slice(0, keyBytes), next: both.slice(keyBytes) }
}

/** Enciphers or deciphers bytes into others, which may be the same. */
const inPieces = (cipher: Cipher | Decipher, bytes: Uint8Array, into: Uint8Array): void => {
  for (let from = 0; from < bytes.length; from += pieceBytes)
    into.set(cipher.update(bytes.subarray(from, from + pieceBytes)), from)
}

/** The content of a frame under a key, into `into`; whether it was sealed under that key. */
const openedUnder = (key: Uint8Array, frame: Uint8Array, into: Uint8Array): boolean => {
  const decipher = createDecipheriv(cipher, key, nonceOf(frame), { authTagLength: tagBytes })
    .setAAD(frame.subarray(0, headBytes))
    .setAuthTag(frame.subarray(frame.length - tagBytes))
  inPieces(decipher, contentOf(frame), into)
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}

/** The key of the present epoch of a session, and of the one before, for frames that were overtaken or are sent again. */
class Keys {
  #number = 0
  #present: Epoch
  #before: Uint8Array | undefined

  constructor(secret: Uint8Array) {
    this.#present = epochOf(secret)
  }

  /** The key of an epoch: that of the next is made to be tried, and no other that is not kept. */
  of(epoch: number): Uint8Array | undefined {
    if (epoch === this.#number) return this.#present.key
    if (epoch === this.#number - 1) return this.#before
    return epoch === this.#number + 1 ? epochOf(this.#present.next).key : undefined
  }

  /** Frames of this epoch have come or are to come; keys from long before are forgotten. */
  reach(epoch: number): void {
    while (this.#number < epoch) {
      this.#before = this.#present.key
      this.#present = epochOf(this.#present.next)
      this.#number++
    }
  }
}

/** Seals frames of one session, in the order of their numbers. */
export class FrameSealer {
  readonly #session: Uint8Array
  readonly #framesAKey: number
  readonly #keys: Keys
  #sealed = 0

  /** `session` has 8 bytes and `secret`, the key that the handshake gave, 32. */
  constructor(session: Uint8Array, secret: Uint8Array, frames = framesAKey) {
    this.#session = session
    this.#keys = new Keys(secret)
    this.#framesAKey = frames
  }

  /** Seals a content into a frame, which is `overheadBytes` longer and may hold it already (`contentOf`). */
  seal(content: Uint8Array, frame: Uint8Array): void {
    const number = this.#sealed++
    const epoch = Math.floor(number / this.#framesAKey)
    this.#keys.reach(epoch)
    frame[0] = frameKinds.sealed
    frame.set(this.#session, 1)
    new DataView(frame.buffer, frame.byteOffset).setBigUint64(1 + sessionBytes, BigInt(number))
    const sealing = createCipheriv(cipher, this.#keys.of(epoch)!, nonceOf(frame)).setAAD(
      frame.subarray(0, headBytes)
    )
    inPieces(sealing, content, contentOf(frame))
    sealing.final()
    frame.set(sealing.getAuthTag(), frame.length - tagBytes)
  }
}

/** How far a frame may be behind the last of its session: one that is further behind counts as lost. */
export const windowFrames = 2 ** 16

/** Which of the last frames of a session have been opened. */
class Window {
  readonly #frames: number
  readonly #opened: Uint32Array
  /** Frames up to here, the last excluded. */
  #end = 0

  /** `frames` is a multiple of 32. */
  constructor(frames: number) {
    this.#frames = frames
    this.#opened = new Uint32Array(frames / 32)
  }

  /** Whether a frame was opened before, or is so far behind that nobody knows. */
  has(number: number): boolean {
    if (number >= this.#end) return false
    return number < this.#end - this.#frames || (this.#opened[this.#wordOf(number)]! & bitOf(number)) !== 0
  }

  add(number: number): void {
    const first = Math.max(this.#end, number + 1 - this.#frames)
    for (let skipped = first; skipped <= number; skipped++)
      this.#opened[this.#wordOf(skipped)]! &= ~bitOf(skipped)
    this.#end = Math.max(this.#end, number + 1)
    this.#opened[this.#wordOf(number)]! |= bitOf(number)
  }

  #wordOf(number: number): number {
    return (number % this.#frames) >>> 5
  }
}

const bitOf = (number: number): number => 1 << (number % 32)

/** Opens frames of one session, in whatever order they arrive, and each of them once. */
export class FrameOpener {
  readonly #framesAKey: number
  readonly #keys: Keys
  readonly #window: Window

  /** `secret` is the key that the handshake gave, of 32 bytes. */
  constructor(secret: Uint8Array, frames = framesAKey, window = windowFrames) {
    this.#window = new Window(window)
    this.#keys = new Keys(secret)
    this.#framesAKey = frames
  }

  /**
   * The content of a frame; none if it was changed, sealed under another key, opened before, or is of an epoch long
   * gone. `into` is memory for the content, by default the frame's own, which is written over even if there is none.
   */
  open(frame: Uint8Array, into: Uint8Array = contentOf(frame)): Option.Option<Uint8Array> {
    if (frame.length < overheadBytes || frame[0] !== frameKinds.sealed) return Option.none()
    const number = numberOf(frame)
    const epoch = Math.floor(number / this.#framesAKey)
    const key = this.#keys.of(epoch)
    if (key === undefined || this.#window.has(number) || !openedUnder(key, frame, into)) return Option.none()
    this.#keys.reach(epoch)
    this.#window.add(number)
    return Option.some(into)
  }
}
