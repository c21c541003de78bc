/** `features: all`, where the files say which columns there are. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { checkData } from "../../../scenarios/description/joined.ts"
import { loadScenario } from "../../../scenarios/description/load.ts"
import { clinics, folderOf, passengers } from "../inspect/tables.ts"

const scenario = (users: string, more = "") => `
name: study
description: A study
data:
  features: all
${more}
users:
${users}
network: { hidden: [] }
training: { epochs: 1, batch: 4, rate: 0.1 }
reveal: [column-statistics]
`

const holding = (name: string, file: string, more = "") =>
  `  - { name: ${name}, holds: [{ file: ${file}${more} }] }\n`

const label = "  label: { column: diabetes, values: [neg, pos] }"

const loaded = (files: ReadonlyMap<string, string>, text: string) =>
  Effect.gen(function* () {
    const folder = yield* folderOf(files)
    const file = join(folder, "study.yaml")
    writeFileSync(file, text)
    return yield* Effect.either(loadScenario(file))
  }).pipe(Effect.provide(nodeContext))

const refusal = (result: Either.Either<unknown, { readonly message: string }>) =>
  Either.isLeft(result) ? result.left.message.replace(/\S*\/study/g, "study") : "accepted"

const threeClinics = [...clinics.keys()].map((file) => holding(file.replace(/\..*/, ""), file)).join("")

describe("features: all", () => {
  it.scoped("are the columns of the files but ids and labels, in any dialect", () =>
    Effect.gen(function* () {
      const result = yield* loaded(clinics, scenario(threeClinics, `${label}\n  fill: mean`))
      const { data, users } = Either.getOrThrow(result).scenario
      expect(data.features.map(({ name }) => name)).toEqual(["glucose", "mass"])
      expect(users.map(({ holds }) => holds[0]!.columns)).toEqual(
        Array(3).fill(["glucose", "mass", "diabetes"])
      )
      const checked = yield* checkData(Either.getOrThrow(result)).pipe(
        Effect.provide(nodeContext),
        Effect.either
      )
      expect(checked).toMatchObject({ right: { rows: 120 } })
    })
  )

  it.scoped("leave a list of columns as it is", () =>
    Effect.gen(function* () {
      const users = [...clinics.keys()]
        .map((file) => holding(file.replace(/\..*/, ""), file, ", columns: [glucose, diabetes]"))
        .join("")
      const { data } = Either.getOrThrow(yield* loaded(clinics, scenario(users, label))).scenario
      expect(data.features.map(({ name }) => name)).toEqual(["glucose"])
    })
  )

  it.scoped("refuse texts, with the column and the entry that it needs, and without a cell", () =>
    Effect.gen(function* () {
      const users = holding("line", "line.csv") + holding("registry", "registry.csv")
      const told = refusal(
        yield* loaded(passengers, scenario(users, "  label: { column: age, scale: standard }"))
      )
      expect(told).toMatch(
        /study\.yaml:5: data\.features: is all, .* in line\.csv column class holds texts: say class: \{ values: \[\.\.\.\] \}/
      )
      expect(told).toMatch(/survived: boolean; column sex holds texts/)
      expect(told).not.toMatch(/female|1st/)
    })
  )

  it.scoped("name the label that no file has, and not its column as a feature", () =>
    Effect.gen(function* () {
      const wrong = label.replace("diabetes", "diabetis")
      expect(refusal(yield* loaded(clinics, scenario(threeClinics, wrong)))).toMatch(
        /^study\.yaml:6: data\.label\.column: column diabetis is in none of the files; .*; did you mean diabetes\?$/
      )
    })
  )

  it.scoped("say which file may be meant where the name of one is spelt otherwise", () =>
    Effect.gen(function* () {
      const users = threeClinics.replace("harbour.csv", "Harbour.csv")
      expect(refusal(yield* loaded(clinics, scenario(users, label)))).toMatch(
        /holds\[0\]\.file: there is no such file; .* should have its data; did you mean harbour\.csv\?/
      )
    })
  )

  it.scoped("say what to do where a file is not on this machine", () =>
    Effect.gen(function* () {
      const files = new Map([...clinics].slice(0, 2))
      const told = refusal(yield* loaded(files, scenario(threeClinics, label)))
      expect(told).toMatch(
        /study\.yaml:\d+: users\[2\]\.holds\[0\]\.file: there is no such file; .* list the features in the scenario/
      )
    })
  )

  it.scoped("read no file beyond the folder of the scenario", () =>
    Effect.gen(function* () {
      const users = holding("a", "../../etc/passwd") + holding("b", "harbour.csv")
      expect(refusal(yield* loaded(clinics, scenario(users, label)))).toMatch(/is outside of /)
    })
  )
})
