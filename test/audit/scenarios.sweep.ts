/** The audit of every scenario that is shipped, cut to a trial: nobody learns more than SECURITY.md claims. */
import { readdirSync } from "node:fs"
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { full } from "../support/sweep.ts"
import { audited, lineOf } from "../support/trial.ts"

/** Images have hundreds of columns, and their models a hundred thousand weights. */
const isLarge = (name: string) => name.startsWith("mnist")

const scenarios = readdirSync("scenarios").filter(
  (name) => name.endsWith(".yaml") && (full || !isLarge(name))
)

const sizeOf = (name: string) => ({ rows: isLarge(name) ? 10 : full ? 96 : 24, epochs: full ? 2 : 1 })

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "the audit",
  (it) => {
    describe("of a shipped scenario finds nothing", () => {
      for (const name of scenarios)
        it.scoped(name, () =>
          Effect.gen(function* () {
            const { error, findings } = yield* audited(`scenarios/${name}`, sizeOf(name))
            expect(error).toBeUndefined()
            expect(findings.map(lineOf)).toEqual([])
          })
        )
    })
  }
)
