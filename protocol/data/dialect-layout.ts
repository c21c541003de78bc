/**
 * How a text is split into fields, found out from its first lines. Every reading that may be meant is tried;
 * the one that has the wanted names, or the fewest rows of another width, is taken. Where two fit alike and
 * give other cells, that is an error that names both.
 */
import { CsvRecords, NotCsv } from "./csv-records.ts"
import {
  type CommentSign,
  commentOf,
  commentSigns,
  type DialectSettings,
  type Layout,
  type QuoteMark,
  type Separator,
  sayDialect,
  separatorName,
  separators
} from "./dialect.ts"
import { isNumberSomehow } from "./number-text.ts"
import { trimmed } from "./spelling.ts"
import type { TableProblem } from "./table.ts"

/** What is known of a file before it is looked at. */
export interface Expected {
  readonly settings: DialectSettings
  /** Columns that the file should name; undefined if none are known. */
  readonly wanted?: ReadonlyArray<string> | undefined
  /** The names of all columns, where the scenario gives them. */
  readonly header?: ReadonlyArray<string> | undefined
}

export interface SampleRecord {
  /** The line where it begins. */
  readonly line: number
  readonly fields: ReadonlyArray<string>
}

export interface FoundLayout {
  readonly layout: Layout
  /** Whether the first line is that of a spreadsheet which says the separator. */
  readonly hasSeparatorLine: boolean
  /** Whether a line that begins with a sign of comments may still be one. */
  readonly commentIsOpen: boolean
  /** The records of the sample, the names first where the file has them. */
  readonly records: ReadonlyArray<SampleRecord>
}

/** Characters of the sample, unless the first lines are longer. */
const sampleLength = 1 << 17
/** Lines that the sample has at least: the names and some rows. */
const leastLines = 4
/** Characters of a sample, however long its lines are. */
const longestSample = 1 << 25

/** How long the sample is at the beginning of a text; undefined if more of the text is needed. */
export const sampleOf = (text: string): number | undefined => {
  if (text.length < sampleLength) return undefined
  const lineEnd = /[\r\n]+/g
  for (let line = 0; line < leastLines; line++) {
    if (!lineEnd.test(text)) return text.length < longestSample ? undefined : text.length
    if (lineEnd.lastIndex >= longestSample) return lineEnd.lastIndex
  }
  return Math.max(sampleLength, lineEnd.lastIndex)
}
/** Separators that are not taken where one of the others fits as well. */
const unusual = new Set<Separator>(["space", "colon", "caret", "tilde"])

/** A sample split in one way. */
interface Split {
  readonly layout: Layout
  readonly records: ReadonlyArray<SampleRecord>
  /** Names that are as wanted, or records of the right width. */
  readonly fit: number
  /** Records of another width than the names'; infinite if the text is no CSV in this way. */
  readonly ragged: number
}

/** Finds out how a file is split, by its beginning: all of it if `whole`. */
export const findLayout = (text: string, whole: boolean, expected: Expected): FoundLayout | TableProblem => {
  const line = separatorLine(text)
  const separator = expected.settings.separator ?? line?.separator
  if (line !== undefined && separator === undefined) {
    return {
      line: 1,
      reason: "says with sep= a separator that is not read",
      remedy: "save it separated by commas, semicolons or tabs"
    }
  }
  const settings = { ...expected.settings, separator }
  const known = { ...expected, settings }
  const rest = text.slice(line?.length ?? 0)
  const length = sampleOf(rest) ?? rest.length
  const isWhole = whole && length === rest.length
  const sample = rest.slice(0, length)
  const signs = signsIn(sample, settings)
  const splits = layoutsOf(sample, signs, settings).map((layout) => splitBy(layout, sample, isWhole, known))
  const chosen = choose(splits, known)
  if ("reason" in chosen) return moved(chosen, line === undefined ? 0 : 1)
  const problem = misplacedNames(chosen, known)
  if (problem !== undefined) return problem
  return {
    layout: chosen.layout,
    hasSeparatorLine: line !== undefined,
    commentIsOpen: settings.comment === undefined && signs.length === 1,
    records: chosen.records.map((record) => moved(record, line === undefined ? 0 : 1))
  }
}

const moved = <A extends { readonly line?: number }>(at: A, lines: number): A =>
  at.line === undefined ? at : { ...at, line: at.line + lines }

/** The first line where a spreadsheet says the separator: its length, and the separator if it is one. */
const separatorLine = (text: string) => {
  const [all, mark] = /^"?sep=(.?)"?[,;\t]*(?:\r\n|\n|\r|$)/i.exec(text) ?? []
  if (all === undefined) return undefined
  const separator = (Object.keys(separators) as Array<Separator>).find((name) => separators[name] === mark)
  return { length: all.length, separator }
}

/** Signs of comments at the beginning of a line, after `none`. */
const signsIn = (sample: string, { comment }: DialectSettings): ReadonlyArray<CommentSign> =>
  comment !== undefined
    ? [comment]
    : [
        "none",
        ...(["hash", "percent", "slashes"] as const).filter((sign) =>
          new RegExp(`(^|[\\r\\n])[ \\t]*${commentSigns[sign]}`).test(sample)
        )
      ]

const layoutsOf = (
  sample: string,
  signs: ReadonlyArray<CommentSign>,
  settings: DialectSettings
): ReadonlyArray<Layout> => {
  // A file of one column has no separator, and perhaps commas: then it can be read as one of semicolons.
  const names = (Object.keys(separators) as Array<Separator>).filter((name) =>
    settings.separator === undefined
      ? name === "comma" || name === "semicolon" || sample.includes(separators[name])
      : name === settings.separator
  )
  return names.flatMap((separator) =>
    quotesIn(sample, separator, settings).flatMap((quote) =>
      signs.map((comment) => ({ separator, quote, comment }))
    )
  )
}

/** Single quotes may be meant only where fields begin with them, and none with a double one. */
const quotesIn = (
  sample: string,
  separator: Separator,
  { quote }: DialectSettings
): ReadonlyArray<QuoteMark> => {
  if (quote !== undefined) return [quote]
  const before = `(?:^|[\\r\\n\\${separators[separator]}]) *`
  const begins = (mark: string) => new RegExp(before + mark).test(sample)
  return begins("'") && !begins('"') ? ["double", "single"] : ["double"]
}

const splitBy = (layout: Layout, sample: string, whole: boolean, { wanted, header }: Expected): Split => {
  const parser = new CsvRecords(layout)
  const records: Array<SampleRecord> = []
  let isCsv = true
  parser.push(sample)
  try {
    while (parser.next(whole)) {
      const fields = Array.from({ length: parser.fields }, (_, index) => parser.field(index))
      records.push({ line: parser.line, fields })
    }
  } catch (error) {
    if (!(error instanceof NotCsv)) throw error
    isCsv = false
  }
  const first = records[0]?.fields ?? []
  const width = header?.length ?? first.length
  const even = records.filter(({ fields }) => fields.length === width).length
  const ragged = isCsv ? records.length - even : Number.POSITIVE_INFINITY
  const isWide = header !== undefined || width > 1
  const fit = header === undefined && wanted !== undefined ? namesIn(first, wanted) : isWide ? even : 0
  return { layout, records, fit, ragged }
}

/** The split that fits best. */
const choose = (splits: ReadonlyArray<Split>, expected: Expected): Split | TableProblem => {
  const { header, wanted } = expected
  const most = Math.max(...splits.map(({ fit }) => fit))
  if (most === 0 && wanted !== undefined && header === undefined) {
    // The names are further down, or not there: then the widths tell at least how the file is split.
    const further = splits.map((split) => ({ ...split, fit: furtherDown(split, wanted) }))
    const blind = splits.map((split) => ({ ...split, fit: evenness(split) }))
    const better = [further, blind].find((other) => other.some(({ fit }) => fit > 0))
    if (better !== undefined) return choose(better, { ...expected, wanted: undefined })
  }
  const fitting = splits.filter(({ fit }) => fit === most)
  const least = Math.min(...fitting.map(({ ragged }) => ragged))
  const likely = fitting.filter(({ ragged }) => ragged === least)
  const usual = likely.filter(({ layout }) => !unusual.has(layout.separator))
  const rest = usual.length > 0 ? usual : likely
  // All rows may have ids that look like comments, but not all may be comments.
  const filled = rest.filter(({ records }) => records.length > (expected.header === undefined ? 1 : 0))
  return decide(filled.length > 0 ? filled : rest)
}

/** How many of the wanted names a record behind the first has. */
const furtherDown = ({ records }: Split, wanted: ReadonlyArray<string>): number =>
  Math.max(0, ...records.map(({ fields }) => namesIn(fields, wanted)))

const namesIn = (fields: ReadonlyArray<string>, wanted: ReadonlyArray<string>): number => {
  const there = new Set(fields)
  return wanted.filter((name) => there.has(trimmed(name))).length
}

const evenness = ({ records }: Split): number => {
  const width = records[0]?.fields.length ?? 0
  return width < 2 ? 0 : records.filter(({ fields }) => fields.length === width).length
}

/** One of several splits that fit alike: the first if all give the same cells. */
const decide = (likely: ReadonlyArray<Split>): Split | TableProblem => {
  const [first] = likely as [Split]
  const others = likely.filter((split) => !sameCells(split, first))
  const [other] = others
  if (other === undefined) return first
  const { comment, quote, separator } = other.layout
  if (separator !== first.layout.separator) {
    const both = [first.layout.separator, separator] as const
    return {
      reason: `can be read in two ways: separated by ${both.map(separatorName).join(" or by ")}, and its rows fit both`,
      ...sayDialect("separator", both)
    }
  }
  if (quote !== first.layout.quote) {
    const single = decideQuotes(first, other)
    return "reason" in single
      ? single
      : decide(likely.filter(({ layout }) => layout.quote === single.layout.quote))
  }
  const { line } = first.records.find(({ fields }) => commentOf(fields[0]!) === comment)!
  return { line, ...maybeComment(comment) }
}

/** The fault of a row that may be a comment. */
export const maybeComment = (sign: CommentSign) => ({
  reason: `has a row here that begins with ${commentSigns[sign]}, and may be a comment`,
  ...sayDialect("comment", [sign, "none"]),
  alike: true
})

const isWrapped = (cell: string): boolean => cell.length > 1 && /^'.*'$/s.test(cell)

/** Whether single quotes are around fields, or a part of them: numbers and names have none. */
const decideQuotes = (asDouble: Split, asSingle: Split): Split | TableProblem => {
  const [names, ...rows] = asDouble.records
  if (names!.fields.every(isWrapped)) return asSingle
  const columns = names!.fields.map((_, index) =>
    rows.map(({ fields }) => fields[index] ?? "").filter((cell) => cell !== "")
  )
  const wrapped = columns.filter((cells) => cells.length > 0 && cells.every(isWrapped))
  if (wrapped.length === 0) return asDouble
  if (wrapped.some((cells) => cells.every((cell) => isNumberSomehow(cell.slice(1, -1))))) return asSingle
  return {
    reason: "has columns whose cells all stand in single quotes, which may be around them or a part of them",
    ...sayDialect("quote", ["single", "double"])
  }
}

const sameCells = (one: Split, other: Split): boolean =>
  one.records.length === other.records.length &&
  one.records.every(({ fields }, at) => {
    const others = other.records[at]!.fields
    return fields.length === others.length && fields.every((field, index) => field === others[index])
  })

/** The problem of a file whose first record does not name the columns, though it should. */
const misplacedNames = (
  { records }: Split,
  { header, settings, wanted }: Expected
): TableProblem | undefined => {
  const [first] = records
  if (header !== undefined || wanted === undefined || first === undefined) return undefined
  const has = ({ fields }: SampleRecord) => namesIn(fields, wanted)
  if (has(first) > 0) return undefined
  const at = records.findIndex((record) => has(record) === wanted.length)
  if (at > 0) {
    return {
      reason: `has ${at === 1 ? "a line" : `${at} lines`} before the one that names the columns`,
      remedy: "take out what stands before it"
    }
  }
  if (settings.header === true || first.fields.length < 2 || !first.fields.some(isNumberSomehow))
    return undefined
  // A table of years or of pixels has numbers for names, but none of the wanted columns has.
  if (wanted.some((name) => /^\d/.test(name))) return undefined
  return {
    line: first.line,
    reason: "has a row where the names of the columns should be",
    remedy: "give a line that names the columns, or name them as header in the scenario"
  }
}
