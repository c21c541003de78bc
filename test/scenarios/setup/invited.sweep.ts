/** Seven parties in seven network namespaces, each started by one command from its own file: docs/deployment/invited.sh. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { projectRoot } from "../../../protocol/artifact.ts"
import { ran } from "../../support/program.ts"
import { temporaryFolder } from "../../support/small-scenario.ts"
import { full } from "../../support/sweep.ts"

const script = fileURLToPath(new URL("docs/deployment/invited.sh", projectRoot))

/** Why this machine can't have network namespaces of ours; undefined if it can. */
const obstacle = (): string | undefined => {
  if (process.platform !== "linux") return "this is no Linux"
  const ip = (...words: ReadonlyArray<string>) => spawnSync("ip", words, { encoding: "utf8" })
  const added = ip("netns", "add", "bici-try")
  ip("netns", "delete", "bici-try")
  return added.status === 0 ? undefined : `ip netns: ${added.stderr?.trim() || added.error?.message}`
}

const why = full ? obstacle() : "it takes SWEEP=full"
if (why !== undefined) console.warn(`seven namespaces are not tried: ${why}`)

describe("seven parties in seven namespaces", () => {
  it.scopedLive.skipIf(why !== undefined)(
    "are invited, examined, and end with the model of a local run",
    () =>
      Effect.gen(function* () {
        const folder = join(yield* temporaryFolder, "invited")
        const { complained, printed, status } = yield* ran("sh", [script, folder])
        expect(status, printed + complained).toBe(0)
        expect(printed).toMatch(/doctor finds nothing wrong at 7 sites\n/)
        expect(printed).toMatch(/the model of all three users is that of the local run, byte for byte/)
      })
  )
})
