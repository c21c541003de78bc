/** What documents refer to is there, and their lines can be compared by diff. */
import { readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { describe, expect, it } from "vitest"
import { anchorsOf, linesOf } from "./markdown.ts"
import { documents, names, root, tree } from "./tree.ts"

const read = (path: string) => readFileSync(join(root, path), "utf8")

const widest = 250

/** Links of a text that lead nowhere. */
const brokenLinks = (path: string, text: string): ReadonlyArray<string> =>
  linesOf(text).flatMap(({ number, text: line, isCode }) => {
    if (isCode) return []
    const links = [...line.replaceAll(/`[^`]*`/g, "code").matchAll(/\]\(([^()\s]+)\)/g)]
    return links.flatMap(([, target = ""]) =>
      leadsSomewhere(path, target) ? [] : [`${path}:${number}: ${target}`]
    )
  })

const leadsSomewhere = (from: string, target: string): boolean => {
  if (/^(https?|mailto):/.test(target)) return true
  const [file = "", anchor] = target.split("#")
  const path = file === "" ? from : normalize(join(dirname(from), file))
  if (!tree.has(path) && !tree.has(`${path.replace(/\/$/, "")}/`)) return false
  return anchor === undefined || (path.endsWith(".md") && anchorsOf(read(path)).has(anchor))
}

/** Folders at the root by which a path is known to be one of the tree. */
const rooms = [...tree].filter((path) => /^[^/]+\/$/.test(path))
const kinds = /\w\.(ts|mjs|yaml|yml|json|conf|sh|md|csv)$/

/** Files that a run or a build makes, and examples in the text. */
const made = new Set(
  "audit.json model.json preparation.json result.json run.json party.json credentials.json outcome.json calibration.json MODEL.md scenario.yaml plan.yaml hosts.yaml".split(
    " "
  )
)

/** Paths in backticks that look like files or folders of the tree and are not there. */
const missingPaths = (path: string, text: string): ReadonlyArray<string> =>
  linesOf(text).flatMap(({ number, text: line, isCode }) => {
    if (isCode) return []
    return [...line.matchAll(/`([^`\s]+)`/g)].flatMap(([, word = ""]) =>
      exists(word) ? [] : [`${path}:${number}: ${word}`]
    )
  })

const exists = (word: string): boolean => {
  if (!/^[\w./-]+$/.test(word)) return true
  if (rooms.some((room) => word.startsWith(room))) return tree.has(word) || tree.has(`${word}/`)
  if (word.includes("/") || !kinds.test(word)) return true
  return names.has(word) || made.has(word)
}

const longLines = (path: string, text: string): ReadonlyArray<string> =>
  linesOf(text).flatMap(({ number, text: line, isCode }) =>
    isCode || line.startsWith("|") || line.length <= widest
      ? []
      : [`${path}:${number}: ${line.length} columns`]
  )

/** History names files that are gone. */
const present = documents.filter((path) => path !== "CHANGELOG.md")

describe("documents", () => {
  it("link to files and headings that are there", () => {
    expect(documents.flatMap((path) => brokenLinks(path, read(path)))).toEqual([])
  })

  it("name files that are there", () => {
    expect(present.flatMap((path) => missingPaths(path, read(path)))).toEqual([])
  })

  it(`have no line of prose beyond ${widest} columns`, () => {
    expect(documents.flatMap((path) => longLines(path, read(path)))).toEqual([])
  })

  it("are all reached from the table of contents", () => {
    const contents = read("docs/README.md")
    const pages = documents.filter((path) => path.startsWith("docs/") && path !== "docs/README.md")
    expect(pages.filter((path) => !contents.includes(`](${path.slice("docs/".length)})`))).toEqual([])
  })

  it("map every room of the program", () => {
    const map = /```text\nactors\/[\s\S]*?```/.exec(read("docs/concepts/architecture.md"))?.[0] ?? ""
    const inner = [...tree].filter((path) => /^(actors|protocol|runtime|scenarios)\/[^/]+\/$/.test(path))
    expect(inner.filter((path) => !map.includes(` ${path.split("/")[1]}/`))).toEqual([])
  })

  it("has a README of at most 150 lines", () => {
    expect(read("README.md").split("\n").length).toBeLessThanOrEqual(150)
  })
})

describe("checks of the documents", () => {
  it("find a link to a file or heading that is not there", () => {
    expect(brokenLinks("README.md", "[a](docs/none.md) [b](#none) [c](docs/README.md)")).toEqual([
      "README.md:1: docs/none.md",
      "README.md:1: #none"
    ])
  })

  it("find the name of a file that is not there", () => {
    expect(missingPaths("README.md", "`actors/none.ts` and `none.ts`, not `actors/kgc/kgc.ts`")).toEqual([
      "README.md:1: actors/none.ts",
      "README.md:1: none.ts"
    ])
  })

  it("find a line that is too long", () => {
    expect(longLines("README.md", "a".repeat(widest + 1))).toEqual([`README.md:1: ${widest + 1} columns`])
  })
})

describe("the program", () => {
  it("refers to documents that are there", () => {
    const sources = [...tree].filter(
      (path) => /\.(ts|yaml|json|conf|sh)$/.test(path) && !path.startsWith("test/docs/")
    )
    const missing = sources.flatMap((path) =>
      [...read(path).matchAll(/\bdocs\/[\w/-]+\.md\b/g)].flatMap(([document]) =>
        tree.has(document) ? [] : [`${path}: ${document}`]
      )
    )
    expect(missing).toEqual([])
  })
})
