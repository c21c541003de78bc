/** The help that the program prints, in lines that a terminal has room for: the library writes each text as one line. */
import { stripVTControlCharacters } from "node:util"
import { Console, type Effect } from "effect"

/** Characters of a line at most, unless one of its words has more. */
export const mostColumns = 120

/** A text with its longer lines broken between words; options in brackets stay whole. */
export const inShortLines = (text: string): string =>
  text
    .split("\n")
    .flatMap((line) => (widthOf(line) <= mostColumns ? [line] : broken(line)))
    .join("\n")

const widthOf = (line: string): number => stripVTControlCharacters(line).trimEnd().length

const broken = (line: string): ReadonlyArray<string> => {
  // The usage of a command, padded to that of the longest, and what the command does.
  const [, usage, does] = /^(\s*- .*?\S) {2,}(\S.*)$/.exec(line) ?? []
  const indent = /^\s*/.exec(line)![0]
  return usage === undefined || does === undefined
    ? wrapped(line, indent)
    : [...wrapped(usage, `${indent}    `), ...wrapped(`${indent}    ${does}`, `${indent}    `)]
}

/** The first line keeps its indentation, the others get `indent`. */
const wrapped = (line: string, indent: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let current = ""
  for (const word of line.match(/^\s+|\[[^\]]*\]\S*|\S+/g) ?? []) {
    const longer = current.trim() === "" ? `${current}${word}` : `${current} ${word}`
    if (widthOf(longer) <= mostColumns || current.trim() === "") current = longer
    else {
      lines.push(current)
      current = `${indent}${word}`
    }
  }
  return [...lines, current]
}

/** Prints texts in such lines. */
export const withShortLines = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) =>
    Console.withConsole(work, {
      ...console,
      log: (...words) =>
        console.log(...words.map((word) => (typeof word === "string" ? inShortLines(word) : word)))
    })
  )
