/** How many products modulo N² the products of powers of `jobs.ts` take, on average. Public. */
import type { PowersShape } from "./cost.ts"
import { resultsAJob, windowBits } from "./jobs.ts"

/** A product of two elements, in products of an element and a number below N. */
const ofElements = 1.75
/** Windows of the tables of g and pk, whose entries are such numbers. */
const freshWindowBits = 7

/** Of both components of all results, in products of an element and a number below N. */
export const productsOf = (shape: PowersShape): number => {
  const { terms, groups, results, exponentBits, factor, randomizerBits } = shape
  const windows = Math.ceil(exponentBits / windowBits)
  const nonZero = 1 - 2 ** -windowBits
  const ofProduct = terms === 0 ? 0 : windows * (windowBits + nonZero * terms)
  const ofFactor = factor === 1 ? 1 : 1.5 * Math.log2(factor)
  const tables = Math.ceil(results / resultsAJob) * terms * (2 ** windowBits - 2)
  const elements = tables + results * (ofProduct + ofFactor + 1)
  return 2 * groups * (ofElements * elements + (results * randomizerBits) / freshWindowBits)
}
