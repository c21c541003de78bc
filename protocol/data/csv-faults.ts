/** The encoding of a CSV file, and the faults that end its reading: bytes that are no characters, text that is no CSV. */
import {
  type BadBytes,
  byteOrderMark,
  type Encoding,
  fittingEncoding,
  looksLikeUtf8,
  looksLikeUtf16
} from "./characters.ts"
import type { NotCsv } from "./csv-records.ts"
import { sayDialect } from "./dialect.ts"
import type { FileReading, TableProblem } from "./table.ts"

/**
 * Separators and line ends of a table in UTF-16 contain a zero byte: bytes without any have another encoding.
 */
const seemsUtf16 = (head: Uint8Array, named: Encoding): Encoding =>
  head.length > 0 && !head.includes(0) ? "utf-8" : (looksLikeUtf16(head) ?? named)

/**
 * The encoding of a file with this beginning: the scenario's, which must not contradict the bytes, or else
 * what a byte order mark says or zero bytes show, and UTF-8 without either.
 */
export const encodingOf = (head: Uint8Array, { source, problems }: FileReading) => {
  const named = source.encoding
  const mark = byteOrderMark(head)
  const seems =
    mark?.encoding ??
    (named?.startsWith("utf-16") ? seemsUtf16(head, named) : looksLikeUtf16(head)) ??
    (named !== undefined && looksLikeUtf8(head) ? "utf-8" : undefined)
  if (named !== undefined && seems !== undefined && seems !== named) {
    const is = `is in ${seems.toUpperCase()}${mark === undefined ? ", it seems" : ", as its first bytes say"}`
    problems.refuse({
      reason: `${is}, and not in ${named}, as is said of it`,
      remedy: `say encoding: ${seems} there`,
      decides: { setting: "encoding", values: [seems] }
    })
  }
  return { encoding: named ?? seems ?? "utf-8", mark: mark?.length ?? 0 }
}

/** Rows that are being read, and where the reading is. */
export interface RowsInProgress {
  /** Reads the rows of a text behind which nothing can be read. */
  readonly stop: (text: string) => void
  readonly end: () => { readonly line: number; readonly column: string | undefined; readonly place: number }
}

/** Locates bytes that encode no character: the line, and the column or else the position in the line. */
export const refuseBytes = (
  bad: BadBytes,
  encoding: Encoding,
  rows: RowsInProgress,
  reading: FileReading
): never => {
  rows.stop(bad.before)
  const { line, column, place } = rows.end()
  // Where characters of several bytes stand before, another encoding would make others of them.
  const fits =
    encoding === "utf-8" && Buffer.byteLength(bad.before) === bad.before.length
      ? fittingEncoding(bad.rest)
      : undefined
  return reading.problems.refuse({
    line,
    ...(column === undefined ? {} : { column }),
    reason: `has bytes that are not ${encoding.toUpperCase()}, at character ${place} of the line${fits === undefined ? "" : `; ${fits} would fit`}`,
    ...(fits === undefined
      ? { remedy: "name the encoding that the file has, or save it as UTF-8" }
      : {
          remedy: `save the file as UTF-8, or say encoding: ${fits} where the scenario names it`,
          decides: { setting: "encoding", values: [fits], else: "save the file as UTF-8, or " }
        })
  })
}

const notCsv: Readonly<Record<NotCsv["kind"], Pick<TableProblem, "reason" | "remedy" | "decides">>> = {
  "open-quote": { reason: "has a quote here that never ends", remedy: "close it, or take it out" },
  "stray-quote": {
    reason: "has a quote within a field that does not begin with one",
    ...sayDialect("quote", ["none"], {
      else: "put the whole field into quotes, and double those within it; or ",
      meaning: ", if no quote of it is around a field"
    })
  },
  "after-quote": {
    reason: "has text behind the quote that ends a field",
    remedy: "double the quotes within a field"
  },
  backslash: {
    reason: "has a quote with a backslash before it",
    remedy: "double quotes within a field, without backslashes"
  },
  "too-long": { reason: "has a row here that does not end", remedy: "give every row a line of its own" }
}

export const refuseText = ({ line, kind }: NotCsv, { problems }: FileReading): never =>
  problems.refuse({ line, ...notCsv[kind] })
