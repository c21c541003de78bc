/**
 * The work on ciphertexts done at once, one exponentiation after the other and without tables: what the jobs of a pool must
 * give too, to the bit. For tests and references.
 */
import { add, addPlain, type Ciphertext, checkCiphertexts } from "../bcp/ciphertext.ts"
import { fromDigits } from "../bcp/digits.ts"
import { encryptWith, multiplyPlain } from "../bcp/encryption.ts"
import { modPow } from "../bcp/exponentiation.ts"
import { bytesFrom, fromBytes, inverses, randomBits } from "../bcp/integers.ts"
import { type ExponentMode, generateRandomizer } from "../bcp/keys.ts"
import { MasterDecryptor } from "../bcp/master-decryption.ts"
import type { MasterKey, Parameters } from "../bcp/parameters.ts"
import {
  decodeCiphertexts,
  decodeIntegers,
  encodeCiphertexts,
  encodeIntegers,
  plaintextBytes
} from "../bcp/wire.ts"
import type { CiphertextWork, PowersRequest } from "./work.ts"

export interface WorkKeys {
  readonly parameters: Parameters
  readonly publicKey: Uint8Array
  readonly mode: ExponentMode
  /** C0 only. */
  readonly masterKey?: MasterKey
}

const one: Ciphertext = { A: 1n, B: 1n }

export const directWork = ({ parameters: pp, publicKey, mode, masterKey }: WorkKeys): CiphertextWork => {
  const h = fromBytes(publicKey)
  const residues = (bytes: Uint8Array) => decodeIntegers(bytes, plaintextBytes(pp), "plaintexts")
  const received = (bytes: Uint8Array) => {
    const ciphertexts = decodeCiphertexts(pp, bytes)
    checkCiphertexts(pp, ciphertexts)
    return ciphertexts
  }
  const decryptor = masterKey && new MasterDecryptor(pp, masterKey)
  return {
    powers: async (request) => encodeCiphertexts(pp, powersOf(pp, h, request)),
    encrypt: async ({ plaintexts, key }) => {
      const source = bytesFrom(key)
      const encrypted = residues(plaintexts).map((m) =>
        encryptWith(pp, h, m, generateRandomizer(pp, mode, source))
      )
      return encodeCiphertexts(pp, encrypted)
    },
    open: async ({ ciphertexts }) => {
      if (decryptor === undefined) throw new RangeError("only who has the master key opens ciphertexts")
      const opened = received(ciphertexts).map((each, i) => decryptor.decrypt(h, each, i))
      return encodeIntegers(opened, plaintextBytes(pp))
    },
    add: async ({ ciphertexts, plaintexts }) => {
      const added = residues(plaintexts)
      const sums = received(ciphertexts).map((each, i) => addPlain(pp, each, added[i]!))
      return encodeCiphertexts(pp, sums)
    },
    subtract: async ({ left, right }) => {
      const [x, y] = [decodeCiphertexts(pp, left), decodeCiphertexts(pp, right)]
      const inverted = inverses(
        y.flatMap(({ A, B }) => [A, B]),
        pp.N2
      )
      if (inverted === undefined) throw new RangeError("a ciphertext that was not checked")
      const differences = x.map((each, i) => add(pp, each, { A: inverted[2 * i]!, B: inverted[2 * i + 1]! }))
      return encodeCiphertexts(pp, differences)
    }
  }
}

const powersOf = (pp: Parameters, h: bigint, request: PowersRequest): Array<Ciphertext> => {
  const { terms, groups, results, factor, exponentBytes, fresh } = request
  const bases = decodeCiphertexts(pp, request.bases)
  const exponents = fromDigits(request.exponents, exponentBytes)
  const addends = request.addends && decodeCiphertexts(pp, request.addends)
  const plaintexts = fresh && decodeIntegers(fresh.plaintexts, plaintextBytes(pp), "plaintexts")
  const source = fresh && bytesFrom(fresh.key)
  return Array.from({ length: results * groups }, (_, i) => {
    const [result, group] = [Math.floor(i / groups), i % groups]
    let product = one
    for (let j = 0; j < terms; j++)
      product = add(
        pp,
        product,
        multiplyPlain(pp, bases[j * groups + group]!, exponents[result * terms + j]!)
      )
    if (factor !== 1) product = multiplyPlain(pp, product, BigInt(factor))
    if (addends !== undefined) product = add(pp, product, addends[i % addends.length]!)
    if (fresh === undefined) return product
    const r = randomBits(fresh.randomizerBits, source)
    const zero = { A: modPow(pp.g, r, pp.N2), B: modPow(h, r, pp.N2) }
    return addPlain(pp, add(pp, product, zero), plaintexts![i]!)
  })
}
