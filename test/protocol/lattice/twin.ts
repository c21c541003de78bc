/** Slow twins of the lattice encryption over BigInt: polynomials modulo Q, phases, and a transform from its definition. */
import { elementBytes, type SecretKey } from "../../../protocol/lattice/ciphertexts.ts"
import {
  type Moduli,
  type Modulus,
  polynomialBytes,
  polynomialStride
} from "../../../protocol/lattice/moduli.ts"
import { degree, inverse, modulus, power, primes, rootOfUnity } from "../../../protocol/lattice/parameters.ts"

/** x modulo Q in (−Q/2, Q/2]. */
export const centred = (x: bigint): bigint => {
  const r = ((x % modulus) + modulus) % modulus
  return 2n * r > modulus ? r - modulus : r
}

/** round(Q·m/2^64) for a word m. */
export const scaled = (m: bigint): bigint => (modulus * BigInt.asUintN(64, m) + (1n << 63n)) >> 64n

const weights = primes.map((q) => (modulus / BigInt(q)) * inverse(modulus / BigInt(q), BigInt(q)))

/** The number modulo Q with these residues. */
export const fromResidues = (residues: ReadonlyArray<number>): bigint =>
  residues.reduce((sum, r, i) => sum + BigInt(r) * weights[i]!, 0n) % modulus

/** The number v modulo Q of which x_i = v·(Q/q_i)^−1 modulo each prime are given. */
export const fromSwitchable = (residues: ReadonlyArray<number>): bigint =>
  residues.reduce((sum, r, i) => sum + BigInt(r) * (modulus / BigInt(primes[i]!)), 0n) % modulus

export const residuesAt = ({ ring }: Moduli, at: number, n = degree): Uint32Array =>
  new Uint32Array(ring.bytes(at, n * 4).slice().buffer)

/** Residues of all primes, a stride from one to the next. */
export const residuesOfAll = (moduli: Moduli, at: number, n = degree, stride = polynomialStride) =>
  primes.map((_, p) => residuesAt(moduli, at + p * stride, n))

/** Coefficients modulo Q of a polynomial of which the transforms modulo all primes are at an address. */
export const coefficients = (moduli: Moduli, at: number): ReadonlyArray<bigint> => {
  const { ring } = moduli
  const mark = ring.mark()
  const x = ring.allocate(elementBytes)
  ring.memory.copyWithin(x, at, at + elementBytes)
  moduli.all.forEach((each, p) => {
    moduli.back(each, x + p * polynomialStride, each.back)
  })
  const residues = residuesOfAll(moduli, x)
  ring.release(mark)
  return Array.from({ length: degree }, (_, i) => fromResidues(residues.map((of) => of[i]!)))
}

/** c_0 + c_1·s of a ciphertext at an address, centred. */
export const phase = (moduli: Moduli, secret: SecretKey, at: number): ReadonlyArray<bigint> => {
  const { ring, all } = moduli
  const mark = ring.mark()
  const sum = ring.allocate(elementBytes)
  const product = ring.allocate(polynomialBytes)
  all.forEach((each, p) => {
    const [c0, to] = [at + p * polynomialStride, sum + p * polynomialStride]
    ring.kernels.multiplyTransforms(product, c0 + elementBytes, secret.at + p * polynomialStride, each.at)
    const residues = residuesAt(moduli, product)
    const left = residuesAt(moduli, c0)
    const added = left.map((x, i) => (x + residues[i]!) % each.q)
    ring.memory.set(new Uint8Array(added.buffer), to)
  })
  const values = coefficients(moduli, sum).map(centred)
  ring.release(mark)
  return values
}

/** Entry i of a transform: the polynomial at the root to the power 2·reversed(i) + 1, by its definition. */
export const evaluated = ({ q }: Modulus, x: Uint32Array, i: number): number => {
  let reversed = 0
  for (let bit = 1; bit < degree; bit *= 2) reversed = 2 * reversed + (i & bit ? 1 : 0)
  const point = power(rootOfUnity(BigInt(q)), BigInt(2 * reversed + 1), BigInt(q))
  let value = 0n
  for (let j = degree - 1; j >= 0; j--) value = (value * point + BigInt(x[j]!)) % BigInt(q)
  return Number(value)
}

/** x·y modulo x^degree + 1, without reduction of the coefficients. For x of few terms. */
export const multiplied = (
  x: ReadonlyMap<number, bigint>,
  y: ReadonlyArray<bigint>
): ReadonlyArray<bigint> => {
  const out = new Array<bigint>(degree).fill(0n)
  for (const [i, a] of x)
    y.forEach((b, j) => {
      const to = (i + j) % degree
      out[to] = out[to]! + (i + j < degree ? a * b : -a * b)
    })
  return out
}
