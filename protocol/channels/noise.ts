/**
 * Noise KK over X25519, AES-256-GCM and SHA-256 (The Noise Protocol Framework, revision 34): two processes that know
 * each other's static keys agree on fresh keys.
 *
 *     -> s                 known beforehand
 *     <- s                 known beforehand
 *     -> e, es, ss
 *     <- e, ee, se
 *
 * Both sides contribute an ephemeral key: a recorded handshake can't be replayed to either side, a static key that is
 * stolen later opens nothing that was sealed before (ee), and one that is stolen now impersonates nobody to its
 * owner (es and se: each side proves its own static key). The prologue is what both must agree on besides.
 */
import { createHash, diffieHellman, type KeyObject, randomBytes } from "node:crypto"
import { Data, Either, Redacted } from "effect"
import { derive, nonceBytes, seal, tagBytes, unseal } from "../aead.ts"
import { concatenate } from "../bytes.ts"
import { keyBytes, privateKeyOf, publicBytesOf, publicKeyOf } from "../x25519.ts"

const protocol = "Noise_KK_25519_AESGCM_SHA256"
/** The one-way pattern between the same static keys: its one message is the first of KK, under a name of its own. */
const oneWayProtocol = "Noise_K_25519_AESGCM_SHA256"

/** A static key pair: who a party is. */
export interface Identity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 32 bytes. */
  readonly privateKey: Redacted.Redacted<Uint8Array>
}

/** What one side brings to a handshake. */
export interface Side {
  readonly own: Identity
  /** The other side's static public key, known beforehand. */
  readonly peer: Uint8Array
  /** What both sides must agree on: its bytes differ, and the handshake fails. */
  readonly prologue: Uint8Array
  /** A private key that is used once, of 32 bytes; the operating system's randomness by default. */
  readonly ephemeral?: Uint8Array
}

/** The keys that a handshake ends with. */
export interface Keys {
  /** 32 bytes each. */
  readonly toResponder: Uint8Array
  readonly toInitiator: Uint8Array
  /** Names the handshake: equal at both sides, and nowhere else. */
  readonly hash: Uint8Array
}

/** A message of a handshake comes from somebody else, or was changed, or the two sides do not agree on the prologue. */
export class HandshakeFailed extends Data.TaggedError("HandshakeFailed")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `The handshake failed: ${this.reason}`
  }
}

/** The identity of a private key. */
export const identityOf = (privateKey: Uint8Array): Identity => ({
  publicKey: publicBytesOf(privateKeyOf(privateKey)),
  privateKey: Redacted.make(privateKey)
})

/** An identity from the operating system's randomness. */
export const drawIdentity = (): Identity => identityOf(new Uint8Array(randomBytes(keyBytes)))

/** The state of one side of a handshake: the chaining key, the transcript's hash, and the key of the moment. */
class Symmetric {
  #chaining: Uint8Array
  #hash: Uint8Array
  #key = new Uint8Array(keyBytes)
  #sealed = 0

  constructor(protocolName: string, { prologue }: Side, initiator: Uint8Array, responder: Uint8Array) {
    const name = new Uint8Array(keyBytes)
    name.set(Buffer.from(protocolName))
    this.#chaining = name
    this.#hash = name
    for (const known of [prologue, initiator, responder]) this.mixHash(known)
  }

  mixHash(bytes: Uint8Array): void {
    this.#hash = new Uint8Array(createHash("sha256").update(this.#hash).update(bytes).digest())
  }

  /** Mixes in what two keys have in common. Throws where the public key is a point of small order. */
  mixShared(privateKey: KeyObject, publicKey: KeyObject): void {
    const keys = this.#expand(diffieHellman({ privateKey, publicKey }))
    this.#chaining = keys.subarray(0, keyBytes)
    this.#key = keys.slice(keyBytes)
    this.#sealed = 0
  }

  seal(payload: Uint8Array): Uint8Array {
    const sealed = seal(this.#sealing(), payload)
    this.mixHash(sealed)
    return sealed
  }

  unseal(sealed: Uint8Array): Either.Either<Uint8Array, HandshakeFailed> {
    const payload = unseal(this.#sealing(), sealed)
    this.mixHash(sealed)
    return Either.fromOption(
      payload,
      () => new HandshakeFailed({ reason: "its message was sealed by somebody else, or to another prologue" })
    )
  }

  split(): Keys {
    const keys = this.#expand(new Uint8Array(0))
    return { toResponder: keys.slice(0, keyBytes), toInitiator: keys.slice(keyBytes), hash: this.#hash }
  }

  #sealing() {
    const nonce = new Uint8Array(nonceBytes)
    nonce[nonceBytes - 1] = this.#sealed++
    return { key: this.#key, nonce, about: this.#hash }
  }

  #expand(secret: Uint8Array): Uint8Array {
    return derive(secret, this.#chaining, "", 2 * keyBytes)
  }
}

/** The keys of one side as the system's library takes them, and the points of the other. */
const keysOf = ({ own, peer, ephemeral = new Uint8Array(randomBytes(keyBytes)) }: Side) => {
  const e = privateKeyOf(ephemeral)
  return {
    s: privateKeyOf(Redacted.value(own.privateKey)),
    e,
    rs: publicKeyOf(peer),
    point: publicBytesOf(e)
  }
}

/** A handshake that this side has begun. */
export interface Begun {
  /** The first message. */
  readonly message: Uint8Array
  /** Takes the second message; may be tried again with another where that one was none. */
  readonly finish: (
    answer: Uint8Array
  ) => Either.Either<Keys & { readonly payload: Uint8Array }, HandshakeFailed>
}

/** What is thrown on the way is a bad key of the other side. */
const attempt = <A>(work: () => Either.Either<A, HandshakeFailed>): Either.Either<A, HandshakeFailed> => {
  try {
    return work()
  } catch {
    return Either.left(new HandshakeFailed({ reason: "a key of the other side is no point of X25519" }))
  }
}

/** Begins a handshake as its initiator. */
export const begin = (side: Side, payload = new Uint8Array(0)): Either.Either<Begun, HandshakeFailed> =>
  attempt(() => {
    const { s, e, rs, point } = keysOf(side)
    const first = (): Symmetric => {
      const state = new Symmetric(protocol, side, side.own.publicKey, side.peer)
      state.mixHash(point)
      state.mixShared(e, rs)
      state.mixShared(s, rs)
      return state
    }
    const sealed = first().seal(payload)
    const finish = (answer: Uint8Array) =>
      attempt(() => {
        const state = first()
        state.mixHash(sealed)
        const re = answer.subarray(0, keyBytes)
        state.mixHash(re)
        state.mixShared(e, publicKeyOf(re))
        state.mixShared(s, publicKeyOf(re))
        return Either.map(state.unseal(answer.subarray(keyBytes)), (content) => ({
          ...state.split(),
          payload: content
        }))
      })
    return Either.right({ message: concatenate([point, sealed]), finish })
  })

/** Answers the first message of a handshake, as its responder. */
export const answer = (
  side: Side,
  message: Uint8Array,
  payload = new Uint8Array(0)
): Either.Either<Keys & { readonly message: Uint8Array; readonly payload: Uint8Array }, HandshakeFailed> =>
  attempt(() => {
    const { s, e, rs, point } = keysOf(side)
    const state = new Symmetric(protocol, side, side.peer, side.own.publicKey)
    const re = message.subarray(0, keyBytes)
    state.mixHash(re)
    state.mixShared(s, publicKeyOf(re))
    state.mixShared(s, rs)
    return Either.map(state.unseal(message.subarray(keyBytes)), (content) => {
      state.mixHash(point)
      state.mixShared(e, publicKeyOf(re))
      state.mixShared(e, rs)
      const sealed = state.seal(payload)
      return { ...state.split(), message: concatenate([point, sealed]), payload: content }
    })
  })

/**
 * Seals something to whoever has the other side's static key, in one message. It shows who sealed it and opens nothing
 * that is sealed later, but it can be replayed, and a static key that is stolen opens what was sealed to it: for
 * what is neither secret nor to be done once only.
 */
export const sealOneWay = (side: Side, payload: Uint8Array): Either.Either<Uint8Array, HandshakeFailed> =>
  attempt(() => {
    const { s, e, rs, point } = keysOf(side)
    const state = new Symmetric(oneWayProtocol, side, side.own.publicKey, side.peer)
    state.mixHash(point)
    state.mixShared(e, rs)
    state.mixShared(s, rs)
    return Either.right(concatenate([point, state.seal(payload)]))
  })

/** How much longer what `sealOneWay` gives is than its payload: the ephemeral key and a tag. */
export const oneWayOverheadBytes = keyBytes + tagBytes

/** Opens what `sealOneWay` gave. */
export const openOneWay = (side: Side, message: Uint8Array): Either.Either<Uint8Array, HandshakeFailed> =>
  attempt(() => {
    const { s, rs } = keysOf(side)
    const state = new Symmetric(oneWayProtocol, side, side.peer, side.own.publicKey)
    const re = message.subarray(0, keyBytes)
    state.mixHash(re)
    state.mixShared(s, publicKeyOf(re))
    state.mixShared(s, rs)
    return state.unseal(message.subarray(keyBytes))
  })

/** A key of 32 bytes as people write it: base64url without padding, 43 characters. */
export const keyText = (key: Uint8Array): string => Buffer.from(key).toString("base64url")

/** The key that a text is; undefined where it is none. What is no base64url, the decoder would leave out. */
export const keyFromText = (text: string): Uint8Array | undefined => {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) return undefined
  const key = new Uint8Array(Buffer.from(text, "base64url"))
  // Of the 258 bits two are no key's: only one text may be a key.
  return key.length === keyBytes && keyText(key) === text ? key : undefined
}
