/** Programs that give something away, several faults at a time: the audit names of each the coalition and the message. */
// Before anything of the program is loaded.
import "./mutants.ts"
import { afterEach, describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"
import { active, expected, heldOut, type Mutant, standardised } from "./mutants.ts"

const size = { rows: 24, epochs: 1 }
const hybrid = { security: { modulusBits: 512, insecure: true, upload: "hybrid", output: "hybrid" } }

/** Together they hide nothing of each other. */
const together: ReadonlyArray<{ readonly mutants: ReadonlyArray<Mutant>; readonly changes?: object }> = [
  {
    mutants: [
      "a dealing that is not sealed",
      "a wrong subject",
      "a reused nonce",
      "a share in the clear for the wrong cloud",
      "a secret key in a declaration",
      "the salt for a cloud",
      "the model for the director",
      "held-out cells for a user that does not test"
    ]
  },
  { mutants: ["the master key for cloud 1", "k_1 for cloud 0", "ids for a cloud"] },
  { mutants: ["no blinds in the transformation", "partial decryptions for cloud 1"] },
  { mutants: ["the encrypted model for cloud 0"], changes: hybrid },
  { mutants: ["sums without masks", "the statistics for a cloud"], changes: standardised },
  // Two of three users decrypt, under shares of the joint key.
  { mutants: ["partial decryptions for cloud 1"], changes: { join: "private", decryption: { threshold: 2 } } }
]

afterEach(() => active.clear())

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "a program with faults",
  (it) => {
    describe("is found out by the audit", () => {
      for (const { mutants, changes } of together)
        it.scoped(mutants.join("; "), () =>
          Effect.gen(function* () {
            const { file } = yield* writeScenario(splits.blocks, { heldOut, ...changes })
            for (const mutant of mutants) active.add(mutant)
            const { error, findings } = yield* audited(file, size)
            expect(error).toBeUndefined()
            const lines = findings.map(lineOf)
            const wanted = mutants.flatMap((mutant) => expected[mutant])
            for (const line of wanted) expect(lines).toContainEqual(expect.stringMatching(line))
            expect(lines.filter((line) => !wanted.some((each) => each.test(line)))).toEqual([])
          })
        )
    })
  }
)
