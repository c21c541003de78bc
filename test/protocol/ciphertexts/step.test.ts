import { describe, expect, it } from "vitest"
import { fixedCiphertextOperations } from "../../../protocol/ciphertexts/fixed.ts"
import type { IntegerMatrix } from "../../../protocol/ciphertexts/matrices.ts"
import { ciphertextStep } from "../../../protocol/ciphertexts/step.ts"
import { gatherFixedRows } from "../../../protocol/computation/fixed.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { planOfStep, type TrainingSettings, trainingPlan } from "../../../protocol/learning/plan.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { atRest, type Layer } from "../../../protocol/learning/step.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { example } from "../learning/example.ts"
import { encoded, orderKey } from "../learning/secure.ts"
import { modelOf, type State, sealed, split, stepped, type Training, trainingOf } from "./clouds.ts"

const integers = (ring: Ring, x: Matrix): IntegerMatrix => ({
  rows: x.rows,
  cols: x.cols,
  values: Array.from(ring.words(x), (word) => BigInt.asIntN(64, word))
})

/** Layers of the ring as both clouds' shares: C0 has all of them but a part of each weight. */
const sharesOf = (ring: Ring, layers: ReadonlyArray<Layer<Matrix>>) => {
  const part = (of: (value: bigint) => bigint) => {
    const matrix = (x: Matrix): IntegerMatrix => {
      const whole = integers(ring, x)
      return { ...whole, values: whole.values.map(of) }
    }
    return layers.map(({ weights, bias, velocity }) => ({
      weights: matrix(weights),
      bias: matrix(bias),
      ...(velocity && { velocity: { weights: matrix(velocity.weights), bias: matrix(velocity.bias) } })
    }))
  }
  return [part((value) => value - 77n), part(() => 77n)] as const
}

/** Trains an example at both clouds and in the clear. */
const trained = async (settings: Partial<TrainingSettings>, widths: ReadonlyArray<number>, steps: number) => {
  const given = example(3, widths, "identity", 12)
  const plan = trainingPlan({
    ...{ network: given.network, rows: 12, batch: 4, epochs: 2, learningRate: 0.1, fractionalBits: 20 },
    ...settings
  })
  const training = await trainingOf(plan)
  const ring = await Ring.load()
  const clear = encoded(ring, given, plan.fractionalBits)
  const zerosLike = (x: Matrix) => ring.zeros(x.rows, x.cols)
  let layers: ReadonlyArray<Layer<Matrix>> = clear.layers.map((layer) => atRest(layer, plan, zerosLike))
  let state: State = {
    features: split(training, integers(ring, clear.features), 1),
    labels: split(training, integers(ring, clear.labels), 2),
    layers: await sealed(training, sharesOf(ring, layers))
  }
  const order = batchOrder(plan, orderKey)
  for (let step = 1; step <= steps; step++) {
    const rows = order(step)
    state = (await stepped(training, step, state, rows)).state
    layers = runLocally(
      ciphertextStep(
        fixedCiphertextOperations(ring, training.draws, training.sizes, step),
        planOfStep(plan, step),
        layers,
        {
          features: gatherFixedRows(ring, clear.features, rows),
          labels: gatherFixedRows(ring, clear.labels, rows)
        }
      )
    )
  }
  const words = layers
    .flatMap(({ weights, bias }) => [weights, bias])
    .flatMap((x) => integers(ring, x).values)
  return { training, state, words }
}

const sameModel = async ({
  training,
  state,
  words
}: {
  training: Training
  state: State
  words: ReadonlyArray<bigint>
}) => {
  expect(await modelOf(training, state)).toEqual(words)
}

describe("a training on ciphertexts", () => {
  it("gives the weights of its reference to the bit", async () => {
    await sameModel(await trained({}, [3, 4, 2], 2))
  })

  it("gives them with three layers, momentum, weight decay and a schedule", async () => {
    await sameModel(await trained({ momentum: 0.9, weightDecay: 0.01, schedule: "cosine" }, [3, 3, 3, 2], 2))
  })

  it("gives them with one layer", async () => {
    await sameModel(await trained({ fractionalBits: 12 }, [3, 1], 2))
  })
})
