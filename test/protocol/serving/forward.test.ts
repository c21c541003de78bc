import { beforeAll, describe, expect, it } from "vitest"
import { openedWeightsCost, servedCost } from "../../../protocol/computation/cost.ts"
import { fixedOperations } from "../../../protocol/computation/fixed.ts"
import { drawnIn } from "../../../protocol/computation/masks.ts"
import { fixedScores } from "../../../protocol/computation/predicting.ts"
import { type Model, modelOf } from "../../../protocol/learning/model.ts"
import { biasShape, weightShape } from "../../../protocol/learning/network.ts"
import type { Round } from "../../../protocol/learning/operations.ts"
import type { ForwardPlan } from "../../../protocol/learning/plan.ts"
import { runLocally, runPair, runPrepared } from "../../../protocol/learning/run.ts"
import { openWeights, predictWith } from "../../../protocol/learning/step.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { ServingCloud } from "../../../protocol/serving/cloud.ts"
import { ServingDealer, servedSteps } from "../../../protocol/serving/dealer.ts"
import {
  batchRows,
  lastStep,
  mostRows,
  paddedRows,
  rowsOfStep,
  stepOf
} from "../../../protocol/serving/steps.ts"
import { addWords, splitWords } from "../../../protocol/sharing/split.ts"
import { DealingClouds } from "../dealing/clouds.ts"
import { splitmix } from "../ring/twin.ts"
import { betweenSamples, hardlyAbove, histogram } from "../sharing/frequency.ts"

const f = 20
const planWith = (output: "identity" | "relu", hidden = [9, 7]): ForwardPlan => ({
  fractionalBits: f,
  network: {
    inputs: 5,
    layers: [
      ...hidden.map((units) => ({ units, activation: "relu" as const })),
      { units: 3, activation: output }
    ]
  }
})

/** Numbers in [−1, 1). */
const numbers = (seed: bigint, count: number): Float64Array => {
  const next = splitmix(seed)
  return Float64Array.from({ length: count }, () => Number(BigInt.asIntN(53, next())) / 2 ** 52)
}

const trained = (plan: ForwardPlan, seed: bigint): Model => {
  const count = plan.network.layers.reduce((sum, _, i) => {
    const [w, b] = [weightShape(plan.network, i + 1), biasShape(plan.network, i + 1)]
    return sum + w.rows * w.cols + b.rows * b.cols
  }, 0)
  const of = { data: {} as Model["data"], loss: "squared-error" as const, ...plan }
  return modelOf(of, numbers(seed, count))
}

describe("serving on shares", () => {
  const rings: Ring[] = []
  beforeAll(async () => {
    for (let i = 0; i < 5; i++) rings.push(await Ring.load())
  })

  const encoded = (values: Float64Array): Uint8Array => {
    const ring = rings[3]!
    const x = ring.matrix(1, values.length)
    ring.encode(x, values, f)
    return ring.copyOut(x)
  }

  /** A session of both clouds and the dealer, with fresh keys. */
  const session = (plan: ForwardPlan, model: Model, key: number) => {
    const keys = {
      cloud0: new Prg(new Uint8Array(16).fill(key)),
      cloud1: new Prg(new Uint8Array(16).fill(key + 1))
    }
    const words = encoded(
      Float64Array.from(model.layers.flatMap(({ weights, bias }) => [...weights.flat(), ...bias]))
    )
    const { share0, share1 } = splitWords(words, new Uint8Array(16).fill(3))
    const clouds = [
      new ServingCloud({ ring: rings[0]!, cloud: 0, prg: keys.cloud0, plan, share: share0 }),
      new ServingCloud({ ring: rings[1]!, cloud: 1, prg: keys.cloud1, plan, share: share1 })
    ] as const
    const opening = runPair(clouds[0].openModel(), clouds[1].openModel())
    return { clouds, dealer: new ServingDealer(rings[2]!, keys, plan), keys, opening }
  }

  /** The outputs as words, of rows that several askers have split, and what it took. */
  const served = (
    { clouds, dealer }: ReturnType<typeof session>,
    step: number,
    asked: ReadonlyArray<Float64Array>
  ) => {
    const shares = asked.map((features, i) => splitWords(encoded(features), new Uint8Array(16).fill(i + 40)))
    const dealt = dealer.deal(step)
    const answer = (cloud: 0 | 1): Round<Uint8Array> =>
      clouds[cloud].answer(
        step,
        shares.map((each) => (cloud === 0 ? each.share0 : each.share1)),
        cloud === 0 ? undefined : dealt
      )
    const run = runPair(answer(0), answer(1))
    return { ...run, dealt, words: addWords(...run.results) }
  }

  /** The same in the clear: with the clouds' masks, by which each rescale rounds as theirs did. */
  const replayed = (
    plan: ForwardPlan,
    model: Model,
    { keys }: ReturnType<typeof session>,
    step: number,
    asked: ReadonlyArray<Float64Array>
  ): Uint8Array => {
    const ring = rings[4]!
    const matrix = (rows: number, cols: number, values: ReadonlyArray<number>) => {
      const x = ring.matrix(rows, cols)
      ring.encode(x, Float64Array.from(values), f)
      return x
    }
    const layers = model.layers.map(({ weights, bias }) => ({
      weights: matrix(weights.length, weights[0]!.length, weights.flat()),
      bias: matrix(1, bias.length, bias)
    }))
    const at = (step: number) => fixedOperations(ring, drawnIn({ ring, keys, step }))
    const weights = runLocally(openWeights(at(0), layers))
    const rows = asked.flatMap((features) => [...features])
    const padded = rowsOfStep(step)! * plan.network.inputs
    const x = matrix(rowsOfStep(step)!, plan.network.inputs, [
      ...rows,
      ...new Array<number>(padded - rows.length).fill(0)
    ])
    const output = runLocally(predictWith(at(step), plan, layers, weights, x))
    return ring.copyOut({ ...output, rows: rows.length / plan.network.inputs })
  }

  for (const output of ["identity", "relu"] as const)
    it(`gives the outputs of the fixed-point pass with the clouds' roundings, bit for bit: ${output} output`, () => {
      const plan = planWith(output)
      const model = trained(plan, 7n)
      const open = session(plan, model, 11)
      for (const [rows, n] of [
        [1, 0],
        [64, 0],
        [64, 1]
      ] as const) {
        const asked = [
          numbers(BigInt(rows + n), 5 * Math.ceil(rows / 2)),
          numbers(99n, 5 * (rows > 1 ? 9 : 0))
        ]
        const step = stepOf(rows, n)
        const { words } = served(open, step, asked)
        expect(words).toEqual(replayed(plan, model, open, step, asked))
      }
    })

  it("differs from what `predict` says of the opened model by a few units of the last place, in all rows", () => {
    const plan = planWith("identity")
    const model = trained(plan, 8n)
    const features = numbers(5n, 5 * 512)
    const { words } = served(session(plan, model, 21), stepOf(512, 0), [features])
    const ring = rings[3]!
    const found = ring.decode(ring.from(512, 3, words), f)
    const expected = fixedScores(ring, model, features)
    const units = found.map((value, i) => Math.abs(value - expected[i]!) * 2 ** f)
    expect(Math.max(...units)).toBeGreaterThan(0)
    expect(Math.max(...units)).toBeLessThan(16)
  })

  it("gives other words for rows that another session serves, and the same outputs but for rounding", () => {
    const plan = planWith("identity")
    const model = trained(plan, 9n)
    const asked = [numbers(6n, 5)]
    const [one, other] = [31, 41].map((key) => served(session(plan, model, key), stepOf(1, 0), asked))
    expect(one!.results[0]).not.toEqual(other!.results[0])
    const values = [one!, other!].map(({ words }) => new BigInt64Array(words.buffer, words.byteOffset, 3))
    for (let i = 0; i < 3; i++) expect(Number(values[0]![i]! - values[1]![i]!)).toBeCloseTo(0, -2)
  })

  it("has clouds that deal for themselves make what the KGC deals, byte for byte, several batches at once", async () => {
    for (const output of ["identity", "relu"] as const) {
      const plan = planWith(output)
      const prgs = [new Prg(new Uint8Array(16).fill(61)), new Prg(new Uint8Array(16).fill(62))] as const
      const clouds = await DealingClouds.real(prgs)
      const own = [0, 1].map((cloud) => servedSteps(clouds.rings[cloud]!, prgs[cloud]!, plan))
      const dealer = new ServingDealer(clouds.rings[2], { cloud0: prgs[0], cloud1: prgs[1] }, plan)
      for (const steps of [[stepOf(1, 0)], [stepOf(1, 1), stepOf(4, 0), stepOf(64, 0)], [stepOf(4, 1)]]) {
        const { corrections } = clouds.run((cloud) => steps.map(own[cloud]!))
        expect(corrections).toEqual(steps.map((step) => dealer.deal(step)))
      }
    }
  })

  it("takes the rounds and bytes that the cost model states", () => {
    const plan = planWith("identity")
    const open = session(plan, trained(plan, 10n), 51)
    const opened = openedWeightsCost(plan)
    expect(open.opening).toMatchObject({ rounds: opened.rounds, bytesEachWay: opened.bytesEachWay })
    for (const rows of [1, 16]) {
      const { rounds, bytesEachWay, dealt } = served(open, stepOf(rows, 0), [numbers(1n, 5)])
      expect({ rounds, bytesEachWay, dealtBytes: dealt.length }).toEqual({
        rounds: servedCost(plan, rows).rounds,
        bytesEachWay: servedCost(plan, rows).bytesEachWay,
        dealtBytes: servedCost(plan, rows).dealtBytes
      })
    }
  })

  it("shows the clouds nothing of the rows: of rows as different as can be, they see bytes of one distribution", async () => {
    const plan = planWith("identity", [64])
    const model = trained(plan, 13n)
    /** What comes to cloud 0 and to cloud 1 for rows of one number, in a session of its own. */
    const seen = async (value: number, key: number) => {
      const { clouds, dealer } = session(plan, model, key)
      const views: [Array<Uint8Array>, Array<Uint8Array>] = [[], []]
      for (let n = 0; n < 8; n++) {
        const step = stepOf(64, n)
        const words = encoded(new Float64Array(5 * 64).fill(value))
        const { share0, share1 } = splitWords(words, new Uint8Array(16).fill(key + n))
        const dealt = dealer.deal(step)
        const answers = [
          clouds[0].answer(step, [share0], undefined),
          clouds[1].answer(step, [share1], dealt)
        ] as const
        const { received } = await runPrepared(...answers)
        views[0].push(...received[0])
        views[1].push(share1, ...received[1])
      }
      return views.map((view) =>
        histogram(
          view.flatMap((bytes) => [...bytes]),
          256
        )
      )
    }
    const [zeros, ones] = [await seen(0, 71), await seen(-1, 91)]
    for (const cloud of [0, 1])
      expect(betweenSamples(zeros[cloud]!, ones[cloud]!)).toBeLessThan(hardlyAbove(255))
    const bare = [0, -1].map((value) => histogram(encoded(new Float64Array(5 * 64).fill(value)), 256))
    expect(betweenSamples(bare[0]!, bare[1]!)).toBeGreaterThan(hardlyAbove(255))
  })

  it("makes no step twice, none before the weights are open, and none with more rows than it has", () => {
    const plan = planWith("identity")
    const model = trained(plan, 12n)
    const open = session(plan, model, 61)
    served(open, stepOf(2, 4), [numbers(1n, 10)])
    expect(() => served(open, stepOf(2, 4), [numbers(2n, 10)])).toThrow("occurs twice in step")
    expect(() => served(open, stepOf(2, 3), [numbers(2n, 10)])).toThrow("occurs twice in step")
    expect(() => served(open, stepOf(2, 5), [numbers(2n, 15)])).toThrow("too many for 2 rows")
    const prg = new Prg(new Uint8Array(16))
    const share = encoded(new Float64Array(5 * 9 + 9 + 9 * 7 + 7 + 7 * 3 + 3))
    const closed = new ServingCloud({ ring: rings[0]!, cloud: 0, prg, plan, share })
    expect(() => closed.answer(stepOf(1, 0), [], undefined).next()).toThrow("before the weights are open")
    const short = share.subarray(8)
    expect(() => new ServingCloud({ ring: rings[0]!, cloud: 0, prg, plan, share: short })).toThrow("too few")
  })
})

describe("steps of a session", () => {
  it("say how many rows they have, each number of rows its own", () => {
    const seen = new Set<number>()
    for (const rows of batchRows)
      for (const n of [0, 1, 1000]) {
        const step = stepOf(rows, n)
        expect(rowsOfStep(step)).toBe(rows)
        seen.add(step)
      }
    expect(seen.size).toBe(3 * batchRows.length)
    for (const none of [0, -1, 1.5, lastStep + 1]) expect(rowsOfStep(none)).toBeUndefined()
    expect(() => stepOf(1, 2 ** 32)).toThrow(RangeError)
    expect(() => stepOf(3, 0)).toThrow(RangeError)
  })

  it("have room for the rows that are put there, and less than as many again", () => {
    for (let rows = 1; rows <= mostRows; rows++) {
      expect(paddedRows(rows)).toBeGreaterThanOrEqual(rows)
      expect(paddedRows(rows)).toBeLessThan(2 * rows)
    }
    for (const none of [0, mostRows + 1]) expect(() => paddedRows(none)).toThrow(RangeError)
  })
})
