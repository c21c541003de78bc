import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { transfersCost } from "../../../protocol/ciphertexts/cost.ts"
import { trainingCost } from "../../../protocol/computation/cost.ts"
import { denseCells } from "../../../protocol/data/cells.ts"
import { digestIds } from "../../../protocol/data/rows.ts"
import { InvalidPlan } from "../../../protocol/learning/network.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { checkData, joinData } from "../../../scenarios/description/joined.ts"
import { loadScenario } from "../../../scenarios/description/load.ts"
import type { Scenario } from "../../../scenarios/description/schema.ts"
import { predictCost } from "../../../scenarios/forecast/traffic.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const block = (rows: number, columns: number, firstRow = 0) => ({
  rows: Uint32Array.from({ length: rows }, (_, row) => firstRow + row),
  columns: Uint32Array.from({ length: columns }, (_, column) => column),
  cells: denseCells(columns, new Float64Array(rows * columns))
})

/** Two users with so many rows of four columns each, of which the last are held out. */
const joined = (training: number, heldOut: number) => ({
  rows: {
    total: training + heldOut,
    training,
    uploaded: training,
    heldOut,
    indices: () => new Uint32Array(0)
  },
  placed: [0, 1].map((user) => ({
    training: [block(training / 2, 4, (user * training) / 2)],
    heldOut: [block(heldOut / 2, 4, training)]
  }))
})

const scenario = (changes: object = {}): Scenario =>
  Either.getOrThrow(decodeScenario({ ...plainScenario, ...changes }))

const bytesOf = (cost: ReturnType<typeof predictCost>, tag: string): number =>
  cost.traffic.filter((entry) => entry.tag === tag).reduce((sum, { bytes }) => sum + bytes, 0)

describe("plan", () => {
  it("counts ciphertexts of 31 words under a modulus of 2048 bits, one for each share and user begun", () => {
    // 31 rows of four columns are 124 words: four ciphertexts a share. One row more begins a fifth.
    const upload = (rows: number) =>
      predictCost(scenario(), joined(2 * rows, 0)).phases.find(({ phase }) => phase === "upload")
    expect(upload(31)?.ciphertexts).toBe(2 * 2 * 4)
    expect(upload(32)?.ciphertexts).toBe(2 * 2 * 5)
  })

  it("sends each share's ciphertexts once in the upload, and three times over, with the opened blinds, to transform them", () => {
    const cost = predictCost(scenario(), joined(2 * 310, 0))
    const share = 2 * 40 * 1024
    expect(bytesOf(cost, "UploadShare0")).toBeGreaterThan(share)
    expect(bytesOf(cost, "UploadShare0") / share).toBeLessThan(1.01)
    expect(bytesOf(cost, "UnifiedShare0") / share).toBeCloseTo(1, 1)
    expect(bytesOf(cost, "Reencrypt") / share).toBeCloseTo(2.25, 1)
  })

  it("counts one ciphertext a user for a hybrid upload, the other share in bare words, and one for a hybrid model", () => {
    const security = { upload: "hybrid", output: "hybrid" }
    const cost = predictCost(scenario({ security }), joined(2 * 31_000, 0))
    const ciphertexts = Object.fromEntries(cost.phases.map((phase) => [phase.phase, phase.ciphertexts]))
    expect(ciphertexts).toMatchObject({ upload: 2, transform: 2, output: 1 })
    expect(bytesOf(cost, "UploadShare1") + bytesOf(cost, "Reencrypt")).toBe(0)
    expect(bytesOf(cost, "UploadWords1") / (8 * 4 * 62_000)).toBeCloseTo(1, 3)
    // 124,000 words a user, in runs of 131,072.
    expect(cost.traffic.find(({ tag }) => tag === "UploadWords1")?.messages).toBe(2 * 2)
  })

  it("opens data that are larger than a round in several", () => {
    // Two features and two labels; 2^19 words are opened a round.
    const rows = 2 ** 19
    const large = scenario({
      training: { epochs: 1, batch: 4096, rate: 0.1, loss: "squared-error" },
      security: { fractionalBits: 16 }
    })
    const cost = predictCost(large, joined(rows, 0))
    expect(cost.rounds).toBe(2 + 128 * 11)
  })

  it("counts one round to open the data, then eleven a step of two layers, and a message each way a round", () => {
    const cost = predictCost(scenario(), joined(8, 0))
    expect(cost.plan.steps).toBe(2 * 4)
    expect(cost.rounds).toBe(1 + 8 * 11)
    expect(cost.traffic.find(({ tag }) => tag === "round:train")?.messages).toBe(2 * cost.rounds)
    // Of each, 27 bytes are its envelope, and 33 its seal.
    const { bytesEachWay } = trainingCost(cost.plan)
    expect(bytesOf(cost, "round:train")).toBe(2 * (bytesEachWay + (27 + 33) * cost.rounds))
  })

  it("counts ciphertexts both ways where the training is on them, and no corrections", () => {
    const on = { training: { on: "ciphertexts", epochs: 1, batch: 4, rate: 0.1 } }
    const cost = predictCost(scenario(on), joined(8, 0))
    const found = cost.onCiphertexts!
    // Beginnings of transfers, two rounds a user for the cells, one for the first weights, and two for the model.
    const once = transfersCost.rounds + 2 * 2 + 1 + 2
    expect(cost.rounds).toBe(once + cost.plan.steps * found.step.rounds)
    expect(bytesOf(cost, "round:train")).toBe(found.bytes + 2 * (27 + 33) * cost.rounds)
    expect(bytesOf(cost, "Deal")).toBe(0)
    // 8 cells of each user are one ciphertext of 17 slots; the model is of a weight and a bias matrix a layer.
    expect(found.openings - cost.plan.steps * found.step.openings).toBeGreaterThan(2)
    // A share of 31 words of 66 bits takes one ciphertext; of 31 integers of 114 bits, two.
    const upload = (changes: object) =>
      predictCost(scenario(changes), joined(2 * 31, 0)).phases.find(({ phase }) => phase === "upload")
    expect(upload({})?.ciphertexts).toBe(2 * 2 * 4)
    expect(upload(on)?.ciphertexts).toBe(2 * 2 * 8)
  })

  it("needs at most 18 rounds a step of three layers", () => {
    const cost = predictCost(scenario({ network: { hidden: [8, 8] } }), joined(8, 0))
    expect(cost.rounds - 1).toBeLessThanOrEqual(18 * cost.plan.steps)
  })

  it("counts what every user hands every other, and nothing that the scenario does not ask for", () => {
    const alone = predictCost(scenario(), joined(8, 2))
    expect(bytesOf(alone, "HeldOutCells")).toBe(0)
    const pooled = predictCost(scenario({ reveal: ["accuracy", "heldOutRows"] }), joined(8, 2))
    expect(bytesOf(pooled, "HeldOutCells")).toBeGreaterThan(4 * 8)
    // 8 hidden units on 2 features and 2 labels: 42 words, three ciphertexts of 19 slots, each an element of 512 bytes.
    expect(bytesOf(alone, "PartialDecryptions")).toBeGreaterThan(2 * 3 * 512)
  })

  it("counts the lists of a private join at every user that they come to, and no salt", () => {
    // 3,000 rows of each of two users are two pieces, which go to the other user and back.
    const join = "private"
    const cost = predictCost(scenario({ join }), joined(4_800, 1_200))
    const messages = new Map(cost.traffic.map((entry) => [entry.tag, entry.messages]))
    expect(messages.has("RowSalt")).toBe(false)
    expect(messages.get("CommitIds")).toBe(2 * 2)
    expect(messages.get("RaiseIds")).toBe(2 * 2 * 2)
    expect(bytesOf(cost, "RaiseIds") / (2 * 2 * 3_000 * 32)).toBeCloseTo(1, 2)
    expect(cost.raisedIds).toEqual([3_000, 3_000])
    expect(predictCost(scenario(), joined(4_800, 1_200)).raisedIds).toEqual([0, 0])
    // An id that is in two blocks of a user is raised once.
    const [north, south] = joined(4_800, 1_200).placed
    const twice = { ...north!, training: [...north!.training, ...north!.training] }
    const repeated = { ...joined(4_800, 1_200), placed: [twice, south!] }
    expect(predictCost(scenario({ join }), repeated).raisedIds).toEqual([3_000, 3_000])
  })

  it("counts masked sums between all users, in one pass or two", () => {
    const data = (features: object) => ({ data: { features, label: { column: "kind", values: ["a", "b"] } } })
    const sums = (features: object) => {
      const cost = predictCost(
        scenario({ ...data(features), reveal: ["column-statistics"] }),
        joined(4_800, 1_200)
      )
      const messages = cost.traffic.find(({ tag }) => tag === "MaskedSums")?.messages ?? 0
      return { messages, secrets: bytesOf(cost, "MaskSecret") > 0, bytes: bytesOf(cost, "MaskedSums") }
    }
    expect(sums({ length: [0, 10], width: [-1, 1] })).toEqual({ messages: 0, secrets: false, bytes: 0 })
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`c${i}`, "standard"]))
    const both = sums(wide)
    expect(both.messages).toBe(2 * 2 * 2)
    expect(both.secrets).toBe(true)
    expect(both.bytes / (2 * 500 * (8 + 72 + 72))).toBeCloseTo(1, 1)
    const means = Object.fromEntries(Object.keys(wide).map((name) => [name, { range: [0, 1], fill: "mean" }]))
    expect(sums(means).messages).toBe(2 * 2)
    expect(sums(means).bytes / (2 * 500 * (8 + 72))).toBeCloseTo(1, 1)
  })

  it("adds up to the sum of its phases", () => {
    const cost = predictCost(scenario({ placement: { usersLeaveAfterUpload: true } }), joined(8, 2))
    expect(cost.phases.map(({ phase }) => phase)).toEqual(["setup", "upload", "transform", "train", "output"])
    expect(cost.bytes).toBe(cost.phases.reduce((sum, { bytes }) => sum + bytes, 0))
  })

  it("refuses a batch that is larger than the training rows", () => {
    expect(() => predictCost(scenario(), joined(0, 2))).toThrow(InvalidPlan)
    const large = scenario({ training: { epochs: 1, batch: 9, rate: 0.1 } })
    expect(() => predictCost(large, joined(8, 2))).toThrow(
      "a batch of 9 rows is larger than the 8 training rows"
    )
  })

  it.effect("predicts three-hospitals: 840 steps of eleven rounds, dominated by openings and dealing", () =>
    Effect.gen(function* () {
      const loaded = yield* loadScenario("scenarios/three-hospitals.yaml")
      const cost = predictCost(
        loaded.scenario,
        joinData(loaded.scenario, yield* checkData(loaded), (ids) => digestIds(new Uint8Array(16), ids))
      )
      expect(cost.plan.steps).toBe(840)
      expect(cost.rounds).toBe(1 + 840 * 11)
      const upload = cost.phases.find(({ phase }) => phase === "upload")!
      // 456 rows of 32 columns over three users.
      expect(upload.ciphertexts).toBeGreaterThanOrEqual(2 * Math.ceil((456 * 32) / 31))
      expect(upload.ciphertexts).toBeLessThanOrEqual(2 * Math.ceil((456 * 32) / 31) + 6)
      expect(bytesOf(cost, "round:train") + bytesOf(cost, "Deal")).toBeGreaterThan(0.9 * cost.bytes)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})
