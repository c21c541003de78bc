import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { streamKinds } from "../../../protocol/computation/streams.ts"
import { dealingRounds } from "../../../protocol/dealing/cost.ts"
import { programOfShapes } from "../../../protocol/dealing/steps.ts"
import { evaluationStep, slicesOf } from "../../../protocol/learning/evaluations.ts"
import { operation, type Shape } from "../../../protocol/learning/operations.ts"
import { type EvaluatingPlan, trainingPlan } from "../../../protocol/learning/plan.ts"
import { sigmoidScale, softmaxScale } from "../../../protocol/learning/scales.ts"
import { Prg, type Stream } from "../../../protocol/ring/prg.ts"
import type { Ring } from "../../../protocol/ring/ring.ts"
import { networkOf } from "../learning/example.ts"
import { DealingClouds, type DealtProgram, prgOf } from "./clouds.ts"
import { anyPlan, expectDealt, expectSame, stepsOf } from "./plans.ts"

const [x, y, z] = [operation("openActivation", 1), operation("openWeights", 2), operation("openScores", 2)]
const labels = operation("openLabels", 2)
const times = operation("forwardProduct", 2)
const dots = operation("squares", 2)
const relu = operation("forwardRescale", 2)
const delta = operation("openDelta", 2)
const back = operation("backwardRescale", 1)
const update = operation("weightUpdate", 2)

const edgeKinds: ReadonlyArray<number> = [streamKinds.mask, streamKinds.rounding, streamKinds.bitMasks]

/** A generator whose words of the training are given ones, one after another. */
class Given extends Prg {
  readonly #words: ReadonlyArray<bigint>
  constructor(seed: number, words: ReadonlyArray<bigint>) {
    super(new Uint8Array(16).fill(seed))
    this.#words = words
  }
  override fill(ring: Ring, at: number, words: number, stream: Stream, place = 0): void {
    if (!edgeKinds.includes(stream.kind)) {
      super.fill(ring, at, words, stream, place)
      return
    }
    const out = ring.words({ rows: 1, cols: words, at })
    for (let i = 0; i < words; i++) out[i] = this.#words[(place + i) % this.#words.length]!
  }
  override combine(...[ring, at, words, stream, how, place = 0]: Parameters<Prg["combine"]>): void {
    const mark = ring.mark()
    const own = ring.allocate(words * 8)
    this.fill(ring, own, words, stream, place)
    ring.kernels[how](at, at, own, words)
    ring.release(mark)
  }
}

const ones = 2n ** 64n - 1n
const edges = [
  0n,
  1n,
  ones,
  2n ** 63n,
  2n ** 63n - 1n,
  2n ** 62n,
  2n ** 21n - 1n,
  2n ** 21n,
  0xfn,
  0xfffffffffffffff0n
]
/** Every edge at one cloud meets every edge at the other. */
const edgeWords = [edges.flatMap((word) => edges.map(() => word)), edges.flatMap(() => edges)] as const

let clouds: DealingClouds
let atEdges: DealingClouds

beforeAll(async () => {
  clouds = await DealingClouds.ideal([prgOf(3), prgOf(103)])
  atEdges = await DealingClouds.ideal([new Given(3, edgeWords[0]), new Given(4, edgeWords[1])])
})

/** Demands that clouds make what the KGC deals, in two steps at once. */
const expectSteps = (which: DealingClouds, program: DealtProgram): void => {
  const steps = [1, 2]
  const { corrections } = which.together(steps.map((step) => ({ step, program })))
  for (const [i, step] of steps.entries()) expectSame({ step }, corrections[i]!, which.kgc(step, program))
}

type Named = readonly [string, DealtProgram]

/** Every operation on matrices of a shape. */
const operationsOn = (shape: Shape): ReadonlyArray<Named> => [
  ...[1, 4, 15, 21, 41, 62].map(
    (shift): Named => [`a rescale by ${shift}`, (ops) => ops.rescale(update, shape, shift, 3)]
  ),
  ...[9, 15, 16, 21, 31].map(
    (shift): Named => [
      `a rescale by ${shift} with ReLU, and what its gate gates`,
      function* (ops) {
        const { gate } = yield* ops.rescaleRelu(relu, shape, shift)
        ops.gatedDifference(delta, shape, yield* ops.openLabels(labels, shape), gate)
        yield* ops.rescaleGated(back, shape, shift, gate)
      }
    ]
  ),
  [
    "products of matrices, one of them rescaled three times",
    function* (ops) {
      const [X, Y] = [yield* ops.open(x, shape), yield* ops.open(y, { rows: shape.cols, cols: 7 })]
      const D = yield* ops.open(z, { rows: shape.rows, cols: 7 })
      const product = ops.product(times, X, Y, "plain")
      const { gate } = yield* ops.rescaleRelu(relu, product, 20)
      yield* ops.rescaleGated(back, product, 20, gate)
      yield* ops.rescale(update, product, 41, 3)
      yield* ops.rescale(delta, ops.product(dots, X, D, "leftTransposed"), 30, 1)
      yield* ops.rescale(labels, ops.product(labels, D, Y, "rightTransposed"), 30, 1)
    }
  ],
  [
    "products of rows and dots",
    function* (ops) {
      const [X, Y] = [yield* ops.open(x, shape), yield* ops.open(y, { rows: shape.rows, cols: 1 })]
      yield* ops.rescale(update, ops.rowProduct(times, X, Y), 25, 1)
      yield* ops.rescale(back, ops.rowDots(dots, X, yield* ops.open(z, shape)), 25, 1)
    }
  ],
  [
    "the sigmoid of a difference",
    (ops) => ops.sigmoids(2, { rows: shape.rows, cols: 2 }, sigmoidScale(20, true))
  ],
  ["sigmoids", (ops) => ops.sigmoids(2, { rows: shape.rows, cols: 1 }, sigmoidScale(13, false))],
  [
    "a softmax",
    function* (ops) {
      const scale = softmaxScale(20, shape.cols)
      const e = yield* ops.exponentials(2, shape, scale)
      const sums = ops.rowSums(yield* ops.normalise(2, e, scale))
      yield* ops.reciprocals(2, sums, scale)
    }
  ]
]

describe("clouds that deal for themselves", () => {
  it.each(operationsOn({ rows: 11, cols: 10 }))("make what the KGC deals for %s", (_, program) => {
    expectSteps(clouds, program)
    expectSteps(atEdges, program)
  })

  it("do so for steps and evaluations of any plan, and for any lanes", async () => {
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 2 })
    await fc.assert(
      fc.asyncProperty(anyPlan(6, 40), cuts, async (plan, places) => {
        fc.pre(plan !== undefined)
        const rows = places.map((place) => Math.floor(place * plan.rows)).sort((a, b) => a - b)
        await expectDealt(clouds, plan, stepsOf(plan), rows)
      }),
      { numRuns: 8 }
    )
  })

  it("send what the sizes say, round by round, by real transfers and products", async () => {
    const extension = { fieldBits: 2, transfers: 2 ** 14 }
    const real = await DealingClouds.real([prgOf(5), prgOf(6)], extension)
    const plan = trainingPlan({
      ...{ network: networkOf([4, 5, 3], "identity"), rows: 20, batch: 10, epochs: 1, learningRate: 0.1 },
      ...{ loss: "softmax", fractionalBits: 20, validation: { rows: 13, classes: true } }
    }) as EvaluatingPlan
    const received = await expectDealt(real, plan, stepsOf(plan))
    const step = programOfShapes(plan, 1)
    const expected = dealingRounds(extension, [
      ...[step, step],
      ...slicesOf(plan).map((_, slice) => programOfShapes(plan, evaluationStep(plan, 1) + slice))
    ])
    expect(received[1].map(({ length }, i) => [length, received[0][i]!.length])).toEqual(expected)
  })
})

describe("what a value takes", () => {
  const n = 2 ** 15
  const matrix = { rows: 1, cols: n }
  /** Messages alone: choices of few bits are made of one extension. */
  const extension = { fieldBits: 2, transfers: 2 ** 30 }
  const taken = (program: Parameters<typeof dealingRounds>[1][number]) => {
    const sent = dealingRounds(extension, [program])
    const extended = 63 * 2 ** 27 + 16
    const [forward, back] = [0, 1].map((i) => sent.reduce((sum, round) => sum + round[i]!, 0))
    return { forward: forward! % extended, back: back! % extended }
  }
  const gate = { beta: 0, betaStride: 0 }

  it.each([
    ["a rescale by 21", 98, 0, 81, 0, (ops) => ops.rescale(update, matrix, 21, 1)],
    ["a rescale by 41", 120, 0, 81, 0, (ops) => ops.rescale(update, matrix, 41, 1)],
    ["a gated one", 120, 22, 82, 1, (ops) => ops.rescaleGated(back, matrix, 21, gate)],
    ["one with ReLU", 903, 22, 106, 1, (ops) => ops.rescaleRelu(relu, matrix, 21)]
  ] satisfies ReadonlyArray<
    readonly [string, number, number, number, number, Parameters<typeof dealingRounds>[1][number]]
  >)("is for %s %d bytes to cloud 1 and %d back, and %d choices and %d", (...of) => {
    const [, forward, back, choices, reversed, program] = of
    const bytes = taken(program)
    expect(bytes.forward / n).toBeCloseTo(forward + reversed / 8, 5)
    expect(bytes.back / n).toBeCloseTo(back + choices / 8, 5)
  })
})

/** A generator that remembers which words of which streams it gave. */
class Remembering extends Prg {
  readonly given = new Map<string, Array<readonly [number, number]>>()
  override fill(ring: Ring, at: number, words: number, stream: Stream, place = 0): void {
    const key = `${stream.step} ${stream.operation} ${stream.kind}`
    const ranges = this.given.get(key) ?? []
    ranges.push([place, place + words])
    this.given.set(key, ranges)
    super.fill(ring, at, words, stream, place)
  }
}

describe("what masks", () => {
  it("serves once, and is drawn anew for each dealing", async () => {
    const remembering = (bytes: readonly [number, number]) =>
      bytes.map((byte) => new Remembering(new Uint8Array(16).fill(byte))) as [Remembering, Remembering]
    const [prgs, masks] = [remembering([1, 2]), remembering([3, 4])]
    const both = await DealingClouds.ideal(prgs, { masks })
    for (const [, program] of operationsOn({ rows: 11, cols: 10 }).slice(5)) {
      for (const prg of [...prgs, ...masks]) prg.given.clear()
      both.together([1, 2].map((step) => ({ step, program })))
      for (const [i, { given }] of [...prgs, ...masks].entries())
        for (const [stream, ranges] of given) {
          const ofTraining = Object.values<number>(streamKinds).includes(Number(stream.split(" ")[2]))
          const sorted = ranges.toSorted(([a], [b]) => a - b)
          const overlap = sorted.findIndex(([from], j) => j > 0 && from < sorted[j - 1]![1])
          expect({ stream, overlap, ofTraining }).toEqual({ stream, overlap: -1, ofTraining: i < 2 })
        }
    }
  })

  it("makes all that a cloud receives uniform, whatever the masks of the training are", async () => {
    // Bits of equal places, over all transfers of the same messages.
    const counts = new Map<string, { ones: number; of: number }>()
    const count = (where: string, bytes: Uint8Array, width: number, bits: number) => {
      for (let bit = 0; bit < bits; bit++) {
        const key = `${where} ${bit}`
        const entry = counts.get(key) ?? { ones: 0, of: 0 }
        for (let at = bit >> 3; at < bytes.length; at += width) entry.ones += (bytes[at]! >> (bit & 7)) & 1
        entry.of += bytes.length / width
        counts.set(key, entry)
      }
    }
    const constant = [new Given(8, [0x0123456789abcdefn]), new Given(9, [ones])] as const
    const noted = await DealingClouds.ideal(constant, {
      note: (cloud, bytes, { messageBits }) =>
        count(`${messageBits} bits to ${cloud}`, bytes, Math.ceil(messageBits / 8), messageBits)
    })
    const steps = [1, 2]
    for (const [name, program] of operationsOn({ rows: 64, cols: 3 })) {
      counts.clear()
      const { received } = noted.together(steps.map((step) => ({ step, program })))
      for (const [round, bytes] of received[1].entries()) count(`told in round ${round}`, bytes, 2, 16)
      expect(received[0].every(({ length }) => length === 0)).toBe(true)
      for (const [where, { ones, of }] of counts) {
        const deviations = Math.abs(ones - of / 2) / Math.sqrt(of / 4 || 1)
        expect({ name, where, far: deviations > 6 }).toEqual({ name, where, far: false })
      }
    }
  })
})
