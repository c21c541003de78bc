/** Scenarios whose result means nothing: what is foreseen of them, what is said when they have run, and what is not reported. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Console, Effect, Option } from "effect"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { modelEntry } from "../../../actors/users/output.ts"
import type { Model } from "../../../protocol/learning/model.ts"
import { memory, Store } from "../../../runtime/storage/store.ts"
import { checkScenario } from "../../../scenarios/command/check.ts"
import { verdictOf } from "../../../scenarios/command/commands.ts"
import { runAndReport } from "../../../scenarios/command/run.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { loadScenario } from "../../../scenarios/description/load.ts"
import { requireMeaningful } from "../../../scenarios/reference/opened-model.ts"
import type { RunResult } from "../../../scenarios/report/result.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import {
  leaves,
  read,
  runInMemory,
  type Split,
  smallScenario,
  splits,
  whole,
  writeScenario
} from "../../support/small-scenario.ts"

const check = (file: string) =>
  Effect.map(
    checkScenario({ file, hosts: Option.none(), calibration: Option.none() }).pipe(
      Effect.provide(nodeContext)
    ),
    ({ text }) => text
  )

/** `bicameral run` over memory: what it printed, its last words and its status. */
const run = (file: string, out: string) =>
  Effect.gen(function* () {
    const printed: Array<string> = []
    const log = (text: unknown) => void printed.push(String(text))
    const console: Console.Console = {
      ...(yield* Console.consoleWith(Effect.succeed)),
      log: (text) => Effect.sync(() => log(text)),
      unsafe: { ...globalThis.console, log }
    }
    const exit = yield* runAndReport(runScenario, {
      ...{ file, out: Option.some(out), transport: "memory" },
      ...{ seed: Option.none(), faults: Option.none(), compare: false, view: false }
    }).pipe(Effect.provide(nodeContext), Effect.withConsole(console), Effect.exit)
    return { printed: printed.join("\n"), verdict: verdictOf(exit) }
  })

/** How a user's process ends that has opened this model. */
const judged = (agreement: Agreement, model: Model) =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* store.put(modelEntry, new TextEncoder().encode(JSON.stringify(model)))
    return verdictOf(yield* Effect.exit(requireMeaningful(agreement)))
  }).pipe(Effect.provide(memory))

/** The same network with weights as they might be. */
const ordinary = (model: Model): Model => ({
  ...model,
  layers: model.layers.map(({ weights, bias }) => ({
    weights: weights.map((row) => row.map(() => 0.5)),
    bias: bias.map(() => 0)
  }))
})

const expected = { minAccuracy: 0, maxAccuracyGap: 1, maxWeightDeviation: 1 }

/** Trainings that diverge: what is changed in the scenario, and the field at fault. */
const diverging = [
  [
    "a rate of 1024",
    { training: { epochs: 20, batch: 8, rate: 1024, loss: "squared-error" } },
    "training.rate"
  ],
  [
    "features scaled to ±5000",
    { data: { ...smallScenario(splits.rows).data, scaleTo: [-5000, 5000] } },
    "data.scaleTo"
  ]
] as const

describe("a training that leaves the range", () => {
  it.scopedLive.each(diverging)(
    "by %s is foreseen, and its run ends with status 2 and no number that means nothing",
    ([, changes, field]) =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(splits.rows, { seed: 1, expect: expected, ...changes })
        const foreseen = new RegExp(
          `leaves\\.yaml:\\d+: ${field}: the training leaves the range .* in step \\d+, .*; use `
        )
        expect(yield* check(file)).toMatch(foreseen)
        const { printed, verdict } = yield* run(file, out)
        expect(verdict.status).toBe(2)
        expect(verdict.lines[0]).toMatch(/the run ended, but its result is not meaningful: the training left/)
        expect(printed).toMatch(foreseen)
        expect(printed).toContain("NOT MEANINGFUL")
        expect(printed).toContain("no float64 reference: its weights are no longer finite numbers")
        expect(printed).not.toMatch(/NaN|Infinity|0\.0000/)
        expect(printed.match(/FAILED .*not judged: the result is not meaningful/g)).toHaveLength(3)
        const result = JSON.parse(yield* read(out, "result.json")) as RunResult
        expect(result.referenceAccuracy).toBe(null)
        expect(result.reasons.referenceAccuracy).toContain("no longer finite numbers")
        expect(result.meaningless).toHaveLength(1)
        expect(result.warnings.join()).toMatch(foreseen)
        expect(result).not.toHaveProperty("awaitsReferences")
        // Users on hosts of their own have nothing but the model to notice it by.
        const log = yield* read(out, "parties", "user2", "events.jsonl")
        expect(log).toContain("the model leaves the range of the fixed-point numbers")
        const agreement = agreementOf((yield* Effect.provide(loadScenario(file), nodeContext)).scenario)
        const model = JSON.parse(yield* read(out, "model.json")) as Model
        const own = yield* judged(agreement, model)
        expect(own.status).toBe(2)
        expect(own.lines[0]).toMatch(
          /^bicameral: the run ended, but its result is not meaningful: .*; use a lower training\.rate/
        )
        expect(yield* judged(agreement, ordinary(model))).toEqual({ status: 0, lines: [] })
      })
  )
})

describe("a training that diverges within the range", () => {
  it.scopedLive("is foreseen, and its run ends with status 2", () =>
    Effect.gen(function* () {
      const training = { epochs: 2, batch: 24, rate: 4, loss: "squared-error" }
      const { file, out } = yield* writeScenario(splits.rows, { seed: 1, training })
      const foreseen = /leaves\.yaml:\d+: training\.rate: the training diverges, as its first 4 steps show, /
      expect(yield* check(file)).toMatch(foreseen)
      const { printed, verdict } = yield* run(file, out)
      expect(verdict.status).toBe(2)
      expect(printed).toMatch(/NOT MEANINGFUL\n {2}the training diverged: its error on rows /)
    })
  )
})

describe("what is foreseen", () => {
  it.scopedLive("is a label that no row to train on has", () =>
    Effect.gen(function* () {
      const { data } = smallScenario(splits.rows)
      const label = { column: "kind", values: ["ash", "elm", "oak", "yew"] }
      const { file } = yield* writeScenario(splits.rows, { data: { ...data, label } })
      const text = yield* check(file)
      expect(text).toMatch(
        /\nwarnings\n {2}.*leaves\.yaml:\d+: data\.label\.values: no row to train on has the labels oak, yew, so/
      )
      expect(text.match(/warnings/g)).toHaveLength(1)
    })
  )

  it.scopedLive("are ids that differ in their spelling alone and are rows of their own", () =>
    Effect.gen(function* () {
      const rows = [...leaves.slice(0, 20), ...leaves.slice(0, 2)].map((leaf, row) =>
        row < 20 ? leaf : { ...leaf, id: leaf.id.toUpperCase() }
      )
      const split: Split = [
        [[rows.slice(0, 10), whole]],
        [[rows.slice(10, 15), whole]],
        [[rows.slice(15), whole]]
      ]
      const { file } = yield* writeScenario(split, { training: { epochs: 1, batch: 2, rate: 0.25 } })
      expect(yield* check(file)).toMatch(
        /leaves\.yaml:\d+: users: ids are exact texts.*: leaf-0 and LEAF-0 in case, leaf-1 and LEAF-1 in case; write them alike/
      )
    })
  )

  it.scopedLive("is a warning only where the run is then sound, and does not spoil it", () =>
    Effect.gen(function* () {
      const { data } = smallScenario(splits.rows)
      const label = { column: "kind", values: ["ash", "elm", "oak"] }
      const { file, out } = yield* writeScenario(splits.rows, {
        seed: 1,
        training: { epochs: 1, batch: 8, rate: 0.25 },
        data: { ...data, label }
      })
      const { printed, verdict } = yield* run(file, out)
      expect(verdict.status).toBe(0)
      expect(printed).toContain("warning: ")
      expect(printed).toMatch(/\nwarnings\n.*has the label oak/)
      expect(printed).not.toContain("NOT MEANINGFUL")
    })
  )
})

describe("a reference that does not fit", () => {
  it.scopedLive(
    "is left out with a line that says so; the result is there, and was before it was tried",
    () =>
      Effect.gen(function* () {
        const expectations = { minAccuracy: 0.5, maxWeightDeviation: 0 }
        const { file, out } = yield* writeScenario(splits.rows, { seed: 1, expect: expectations })
        const notes: Array<string> = []
        const display = { note: (text: string) => void notes.push(text), phase: () => {}, progress: () => {} }
        const result = yield* runInMemory(file, out, { memoryBytes: 1, display })
        expect(notes.slice(-2)).toEqual([
          expect.stringMatching(/^the float64 reference is left out: it takes about .*, and 1 B are left$/),
          expect.stringMatching(
            /^the fixed-point reference is left out: it takes about .*, and 1 B are left$/
          )
        ])
        expect(result).toMatchObject({ referenceAccuracy: null, maxWeightDeviation: null, meaningless: [] })
        expect(result.accuracy).toBeGreaterThan(0.5)
        expect(result.expectations.map(({ held, reason }) => reason ?? held)).toEqual([
          true,
          expect.stringMatching(/^not judged: left out: it takes about/)
        ])
        expect(JSON.parse(yield* read(out, "result.json"))).toEqual(JSON.parse(JSON.stringify(result)))
      })
  )
})
