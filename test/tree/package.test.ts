/** What `npm pack` puts into the tarball: what the program reads, the scenarios and the documents; no sources, benchmarks or tests. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { programFiles } from "./sources.ts"

const packed = (
  JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    })
  ) as [{ readonly files: ReadonlyArray<{ readonly path: string }>; readonly unpackedSize: number }]
)[0]
const paths = packed.files.map(({ path }) => path)

/** Built files, and files of the project, that the program names. */
const named = programFiles
  .filter((file) => !/^(bench|test)\//.test(file))
  .flatMap((file) => {
    const text = readFileSync(file, "utf8")
    return [
      ...Array.from(text.matchAll(/artifact\("([^"]+)"\)/g), ([, path]) => `dist/${path}`),
      ...Array.from(text.matchAll(/new URL\("([^"]+\.[a-z]+)", projectRoot\)/g), ([, path]) => path!)
    ]
  })

describe("the package", () => {
  it("has every file that the program names", () => {
    expect(named.length).toBeGreaterThan(5)
    const wanted = [...named, "nats.conf", "nats-jetstream.conf", "dist/program/install.js"]
    expect(wanted.filter((path) => !paths.includes(path))).toEqual([])
  })

  it("has no source, benchmark or test, and fits in 6 MB", () => {
    expect(paths.filter((path) => /\.tsx?$|^dist\/(bench|test)\/|tsbuildinfo|^test\//.test(path))).toEqual([])
    expect(packed.unpackedSize).toBeLessThan(6_000_000)
  })
})
