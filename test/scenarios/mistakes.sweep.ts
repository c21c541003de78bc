/**
 * Every place of a command line at which a file is named, with every file that is not what belongs there: the command ends
 * with 1, soon, and names the file and what is wrong with it. None is called a fault of the program.
 */
import { randomBytes } from "node:crypto"
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { command } from "../support/in-process.ts"
import { slice } from "../support/sweep.ts"
import { studyOf } from "./cases.ts"

const hosts = fileURLToPath(new URL("../../docs/deployment/hosts.yaml", import.meta.url))

/** What stands where a file belongs, and what has to be said of it: as YAML, and as JSON. */
interface Wrong {
  readonly content: string | Uint8Array | "folder" | "missing" | "link to nothing" | "link to itself"
  readonly yaml: RegExp
  readonly json?: RegExp
}

const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
for (let i = 1; i < 12; i++) {
  const names = "abcdefghijkl"
  bomb.push(
    `${names[i]}: &${names[i]} [${Array(10)
      .fill(`*${names[i - 1]}`)
      .join(", ")}]`
  )
}
const notThere = /no such file|not there|nothing to resume/
const wrongFiles: Readonly<Record<string, Wrong>> = {
  missing: { content: "missing", yaml: notThere },
  folder: { content: "folder", yaml: /folder|directory/i },
  "link-to-nothing": { content: "link to nothing", yaml: notThere },
  "link-to-itself": { content: "link to itself", yaml: /link/i },
  empty: { content: "", yaml: /empty/ },
  comments: { content: "# nothing\n\n# at all\n", yaml: /empty|nothing|comments/ },
  null: { content: "null\n", yaml: /empty|must be|fields/, json: /./ },
  number: { content: "7\n", yaml: /must be|fields/, json: /./ },
  text: { content: "just a text\n", yaml: /must be|fields/ },
  list: { content: "- a\n- b\n", yaml: /must be|fields/ },
  table: { content: "id,moisture\na,12.5\n", yaml: /must be|fields|YAML/ },
  page: {
    content: "<!DOCTYPE html>\n<html><body>Sign in: &nbsp;</body></html>\n",
    yaml: /must be|fields|YAML|HTML/
  },
  tabs: { content: "name: x\ndata:\n\tfeatures: {}\n", yaml: /tab/i },
  twice: { content: "name: x\nname: y\n", yaml: /twice|unique|again|YAML/ },
  cut: {
    content: '{"format": "bicameral run", "ver',
    yaml: /YAML|ends|cut/,
    json: /JSON|cut short|ends|no run|not a folder/
  },
  binary: { content: new Uint8Array(randomBytes(3000)).fill(0, 500, 700), yaml: /UTF-8|text|binary/i },
  utf16: { content: new Uint8Array(Buffer.from("\uFEFFname: x\n", "utf16le")), yaml: /UTF-16/ },
  latin1: { content: new Uint8Array(Buffer.from("name: M\xfcller\n", "latin1")), yaml: /UTF-8/ },
  bomb: { content: `${bomb.join("\n")}\n`, yaml: /alias/i },
  deep: { content: `${"[".repeat(5_000)}${"]".repeat(5_000)}\n`, yaml: /nest|deep|must be|fields/i },
  long: { content: `name: ${"x".repeat(1_000_000)}\n`, yaml: /name|missing/ },
  __proto__: { content: "__proto__: {name: x}\nconstructor: 7\n", yaml: /__proto__.*not known|missing/ }
}

/** The command lines; `file` is the wrong one. */
const places: Readonly<
  Record<
    string,
    {
      readonly json?: boolean
      /** The wrong file is in a folder, under this name. */
      readonly inside?: string
      readonly words: (study: string, file: string) => ReadonlyArray<string>
    }
  >
> = {
  check: { words: (_, file) => ["check", file] },
  "check --hosts": { words: (study, file) => ["check", join(study, "scenario.yaml"), "--hosts", file] },
  "check --calibration": {
    json: true,
    words: (study, file) => ["check", join(study, "scenario.yaml"), "--hosts", hosts, "--calibration", file]
  },
  run: { words: (study, file) => ["run", file, "--out", join(study, "out"), "--transport", "memory"] },
  "run --faults": {
    words: (study, file) => {
      const words = ["run", join(study, "scenario.yaml"), "--faults", file, "--transport", "memory"]
      return [...words, "--out", join(study, "out")]
    }
  },
  simulate: { words: (_, file) => ["simulate", file, "--seeds", "1"] },
  resume: { json: true, words: (_, file) => ["resume", file] },
  "resume of a folder": { json: true, inside: "run.json", words: (_, folder) => ["resume", folder] },
  actor: {
    words: (study, file) => {
      const words = ["actor", "kgc", "--scenario", file, "--run", "r1"]
      return [...words, "--state", join(study, "out")]
    }
  }
}

const lay = async (path: string, { content }: Wrong): Promise<void> => {
  if (content === "missing") return
  if (content === "folder") await mkdir(path)
  else if (content === "link to nothing") await symlink("nowhere", path)
  else if (content === "link to itself") await symlink(path, path)
  else await writeFile(path, content)
}

const cases = Object.keys(places).flatMap((place) =>
  Object.keys(wrongFiles).map((file) => ({ name: `${place}, ${file}`, place, file }))
)
const foreign =
  /Encoded side|actual null|\bat .*\.[jt]s:\d+|fault of the program|internal error|undefined|ENOENT|EISDIR/

/** What is wrong with the way in which a command takes a wrong file; nothing where all is as it must be. */
const mistaken = ({ name, place, file }: (typeof cases)[number]) =>
  Effect.gen(function* () {
    const study = yield* studyOf("baseline")
    const { inside, json = false, words } = places[place]!
    const wrong = wrongFiles[file]!
    const path = join(study, `${file}.wrong`)
    yield* Effect.promise(async () => {
      if (inside !== undefined) await mkdir(path)
      await lay(inside === undefined ? path : join(path, inside), wrong)
    })
    const before = yield* Effect.promise(() => readdir(study))
    const [took, { complained, status }] = yield* Effect.timed(command(...words(study, path)))
    const says = json ? (wrong.json ?? /./) : wrong.yaml
    const after = yield* Effect.promise(() => readdir(study))
    return [
      ...(status === 1 ? [] : [`ends with ${status}`]),
      ...(complained.includes(path) ? [] : ["does not name the file"]),
      ...(says.test(complained) ? [] : [`does not say ${says}`]),
      ...(foreign.test(complained) ? ["has a word of an inner layer"] : []),
      ...(complained.length < 5_000 ? [] : [`says ${complained.length} characters`]),
      ...(Duration.toSeconds(took) < 20 ? [] : [`takes ${Duration.format(took)}`]),
      ...(before.length === after.length ? [] : [`leaves ${after}`])
    ].map((what) => `${name}: ${what}\n    ${complained.slice(0, 400)}`)
  }).pipe(Effect.scoped)

describe("commands with files that are not what belongs there", () => {
  it.scopedLive("end with 1, name the file and what is wrong with it, and write nothing", () =>
    Effect.gen(function* () {
      const wrong = yield* Effect.forEach(slice(cases, cases.length), mistaken)
      expect(wrong.flat().join("\n")).toBe("")
    })
  )
})
