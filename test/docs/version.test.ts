/** The version is stated once, and the changelog knows it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { version } from "../../scenarios/text/version.ts"
import { root } from "./tree.ts"

const read = (path: string) => readFileSync(join(root, path), "utf8")

describe("version", () => {
  it("of the program, the package and its lock file are one", () => {
    const stated = JSON.parse(read("package.json")).version
    expect(version()).toBe(stated)
    expect(JSON.parse(read("package-lock.json")).packages[""].version).toBe(stated)
  })

  it("is the first release in the changelog", () => {
    expect(/^## \[(\d.*?)\]/m.exec(read("CHANGELOG.md"))?.[1]).toBe(version())
  })
})
