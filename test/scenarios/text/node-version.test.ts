import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { projectRoot } from "../../../protocol/artifact.ts"
import { leastNode } from "../../../scenarios/text/node-version.ts"

describe("the oldest Node", () => {
  it("is the one that package.json states", () => {
    const { engines } = JSON.parse(readFileSync(new URL("package.json", projectRoot), "utf8"))
    expect(engines.node).toBe(`>=${leastNode.join(".")}`)
  })
})
