import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import { costOf } from "../../../protocol/computation/cost.ts"
import { CorrectionsRefused } from "../../../protocol/computation/errors.ts"
import { losses, probabilities } from "../../../protocol/learning/loss.ts"
import { operation } from "../../../protocol/learning/operations.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { maximumClasses, productBits, softmaxScale } from "../../../protocol/learning/scales.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { example } from "../learning/example.ts"
import { trainFixed } from "../learning/secure.ts"
import { trainInLanes, trainUndivided } from "./lanes.ts"
import { type Classified, fixedOf, floatOf, kinds, logitsOf, programOf, worstOf } from "./logits.ts"
import { clear, lockstep, Pair } from "./pair.ts"

const pair = await Pair.load(1)

const several: ReadonlyArray<Classified> = [
  { loss: "sigmoid", classes: 1, f: 20 },
  { loss: "softmax", classes: 2, f: 20 },
  { loss: "softmax", classes: 3, f: 20 },
  { loss: "softmax", classes: 10, f: 20 }
]

describe("probabilities on shares", () => {
  it("equal the fixed-point reference to the bit, in the rounds and bytes predicted, whatever the plan", () => {
    const drawn = fc.record({
      loss: fc.constantFrom("softmax" as const, "sigmoid" as const),
      classes: fc.integer({ min: 1, max: 12 }),
      f: fc.integer({ min: 8, max: 25 }),
      rows: fc.integer({ min: 1, max: 40 }),
      kind: fc.constantFrom(...Object.keys(kinds)),
      step: fc.integer({ min: 1, max: 1000 })
    })
    fc.assert(
      fc.property(drawn, ({ rows, kind, step, ...of }) => {
        fc.pre(of.loss === "sigmoid" || of.classes > 1)
        const z = logitsOf(of, rows, kind, step)
        const { results, received, corrections } = pair.run(step, [z], programOf(of))
        expect(results[0]).toEqual(fixedOf(pair, of, step, z))
        const cost = costOf((ops) => probabilities(ops, of, 1, z))
        expect(cost.rounds).toBe(of.loss === "softmax" && of.classes > 2 ? 11 : 4)
        expect(received[0].length).toBe(cost.rounds)
        for (const each of received)
          expect(each.reduce((sum, { length }) => sum + length, 0)).toBe(cost.bytesEachWay)
        expect(corrections.length).toBe(cost.dealtBytes)
      }),
      { numRuns: 40, seed: 22 }
    )
  })

  for (const of of several)
    it(`are right within 2^-12: ${of.loss} of ${of.classes}`, () => {
      for (const [i, kind] of Object.keys(kinds).entries()) {
        const z = logitsOf(of, Math.ceil(1000 / of.classes), kind, i + 1)
        expect(worstOf(of, fixedOf(pair, of, i + 1, z), floatOf(of, z)), kind).toBeLessThan(2 ** -12)
      }
    })

  it("are as of the bound for logits at the edge of their word, and not of others beyond it", () => {
    const of = { loss: "softmax", classes: 5, f: 20 } as const
    // Of a contrast 5·z − Σz below 2^63.
    const edge = 2 ** 63 / 4 / 2 ** productBits(of.f)
    const rows = (share: number) =>
      clear(50, 5, (i) => BigInt(i % 5 === Math.floor(i / 5) % 5 ? Math.round(share * edge * 2 ** 41) : 0))
    const [within, beyond] = [rows(0.999), rows(1.001)]
    expect(worstOf(of, fixedOf(pair, of, 1, within), floatOf(of, within))).toBeLessThan(2 ** -12)
    expect(worstOf(of, fixedOf(pair, of, 1, beyond), floatOf(of, beyond))).toBeGreaterThan(0.5)
  })

  it("are right where the sum is the least and the greatest that it can be", () => {
    for (const classes of [3, 5, 10, 64, 100]) {
      const of = { loss: "softmax", classes, f: 20 } as const
      const least = clear(64, classes, () => 7n << 41n)
      const most = clear(64, classes, (i) => (i % classes === 0 ? BigInt(-12 * classes) : 12n) << 41n)
      for (const [step, z] of [least, most].entries()) {
        const worst = worstOf(of, fixedOf(pair, of, step + 1, z), floatOf(of, z))
        expect(worst, `${classes} classes`).toBeLessThan(2 ** -12)
      }
    }
  })

  it("need the corrections of each of their parts", () => {
    const of = { loss: "softmax", classes: 3, f: 20 } as const
    const z = logitsOf(of, 4, "normal", 1)
    const message = pair.deal(1, (ops) => programOf(of)(ops, [z]))
    const parts = ["forwardRescale", "lowerBound", "upperBound", "exponential", "openExponentials"] as const
    const others = ["threshold", "normalise", "reciprocal", "probability"] as const
    for (const kind of [...parts, ...others]) {
      const bytes = message.slice()
      const number = new DataView(bytes.buffer)
      for (let at = 0; at < bytes.length; at += 8 + number.getUint32(at + 4, true))
        if (number.getUint32(at, true) === operation(kind, 1)) number.setUint32(at, 9)
      expect(Corrections.parse(1, bytes).step).toBe(1)
      const [x0, x1] = pair.share(z)
      const [ops0, ops1] = pair.operations(1, bytes)
      const both = () => lockstep(programOf(of)(ops0, [x0]), programOf(of)(ops1, [x1]))
      expect(both, kind).toThrow(CorrectionsRefused)
    }
  })
})

describe("the words of a softmax", () => {
  it("fit, for any number of classes and fractional bits that a plan may have", () => {
    for (const f of [8, 14, 20, 26])
      for (let classes = 2; classes <= maximumClasses; classes++) {
        const scale = softmaxScale(f, classes)
        const top = Number(scale.top)
        const ofPart = 2 ** (2 * scale.partBits)
        const lines = 2 ** scale.lowBits * 30
        const fits =
          top * ofPart < 2 ** 62 &&
          scale.limit <= lines &&
          scale.limit > lines / 2.1 &&
          scale.bits + 17.4 < 63 - scale.thresholdAlign &&
          scale.reciprocalBits >= 23
        if (!fits) expect({ f, classes, scale }).toBe("fitting")
      }
  })
})

/** χ² of the bytes' frequencies against the uniform distribution: 255 degrees of freedom, σ ≈ 22.6. */
const chiSquare = (bytes: Uint8Array): number => {
  const counts = new Float64Array(256)
  for (const byte of bytes) counts[byte]! += 1
  const even = bytes.length / 256
  return counts.reduce((sum, count) => sum + (count - even) ** 2 / even, 0)
}

describe("what the clouds receive for probabilities", () => {
  for (const of of several)
    it(`is uniform, whatever the logits: ${of.loss} of ${of.classes}`, () => {
      for (const kind of ["all equal", "beyond both bounds"]) {
        const views: [Uint8Array[], Uint8Array[]] = [[], []]
        for (let step = 1; step <= 12; step++) {
          const { received, corrections } = pair.run(step, [logitsOf(of, 64, kind, 5)], programOf(of))
          views[0].push(...received[0])
          // The sections' headers are not secret: the parts are long against them.
          views[1].push(...received[1], corrections.subarray(64))
        }
        for (const view of views) expect(chiSquare(Buffer.concat(view))).toBeLessThan(255 + 6 * 22.6)
      }
    })
})

describe("training with a cross-entropy in lanes", () => {
  const [softmax, sigmoid] = losses
  for (const [outputs, loss] of [
    [5, softmax],
    [2, softmax],
    [3, sigmoid]
  ] as const)
    it(`gives the same model, at the predicted cost: ${loss} of ${outputs}`, async () => {
      const given = example(7, [4, 6, outputs], "identity", 90)
      const { network, rows } = given
      const plan = trainingPlan({
        ...{ network, rows, loss, batch: 41, epochs: 1 },
        ...{ learningRate: 0.2, fractionalBits: 20 }
      })
      const lanes = [
        { from: 0, end: 13 },
        { from: 13, end: 14 },
        { from: 14, end: 90 }
      ]
      const [whole, cut] = [await trainUndivided(given, plan), await trainInLanes(given, plan, lanes)]
      const fixed = trainFixed(await Ring.load(), given, plan, "run-1")
      expect(whole.weights).toEqual(fixed.weights.map((word) => BigInt.asIntN(64, word)))
      expect(cut.weights).toEqual(whole.weights)
      for (const { taken, expected } of [...whole.exchanges, ...cut.exchanges])
        expect(taken).toEqual(expected)
    })
})
