/** Whole runs with all parties in this process: what comes out, against the references and against other ways to split the table. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { decodeArchive } from "../../protocol/archive/archive.ts"
import { within } from "../../scenarios/run/run-result.ts"
import { runInMemory, type Split, splits, writeScenario } from "../support/small-scenario.ts"

const run = (split: Split, changes: object = {}) =>
  Effect.gen(function* () {
    const { file, out } = yield* writeScenario(split, changes)
    const result = yield* runInMemory(file, out)
    const read = (...path: ReadonlyArray<string>) =>
      Effect.promise(() => readFile(join(out, ...path), "utf8"))
    return { result, model: yield* read("model.json"), read }
  })

const short = { seed: 5, training: { epochs: 2, batch: 8, rate: 0.25 } }

describe("run - in memory", () => {
  it.scopedLive("with a seed is the fixed-point reference bit for bit, and learns", () =>
    Effect.gen(function* () {
      const tracer = yield* Effect.tracer
      const { result, model, read } = yield* run(splits.rows, {
        seed: 5,
        expect: { minAccuracy: 0.9, maxAccuracyGap: 0.1, maxWeightDeviation: 0 }
      })
      expect(result.maxWeightDeviation).toBe(0)
      expect(result.accuracy).toBeGreaterThanOrEqual(0.9)
      expect(result.tested?.total).toBe(12)
      expect(result.expectations.map(({ held }) => held)).toEqual([true, true, true])
      expect(result.rounds.measured).toBe(result.rounds.predicted)
      expect(within(result.bytes, 0.05)).toBe(true)
      expect(JSON.parse(yield* read("result.json"))).toEqual(result)
      for (const user of ["user1", "user2", "user3"]) {
        expect(yield* read("parties", user, "model.json")).toBe(model)
      }
      // The event logs are closed: nothing may be left that writes to them.
      expect(yield* Effect.tracer).toBe(tracer)
    })
  )

  it.scopedLive("without a seed learns too, and nobody can hold its weights against a reference", () =>
    Effect.gen(function* () {
      const { result } = yield* run(splits.rows)
      expect(result.seed).toBe(null)
      expect(result.maxWeightDeviation).toBe(null)
      expect(result.accuracy).toBeGreaterThanOrEqual(0.9)
      expect(result.rounds.measured).toBe(result.rounds.predicted)
    })
  )

  it.scopedLive("repeats byte for byte, however the table is split and whether or not users leave", () =>
    Effect.gen(function* () {
      const { model, result } = yield* run(splits.rows, short)
      expect(result.maxWeightDeviation).toBe(0)
      const leaving = { ...short, placement: { usersLeaveAfterUpload: true } }
      for (const [split, changes] of [
        [splits.rows, leaving],
        [splits.columns, short],
        [splits.blocks, short]
      ] as const) {
        const other = yield* run(split, changes)
        expect(other.model).toBe(model)
        expect(other.result.tested).toEqual(result.tested)
        expect(other.result.rounds).toEqual(result.rounds)
      }
      const otherSeed = yield* run(splits.rows, { ...short, seed: 6 })
      expect(otherSeed.model).not.toBe(model)
    })
  )

  it.scopedLive("takes no key of BCP from the seed, and archives training rows only", () =>
    Effect.gen(function* () {
      const archive = Effect.gen(function* () {
        const { file, out } = yield* writeScenario(splits.rows, short)
        const result = yield* runInMemory(file, out)
        const bytes = yield* Effect.promise(() => readFile(join(out, "parties", "cloud1", "archive")))
        return { result, archive: Either.getOrThrow(decodeArchive(new Uint8Array(bytes))) }
      })
      const [one, two] = [yield* archive, yield* archive]
      expect(one.archive.modulus).not.toEqual(two.archive.modulus)
      expect(one.archive.unifiedPublicKey).not.toEqual(two.archive.unifiedPublicKey)
      const rows = one.archive.uploads.flatMap(({ blocks }) => blocks.flatMap((block) => [...block.rows]))
      expect(new Set(rows).size).toBe(one.result.rows.training)
      expect(Math.max(...rows)).toBe(one.result.rows.training - 1)
    })
  )

  it.scopedLive("trains three layers in at most 18 rounds a step", () =>
    Effect.gen(function* () {
      const { result } = yield* run(splits.blocks, {
        ...short,
        training: { ...short.training, loss: "squared-error" },
        network: { hidden: [5, 4] }
      })
      expect(result.maxWeightDeviation).toBe(0)
      expect(result.rounds.measured).toBe(result.rounds.predicted)
      const opening = 1
      expect((result.rounds.measured - opening) / result.steps).toBeLessThanOrEqual(18)
      expect(within(result.bytes, 0.05)).toBe(true)
    })
  )

  it.scopedLive("trains a network with a ReLU output", () =>
    Effect.gen(function* () {
      const { result } = yield* run(splits.blocks, { ...short, network: { hidden: [5], output: "relu" } })
      expect(result.maxWeightDeviation).toBe(0)
      expect(result.rounds.measured).toBe(result.rounds.predicted)
      expect(within(result.bytes, 0.05)).toBe(true)
    })
  )

  it.scopedLive("tests at each user where held-out rows stay at home, and adds up what they count", () =>
    Effect.gen(function* () {
      const { result } = yield* run(splits.rows, { ...short, reveal: ["accuracy"] })
      const pooled = yield* run(splits.rows, short)
      expect(result.tested).toEqual(pooled.result.tested)
      expect(result.tested?.total).toBe(12)
    })
  )

  it.scopedLive("tells all figures with metrics, the same of users that test alone as of pooled rows", () =>
    Effect.gen(function* () {
      const { result } = yield* run(splits.rows, { ...short, reveal: ["metrics"] })
      const pooled = yield* run(splits.columns, { ...short, reveal: ["metrics", "heldOutRows"] })
      const { metrics, referenceMetrics, alone } = result
      if (metrics?.kind !== "classes" || referenceMetrics?.kind !== "classes") throw new Error("no metrics")
      expect(metrics).toMatchObject({ rows: 12, withoutClass: 0, accuracy: result.accuracy })
      expect(result.tested).toEqual(pooled.result.tested)
      expect(pooled.result.metrics).toMatchObject({
        confusion: metrics.confusion,
        twoClasses: metrics.twoClasses
      })
      expect(referenceMetrics.brier).toBeCloseTo(metrics.brier!, 3)
      expect(alone?.map(({ rows }) => rows).reduce((sum, rows) => sum + rows, 0)).toBe(48)
      expect(pooled.result.alone?.map(({ rows }) => rows)).toEqual([0, 0, 0])
      for (const { bytes } of [result, pooled.result]) expect(within(bytes.byPhase.output!, 0.05)).toBe(true)
    })
  )

  it.scopedLive("keeps the accuracy to the users unless the scenario reveals it", () =>
    Effect.gen(function* () {
      const { result, model } = yield* run(splits.rows, { ...short, reveal: [] })
      expect(result.accuracy).toBe(null)
      expect(result.tested).toBe(null)
      expect("metrics" in result).toBe(false)
      expect(JSON.parse(model).format).toBe("bicameral model")
    })
  )
})
