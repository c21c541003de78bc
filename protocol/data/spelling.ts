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
/** Quotes at the edges, which other programs and spreadsheets leave there: `="0012"`, `'0012`. */
const quoted = /^=?["'`‘’“”„«»]+|["'`‘’“”„«»]+$/g

/** Letters of other scripts that look like Latin ones. */
const lookalikes = new Map(
  [
    ["АВЕЅІЈКМНОРСТХаеорсухіјѕ", "ABESIJKMHOPCTXaeopcyxijs"],
    ["ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo"]
  ].flatMap(([theirs = "", latin = ""]) => Array.from(theirs, (letter, at) => [letter, latin[at]!] as const))
)
const inLatin = (text: string): string => text.replace(/[\u0370-\u052f]/g, (c) => lookalikes.get(c) ?? c)

/** What texts of the same spelling, but for the differences that `spellingDifference` names, have in common. */
export const looseSpelling = (text: string): string => {
  const bare = text.replace(quoted, "")
  return exactNumber(bare) ?? loose(inLatin(bare))
}

const loose = (text: string): string =>
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
  if (one.replace(quoted, "") === other.replace(quoted, "")) return "the quotes around it"
  if (exactNumber(one.replace(quoted, "")) !== undefined) return "how the number is written"
  if (one.normalize("NFC") === other.normalize("NFC")) return "Unicode normalisation"
  if (one.toLowerCase() === other.toLowerCase()) return "case"
  if (one.replace(invisible, "") === other.replace(invisible, "")) return "spaces or invisible characters"
  return inLatin(one) === inLatin(other) ? "letters of another script that look alike" : "spelling"
}

/** A text from outside on one line, with nothing in it that steers a terminal or can't be seen. */
export const printable = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u{${c.codePointAt(0)!.toString(16).padStart(4, "0")}}`
  )

/** Characters of a name from a file that a message shows. */
const mostShown = 80

/** A name from a file as a message shows it: printable, and not endless. */
export const shown = (name: string): string => {
  const { length } = name
  return printable(length > mostShown ? `${name.slice(0, mostShown - 20)}… (of ${length} characters)` : name)
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
