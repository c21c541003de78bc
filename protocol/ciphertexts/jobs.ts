/**
 * The work on ciphertexts of a training as jobs of a worker pool: parts of what `work.ts` asks for, each pure over bytes. The
 * products of powers of a group of slots share tables of the powers of each base (Straus). C0 opens with the joint secret
 * key, which it finds from pk, where primes are long enough to tell it.
 */
import { add, addPlain, type Ciphertext, checkCiphertexts } from "../bcp/ciphertext.ts"
import { fromDigits } from "../bcp/digits.ts"
import { squareAndMultiply } from "../bcp/exponentiation.ts"
import { WindowedBase } from "../bcp/fixed-base.ts"
import { bytesFrom, fromBytes, inverses, randomBits } from "../bcp/integers.ts"
import { type ExponentMode, generateRandomizer } from "../bcp/keys.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { decryptorOf, encryptorOf } from "../bcp/precomputed.ts"
import { ProductsOfPowers } from "../bcp/products-of-powers.ts"
import {
  decodeCiphertexts,
  decodeIntegers,
  encodeCiphertexts,
  encodeIntegers,
  type MasterKeyBytes,
  plaintextBytes
} from "../bcp/wire.ts"
import type { ByteSource } from "../bytes.ts"

/** The parameters of the run, pk, and the mode of its exponents. */
interface Keys {
  readonly parameters: Parameters
  readonly publicKey: Uint8Array
  readonly mode: ExponentMode
}

/** Some results of some groups, in the order of a `PowersRequest`. */
export interface PowersPart extends Pick<Keys, "parameters" | "publicKey"> {
  readonly bases: Uint8Array
  readonly groups: number
  readonly results: number
  readonly exponents: Uint8Array
  readonly exponentBytes: number
  readonly factor: number
  /** One for each ciphertext, or one a group. */
  readonly addends?: Uint8Array
  readonly fresh?: {
    readonly plaintexts: Uint8Array
    readonly key: Uint8Array
    readonly randomizerBits: number
    /** Which randomizers of the request they take: one a group from the `first` on, and again `stride` further for each result. */
    readonly first: number
    readonly stride: number
  }
}

const decodedPlaintexts = (pp: Parameters, bytes: Uint8Array): Array<bigint> =>
  decodeIntegers(bytes, plaintextBytes(pp), "plaintexts")

const received = (pp: Parameters, bytes: Uint8Array): Array<Ciphertext> => {
  const ciphertexts = decodeCiphertexts(pp, bytes)
  checkCiphertexts(pp, ciphertexts)
  return ciphertexts
}

/** Tables of g and pk for randomizers longer than those of the mode: a process meets one length a run. */
const longBases = new Map<string, readonly [WindowedBase, WindowedBase]>()
const mostLongBases = 4

const longBasesOf = (pp: Parameters, publicKey: Uint8Array, bits: number) => {
  const h = fromBytes(publicKey)
  const name = `${bits}/${pp.N.toString(16)}/${pp.g.toString(16)}/${h.toString(16)}`
  const known = longBases.get(name)
  if (known !== undefined) return known
  if (longBases.size >= mostLongBases) longBases.clear()
  const bases = [new WindowedBase(pp.N, pp.g, bits), new WindowedBase(pp.N, h, bits)] as const
  longBases.set(name, bases)
  return bases
}

/** The stream of a key, from byte `offset`. */
const streamFrom = (key: Uint8Array, offset: number): ByteSource => {
  const source = bytesFrom(key)
  source(offset)
  return source
}

/** Products of powers of the bases of each group: of their A and of their B. */
const tablesOf = ({ parameters: pp, groups, results, exponentBytes, bases }: PowersPart) => {
  const decoded = decodeCiphertexts(pp, bases)
  const shape = { results, exponentBits: 8 * exponentBytes }
  return Array.from({ length: groups }, (_, group) => {
    const own = decoded.filter((_, i) => i % groups === group)
    const of = (component: "A" | "B") =>
      new ProductsOfPowers(
        pp.N,
        own.map((base) => base[component]),
        shape
      )
    return { A: of("A"), B: of("B") }
  })
}

/** C1. A part of a `PowersRequest`. */
const powersPart = (input: PowersPart): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp, groups, results, exponents, exponentBytes, factor, fresh } = input
  const tables = tablesOf(input)
  const addends = input.addends && decodeCiphertexts(pp, input.addends)
  const randomised = fresh && randomiserOf(input, fresh)
  const decoded = fromDigits(exponents, exponentBytes)
  const terms = decoded.length / results
  const products = Array.from({ length: results * groups }, (_, i) => {
    const result = Math.floor(i / groups)
    const own = decoded.slice(result * terms, (result + 1) * terms)
    const { A, B } = tables[i % groups]!
    const component = (powers: ProductsOfPowers) =>
      squareAndMultiply(powers.product(own), BigInt(factor), pp.N2)
    const product = { A: component(A), B: component(B) }
    const sum = addends === undefined ? product : add(pp, product, addends[i % addends.length]!)
    return randomised === undefined ? sum : randomised(sum, i)
  })
  return { ciphertexts: encodeCiphertexts(pp, products) }
}

/** Multiplies ciphertexts by fresh encryptions, in their order. */
const randomiserOf = (
  { parameters: pp, publicKey, groups, results }: PowersPart,
  { plaintexts, key, randomizerBits, first, stride }: NonNullable<PowersPart["fresh"]>
) => {
  const [powersOfG, powersOfKey] = longBasesOf(pp, publicKey, randomizerBits)
  powersOfG.expect(results * groups)
  powersOfKey.expect(results * groups)
  const bytesEach = Math.ceil(randomizerBits / 8)
  const values = decodedPlaintexts(pp, plaintexts)
  const source = streamFrom(key, first * bytesEach)
  return ({ A, B }: Ciphertext, i: number): Ciphertext => {
    const r = randomBits(randomizerBits, source)
    if ((i + 1) % groups === 0) source((stride - groups) * bytesEach)
    return { A: powersOfG.multiply(A, r), B: powersOfKey.multiply(B, r, values[i]!) }
  }
}

/** C0. Encryptions with the randomizers of `key` from the `offset`-th byte of its stream. */
const encryptPart = (
  input: Keys & {
    readonly masterKey: MasterKeyBytes
    readonly plaintexts: Uint8Array
    readonly key: Uint8Array
    readonly offset: number
  }
): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp, mode } = input
  const encryptor = encryptorOf(pp, input.publicKey, mode, input.masterKey)
  const source = streamFrom(input.key, input.offset)
  const plaintexts = decodedPlaintexts(pp, input.plaintexts)
  encryptor.expect(plaintexts.length)
  const encrypted = plaintexts.map((m) => encryptor.encrypt(m, generateRandomizer(pp, mode, source)))
  return { ciphertexts: encodeCiphertexts(pp, encrypted) }
}

/** C0. The plaintexts of ciphertexts under pk, whatever their randomness. Throws `InvalidCiphertext`, `Undecryptable`. */
const openPart = (
  input: Keys & { readonly masterKey: MasterKeyBytes; readonly ciphertexts: Uint8Array }
): { readonly plaintexts: Uint8Array } => {
  const { parameters: pp } = input
  const decryptor = decryptorOf(pp, input.masterKey)
  const h = fromBytes(input.publicKey)
  const opened = decryptor.decryptAll(h, received(pp, input.ciphertexts), input.mode)
  return { plaintexts: encodeIntegers(opened, plaintextBytes(pp)) }
}

/** C1. Checks ciphertexts and adds a plaintext to each. Throws `InvalidCiphertext`. */
const addPart = (input: {
  readonly parameters: Parameters
  readonly ciphertexts: Uint8Array
  readonly plaintexts: Uint8Array
}): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp } = input
  const plaintexts = decodedPlaintexts(pp, input.plaintexts)
  const sums = received(pp, input.ciphertexts).map((each, i) => addPlain(pp, each, plaintexts[i]!))
  return { ciphertexts: encodeCiphertexts(pp, sums) }
}

/** C1. Differences of ciphertexts that it has checked. */
const subtractPart = (input: {
  readonly parameters: Parameters
  readonly left: Uint8Array
  readonly right: Uint8Array
}): { readonly ciphertexts: Uint8Array } => {
  const { parameters: pp } = input
  const [left, right] = [decodeCiphertexts(pp, input.left), decodeCiphertexts(pp, input.right)]
  const components = right.flatMap(({ A, B }) => [A, B])
  const inverted = inverses(components, pp.N2)
  if (inverted === undefined) throw new RangeError("a ciphertext that was not checked")
  const differences = left.map((x, i) => add(pp, x, { A: inverted[2 * i]!, B: inverted[2 * i + 1]! }))
  return { ciphertexts: encodeCiphertexts(pp, differences) }
}

export const jobs = {
  powersOfCiphertexts: powersPart,
  encryptResidues: encryptPart,
  openResidues: openPart,
  addResidues: addPart,
  subtractCiphertexts: subtractPart
}
