/**
 * The tarball of `npm pack`, installed in an empty folder as a stranger does it, runs a scenario of its own over NATS. It needs the
 * npm registry and some minutes, so it is part of the full sweep.
 */
import { execFile } from "node:child_process"
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryFolder } from "../../support/small-scenario.ts"
import { full } from "../../support/sweep.ts"

const run = promisify(execFile)

/** The oldest Node that is supported, and the later ones with long-term support. */
const nodes = ["20.15.0", "22", "24"]

const inFolder = (cwd: string, ...[command = "", ...words]: ReadonlyArray<string>) =>
  Effect.tryPromise(() => run(command, words, { cwd, maxBuffer: 1e8 }))

describe.runIf(full)("the package", () => {
  it.scopedLive(
    "from its tarball runs a scenario of its own with every supported Node",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { stdout } = yield* inFolder(
          ".",
          "npm",
          "pack",
          "--ignore-scripts",
          "--pack-destination",
          folder
        )
        const tarball = join(folder, stdout.trim().split("\n").at(-1)!)
        const user = join(folder, "user")
        yield* Effect.promise(() => mkdir(join(user, "data", "two-plots"), { recursive: true }))
        yield* Effect.promise(() => writeFile(join(user, "package.json"), "{}"))
        yield* inFolder(user, "npm", "install", "--no-audit", "--no-fund", tarball)
        const installed = join(user, "node_modules", "bicameral", "scenarios")
        yield* Effect.promise(() => copyFile(join(installed, "two-growers.yaml"), join(user, "own.yaml")))
        const data = yield* inFolder(user, "cp", "-r", join(installed, "data"), user)
        expect(data.stderr).toBe("")
        for (const node of nodes) {
          const words = ["--yes", "--package", `node@${node}`, "--", "node", "node_modules/.bin/bicameral"]
          const out = join(user, `out-${node}`)
          const ran = yield* inFolder(user, "npx", ...words, "run", "own.yaml", "--out", out, "--json")
          expect(JSON.parse(ran.stdout)).toMatchObject({ ok: true, result: { transport: "nats" } })
          expect(
            (yield* Effect.promise(() => readFile(join(out, "model.json"), "utf8"))).length
          ).toBeGreaterThan(0)
        }
        // Its data are in a package that only developers install.
        const lacking = yield* Effect.flip(
          inFolder(user, "npx", "bicameral", "check", join(installed, "mnist.yaml"), "--json")
        )
        expect(String(lacking.error)).toContain("train-images-idx3-ubyte")
      }),
    600_000
  )
})
