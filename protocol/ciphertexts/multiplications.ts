/** How many multiplications modulo N² the products of powers of `jobs.ts` take, on average. Public. */
import type { PowersShape } from "./cost.ts"
import { resultsAJob, windowBits } from "./jobs.ts"

/** Windows of the tables of g and pk, whose entries are half as long as N². */
const freshWindowBits = 7
const freshProduct = 0.6

/** Of both components of all results. */
export const multiplicationsOf = ({
  terms,
  groups,
  results,
  exponentBits,
  factor,
  randomizerBits
}: PowersShape): number => {
  const windows = Math.ceil(exponentBits / windowBits)
  const nonZero = 1 - 2 ** -windowBits
  const ofProduct = terms === 0 ? 0 : windows * (windowBits + nonZero * terms)
  const ofFactor = factor === 1 ? 1 : 1.5 * Math.log2(factor)
  const ofFresh = (freshProduct * randomizerBits) / freshWindowBits
  const tables = Math.ceil(results / resultsAJob) * terms * (2 ** windowBits - 2)
  return 2 * groups * (tables + results * (ofProduct + ofFactor + ofFresh + 1))
}
