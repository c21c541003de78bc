/** More trainings from archives: other forms, other dealers, without a seed, without some of the users. */
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { first, security, trainedAgain, uploaded } from "../support/archived-runs.ts"
import type { Tap } from "../support/company.ts"
import { patienceMs } from "../support/patience.ts"
import { splits } from "../support/small-scenario.ts"

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "a training from an archive",
  (it) => {
    it.scoped("does without the KGC where the clouds deal, and with a hybrid upload", () =>
      Effect.gen(function* () {
        const hybrid = { ...security, upload: "hybrid", output: "hybrid" }
        const dealing = { ...hybrid, dealing: "clouds" }
        const short = { epochs: 1, batch: 24, rate: 0.25 }
        const { kept } = yield* uploaded(splits.blocks, { seed: 5, training: first, security: hybrid })
        const fresh = yield* uploaded(splits.blocks, { seed: 5, training: short, security: hybrid })
        const second = yield* trainedAgain(kept, splits.blocks, {
          seed: 5,
          training: short,
          security: dealing
        })
        expect(second.actors).toEqual(["cloud0", "cloud1"])
        expect(second.model).toBe(fresh.model)
      })
    )

    it.scoped("is under other keys and blinds each time, and needs only as many users as the threshold", () =>
      Effect.gen(function* () {
        const changes = {
          security,
          training: first,
          decryption: { threshold: 2 },
          deadlines: {
            ...{ replyTimeoutMs: patienceMs, roundTimeoutMs: patienceMs, phaseTimeoutMs: 600_000 },
            absenceTimeoutMs: 2_000
          }
        }
        const { kept } = yield* uploaded(splits.rows, changes)
        const seen = (run: string) =>
          Effect.gen(function* () {
            const sent = new Map<string, Array<string>>()
            const tap: Tap = ({ kind, tag, from, body }) => {
              if (["Reopen", "NewPrgKey", "train"].includes(tag) && (tag !== "NewPrgKey" || kind !== "ask"))
                sent.set(tag, [...(sent.get(tag) ?? []), `${from} ${Buffer.from(body).toString("hex")}`])
              return undefined
            }
            const gone = new Map([...kept].filter(([actor]) => actor !== "user3"))
            const { outcome } = yield* trainedAgain(run === "once" ? kept : gone, splits.rows, changes, {
              tap,
              run
            })
            return { sent, openers: outcome.openers }
          })
        const [once, twice] = [yield* seen("once"), yield* seen("twice")]
        expect(once.openers?.opened).toHaveLength(3)
        // user3 has lost what it kept.
        expect(twice.openers?.opened).toEqual(["user1", "user2"])
        for (const tag of ["Reopen", "NewPrgKey", "train"]) {
          const before = new Set(once.sent.get(tag))
          expect(before.size).toBeGreaterThan(1)
          expect(twice.sent.get(tag)!.filter((body) => before.has(body))).toEqual([])
        }
      })
    )
  }
)
