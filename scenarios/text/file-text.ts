/** The text of a file that people write: UTF-8, or an error that says what it is instead. Pure. */
import { Either } from "effect"

/** Why a file is not a text; `line` is the first that is not. */
export interface NoText {
  readonly line?: number
  readonly message: string
}

/** Larger than any scenario, and small enough to be read in a minute. */
export const mostBytes = 16 * 2 ** 20

const remedy = "save the file as UTF-8"

export const textOf = (bytes: Uint8Array): Either.Either<string, NoText> => {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return Either.left({ message: `is a text in UTF-16, not in UTF-8; ${remedy}` })
  if (bytes.subarray(0, 4096).includes(0)) {
    const alternating = bytes.length > 1 && (first === 0) !== (second === 0)
    return Either.left({
      message: alternating
        ? `is a text in UTF-16, not in UTF-8; ${remedy}`
        : "is not a text in UTF-8; give the path of a YAML file"
    })
  }
  const decoded = decode(bytes)
  return decoded === undefined ? Either.left(firstWrong(bytes)) : Either.right(decoded)
}

const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The first line that is not UTF-8; a line end is never part of a longer character. */
const firstWrong = (bytes: Uint8Array): NoText => {
  let line = 1
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(10, from)
    const to = end === -1 ? bytes.length : end + 1
    if (decode(bytes.subarray(from, to)) === undefined) break
    from = to
  }
  return { line, message: `is not UTF-8 from here on, but perhaps Latin-1 or Windows-1252; ${remedy}` }
}
