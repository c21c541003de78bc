/**
 * The known-answer vectors of `test/vectors/bcp-512.json` and `bcp-2048.json`: keys, encryptions and partial decryptions
 * computed by an independent implementation of BCP, all integers in hexadecimal. Each case is a message m and randomizer r of one
 * user, its ciphertext under that user's key, the same under the joint key, and every user's A^(sk_j). The 512-bit set is
 * for speed and no secure size.
 */

import { readFileSync } from "node:fs"
import type { Ciphertext } from "../../../protocol/bcp/ciphertext.ts"
import type { MasterKey, Parameters } from "../../../protocol/bcp/parameters.ts"

export interface KnownAnswers {
  readonly parameters: Parameters
  readonly masterKey: MasterKey
  readonly secretKey: bigint
  readonly userKeys: ReadonlyArray<bigint>
  readonly userPublicKeys: ReadonlyArray<bigint>
  readonly unifiedPublicKey: bigint
  readonly cases: ReadonlyArray<{
    readonly user: number
    readonly m: bigint
    readonly r: bigint
    readonly ciphertext: Ciphertext
    readonly unified: Ciphertext
    readonly partials: ReadonlyArray<bigint>
  }>
}

interface VectorFile {
  readonly bits: number
  readonly p: string
  readonly q: string
  readonly N: string
  readonly g: string
  readonly k: string
  readonly sk: string
  readonly userKeys: ReadonlyArray<string>
  readonly userPublicKeys: ReadonlyArray<string>
  readonly unifiedPublicKey: string
  readonly cases: ReadonlyArray<{
    readonly user: number
    readonly m: string
    readonly r: string
    readonly A: string
    readonly B: string
    readonly unifiedA: string
    readonly unifiedB: string
    readonly partials: ReadonlyArray<string>
  }>
}

export const knownAnswers = (bits: 512 | 2048): KnownAnswers => {
  const url = new URL(`../../vectors/bcp-${bits}.json`, import.meta.url)
  const file = JSON.parse(readFileSync(url, "utf8")) as VectorFile
  const N = BigInt(file.N)
  return {
    parameters: { bits: file.bits, N, N2: N * N, k: BigInt(file.k), g: BigInt(file.g) },
    masterKey: { p: BigInt(file.p), q: BigInt(file.q) },
    secretKey: BigInt(file.sk),
    userKeys: file.userKeys.map(BigInt),
    userPublicKeys: file.userPublicKeys.map(BigInt),
    unifiedPublicKey: BigInt(file.unifiedPublicKey),
    cases: file.cases.map((answer) => ({
      user: answer.user,
      m: BigInt(answer.m),
      r: BigInt(answer.r),
      ciphertext: { A: BigInt(answer.A), B: BigInt(answer.B) },
      unified: { A: BigInt(answer.unifiedA), B: BigInt(answer.unifiedB) },
      partials: answer.partials.map(BigInt)
    }))
  }
}

/** Square-and-multiply: the slow twin of what OpenSSL and the tables do. */
export const slowPower = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let result = 1n
  for (let e = exponent, square = base % modulus; e > 0n; e >>= 1n, square = (square * square) % modulus)
    if (e & 1n) result = (result * square) % modulus
  return result
}
