/** The page of errors lists texts that the program has. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root, tree } from "./tree.ts"

const read = (path: string) => readFileSync(join(root, path), "utf8")

const source = [...tree]
  .filter((path) => /^(actors|protocol|runtime|scenarios)\/.*\.ts$/.test(path))
  .map((path) => read(path).replaceAll(/\s+/g, " "))
  .join("\n")

/** Texts that are put together of words, and stand nowhere as a whole. */
const composed = new Set([
  "may not publish on",
  "may not subscribe to",
  "can't write to",
  "can't use the folder"
])

/** The texts between the places that an error fills in. */
const fixedParts = (text: string): ReadonlyArray<string> =>
  text
    .split("…")
    .map((part) => part.replaceAll(/^[\s":,;()]+|[\s":,;()]+$/g, ""))
    .filter((part) => part.length >= 6 && !composed.has(part))

/** The texts in the first column of a page's tables that the program does not have. */
const unknownTexts = (page: string): ReadonlyArray<string> =>
  page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...(line.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)])
    .flatMap(([, text = ""]) => fixedParts(text).filter((part) => !source.includes(part)))

describe("the page of errors", () => {
  it("lists texts that the program prints", () => {
    expect(unknownTexts(read("docs/reference/errors.md"))).toEqual([])
  })

  it("is found out where a text is none of the program's", () => {
    expect(unknownTexts("| `no such error as this` | x |")).toEqual(["no such error as this"])
  })
})
