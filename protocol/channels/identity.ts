/**
 * Who a party is: one secret, from which all keys follow that it proves itself with. The secret stays with the party; its public
 * text goes to all others. The keys follow by HKDF under labels of their own, so that one of them, given to a program that needs
 * no other, tells nothing of the rest.
 */
import { randomBytes } from "node:crypto"
import { Redacted } from "effect"
import { derive } from "../aead.ts"
import { isPublicNkey, nkeySeed, publicNkey } from "./nkey.ts"
import { type Identity, identityOf, keyFromText, keyText } from "./noise.ts"

/** The secret keys of a party. */
export interface PartyIdentity {
  /** The static key pair of its channels to other parties. */
  readonly channel: Identity
  /** The seed of its NKEY, for the broker. */
  readonly nkey: Redacted.Redacted
}

/** What others know of a party. */
export interface PublicIdentity {
  /** 32 bytes: the static public key of its channels. */
  readonly channelKey: Uint8Array
  /** The public key that the broker lets it in by, `U…`. */
  readonly nkey: string
}

const secretBytes = 32
/** So that nobody, neither person nor program, takes it for anything public. */
const secretMark = "bicameral-secret-"
const secretPattern = new RegExp(`^${secretMark}([A-Za-z0-9_-]{43})$`)

/** Whether a text was meant as the secret of a party, whole or not. */
export const isLikeSecret = (text: string): boolean => text.includes(secretMark)

/** A new secret, as a text of one line: 32 bytes of the operating system's randomness. */
export const drawSecret = (): Redacted.Redacted =>
  Redacted.make(secretMark + keyText(new Uint8Array(randomBytes(secretBytes))))

/** All keys that follow from the text of a secret; undefined where it is none. */
export const identityOfSecret = (text: string): PartyIdentity | undefined => {
  const secret = keyFromText(secretPattern.exec(text)?.[1] ?? "")
  if (secret === undefined) return undefined
  const follows = (what: string) => derive(secret, "", `bicameral identity: ${what}`, secretBytes)
  return {
    channel: identityOf(follows("channels")),
    nkey: nkeySeed(follows("NKEY"))
  }
}

/** What a party gives to all others: both public keys, `<channels, 43 characters>.<NKEY, 56 characters>`. */
export const publicTextOf = ({ channel, nkey }: PartyIdentity): string =>
  `${keyText(channel.publicKey)}.${publicNkey(nkey)}`

/** Characters of a public text. */
export const publicTextLength = 43 + 1 + 56

/** What a public text says; undefined where it is none. */
export const publicIdentity = (text: string): PublicIdentity | undefined => {
  const [key = "", nkey = "", ...more] = text.split(".")
  const channelKey = keyFromText(key)
  return channelKey === undefined || more.length > 0 || !isPublicNkey(nkey) ? undefined : { channelKey, nkey }
}
