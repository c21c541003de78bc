/**
 * Elements modulo n² as tables of powers keep them: a·(1 + cn) with a, c < n. To multiply by an entry takes a
 * product with its a, which is half as long as an element, and a sum of the c's, since (1 + cn)(1 + dn) =
 * 1 + (c + d)n modulo n².
 */

/** a·(1 + cn). */
export interface Entry {
  readonly a: bigint
  readonly c: bigint
}

/** An entry that further entries are made from, with the inverse of a modulo n. */
export interface Factor extends Entry {
  readonly inverse: bigint
}

/** An element modulo n² with its inverse modulo n. */
export const entryOf = (element: bigint, inverse: bigint, n: bigint): Factor => ({
  a: element % n,
  c: ((element / n) * inverse) % n,
  inverse
})

/** x·y: where a_x·a_y = qn + a, its c is c_x + c_y + q·a⁻¹. */
export const timesEntry = (x: Factor, y: Factor, n: bigint): Factor => {
  const product = x.a * y.a
  const quotient = product / n
  const inverse = (x.inverse * y.inverse) % n
  return { a: product - quotient * n, c: (x.c + y.c + quotient * inverse) % n, inverse }
}

/** x⁻¹: where a·a⁻¹ = 1 + tn, it is a⁻¹·(1 − (c + t)n). Its c may be negative. */
export const inverseEntry = ({ a, c, inverse }: Factor, n: bigint): Entry => ({
  a: inverse,
  c: -c - (a * inverse) / n
})
