/** The audit of every scenario that is shipped, cut to a trial: nobody learns more than SECURITY.md claims, and each byte has a pad. */
import { readdirSync } from "node:fs"
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { full } from "../support/sweep.ts"
import { audited, lineOf } from "../support/trial.ts"

const scenarios = readdirSync("scenarios").filter((name) => name.endsWith(".yaml"))

/** Images have hundreds of columns. */
const sizeOf = (name: string) => {
  const rows = name.startsWith("mnist") ? 10 : full ? 96 : 24
  return { rows, epochs: full ? 2 : 1 }
}

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "the audit",
  (it) => {
    describe("of a shipped scenario finds nothing", () => {
      for (const name of scenarios)
        it.scoped(name, () =>
          Effect.gen(function* () {
            const { error, findings, pads } = yield* audited(`scenarios/${name}`, sizeOf(name))
            expect(error).toBeUndefined()
            expect([...findings, ...pads].map(lineOf)).toEqual([])
          })
        )
    })
  }
)
