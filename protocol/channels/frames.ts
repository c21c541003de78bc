/**
 * Sealed frames: what one process sends another under the key that a handshake gave it for this direction.
 *
 *     kind (1) ‖ session (8) ‖ number (8) ‖ AES-256-GCM of the content ‖ tag (16)
 *
 * The number counts sealings and is the nonce, so that no two contents share one; what is sent again is the very same
 * frame. The head is authenticated. Keys move on by HKDF every 2^22 frames, so that the key of the moment opens
 * nothing from long before. Megabytes are sealed where they lie, in pieces that fit the processor's cache.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from "node:crypto"
import { Option } from "effect"
import { derive, nonceBytes, tagBytes } from "../aead.ts"

/** The kinds of frames: the messages of a handshake, in the clear, and everything else. */
export const frameKinds = { hello: 1, answer: 2, lost: 3, sealed: 4 } as const

export const sessionBytes = 8
const numberBytes = 8
export const headBytes = 1 + sessionBytes + numberBytes

/** How much longer a frame is than its content. */
export const overheadBytes = headBytes + tagBytes

/** Frames under one key, before it moves on. */
export const framesAKey = 2 ** 22

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

/** The key of an epoch from the one before. */
const next = (key: Uint8Array): Uint8Array => derive(key, "", "bicameral next key", key.length)

/** Enciphers or deciphers bytes, by default where they lie. */
const inPieces = (cipher: Cipher | Decipher, bytes: Uint8Array, into: Uint8Array = bytes): void => {
  for (let from = 0; from < bytes.length; from += pieceBytes)
    into.set(cipher.update(bytes.subarray(from, from + pieceBytes)), from)
}

/** Seals frames of one session, in the order of their numbers. */
export class FrameSealer {
  readonly #session: Uint8Array
  readonly #framesAKey: number
  #key: Uint8Array
  #sealed = 0

  /** `session` has 8 bytes and `key` 32. */
  constructor(session: Uint8Array, key: Uint8Array, frames = framesAKey) {
    this.#session = session
    this.#key = key
    this.#framesAKey = frames
  }

  /** Seals a frame whose content is at its place (`contentOf`): head and tag are written around it. */
  seal(frame: Uint8Array): void {
    if (this.#sealed > 0 && this.#sealed % this.#framesAKey === 0) this.#key = next(this.#key)
    frame[0] = frameKinds.sealed
    frame.set(this.#session, 1)
    new DataView(frame.buffer, frame.byteOffset).setBigUint64(1 + sessionBytes, BigInt(this.#sealed++))
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonceOf(frame)).setAAD(
      frame.subarray(0, headBytes)
    )
    inPieces(cipher, contentOf(frame))
    cipher.final()
    frame.set(cipher.getAuthTag(), frame.length - tagBytes)
  }
}

/** Opens frames of one session, in whatever order they arrive. */
export class FrameOpener {
  readonly #framesAKey: number
  #epoch = 0
  #key: Uint8Array
  /** The key of the epoch before, for frames that were overtaken or are sent again. */
  #before: Uint8Array | undefined

  constructor(key: Uint8Array, frames = framesAKey) {
    this.#key = key
    this.#framesAKey = frames
  }

  /**
   * The content of a frame; none where it was changed, sealed under another key, or of an epoch long gone. `into` is memory
   * for the content, by default the frame's own, which is written over.
   */
  open(frame: Uint8Array, into: Uint8Array = contentOf(frame)): Option.Option<Uint8Array> {
    if (frame.length < overheadBytes || frame[0] !== frameKinds.sealed) return Option.none()
    const epoch = Math.floor(numberOf(frame) / this.#framesAKey)
    const key = this.#keyOf(epoch)
    if (key === undefined) return Option.none()
    const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(frame), { authTagLength: tagBytes })
      .setAAD(frame.subarray(0, headBytes))
      .setAuthTag(frame.subarray(frame.length - tagBytes))
    inPieces(decipher, contentOf(frame), into)
    try {
      decipher.final()
    } catch {
      return Option.none()
    }
    if (epoch > this.#epoch) {
      this.#before = this.#key
      this.#key = key
      this.#epoch = epoch
    }
    return Option.some(into)
  }

  /** Keys are kept for the present epoch and the one before; the next is made to be tried. */
  #keyOf(epoch: number): Uint8Array | undefined {
    if (epoch === this.#epoch) return this.#key
    if (epoch === this.#epoch - 1) return this.#before
    return epoch === this.#epoch + 1 ? next(this.#key) : undefined
  }
}
