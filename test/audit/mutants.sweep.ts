/** Programs that give something away, one fault at a time, in both forms. */
// Before anything of the program is loaded.
import "./mutants.ts"
import { afterEach, describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { again, slice } from "../support/sweep.ts"
import { audited, lineOf } from "../support/trial.ts"
import { active, expected, heldOut, type Mutant, standardised } from "./mutants.ts"

const size = { rows: 24, epochs: 1 }
const forms = {
  packed: {},
  hybrid: { security: { modulusBits: 512, insecure: true, upload: "hybrid", output: "hybrid" } }
}

/** What is not there in the hybrid form, or is worth nothing there. */
const packedOnly: ReadonlyArray<Mutant> = ["no blinds in the transformation", "the master key for cloud 1"]

/** What needs columns with statistics. */
const ofStatistics: ReadonlyArray<Mutant> = ["sums without masks", "the statistics for a cloud"]

const cases = (Object.keys(expected) as ReadonlyArray<Mutant>).flatMap((mutant) =>
  (["packed", "hybrid"] as const)
    .filter((form) => form === "packed" || !packedOnly.includes(mutant))
    .map((form) => ({ name: `${mutant}, ${form}`, mutant, form }))
)

afterEach(() => active.clear())

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "a program with one fault",
  (it) => {
    describe("is found out by the audit", () => {
      for (const { name, mutant, form } of slice(cases, 6))
        it.scoped(name, () =>
          Effect.gen(function* () {
            const { file } = yield* writeScenario(splits.blocks, {
              heldOut,
              ...forms[form],
              ...(ofStatistics.includes(mutant) ? standardised : {})
            })
            active.add(mutant)
            const { error, findings } = yield* audited(file, size)
            expect(error, again("npm run test:sweep", name)).toBeUndefined()
            const lines = findings.map(lineOf)
            for (const line of expected[mutant]) expect(lines).toContainEqual(expect.stringMatching(line))
            expect(lines.filter((line) => !expected[mutant].some((each) => each.test(line)))).toEqual([])
          })
        )
    })
  }
)
