/**
 * Which texts are equal, and which only look alike. Ids, labels and names of columns are compared as exact
 * texts; only spaces at their edges are ignored, in any format. Texts that differ in spelling alone are
 * hinted at, and never taken as equal.
 */

/**
 * A text without the spaces at its edges: every space of Unicode, tabs, line breaks and the no-break space
 * among them.
 */
export const trimmed = (text: string): string => text.trim()

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Whether a text is a decimal number, as cells of features are written. */
export const isDecimal = (text: string): boolean => decimal.test(text)

/**
 * The value of a decimal text, exactly and in one spelling: `1.50` and `15e-1` give the same; undefined for a
 * text that is not a number.
 */
export const exactNumber = (text: string): string | undefined => {
  if (!isDecimal(text)) return undefined
  const [mantissa = "", exponent = "0"] = text.toLowerCase().replace(/^[+-]/, "").split("e")
  const [whole = "", fraction = ""] = mantissa.split(".")
  const digits = (whole + fraction).replace(/^0+/, "")
  const significant = digits.replace(/0+$/, "")
  if (significant === "") return "0"
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)
  return `${text.startsWith("-") ? "-" : ""}${significant}e${power}`
}

const invisible = /[\s_\p{Cf}]+/gu

/** What texts have in common that differ only as `spellingDifference` names. */
const looseSpelling = (text: string): string =>
  exactNumber(text) ??
  text
    .normalize("NFKC")
    .toLowerCase()
    .replace(invisible, "")
    // Times of another unit.
    .replace(/(t\d\d:\d\d:\d\d)\.?0*(z?)$/, "$1$2")
    .replace(/(t\d\d:\d\d:\d\d\.\d*[1-9])0+(z?)$/, "$1$2")

/** The only difference of two texts, such as `case`; undefined if they differ in more. */
export const spellingDifference = (one: string, other: string): string | undefined => {
  if (looseSpelling(one) !== looseSpelling(other)) return undefined
  if (exactNumber(one) !== undefined) return "how the number is written"
  if (one.normalize("NFC") === other.normalize("NFC")) return "Unicode normalisation"
  if (one.toLowerCase() === other.toLowerCase()) return "case"
  return one.replace(invisible, "") === other.replace(invisible, "")
    ? "spaces or invisible characters"
    : "spelling"
}

/** Two texts that differ in their spelling alone, and what it is that they differ in. */
export interface NearTexts {
  readonly one: string
  readonly other: string
  readonly difference: string
}

/** Texts that differ in their spelling alone, at most `most` pairs of them. */
export const nearTexts = (texts: Iterable<string>, most: number): ReadonlyArray<NearTexts> => {
  const seen = new Map<string, string>()
  const near: Array<NearTexts> = []
  for (const other of texts) {
    const key = looseSpelling(other)
    const one = seen.get(key)
    seen.set(key, other)
    const difference = one === undefined || one === other ? undefined : spellingDifference(one, other)
    if (one === undefined || difference === undefined) continue
    near.push({ one, other, difference })
    if (near.length === most) break
  }
  return near
}
