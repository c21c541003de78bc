/** Parties whose worker threads are given other work, so that masks beside the training are too narrow, or serve twice. */
import { afterEach, describe, expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { BcpPool, layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

/** Changes the input of jobs of this name. */
let mutant: { readonly job: string; readonly input: object } | undefined
afterEach(() => {
  mutant = undefined
})

const pool = Layer.map(bcpPool(2), (context) => {
  const real = Context.get(context, BcpPool)
  const run = ((job: string, input: object) =>
    real.run(
      job as never,
      (job === mutant?.job ? { ...input, ...mutant.input } : input) as never
    )) as typeof real.run
  return Context.add(context, BcpPool, { ...real, run })
})

const cases = [
  {
    name: "one key for the blinds of all pieces",
    job: "addBlinds",
    input: { key: new Uint8Array(16).fill(1) },
    said: /^cloud0: one blind covers two contents; in Reencrypt of user\d, ciphertext 0; and Reencrypt of user1, ciphertext 0/
  },
  {
    name: "masks of 16 bits above the words of the model",
    job: "addPacked",
    input: { maskBits: 16 },
    said: /^user1 with user2 with user3: a mask of the model is narrower than it must be: 2[34] of its 40 bits/
  }
]

layer(Layer.merge(pool, Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "the audit of pads",
  (it) => {
    describe("finds", () => {
      for (const { name, job, input, said } of cases)
        it.scoped(name, () =>
          Effect.gen(function* () {
            const { file } = yield* writeScenario(splits.blocks)
            mutant = { job, input }
            const { error, pads } = yield* audited(file, { rows: 24, epochs: 1 })
            expect(error).toBeUndefined()
            expect(pads.map(lineOf)).toContainEqual(expect.stringMatching(said))
          })
        )
    })
  }
)
