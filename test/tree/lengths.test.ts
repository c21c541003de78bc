/** A function is what one reads at one look. Long ones are machines in one closure, and become functions over a state with a name. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { functionsOf, programFiles } from "./sources.ts"

const mostLines = 100

describe("functions", () => {
  it("are measured wherever they are, one within another too", () => {
    const text = "const a = () => {\n  function b() {\n    return 1\n  }\n}\nclass C {\n  d() {\n  }\n}\n"
    expect(functionsOf("x.ts", text)).toEqual([
      { name: "a", line: 1, lines: 5 },
      { name: "b", line: 2, lines: 3 },
      { name: "d", line: 7, lines: 2 }
    ])
  })

  it(`have at most ${mostLines} lines each`, () => {
    const long = programFiles
      .filter((file) => !file.startsWith("protocol/ring/kernels/"))
      .map((file) => [file, readFileSync(file, "utf8")] as const)
      // A short file has no long function, and need not be parsed.
      .filter(([, text]) => text.split("\n").length > mostLines)
      .flatMap(([file, text]) =>
        functionsOf(file, text)
          .filter(({ lines }) => lines > mostLines)
          .map(({ name, line, lines }) => `${file}:${line}: ${name} has ${lines} lines`)
      )
    expect(long).toEqual([])
  })
})
