/** The dashboard and the page about figures have the names of the code. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { instruments } from "../../runtime/metrics.ts"
import { root } from "./tree.ts"

const read = (path: string) => readFileSync(join(root, path), "utf8")

/** As Prometheus spells what comes by OTLP: underscores, then the unit where the name does not end with it, then `_total`. */
const inPrometheus = ([name, { kind, unit }]: readonly [
  string,
  (typeof instruments)[keyof typeof instruments]
]) => {
  const spelt = name.replaceAll(".", "_")
  const suffix = unit === "By" ? "_bytes" : unit === "s" ? "_seconds" : ""
  return `${spelt.endsWith(suffix) ? spelt : `${spelt}${suffix}`}${kind === "sum" ? "_total" : ""}`
}

describe("the dashboard", () => {
  it("asks for every figure that parties send, and for no other", () => {
    const { panels } = JSON.parse(read("docs/deployment/dashboard.json")) as {
      readonly panels: ReadonlyArray<{ readonly targets: ReadonlyArray<{ readonly expr: string }> }>
    }
    const asked = panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(/bicameral_\w+/g) ?? [])
    )
    expect([...new Set(asked)].sort()).toEqual(Object.entries(instruments).map(inPrometheus).sort())
  })
})

describe("the page about figures", () => {
  it("lists every figure that parties send, and no other", () => {
    const listed = Array.from(
      read("docs/how-to/watch.md").matchAll(/^\| `(bicameral\.[\w.]+)`/gm),
      ([, name]) => name
    )
    expect(listed.sort()).toEqual(Object.keys(instruments).sort())
  })
})
