/** Documents are held against what they describe. `npm run docs` writes the generated parts anew. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { generated } from "./generated.ts"
import { generatedIn, withGenerated } from "./markdown.ts"
import { forbiddenRoutes, messages, routes } from "./messages.ts"
import { documents, root } from "./tree.ts"

const blocks = await generated()
const texts = documents.map((path) => [path, readFileSync(join(root, path), "utf8")] as const)

describe("generated parts of the documents", () => {
  it.each(texts.filter(([, text]) => generatedIn(text).length > 0))(
    "%s states what the program does",
    async (path, text) => {
      await expect(withGenerated(text, blocks)).toMatchFileSnapshot(join(root, path))
    }
  )

  it("stand each in a document", () => {
    const used = texts.flatMap(([, text]) => generatedIn(text))
    expect([...blocks.keys()].filter((name) => !used.includes(name))).toEqual([])
  })

  it("say of every field and message what it means", () => {
    const rows = [...blocks.values()].flatMap((block) => block.split("\n"))
    expect(rows.filter((row) => /\| +\|$/.test(row) && !row.startsWith("| user |"))).toEqual([])
  })
})

describe("table of messages", () => {
  it("has every message that is declared, and no other", () => {
    const declared = messages.map(({ tag }) => tag)
    expect(declared.filter((tag) => !routes.has(tag))).toEqual([])
    expect([...routes.keys()].filter((tag) => !declared.includes(tag))).toEqual([])
  })

  it("lets nobody send what the permissions do not allow", () => {
    expect(forbiddenRoutes()).toEqual([])
  })
})
