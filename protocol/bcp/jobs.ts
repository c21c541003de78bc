/**
 * The bulk operations on ciphertexts as jobs of a worker pool: pure over bytes and fresh randomness, each on
 * a chunk of any size. Ciphertexts from another party are checked first; the error names the index in the
 * chunk. A job runs in the process of the party whose secrets are in its input, or in a process of its group.
 */
import { randomBytes } from "node:crypto"
import { sameBytes } from "../canonical.ts"
import { add, addPlain, type Ciphertext, checkCiphertexts } from "./ciphertext.ts"
import { combineAll, partialDecrypt } from "./decryption.ts"
import { bytesFrom, fromBytes, randomBelow, residue, toBytes } from "./integers.ts"
import {
  type ExponentMode,
  generateRandomizer,
  generateSecretKey,
  joinPublicKeys,
  joinSecretKeys,
  publicKey as publicKeyOf,
  secretKeyBits
} from "./keys.ts"
import { pack, unpack, unpackSigned } from "./packing.ts"
import { checkMasterKey, generateParameters, InvalidParameters, type Parameters } from "./parameters.ts"
import { decryptorOf, encryptorOf } from "./precomputed.ts"
import { digestRandomness, OtherRandomness } from "./randomness.ts"
import { combinationOf, keyShareBytes, type Quorum, shareKey, sharesOneKey } from "./threshold.ts"
import {
  decodeCiphertexts,
  decodeIntegers,
  decodeMasterKey,
  elementBytes,
  encodeCiphertexts,
  encodeIntegers,
  type MasterKeyBytes,
  plaintextBytes,
  secretKeyBytes
} from "./wire.ts"

/** The ciphertexts of a message, checked. */
const receive = (pp: Parameters, bytes: Uint8Array): Array<Ciphertext> => {
  const ciphertexts = decodeCiphertexts(pp, bytes)
  checkCiphertexts(pp, ciphertexts)
  return ciphertexts
}

/** The slots of packed plaintexts, `count` of them or as many as there are. */
interface SlotLayout {
  readonly slotBits: number
  readonly count?: number
  /** Whether the slots have a sign. */
  readonly signed?: boolean
}

const wordsIn = (
  pp: Parameters,
  plaintexts: ReadonlyArray<bigint>,
  { slotBits, count, signed = false }: SlotLayout
): { readonly words: Uint8Array } => ({
  words: signed ? unpackSigned(plaintexts, pp, slotBits, count) : unpack(plaintexts, pp.bits, slotBits, count)
})

/** New parameters with their master key. KGC. */
const newParameters = (input: { readonly bits: number; readonly insecure: boolean }) =>
  generateParameters(input.bits, { insecure: input.insecure })

/** What is wrong with received parameters and their master key; nothing where they fit. C0. */
const examineMasterKey = (input: {
  readonly parameters: Parameters
  readonly masterKey: MasterKeyBytes
}): { readonly wrong?: string } => {
  try {
    checkMasterKey(input.parameters, decodeMasterKey(input.masterKey))
    return {}
  } catch (error) {
    if (error instanceof InvalidParameters) return { wrong: error.why }
    throw error
  }
}

/**
 * `count` secret keys with their public keys, and the joint public key; with a threshold also the key shares
 * of the users, of whom that many decrypt, and their verification keys. KGC.
 */
export const generateKeys = (input: {
  readonly parameters: Parameters
  readonly count: number
  readonly mode: ExponentMode
  readonly threshold?: number
}) => {
  const { parameters: pp, threshold } = input
  const secretKeys = Array.from({ length: input.count }, () => generateSecretKey(pp, input.mode))
  const publicKeys = secretKeys.map((secretKey) => publicKeyOf(pp, secretKey))
  return {
    secretKeys: secretKeys.map((key) => toBytes(key, secretKeyBytes(pp))),
    publicKeys: publicKeys.map((key) => toBytes(key, elementBytes(pp))),
    unifiedPublicKey: toBytes(joinPublicKeys(pp, publicKeys), elementBytes(pp)),
    ...(threshold === undefined
      ? {}
      : { shared: sharedKey(pp, { users: input.count, threshold }, input.mode, secretKeys) })
  }
}

const sharedKey = (pp: Parameters, quorum: Quorum, mode: ExponentMode, secretKeys: ReadonlyArray<bigint>) => {
  const keyBits = secretKeyBits(pp, mode)
  const shares = shareKey(quorum, keyBits, joinSecretKeys(secretKeys))
  return {
    keyShares: shares.map((share) => toBytes(share, keyShareBytes(quorum, keyBits))),
    verificationKeys: shares.map((share) => toBytes(publicKeyOf(pp, share), elementBytes(pp)))
  }
}

/** Whether verification keys, in the order of the users, are of shares of the joint key. All parties. */
const examineShares = (input: {
  readonly parameters: Parameters
  readonly unifiedPublicKey: Uint8Array
  readonly verificationKeys: ReadonlyArray<Uint8Array>
  readonly threshold: number
}): { readonly fit: boolean } => ({
  fit: sharesOneKey(
    input.parameters,
    fromBytes(input.unifiedPublicKey),
    input.verificationKeys.map(fromBytes),
    input.threshold
  )
})

/**
 * Enc_pk(pack(words)). `words` are little-endian u64. The randomizers follow from `randomness`, a key of 16
 * bytes that serves these words only; without it they are from the operating system. With the master key, C0
 * does it for less. User; C0.
 */
export const encryptPacked = (input: {
  readonly parameters: Parameters
  readonly publicKey: Uint8Array
  readonly mode: ExponentMode
  readonly words: Uint8Array
  readonly slotBits: number
  readonly masterKey?: MasterKeyBytes
  readonly randomness?: Uint8Array
}): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp } = input
  const encryptor = encryptorOf(pp, input.publicKey, input.mode, input.masterKey)
  const source = input.randomness && bytesFrom(input.randomness)
  const plaintexts = pack(input.words, pp.bits, input.slotBits)
  encryptor.expect(plaintexts.length)
  const encrypted = plaintexts.map((m) => encryptor.encrypt(m, generateRandomizer(pp, input.mode, source)))
  return { ciphertexts: encodeCiphertexts(pp, encrypted) }
}

/**
 * Encryptions of plaintexts, which are residues modulo N. The randomizers follow from `randomness`, as of packed words.
 * User.
 */
const encryptPlaintexts = (input: {
  readonly parameters: Parameters
  readonly publicKey: Uint8Array
  readonly mode: ExponentMode
  readonly plaintexts: Uint8Array
  readonly randomness: Uint8Array
}): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp } = input
  const encryptor = encryptorOf(pp, input.publicKey, input.mode)
  const source = bytesFrom(input.randomness)
  const plaintexts = decodeIntegers(input.plaintexts, plaintextBytes(pp), "plaintexts")
  encryptor.expect(plaintexts.length)
  const encrypted = plaintexts.map((m) => encryptor.encrypt(m, generateRandomizer(pp, input.mode, source)))
  return { ciphertexts: encodeCiphertexts(pp, encrypted) }
}

/** By what C1's requests are known for what the user uploaded. User. */
const randomnessOf = (input: { readonly parameters: Parameters; readonly ciphertexts: Uint8Array }) => {
  const { parameters: pp } = input
  return { digest: digestRandomness(pp, decodeCiphertexts(pp, input.ciphertexts)) }
}

/**
 * The words of packed ciphertexts under any public key, `count` of them or as many as there are slots. `mode`
 * is that of their randomizers. Throws InvalidCiphertext, Undecryptable or PlaintextTooWide with the index. C0.
 */
const openMaster = (
  input: {
    readonly parameters: Parameters
    readonly masterKey: MasterKeyBytes
    readonly publicKey: Uint8Array
    readonly mode: ExponentMode
    readonly ciphertexts: Uint8Array
  } & SlotLayout
): { readonly words: Uint8Array } => {
  const { parameters: pp } = input
  const decryptor = decryptorOf(pp, input.masterKey)
  const h = fromBytes(input.publicKey)
  const plaintexts = receive(pp, input.ciphertexts).map((ciphertext, i) =>
    decryptor.decrypt(h, ciphertext, i, input.mode)
  )
  return wordsIn(pp, plaintexts, input)
}

/**
 * (A, B·(1 + τN)) with τ uniform modulo N for each ciphertext (A, B), and the τ's (N-sized integers one after
 * the other), which stay with the caller. The τ's follow from `key`, 16 bytes that serve these ciphertexts
 * only. What C0 opens is m + τ, and the randomness, which is still that of the upload, is of no message. C1,
 * for KeyProd.
 */
const addBlinds = (input: {
  readonly parameters: Parameters
  readonly ciphertexts: Uint8Array
  readonly key: Uint8Array
}): { readonly blinded: Uint8Array; readonly blinds: Uint8Array } => {
  const { parameters: pp } = input
  const source = bytesFrom(input.key)
  const ciphertexts = receive(pp, input.ciphertexts)
  const blinds = ciphertexts.map(() => randomBelow(pp.N, source))
  const blinded = ciphertexts.map((ciphertext, i) => addPlain(pp, ciphertext, blinds[i]!))
  return { blinded: encodeCiphertexts(pp, blinded), blinds: encodeIntegers(blinds, plaintextBytes(pp)) }
}

/**
 * c·Enc(τ) with τ uniform modulo N for each ciphertext c under `publicKey`, and the τ's (N-sized integers one
 * after the other), which stay with the caller. C1, before C0 opens: TransDec, and opening the archive.
 */
const blind = (input: {
  readonly parameters: Parameters
  readonly publicKey: Uint8Array
  readonly mode: ExponentMode
  readonly ciphertexts: Uint8Array
}): { readonly blinded: Uint8Array; readonly blinds: Uint8Array } => {
  const { parameters: pp } = input
  const encryptor = encryptorOf(pp, input.publicKey, input.mode)
  const ciphertexts = receive(pp, input.ciphertexts)
  encryptor.expect(ciphertexts.length)
  const blinds = ciphertexts.map(() => randomBelow(pp.N))
  const blinded = ciphertexts.map((ciphertext, i) => encryptor.rerandomise(ciphertext, blinds[i]!))
  return { blinded: encodeCiphertexts(pp, blinded), blinds: encodeIntegers(blinds, plaintextBytes(pp)) }
}

interface Reencryption {
  readonly parameters: Parameters
  readonly masterKey: MasterKeyBytes
  readonly fromKey: Uint8Array
  readonly toKey: Uint8Array
  readonly mode: ExponentMode
  readonly blinded: Uint8Array
}

const reencrypted = (
  { parameters: pp, masterKey, fromKey, toKey, mode }: Reencryption,
  blinded: ReadonlyArray<Ciphertext>,
  openedIn: ExponentMode
): { readonly ciphertexts: Uint8Array; readonly plaintexts: Uint8Array } => {
  const decryptor = decryptorOf(pp, masterKey)
  const encryptor = encryptorOf(pp, toKey, mode, masterKey)
  encryptor.expect(blinded.length)
  const h = fromBytes(fromKey)
  const plaintexts: Array<bigint> = []
  const encrypted = blinded.map((ciphertext, i) => {
    const plaintext = decryptor.decrypt(h, ciphertext, i, openedIn)
    plaintexts.push(plaintext)
    return encryptor.encrypt(plaintext)
  })
  return {
    ciphertexts: encodeCiphertexts(pp, encrypted),
    plaintexts: encodeIntegers(plaintexts, plaintextBytes(pp))
  }
}

/**
 * Opens blinded ciphertexts under `fromKey` and encrypts the same under `toKey`; the blinded plaintexts,
 * N-sized integers, come along. For TransDec (from pk to a user's key) the ciphertexts only go back. C0.
 */
const reencryptBlinded = (input: Reencryption) =>
  reencrypted(input, receive(input.parameters, input.blinded), input.mode)

/**
 * The same for KeyProd, where both go back to C1: opens only ciphertexts whose randomness has this digest.
 * Throws OtherRandomness. C0.
 */
const reencryptUploaded = (input: Reencryption & { readonly randomness: Uint8Array }) => {
  const { parameters: pp } = input
  const blinded = receive(pp, input.blinded)
  if (!sameBytes(digestRandomness(pp, blinded), input.randomness))
    throw new OtherRandomness({ ciphertexts: blinded.length })
  return reencrypted(input, blinded, "short")
}

/**
 * Opens blinded ciphertexts: the plaintexts m + τ mod N, and no re-encryption. For an archive that rests
 * under pk already, and only what has the randomness of one of these digests: those of what C0 itself encrypted
 * for it. `mode` is that of the randomizers. Throws OtherRandomness. C0.
 */
const openBlinded = (input: {
  readonly parameters: Parameters
  readonly masterKey: MasterKeyBytes
  readonly publicKey: Uint8Array
  readonly mode: ExponentMode
  readonly blinded: Uint8Array
  readonly randomness: ReadonlyArray<Uint8Array>
}): { readonly plaintexts: Uint8Array } => {
  const { parameters: pp } = input
  const blinded = receive(pp, input.blinded)
  const digest = digestRandomness(pp, blinded)
  if (!input.randomness.some((known) => sameBytes(digest, known)))
    throw new OtherRandomness({ ciphertexts: blinded.length })
  const decryptor = decryptorOf(pp, input.masterKey)
  const h = fromBytes(input.publicKey)
  const plaintexts = blinded.map((ciphertext, i) => decryptor.decrypt(h, ciphertext, i, input.mode))
  return { plaintexts: encodeIntegers(plaintexts, plaintextBytes(pp)) }
}

interface Blinded {
  readonly parameters: Parameters
  readonly ciphertexts: Uint8Array
  readonly blinds: Uint8Array
}

interface BlindedWords extends SlotLayout {
  readonly parameters: Parameters
  readonly plaintexts: Uint8Array
  readonly blinds: Uint8Array
}

const blindsOf = ({ parameters, blinds }: Pick<Blinded, "parameters" | "blinds">): ReadonlyArray<bigint> =>
  decodeIntegers(blinds, plaintextBytes(parameters), "blinds")

const withoutBlinds = (
  { parameters: pp, ciphertexts: bytes }: Blinded,
  blinds: ReadonlyArray<bigint>
): { readonly ciphertexts: Uint8Array } => {
  const ciphertexts = receive(pp, bytes)
  sameNumber(ciphertexts.length, blinds, "blinds")
  const stripped = ciphertexts.map((ciphertext, i) => addPlain(pp, ciphertext, -blinds[i]!))
  return { ciphertexts: encodeCiphertexts(pp, stripped) }
}

const wordsWithoutBlinds = (
  input: BlindedWords,
  blinds: ReadonlyArray<bigint>
): { readonly words: Uint8Array } => {
  const { parameters: pp, plaintexts: bytes } = input
  const blinded = decodeIntegers(bytes, plaintextBytes(pp), "plaintexts")
  sameNumber(blinded.length, blinds, "blinds")
  const plaintexts = blinded.map((m, i) => residue(m - blinds[i]!, pp.N))
  return wordsIn(pp, plaintexts, input)
}

/** Enc(m) from Enc(m + τ): the blinds taken off in the ciphertext domain. C1. */
const stripCiphertexts = (input: Blinded) => withoutBlinds(input, blindsOf(input))

/**
 * The words of m from m + τ mod N: the blinds taken off in the clear. Throws PlaintextTooWide with the index.
 * C1.
 */
const stripPlaintexts = (input: BlindedWords) => wordsWithoutBlinds(input, blindsOf(input))

/** Both strippings together: c'_i1 for the archive and m_i1 for the computation. C1. */
const stripBlind = (input: Blinded & BlindedWords) => {
  const blinds = blindsOf(input)
  return { ...withoutBlinds(input, blinds), ...wordsWithoutBlinds(input, blinds) }
}

/** Checks ciphertexts that are to be kept as they came. Throws InvalidCiphertext with the index. C1. */
const checkReceived = (input: {
  readonly parameters: Parameters
  readonly ciphertexts: Uint8Array
}): { readonly count: number } => ({ count: receive(input.parameters, input.ciphertexts).length })

/** Enc(m1 + m2) of two equally long lists under one key. C1. */
const addCiphertexts = (input: {
  readonly parameters: Parameters
  readonly left: Uint8Array
  readonly right: Uint8Array
}): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp } = input
  const left = receive(pp, input.left)
  const right = sameNumber(left.length, receive(pp, input.right), "ciphertexts to add")
  return {
    ciphertexts: encodeCiphertexts(
      pp,
      left.map((x, i) => add(pp, x, right[i]!))
    )
  }
}

/**
 * Adds packed words, and above each word a random multiple of 2^64 below 2^(64 + maskBits), which hides the
 * carry from those who open the sum. `maskBits` is at most slotBits − 66 and at most 48. The first components
 * stay as they are. C1.
 */
const addPacked = (input: {
  readonly parameters: Parameters
  readonly ciphertexts: Uint8Array
  readonly words: Uint8Array
  readonly slotBits: number
  readonly maskBits: number
}): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp } = input
  const masks = randomMasks(input.words.length, input.maskBits, input.slotBits)
  const ciphertexts = receive(pp, input.ciphertexts)
  const plaintexts = sameNumber(
    ciphertexts.length,
    pack(input.words, pp.bits, input.slotBits, masks),
    "packed words"
  )
  const sums = ciphertexts.map((ciphertext, i) => addPlain(pp, ciphertext, plaintexts[i]!))
  return { ciphertexts: encodeCiphertexts(pp, sums) }
}

/** A^(sk_j) of each ciphertext, or A^(s_j) with a key share, for the other users. User. */
const partialDecryptions = (input: {
  readonly parameters: Parameters
  readonly secretKey: Uint8Array
  readonly ciphertexts: Uint8Array
}): { readonly partials: Uint8Array } => {
  const { parameters: pp } = input
  const secretKey = fromBytes(input.secretKey)
  const partials = receive(pp, input.ciphertexts).map(({ A }) => partialDecrypt(pp, secretKey, A))
  return { partials: encodeIntegers(partials, elementBytes(pp)) }
}

/**
 * The words of packed ciphertexts from the partial decryptions of every user, one list a user; with `places`,
 * from those of some of `users` users under their key shares. Throws Undecryptable with the index where a
 * partial is missing, wrong, or of another ciphertext. User.
 */
const combinePartialDecryptions = (
  input: {
    readonly parameters: Parameters
    readonly ciphertexts: Uint8Array
    readonly partials: ReadonlyArray<Uint8Array>
    readonly shared?: { readonly users: number; readonly places: ReadonlyArray<number> } | undefined
  } & SlotLayout
): { readonly words: Uint8Array } => {
  const { parameters: pp, shared } = input
  const ciphertexts = receive(pp, input.ciphertexts)
  const perUser = input.partials.map((bytes) =>
    sameNumber(
      ciphertexts.length,
      decodeIntegers(bytes, elementBytes(pp), "partial decryptions"),
      "partial decryptions"
    )
  )
  const perCiphertext = ciphertexts.map((_, i) => perUser.map((partials) => partials[i]!))
  const combination = shared && combinationOf(shared.users, shared.places)
  return wordsIn(pp, combineAll(pp, ciphertexts, perCiphertext, combination), input)
}

/** Words of fewer than 2^maskBits each. */
const randomMasks = (bytes: number, maskBits: number, slotBits: number): Uint8Array => {
  if (maskBits % 8 !== 0 || maskBits > 48 || maskBits > slotBits - 66)
    throw new RangeError(
      `masks of ${maskBits} bits: whole bytes, at most 48 bits and slotBits − 66 are possible`
    )
  const masks = new Uint8Array(randomBytes(bytes))
  for (let at = maskBits / 8; at < bytes; at++) if (at % 8 >= maskBits / 8) masks[at] = 0
  return masks
}

const sameNumber = <Items extends ReadonlyArray<unknown>>(
  expected: number,
  items: Items,
  what: string
): Items => {
  if (items.length !== expected) throw new RangeError(`${items.length} ${what} for ${expected} items`)
  return items
}

/** The jobs of this module, for a worker pool. */
export const jobs = {
  newParameters,
  generateKeys,
  examineMasterKey,
  examineShares,
  encryptPacked,
  encryptPlaintexts,
  randomnessOf,
  openMaster,
  addBlinds,
  blind,
  reencryptBlinded,
  reencryptUploaded,
  openBlinded,
  checkReceived,
  stripBlind,
  stripCiphertexts,
  stripPlaintexts,
  addCiphertexts,
  addPacked,
  partialDecrypt: partialDecryptions,
  combinePartials: combinePartialDecryptions
}
