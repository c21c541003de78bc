/**
 * The only file that reads YAML. A text becomes plain values in which every name survives as it is written:
 * sections are objects without a prototype or, where names are data (the columns of a table), maps, which
 * keep their order. Each problem has its line and is in our words. A text that would exhaust the parser, or
 * of which a few lines stand for millions, is refused before it is read.
 */
import { Either } from "effect"
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type YAMLMap
} from "yaml"
import { inOurWords } from "./yaml-words.ts"

export type Path = ReadonlyArray<PropertyKey>

export interface YamlProblem {
  /** Counted from 1. */
  readonly line: number
  readonly path: Path
  readonly message: string
}

export interface YamlFile {
  readonly value: unknown
  /** Line of the deepest part of a path that is there. */
  readonly lineOf: (path: Path) => number
}

/** Maximum depth of sections and lists within each other, with aliases written out. */
const deepest = 100
/** Maximum number of values that all aliases of a file together stand for. */
const mostAliased = 1_000_000

/** Reads a text with one document. `mapAt` says at which paths sections become maps. */
export const readYaml = (
  text: string,
  mapAt: (path: Path) => boolean
): Either.Either<YamlFile, ReadonlyArray<YamlProblem>> => {
  // A carriage return alone ends a line too, which the parser does not know.
  const source = text.replace(/\r(?!\n)/g, "\n")
  const lines = new LineCounter()
  const problemAt = (offset: number, message: string, path: Path = []): YamlProblem => ({
    line: lines.linePos(offset).line,
    path,
    message
  })
  const tokens = tokensOf(source, lines)
  if (Either.isLeft(tokens))
    return Either.left([
      problemAt(tokens.left, `lists or sections are nested more than ${deepest} deep here; nest them less`)
    ])
  const [document, second] = new Composer({
    stringKeys: true,
    // `examine` reports it, with the path, and in time that is linear in the number of keys.
    uniqueKeys: false,
    resolveKnownTags: false
  }).compose(tokens.right, true, source.length)
  const { errors, warnings, directives } = document as Document.Parsed
  // What follows the first error is more often its consequence than another.
  const malformed = errors.length > 0 ? errors.slice(0, 1) : warnings
  if (malformed.length > 0) {
    const told = malformed.map((error) => inOurWords(error, document as Document.Parsed))
    return Either.left(told.map(({ offset, message }) => problemAt(offset, message)))
  }
  if (directives.yaml.version !== "1.2")
    return Either.left([
      problemAt(0, "only YAML 1.2 is understood; take out the line that begins with %YAML")
    ])
  if (second !== undefined) {
    const message = "a second document begins here; a file has one: take out the line --- or ... before it"
    return Either.left([problemAt(second.range[0], message)])
  }
  const { problems, targets } = examine(document as Document.Parsed)
  if (problems.length > 0)
    return Either.left(problems.map(({ offset, message, path }) => problemAt(offset, message, path)))
  const convert = (node: unknown, path: Path): unknown => {
    if (isAlias(node)) return convert(targets.get(node), path)
    if (isSeq(node)) return node.items.map((item, index) => convert(item, [...path, index]))
    if (!isMap(node)) return isScalar(node) ? node.value : null
    const entries = node.items.map(({ key, value }) => {
      const name = keyOf(key)
      return [name, convert(value, [...path, name])] as const
    })
    if (mapAt(path)) return new Map(entries)
    // `__proto__` is a name like any other here.
    const section: Record<string, unknown> = Object.create(null)
    for (const [name, value] of entries) section[name] = value
    return section
  }
  return Either.right({
    value: convert(document!.contents, []),
    lineOf: (path) => lines.linePos(offsetOf(document!.contents, targets, path)).line
  })
}

/** The tokens of a text, or the offset at which it is nested too deeply for a parser that recurs. */
const tokensOf = (source: string, lines: LineCounter): Either.Either<ReadonlyArray<CST.Token>, number> => {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const tokens: Array<CST.Token> = []
  for (const lexeme of new Lexer().lex(source)) {
    tokens.push(...parser.next(lexeme))
    if (parser.stack.length > deepest + 10) return Either.left(parser.offset)
  }
  tokens.push(...parser.end())
  return Either.right(tokens)
}

const keyOf = (key: unknown): string => (isScalar(key) ? String(key.value) : "")

interface Found {
  readonly offset: number
  readonly path: Path
  readonly message: string
}

/** How many values a part stands for, and how deep they are nested. */
interface Extent {
  readonly size: number
  readonly depth: number
}

/** Walks a document in order: finds what each alias stands for, and what the parser accepts but we do not. */
const examine = (document: Document.Parsed) => {
  const problems: Array<Found> = []
  const targets = new Map<unknown, unknown>()
  const anchors = new Map<string, unknown>()
  const extents = new Map<unknown, Extent>()
  const open = new Set<unknown>()
  let aliased = 0
  const aliasExtent = (alias: { readonly source: string }, offset: number, path: Path): Extent => {
    const problem = (message: string) => {
      problems.push({ offset, path, message })
      return { size: 1, depth: 1 }
    }
    const { source } = alias
    const target = anchors.get(source)
    if (target === undefined)
      return problem(
        `there is no anchor &${source} above this alias; put quotes around a text that begins with *`
      )
    if (open.has(target)) return problem(`the alias *${source} is within what it stands for; take it out`)
    targets.set(alias, target)
    const extent = extents.get(target)!
    const within = aliased <= mostAliased
    aliased += extent.size
    if (within && aliased > mostAliased)
      problem(`the aliases up to here stand for more than ${mostAliased} values; use fewer`)
    return extent
  }
  const mapExtent = (node: YAMLMap, path: Path): Extent => {
    const seen = new Map<string, unknown>()
    const parts = node.items.map(({ key, value }) => {
      const name = keyOf(key)
      const at = [...path, name]
      const offset = offsetOfNode(key) ?? 0
      if (seen.has(name)) problems.push({ offset, path: at, message: "is there twice; list it once" })
      seen.set(name, key)
      if (name === "<<" && isScalar(key) && key.type === "PLAIN") {
        const message = "a merge of sections is not understood; write the fields out"
        problems.push({ offset, path: at, message })
      }
      return extentOf(value, at)
    })
    return together(parts)
  }
  const extentOf = (node: unknown, path: Path): Extent => {
    if (isAlias(node)) return aliasExtent(node, offsetOfNode(node) ?? 0, path)
    // As for a reader of the text, the anchor is known from here on and complete only at the end.
    const anchor = isNode(node) && "anchor" in node ? node.anchor : undefined
    if (anchor !== undefined) anchors.set(anchor, node)
    open.add(node)
    const extent = isMap(node)
      ? mapExtent(node, path)
      : isSeq(node)
        ? together(node.items.map((item, index) => extentOf(item, [...path, index])))
        : { size: 1, depth: 1 }
    open.delete(node)
    if (anchor !== undefined) extents.set(node, extent)
    if (extent.depth > deepest && problems.length === 0)
      problems.push({
        offset: offsetOfNode(node) ?? 0,
        path: [],
        message: `lists or sections are nested more than ${deepest} deep here; nest them less`
      })
    return extent
  }
  extentOf(document.contents, [])
  return { problems, targets }
}

const together = (parts: ReadonlyArray<Extent>): Extent =>
  parts.reduce((all, part) => ({ size: all.size + part.size, depth: Math.max(all.depth, 1 + part.depth) }), {
    size: 1,
    depth: 1
  })

const offsetOfNode = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined)

/** Offset in the text of the deepest part of the path that is there: of its key, or of the item of a list. */
const offsetOf = (contents: unknown, targets: ReadonlyMap<unknown, unknown>, path: Path): number => {
  let offset = offsetOfNode(contents) ?? 0
  let node: unknown = contents
  for (const key of path) {
    if (isAlias(node)) node = targets.get(node)
    if (isMap(node)) {
      const pair = node.items.find((item) => keyOf(item.key) === key)
      if (pair === undefined) break
      offset = offsetOfNode(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof key === "number") {
      node = node.items[key]
      offset = offsetOfNode(node) ?? offset
    } else {
      break
    }
  }
  return offset
}
