/** How many multiplications modulo N² the products of powers of `jobs.ts` take, on average. Public. */
import { cheapestWindows } from "../bcp/products-of-powers.ts"
import type { PowersShape } from "./cost.ts"
import { piecesOfPowers } from "./pieces.ts"

/** Windows of the tables of g and pk. */
const freshWindowBits = 7

/** What a product with an entry of a table takes, whose numbers are half as long as N²: see `bench/powers.ts`. */
const tableProduct = 0.5

/** Squarings and products of `squareAndMultiply`. */
const ofFactor = (factor: number): number => {
  const digits = factor.toString(2)
  return digits.length - 1 + digits.replaceAll("0", "").length - 1
}

/** Of both components of all results. */
export const multiplicationsOf = (shape: PowersShape): number => {
  const { terms, groups, results, exponentBits, factor, randomizerBits } = shape
  const products = piecesOfPowers(shape).reduce(
    (sum, piece) =>
      sum +
      piece.groups.count * cheapestWindows({ terms, results: piece.results.count, exponentBits }).products,
    0
  )
  const ofFresh = (tableProduct * randomizerBits) / freshWindowBits
  return (
    2 * (tableProduct * (terms === 0 ? 0 : products) + groups * results * (ofFactor(factor) + ofFresh + 1))
  )
}
