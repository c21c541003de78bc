/** `--json`: of every command, whatever comes of it, standard output is one JSON document of the same form. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { command } from "../../support/in-process.ts"
import { splits, writeScenario } from "../../support/small-scenario.ts"

/** The document of a command line, and what went to standard error. */
const documentOf = (...words: ReadonlyArray<string>) =>
  Effect.map(command(...words, "--json"), ({ complained, printed, status }) => {
    const document = JSON.parse(printed)
    expect(Object.keys(document)).toEqual(["command", "version", "ok", "exitStatus", "result", "error"])
    expect(document).toMatchObject({
      exitStatus: status,
      ok: status === 0,
      version: expect.stringMatching(/^\d+\./)
    })
    expect(document.error === null).toBe(document.ok)
    return { ...document, complained }
  })

/** A command line of each command, and what its result has; without, what the error is of a line that can't be done. */
interface Case {
  readonly words: ReadonlyArray<string>
  readonly result?: object
  readonly error?: object
}

const refused = (...words: ReadonlyArray<string>): Case => ({
  words,
  error: { tag: expect.stringMatching(/^[A-Z]\w+$/), message: expect.stringMatching(/./), retryable: false }
})

const csv = "id,height,label\n1,2.5,a\n2,3.5,b\n3,1.5,a\n4,2.25,b\n"

/** Commands with an answer here; `run` comes first, and leaves a model and event logs in `out`. */
const cases = (file: string, folder: string): ReadonlyMap<string, ReadonlyArray<Case>> => {
  const out = join(folder, "out")
  const missing = join(folder, "missing")
  return new Map([
    [
      "run",
      [
        { words: ["run", file, "--transport", "memory", "--out", out], result: { out, transport: "memory" } },
        refused("run", missing)
      ]
    ],
    ["deal", [refused("deal", file)]],
    ["resume", [refused("resume", missing)]],
    ["train", [refused("train", missing)]],
    ["archive", [{ words: ["archive", "list", folder], result: [] }, refused("archive", "show", missing)]],
    ["serve", [refused("serve", missing)]],
    ["invite", [refused("invite", missing)]],
    ["join", [refused("join", missing)]],
    ["doctor", [refused("doctor", file)]],
    ["view", [refused("view", missing)]],
    [
      "report",
      [{ words: ["report", out], result: { file: join(out, "report.html") } }, refused("report", missing)]
    ],
    ["simulate", [{ words: ["simulate", file, "--seeds", "3"], result: { seeds: 1, failed: [] } }]],
    [
      "check",
      [
        {
          words: ["check", file],
          result: {
            rows: expect.any(Object),
            cost: { rounds: expect.any(Number) },
            withoutIdentity: expect.any(Array)
          }
        },
        refused("check", missing)
      ]
    ],
    ["tune", [refused("tune", file, "--user", "nobody")]],
    ["predict", [refused("predict", out, missing), refused("predict", out, join(folder, "table.csv"))]],
    [
      "export",
      [
        {
          words: ["export", out, "--format", "safetensors"],
          result: { file: join(out, "model.safetensors"), format: "safetensors" }
        },
        refused("export", missing, "--format", "onnx")
      ]
    ],
    [
      "inspect",
      [
        { words: ["inspect", join(folder, "table.csv")], result: [{ rows: 4 }] },
        refused("inspect", join(folder, "table.csv"), missing)
      ]
    ],
    ["init", [refused("init", join(folder, "table.csv"))]],
    ["audit", [refused("audit", missing)]],
    [
      "inspect-run",
      [
        { words: ["inspect-run", out], result: { outcome: "over", links: null } },
        refused("inspect-run", missing)
      ]
    ],
    [
      "identity",
      [
        { words: ["identity", join(folder, "me")], result: { made: true, nkey: null } },
        refused("identity", folder)
      ]
    ],
    ["nkeys", [refused("nkeys", file)]],
    ["admit", [refused("admit", join(folder, "admission.json"), "--scenario", file)]],
    ["ask", [refused("ask", join(folder, "table.csv"), "--scenario", file, "--preparation", missing)]],
    ["gateway", [refused("gateway", "--scenario", file, "--preparation", missing)]],
    ["actor", [refused("actor", "kgc", "--run", "r")]]
  ])
}

describe("--json", () => {
  it.scopedLive("of every command prints one document, of what it found or of what it failed with", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows, { seed: 4 })
      yield* Effect.promise(() => writeFile(join(folder, "table.csv"), csv))
      const table = cases(file, folder)
      const { result } = yield* documentOf("--help")
      const commands = Array.from(String(result.text).matchAll(/^ +- ([a-z-]+)/gm), ([, name]) => name)
      expect([...table.keys()].sort()).toEqual([...new Set(commands)].sort())
      for (const [name, each] of table)
        for (const { error, result, words } of each) {
          const document = yield* documentOf(...words)
          expect(document.command).toBe(name)
          if (error === undefined) expect(document).toMatchObject({ ok: true, result })
          else expect(document).toMatchObject({ ok: false, error })
        }
    })
  )

  it.effect("of the version, of words that are wrong and of none prints one, too", () =>
    Effect.gen(function* () {
      expect((yield* documentOf("--version")).result.text).toMatch(/^\d+\.\d+\.\d+$/)
      expect((yield* documentOf()).result.text).toContain("COMMANDS")
      expect((yield* documentOf("--completions", "bash")).result.text).toContain("complete -F")
      const { printed } = yield* command("--json", "check", "missing.yaml")
      expect(JSON.parse(printed)).toMatchObject({ command: "check", ok: false })
      expect(yield* documentOf("frobnicate")).toMatchObject({ command: null, error: { tag: "WrongWords" } })
      const { complained, error, exitStatus } = yield* documentOf("run", "a.yaml", "--seed", "1e3")
      expect({ exitStatus, tag: error.tag }).toEqual({ exitStatus: 1, tag: "ValueRefused" })
      expect(error.message).toContain("--seed must be")
      expect(complained).toContain("--seed must be")
      expect(complained).toMatch(/bicameral: see bicameral run --help$/)
    })
  )

  it.effect("behind -- is a file, and given twice is one time too many", () =>
    Effect.gen(function* () {
      expect((yield* command("check", "--", "--json")).complained).toContain("--json")
      expect((yield* documentOf("check", "a.yaml", "--json")).error.message).toContain("given twice")
    })
  )
})
