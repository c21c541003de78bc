/**
 * Encryption under one public key, with tables for both of its fixed bases g and h = pk. Anyone with the
 * public key may encrypt; C0, which knows the factors of N, encrypts modulo p² and q² at lower cost.
 */

import { addPlain, type Ciphertext } from "./ciphertext.ts"
import { modPow } from "./exponentiation.ts"
import { FactoredBase, type FixedBase, WindowedBase } from "./fixed-base.ts"
import { inverse } from "./integers.ts"
import { checkPublicKey, type ExponentMode, generateRandomizer, randomizerBits } from "./keys.ts"
import { InvalidParameters, type MasterKey, type Parameters } from "./parameters.ts"

/** Throws RangeError unless 0 ≤ m < N. */
const checkMessage = (pp: Parameters, m: bigint): void => {
  if (m < 0n || m >= pp.N) throw new RangeError("a BCP message must be at least 0 and below N")
}

/**
 * Enc_h(m) with a given randomizer, without tables: (g^r, h^r·(1 + mN)) modulo N². For vectors and single
 * messages.
 */
export const encryptWith = (pp: Parameters, h: bigint, m: bigint, r: bigint): Ciphertext => {
  checkMessage(pp, m)
  return addPlain(pp, { A: modPow(pp.g, r, pp.N2), B: modPow(h, r, pp.N2) }, m)
}

/**
 * Enc(c·m) from Enc(m) and an integer c of either sign. The randomness is raised too, so anyone who knows
 * Enc(m) can search for a small c, and c = 0 gives (1, 1): the result must be re-randomised before it is
 * sent.
 */
export const multiplyPlain = (pp: Parameters, { A, B }: Ciphertext, c: bigint): Ciphertext => {
  const exponent = c < 0n ? -c : c
  const [powerOfA, powerOfB] = [modPow(A, exponent, pp.N2), modPow(B, exponent, pp.N2)]
  return c < 0n
    ? { A: inverse(powerOfA, pp.N2)!, B: inverse(powerOfB, pp.N2)! }
    : { A: powerOfA, B: powerOfB }
}

/** Encrypts under one public key. Throws InvalidPublicKey where the key is no element of the group. */
export class Encryptor {
  readonly parameters: Parameters
  readonly publicKey: bigint
  readonly mode: ExponentMode
  readonly #powersOfG: FixedBase
  readonly #powersOfKey: FixedBase

  /** `powersOfG` lets encryptors of several keys share one table. */
  constructor(
    pp: Parameters,
    publicKey: bigint,
    mode: ExponentMode,
    masterKey?: MasterKey,
    powersOfG?: FixedBase
  ) {
    checkPublicKey(pp, publicKey)
    this.parameters = pp
    this.publicKey = publicKey
    this.mode = mode
    this.#powersOfG = powersOfG ?? fixedBase(pp, pp.g, mode, masterKey)
    this.#powersOfKey = fixedBase(pp, publicKey, mode, masterKey)
  }

  /** Announces how many encryptions are wanted soon, so that tables of fitting size are built now. */
  expect(encryptions: number): void {
    this.#powersOfG.expect(encryptions)
    this.#powersOfKey.expect(encryptions)
  }

  /** Enc(m) for 0 ≤ m < N (RangeError otherwise). */
  encrypt(m: bigint, r: bigint = this.#freshRandomizer()): Ciphertext {
    return this.#randomise({ A: 1n, B: 1n }, m, r)
  }

  /**
   * Enc(m1 + m) from Enc(m1) and 0 ≤ m < N (RangeError otherwise), which can't be linked to the given
   * ciphertext.
   */
  rerandomise(ciphertext: Ciphertext, m = 0n): Ciphertext {
    return this.#randomise(ciphertext, m, this.#freshRandomizer())
  }

  /** (A·g^r, B·h^r·(1 + mN)). */
  #randomise({ A, B }: Ciphertext, m: bigint, r: bigint): Ciphertext {
    checkMessage(this.parameters, m)
    return { A: this.#powersOfG.multiply(A, r), B: this.#powersOfKey.multiply(B, r, m) }
  }

  #freshRandomizer(): bigint {
    return generateRandomizer(this.parameters, this.mode)
  }
}

/**
 * A fixed base of the group for randomizers of the mode. Throws InvalidParameters where the master key is not
 * that of N.
 */
export const fixedBase = (
  pp: Parameters,
  base: bigint,
  mode: ExponentMode,
  masterKey?: MasterKey
): FixedBase => {
  const exponentBits = randomizerBits(pp, mode)
  if (masterKey === undefined) return new WindowedBase(pp.N, base, exponentBits)
  if (masterKey.p * masterKey.q !== pp.N)
    throw new InvalidParameters({ why: "the master key is not that of N" })
  return new FactoredBase(masterKey.p, masterKey.q, base, exponentBits)
}
