/**
 * Each intermediate of a step at the edge of its range: within it the words of a run are right, and beyond it the same
 * step in float64 notices. Logits and the sums of exponentials are in test/protocol/computation/losses.test.ts.
 */
import { describe, expect, it } from "vitest"
import { fixedOperations } from "../../../protocol/computation/fixed.ts"
import type { FixedMatrix } from "../../../protocol/computation/fixed-point.ts"
import { drawnIn } from "../../../protocol/computation/masks.ts"
import { type FloatMatrix, floatMatrix } from "../../../protocol/learning/float.ts"
import type { Operations, Shape } from "../../../protocol/learning/operations.ts"
import { type TrainingPlan, trainingPlan } from "../../../protocol/learning/plan.ts"
import { watched } from "../../../protocol/learning/range.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { type Layer, openData, trainingStep } from "../../../protocol/learning/step.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { networkOf } from "./example.ts"
import { generators } from "./secure.ts"

const f = 20
/** 2^62 over 2·2^2f: the edge of a product. */
const edge = 2 ** 21
const one: Shape = { rows: 1, cols: 1 }

const planOf = (layers: number, changes: object = {}): TrainingPlan =>
  trainingPlan({
    network: networkOf(new Array(layers + 1).fill(1), "identity"),
    ...{ rows: 1, batch: 1, epochs: 1, learningRate: 0.1, fractionalBits: f },
    ...changes
  })

/** A row, and layers of one unit: weight, and if there is one the velocities of the weight and of the bias. */
interface State {
  readonly plan: TrainingPlan
  readonly feature?: number
  readonly label?: number
  readonly layers: ReadonlyArray<{ readonly weight: number; readonly velocity?: readonly [number, number] }>
}

/** A step of this state. */
const stepped = <V, G>(
  { plan, feature = 0, label = 0, layers }: State,
  ops: Operations<V, V, G, V>,
  matrix: (value: number) => V
): ReadonlyArray<V> => {
  const first = layers.map(({ weight, velocity }): Layer<V> => {
    const layer = { weights: matrix(weight), bias: matrix(0) }
    if (velocity === undefined) return layer
    return { ...layer, velocity: { weights: matrix(velocity[0]), bias: matrix(velocity[1]) } }
  })
  const data = runLocally(openData(ops, plan, matrix(feature), matrix(label)))
  return runLocally(trainingStep(ops, plan, first, data)).flatMap(({ weights, bias }) => [weights, bias])
}

/** By how many units the words of runs are off at the most, and whether float64 notices. */
const tried = async (state: State) => {
  const ring = await Ring.load()
  const encoded = (value: number): FixedMatrix => {
    const x = ring.matrix(1, 1)
    ring.encode(x, Float64Array.of(value), f)
    return x
  }
  let noticed = false
  const float = stepped<FloatMatrix, FloatMatrix>(
    state,
    watched(() => {
      noticed = true
    }),
    (value) => floatMatrix(one, [value], f)
  )
  let off = 0
  for (let step = 1; step <= 40; step++) {
    const ops = fixedOperations(ring, drawnIn({ ring, keys: generators("run-1"), step }))
    stepped(state, ops, encoded).forEach((x, i) => {
      off = Math.max(off, Math.abs(Number(BigInt.asIntN(64, ring.words(x)[0]!)) - float[i]!.data[0]!))
    })
  }
  return { off, noticed }
}

const plain = planOf(1)
const heavy = planOf(1, { momentum: 0.9 })
const decaying = planOf(1, { weightDecay: 0.01 })
const held = ({ by, zeroBytes }: { readonly by: number; readonly zeroBytes: number }): number =>
  2 ** 62 / (by * 256 ** zeroBytes) / 2 ** f

/** By intermediate, a state in which it has this share of its range. */
const edges: ReadonlyArray<readonly [string, (share: number) => State, tolerance?: number]> = [
  [
    "the product of a forward pass",
    (share) => ({ plan: plain, feature: 1, label: share * edge, layers: [{ weight: share * edge }] })
  ],
  [
    "the gradient of a weight",
    (share) => ({
      plan: plain,
      feature: 1,
      label: (-share * edge) / plain.rate.factor,
      layers: [{ weight: 0 }]
    })
  ],
  [
    "the gradient of a bias, with momentum",
    (share) => ({
      plan: heavy,
      label: (-share * edge) / heavy.rate.factor,
      layers: [{ weight: 0, velocity: [0, 0] }]
    })
  ],
  [
    "a delta before its rescale",
    (share) => ({
      plan: planOf(2),
      // The hidden unit puts out 2^-6, the output is 2^9, and the label 2^6 less.
      feature: 2 ** -12,
      label: 2 ** 9 - share * 2 ** 6,
      layers: [{ weight: 2 ** 6 }, { weight: 2 ** 15 }]
    }),
    // A unit of the hidden layer is 2^15 of the output, and these 2^30 of what is under test, times the rate.
    2 ** 28
  ],
  [
    "the velocity of a weight",
    (share) => ({
      plan: heavy,
      layers: [{ weight: 0, velocity: [share * held(heavy.addends.momentum!), 0] }]
    })
  ],
  [
    "the velocity of a bias",
    (share) => ({
      plan: heavy,
      layers: [{ weight: 0, velocity: [0, share * held(heavy.addends.momentum!)] }]
    })
  ],
  [
    "a weight that decays",
    (share) => ({ plan: decaying, layers: [{ weight: share * held(decaying.addends.decay!) }] })
  ]
]

describe.each(edges.map(([what, state, tolerance = 2]) => ({ what, state, tolerance })))(
  "at the edge of its range, $what",
  ({ state, tolerance }) => {
    it("is right within it, to some units, with either sign", async () => {
      for (const sign of [1, -1]) {
        const { off, noticed } = await tried(state(0.999 * sign))
        expect(noticed).toBe(false)
        expect(off).toBeLessThan(tolerance)
      }
    })

    it("is wrong beyond it, and float64 notices", async () => {
      // How often a word wraps follows from how far beyond it is: of 80 masks, here surely one.
      const results = [await tried(state(1.25)), await tried(state(-1.25))]
      expect(results.map(({ noticed }) => noticed)).toEqual([true, true])
      expect(Math.max(...results.map(({ off }) => off))).toBeGreaterThan(2 ** 10 * tolerance)
    })
  }
)
