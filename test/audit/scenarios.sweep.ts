/** The audit of every scenario that is shipped, cut to a trial: nobody learns more than SECURITY.md claims, and each byte has a pad. */
import { readdirSync } from "node:fs"
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { command } from "../support/in-process.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { full } from "../support/sweep.ts"
import { audited, lineOf } from "../support/trial.ts"

/** Images have hundreds of columns, and their models a hundred thousand weights. */
const isLarge = (name: string) => name.startsWith("mnist")

/** An audit follows pads of shares. */
const onCiphertexts = "on-ciphertexts.yaml"

const scenarios = readdirSync("scenarios").filter(
  (name) => name.endsWith(".yaml") && name !== onCiphertexts && (full || !isLarge(name))
)

const sizeOf = (name: string) => ({ rows: isLarge(name) ? 10 : full ? 96 : 24, epochs: full ? 2 : 1 })

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "the audit",
  (it) => {
    it.scoped("finds nothing where users join privately and two of three decrypt", () =>
      Effect.gen(function* () {
        for (const [name, split] of Object.entries(splits)) {
          const changes = { join: "private", decryption: { threshold: 2 } }
          const { file } = yield* writeScenario(split, changes)
          const { error, findings, pads, recording } = yield* audited(file, { rows: 24, epochs: 1 })
          expect(error, name).toBeUndefined()
          expect([...findings, ...pads].map(lineOf), name).toEqual([])
          const { secrets } = recording.held.get("user1")!
          expect([...secrets.keys()]).toEqual(expect.arrayContaining(["join", "keyShare"]))
        }
      })
    )

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
    it.scoped("is refused where the clouds train on ciphertexts, with what to audit instead", () =>
      Effect.gen(function* () {
        const { complained, status } = yield* command("audit", `scenarios/${onCiphertexts}`)
        expect(status).toBe(1)
        expect(complained).toContain("training.on is ciphertexts")
        expect(complained).toContain("audit a copy of the scenario that trains on shares")
      })
    )
    describe("of a disturbed trial", () => {
      it.scoped("finds nothing where a party is killed in the training and comes back", () =>
        Effect.gen(function* () {
          const { file } = yield* writeScenario(splits.columns)
          const killed: Array<string> = []
          const { error, findings, recording } = yield* audited(
            file,
            { rows: 24, epochs: 1 },
            {
              kills: ({ process, kind, number }) => {
                const now = kind === "round" && number === 3 && process === "cloud1" && killed.length === 0
                if (now) killed.push(process)
                return now
              }
            }
          )
          expect(error).toBeUndefined()
          expect(killed).toEqual(["cloud1"])
          const phases = recording.seen.get("cloud0")!.filter(({ kind }) => kind === "round")
          expect(new Set(phases.map(({ tag }) => tag))).toEqual(new Set(["train", "train.2"]))
          expect(findings.map(lineOf)).toEqual([])
        })
      )
    })
  }
)
