/** The scenarios that come with the project. */
import { cp, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { parse, stringify } from "yaml"
import type { Model } from "../../protocol/learning/model.ts"
import { runInMemory, temporaryFolder } from "./small-scenario.ts"

export const scenarios = fileURLToPath(new URL("../../scenarios", import.meta.url))

/** A shipped scenario under a modulus that makes it quick; what is learned does not depend on the modulus. */
export const quickly = (name: string) => quicklyBut(name, {})

/** The same with other sections. */
export const quicklyBut = (name: string, changes: object) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const file = join(folder, `${name}.yaml`)
    yield* Effect.promise(async () => {
      const scenario = parse(await readFile(join(scenarios, `${name}.yaml`), "utf8")) as object
      await writeFile(
        file,
        stringify({ ...scenario, security: { modulusBits: 512, insecure: true }, ...changes })
      )
      await cp(join(scenarios, "data"), join(folder, "data"), { recursive: true })
    })
    const out = join(folder, "out")
    return { result: yield* runInMemory(file, out), model: yield* modelIn(out) }
  })

const modelIn = (out: string) =>
  Effect.promise(async () => JSON.parse(await readFile(join(out, "model.json"), "utf8")) as Model)
