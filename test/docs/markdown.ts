/** Markdown as the documents have it: tables, blocks that are generated, and the parts that the checks look at. */

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")

/** A table; rows are as wide as the head. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map(cell).join(" | ")} |`
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n")
}

/** Replaces what stands between `<!-- generated: NAME -->` and `<!-- end -->`. Throws for a name that nobody generates. */
export const withGenerated = (text: string, blocks: ReadonlyMap<string, string>): string =>
  text.replaceAll(/<!-- generated: (.*?) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const block = blocks.get(name)
    if (block === undefined) throw new Error(`no generator is named ${JSON.stringify(name)}`)
    return `<!-- generated: ${name} -->\n\n${block}\n\n<!-- end -->`
  })

/** The names of a text's generated blocks. */
export const generatedIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^<!-- generated: (.*?) -->$/gm)].map(([, name = ""]) => name)

export interface Line {
  /** Counted from 1. */
  readonly number: number
  readonly text: string
  /** Within a block between ``` or ~~~. */
  readonly isCode: boolean
}

export const linesOf = (text: string): ReadonlyArray<Line> => {
  let fence: string | undefined
  return text.split("\n").map((each, index) => {
    const mark = /^ *(```|~~~)/.exec(each)?.[1]
    const isCode = fence !== undefined || mark !== undefined
    if (mark !== undefined) fence = fence === undefined ? mark : fence === mark ? undefined : fence
    return { number: index + 1, text: each, isCode }
  })
}

/** The anchors of a document's headings, as GitHub makes them. */
export const anchorsOf = (text: string): ReadonlySet<string> => {
  const anchors = new Set<string>()
  for (const { text: each, isCode } of linesOf(text)) {
    const heading = isCode ? undefined : /^#{1,6} +(.*)$/.exec(each)?.[1]
    if (heading === undefined) continue
    const base = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-")
    let anchor = base
    for (let k = 1; anchors.has(anchor); k++) anchor = `${base}-${k}`
    anchors.add(anchor)
  }
  return anchors
}
