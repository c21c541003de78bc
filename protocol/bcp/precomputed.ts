/**
 * Values that a process computes once and every job uses: tables of fixed bases and logarithms of public
 * keys. Those of C0 follow from the master key and stay in the worker threads of C0.
 */

import { Encryptor, fixedBase } from "./encryption.ts"
import type { FixedBase } from "./fixed-base.ts"
import { fromBytes } from "./integers.ts"
import type { ExponentMode } from "./keys.ts"
import { CrtDecryptor } from "./master-decryption.ts"
import type { Parameters } from "./parameters.ts"
import { decodeMasterKey, type MasterKeyBytes } from "./wire.ts"

/**
 * A party meets one set of parameters, pk, and a public key for each user; the limit bounds the memory of a
 * process that meets more.
 */
const tablesLimit = 24
const bases = new Map<string, FixedBase>()
const encryptors = new Map<string, Encryptor>()
const decryptors = new Map<string, CrtDecryptor>()

/**
 * The encryptor of a public key, with the tables it has grown so far; modulo p² and q² if the master key is
 * given.
 */
export const encryptorOf = (
  pp: Parameters,
  publicKey: Uint8Array,
  mode: ExponentMode,
  masterKey?: MasterKeyBytes
): Encryptor => {
  const factors = masterKey && decodeMasterKey(masterKey)
  const h = fromBytes(publicKey)
  const group = `${mode}/${factors === undefined ? "public" : "factored"}/${pp.N.toString(16)}/${pp.g.toString(16)}`
  const name = `${group}/${h.toString(16)}`
  const known = encryptors.get(name)
  if (known !== undefined) return known
  if (encryptors.size >= tablesLimit) {
    encryptors.clear()
    bases.clear()
  }
  const powersOfG = bases.get(group) ?? fixedBase(pp, pp.g, mode, factors)
  bases.set(group, powersOfG)
  const encryptor = new Encryptor(pp, h, mode, factors, powersOfG)
  encryptors.set(name, encryptor)
  return encryptor
}

/** The decryptor of a master key, with the logarithms of the public keys met so far. */
export const decryptorOf = (pp: Parameters, masterKey: MasterKeyBytes): CrtDecryptor => {
  const name = `${pp.N.toString(16)}/${pp.g.toString(16)}`
  const known = decryptors.get(name)
  if (known !== undefined) return known
  if (decryptors.size >= tablesLimit) decryptors.clear()
  const decryptor = new CrtDecryptor(pp, decodeMasterKey(masterKey))
  decryptors.set(name, decryptor)
  return decryptor
}
