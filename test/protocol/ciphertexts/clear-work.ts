/** Work on ciphertexts that are plaintexts, each in as many bytes: for what does not depend on the encryption. */
import { fromDigits } from "../../../protocol/bcp/digits.ts"
import { residue } from "../../../protocol/bcp/integers.ts"
import type { Parameters } from "../../../protocol/bcp/parameters.ts"
import {
  ciphertextBytes,
  decodeIntegers,
  encodeIntegers,
  plaintextBytes
} from "../../../protocol/bcp/wire.ts"
import type { CiphertextWork } from "../../../protocol/ciphertexts/work.ts"

export const clearWork = (pp: Parameters): CiphertextWork => {
  const read = (bytes: Uint8Array) => decodeIntegers(bytes, ciphertextBytes(pp), "ciphertexts")
  const residues = (bytes: Uint8Array) => decodeIntegers(bytes, plaintextBytes(pp), "plaintexts")
  const write = (values: ReadonlyArray<bigint>) =>
    encodeIntegers(
      values.map((value) => residue(value, pp.N)),
      ciphertextBytes(pp)
    )
  return {
    powers: async ({ bases, terms, groups, results, exponents, exponentBytes, factor, addends, fresh }) => {
      const [of, by] = [read(bases), fromDigits(exponents, exponentBytes)]
      const added = addends && read(addends)
      const plaintexts = fresh && residues(fresh.plaintexts)
      return write(
        Array.from({ length: results * groups }, (_, i) => {
          const [result, group] = [Math.floor(i / groups), i % groups]
          let sum = 0n
          for (let j = 0; j < terms; j++) sum += of[j * groups + group]! * by[result * terms + j]!
          return sum * BigInt(factor) + (added?.[i % added.length] ?? 0n) + (plaintexts?.[i] ?? 0n)
        })
      )
    },
    encrypt: async ({ plaintexts }) => write(residues(plaintexts)),
    open: async ({ ciphertexts }) => encodeIntegers(read(ciphertexts), plaintextBytes(pp)),
    add: async ({ ciphertexts, plaintexts }) => {
      const added = residues(plaintexts)
      return write(read(ciphertexts).map((value, i) => value + added[i]!))
    },
    subtract: async ({ left, right }) => {
      const less = read(right)
      return write(read(left).map((value, i) => value - less[i]!))
    }
  }
}
