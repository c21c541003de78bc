import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { costOf } from "../../../protocol/computation/cost.ts"
import { fixedOperations } from "../../../protocol/computation/fixed.ts"
import { drawnIn } from "../../../protocol/computation/masks.ts"
import {
  type EvaluationPlan,
  evaluateRows,
  openEvaluated,
  revealSums
} from "../../../protocol/learning/evaluation.ts"
import { floatMatrix, floatOperations } from "../../../protocol/learning/float.ts"
import type { Loss } from "../../../protocol/learning/loss.ts"
import { countCorrect, modelOf, scores } from "../../../protocol/learning/model.ts"
import { type Network, outputs } from "../../../protocol/learning/network.ts"
import type { Operations, Round } from "../../../protocol/learning/operations.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { openWeights } from "../../../protocol/learning/step.ts"
import { type Example, example } from "../learning/example.ts"
import { type Clear, clear, lockstep, Pair } from "./pair.ts"

const f = 20
const pair = await Pair.load(3)

const words = (values: Float64Array, cols: number): Clear =>
  clear(values.length / cols, cols, (i) => BigInt(Math.round(values[i]! * 2 ** f)))

/** Features, labels, then weights and biases layer by layer. */
const inputsOf = ({ network, features, labels, weights, biases }: Example): ReadonlyArray<Clear> => [
  words(features, network.inputs),
  words(labels, outputs(network)),
  ...network.layers.flatMap(({ units }, l) => [words(weights[l]!, units), words(biases[l]!, units)])
]

/** The whole of an evaluation, what step 0 opens included. */
const programOf = (plan: EvaluationPlan) =>
  function* <V, O, G, L>(ops: Operations<V, O, G, L>, inputs: ReadonlyArray<V>): Round<ReadonlyArray<V>> {
    const [features, labels, ...parameters] = inputs
    const layers = plan.network.layers.map((_, l) => ({
      weights: parameters[2 * l]!,
      bias: parameters[2 * l + 1]!
    }))
    const data = yield* openEvaluated(ops, plan, features!, labels!)
    const opened = yield* openWeights(ops, layers)
    const { error, right } = yield* evaluateRows(ops, plan, layers, opened, data)
    return right === undefined ? [error] : [error, right]
  }

const planOf = (network: Network, loss: Loss, classes: boolean): EvaluationPlan => ({
  ...{ network, loss, fractionalBits: f },
  validation: { classes }
})

const fixedOf = (plan: EvaluationPlan, step: number, inputs: ReadonlyArray<Clear>): ReadonlyArray<bigint> => {
  const ring = pair.dealerRing
  const mark = ring.mark()
  const matrices = inputs.map(({ rows, cols, words }) => ring.from(rows, cols, new Uint8Array(words.buffer)))
  const ops = fixedOperations(ring, drawnIn({ ring, keys: pair.dealerKeys, step }))
  const sums = runLocally(programOf(plan)(ops, matrices))
  const found = sums.map((x) => BigInt.asIntN(64, ring.words(x)[0]!))
  ring.release(mark)
  return found
}

const floatOf = (plan: EvaluationPlan, inputs: ReadonlyArray<Clear>): ReadonlyArray<number> => {
  const matrices = inputs.map((x) => floatMatrix(x, Float64Array.from(x.words, Number), 0))
  return runLocally(programOf(plan)(floatOperations, matrices)).map(({ data }) => data[0]!)
}

/** The network of an example as a model of its owners. */
const modelIn = ({ network, weights, biases }: Example) =>
  modelOf(
    { data: { columns: [] } as never, network, loss: "softmax", fractionalBits: 20 },
    Float64Array.from(network.layers.flatMap((_, l) => [...weights[l]!, ...biases[l]!]))
  )

const losses = ["softmax", "sigmoid", "squared-error"] as const

describe("an evaluation on shares", () => {
  it("equals the fixed-point reference to the bit, in the rounds and bytes predicted, whatever the plan", () => {
    const drawn = fc.record({
      hidden: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 2 }),
      classes: fc.integer({ min: 1, max: 12 }),
      rows: fc.integer({ min: 1, max: 70 }),
      loss: fc.constantFrom(...losses),
      counted: fc.boolean(),
      output: fc.constantFrom("identity" as const, "relu" as const),
      step: fc.integer({ min: 2 ** 31, max: 2 ** 32 - 1 })
    })
    fc.assert(
      fc.property(drawn, ({ hidden, classes, rows, loss, counted, output, step }) => {
        fc.pre(loss !== "softmax" || classes > 1)
        const activation = loss === "squared-error" ? output : "identity"
        const given = example(step, [3, ...hidden, classes], activation, rows)
        const plan = planOf(given.network, loss, counted)
        const inputs = inputsOf(given)
        const { results, received, corrections } = pair.run(step, inputs, programOf(plan))
        expect(results.map((sum) => sum[0])).toEqual(fixedOf(plan, step, inputs))
        const cost = costOf((ops) => programOf(plan)(ops, inputs))
        for (const each of received) {
          expect(each.length).toBe(cost.rounds)
          expect(each.reduce((sum, { length }) => sum + length, 0)).toBe(cost.bytesEachWay)
        }
        expect(corrections.length).toBe(cost.dealtBytes)
      }),
      { numRuns: 40, seed: 22 }
    )
  })

  for (const loss of losses)
    it(`is that of float64, and counts as the owners of the model do: ${loss}`, () => {
      for (const classes of [2, 3, 7]) {
        const given = example(classes, [5, 6, classes], "identity", 64)
        const plan = planOf(given.network, loss, true)
        const inputs = inputsOf(given)
        const [error, right] = fixedOf(plan, 2 ** 31, inputs)
        const [expected] = floatOf(plan, inputs)
        expect(Math.abs(Number(error) - expected!) / 2 ** f).toBeLessThan(64 * classes * 2 ** -12)
        const model = modelIn(given)
        expect(Number(right)).toBe(countCorrect(model, given.features, given.labels))
        if (loss !== "squared-error") continue
        const plain = scores(model, given.features).reduce(
          (sum, score, i) => sum + (score - given.labels[i]!) ** 2,
          0
        )
        expect(expected! / 2 ** f).toBeCloseTo(plain, 2)
      }
    })

  it("counts a tie as right, and what is two units of the last place below, but not what is four", () => {
    const network: Network = { inputs: 1, layers: [{ units: 3, activation: "identity" }] }
    const plan = planOf(network, "squared-error", true)
    for (const [below, counted] of [
      [0, 1n],
      [1, undefined],
      [4, 0n]
    ] as const)
      for (let step = 1; step <= 8; step++) {
        const bias = [1000n, 900n, 1000n - BigInt(below)]
        const inputs = [
          clear(1, 1, () => 0n),
          clear(1, 3, (i) => (i === 2 ? 1n << BigInt(f) : 0n)),
          clear(1, 3, () => 0n),
          clear(1, 3, (i) => bias[i]!)
        ]
        const { results } = pair.run(2 ** 31 + step, inputs, programOf(plan))
        if (counted !== undefined) expect(results[1]![0]).toBe(counted)
      }
  })

  it("tells both clouds the same two sums", () => {
    const sums = { error: pair.share(clear(1, 1, () => -5n)), right: pair.share(clear(1, 1, () => 17n)) }
    const [ops0, ops1] = pair.operations(2 ** 31)
    const [told, received] = lockstep(
      revealSums(ops0, { error: sums.error[0], right: sums.right[0] }),
      revealSums(ops1, { error: sums.error[1], right: sums.right[1] })
    )
    expect(told).toEqual([
      { error: -5, right: 17 },
      { error: -5, right: 17 }
    ])
    expect(received.map((each) => each.map(({ length }) => length))).toEqual([[16], [16]])
  })
})
