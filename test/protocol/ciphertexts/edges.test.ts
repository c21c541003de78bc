import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type DrawnKind, Draws } from "../../../protocol/ciphertexts/draws.ts"
import { type IntegerMatrix, multiplied, transposed } from "../../../protocol/ciphertexts/matrices.ts"
import { packMatrix, unpackMatrix } from "../../../protocol/ciphertexts/packing.ts"
import { requireOnCiphertexts, sizesOf } from "../../../protocol/ciphertexts/plan.ts"
import type { Operation, Shape } from "../../../protocol/learning/operations.ts"
import { type TrainingSettings, trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"
import { clearWork } from "./clear-work.ts"
import { keysOf, trainingOf } from "./clouds.ts"
import { layerShifts, runLayer } from "./layer.ts"

/** Draws that are all the least, all the greatest, or of both kinds in turn. */
class EdgeDraws extends Draws {
  readonly #edge: (kind: DrawnKind, index: number) => boolean

  constructor(edge: (kind: DrawnKind, index: number) => boolean) {
    super(new Uint8Array(16))
    this.#edge = edge
  }

  override matrix(_step: number, _op: Operation, kind: DrawnKind, shape: Shape, bits: number): IntegerMatrix {
    const greatest = (1n << BigInt(bits)) - 1n
    const values = Array.from({ length: shape.rows * shape.cols }, (_, i) =>
      this.#edge(kind, i) ? greatest : 0n
    )
    return { rows: shape.rows, cols: shape.cols, values }
  }
}

const settings: TrainingSettings = {
  ...{ network: networkOf([5, 4, 3], "identity"), rows: 64, batch: 8, epochs: 2, learningRate: 0.1 },
  ...{ fractionalBits: 20, momentum: 0.9 }
}

/** A matrix of the greatest values, with these signs. */
const greatest = (rows: number, cols: number, bits: number, sign: (i: number) => boolean): IntegerMatrix => ({
  rows,
  cols,
  values: Array.from({ length: rows * cols }, (_, i) => (sign(i) ? 1n : -1n) << BigInt(bits))
})

describe("slots", () => {
  it("hold whatever is blinded, masked and added, at the edges of all of it", async () => {
    const plan = trainingPlan(settings)
    const { parameters } = keysOf(2048)
    const training = await trainingOf(plan, { bits: 2048, wrap: () => clearWork(parameters) })
    const { valueBits, blindBits } = training.sizes
    const kinds: ReadonlyArray<DrawnKind> = ["blind", "mask", "key", "gated"]
    const edge = fc.record({
      draws: fc.tuple(...kinds.map(() => fc.constantFrom("least", "greatest", "turns"))),
      inputs: fc.nat({ max: 7 }),
      weights: fc.nat({ max: 7 }),
      wide: fc.boolean(),
      part: fc.boolean()
    })
    await fc.assert(
      fc.asyncProperty(edge, async ({ draws, inputs, weights, wide, part }) => {
        const edges = new EdgeDraws((kind, i) => {
          const how = draws[kinds.indexOf(kind)]
          return how === "greatest" || (how === "turns" && i % 2 === 0)
        })
        // One factor is at its edge; with the other its products are values again.
        const sign = (pattern: number) => (i: number) => ((pattern >> (i % 3)) & 1) === 1
        const [ofX, ofW] = wide ? [valueBits, valueBits - 15] : [valueBits - 15, valueBits]
        const x = greatest(8, 5, ofX, sign(inputs))
        const w = greatest(5, 4, ofW, sign(weights))
        const bias = greatest(1, 4, valueBits - 2, sign(inputs ^ weights))
        const parts = {
          ...x,
          values: x.values.map((value) => value - (part ? (1n << BigInt(blindBits)) - 1n : 0n))
        }
        const { values } = await runLayer(training, edges, { inputs: x, partOfC0: parts, weights: w, bias })
        const sums = multiplied(x, w).values.map((z, i) => 2n * z + (bias.values[i % 4]! << 21n))
        const near = (found: IntegerMatrix | undefined, exact: ReadonlyArray<bigint>, shift: number) =>
          found!.values.every((y, i) => {
            const off = (y << BigInt(shift)) - exact[i]!
            return off < 1n << BigInt(shift) && off > -1n << BigInt(shift)
          })
        const { shift, updateShift, factor, momentum } = layerShifts
        expect(near(values[2], sums, shift)).toBe(true)
        const active = sums.map((z) => z >> BigInt(shift) >= 0n)
        expect(
          near(
            values[0],
            sums.map((z, i) => (active[i] ? z : 0n)),
            shift
          )
        ).toBe(true)
        const back = multiplied(x, w).values.map((z, i) => (active[i] ? 2n * z : 0n))
        expect(near(values[3], back, shift)).toBe(true)
        const gradient = multiplied(transposed(x), values[0]!).values
        const update = gradient.map(
          (z, i) =>
            2n * BigInt(factor) * z + w.values[i]! * (BigInt(momentum.by) << BigInt(8 * momentum.zeroBytes))
        )
        expect(near(values[1], update, updateShift)).toBe(true)
      }),
      { numRuns: 12 }
    )
  })

  it("are packed and read along rows and columns, and refuse what does not fit", () => {
    const { parameters } = keysOf(512)
    const slots = { parameters, slotBits: 170, slots: 3 }
    const limit = 1n << 169n
    const any = fc.oneof(fc.constantFrom(limit - 1n, -limit, 0n, -1n), fc.bigInt(-limit, limit - 1n))
    const matrix = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
      .chain(([rows, cols]) =>
        fc.record({
          rows: fc.constant(rows),
          cols: fc.constant(cols),
          values: fc.array(any, { minLength: rows * cols, maxLength: rows * cols })
        })
      )
    fc.assert(
      fc.property(matrix, fc.constantFrom("rows" as const, "columns" as const), (x, layout) => {
        const packed = packMatrix(slots, x, layout)
        expect(unpackMatrix(slots, packed, { rows: x.rows, cols: x.cols }, layout)).toEqual(x)
      })
    )
    expect(() => packMatrix(slots, { rows: 1, cols: 1, values: [limit] }, "rows")).toThrow("170 bits")
  })
})

describe("the plan of sizes", () => {
  it("has the slots of the design: 13 of 2048 bits where few values are blinded", () => {
    const plan = trainingPlan({ ...settings, momentum: 0 })
    const sizes = sizesOf(plan, 2048, "short")
    expect(sizes.hidingBits).toBe(40 + Math.ceil(Math.log2(64 * 8 + 16 * 436)))
    expect(sizes.slotBits).toBe(2 * 31 + 2 * sizes.hidingBits + 3 + 3)
    expect(sizes.slots).toBe(Math.floor(2046 / sizes.slotBits))
  })

  it.each([
    [{ loss: "softmax" }, "squared-error"],
    [{ network: networkOf([5, 4, 3], "relu") }, "use identity"],
    [{ rowWeights: { gain: 1 } }, "leave them out"],
    [{ validation: { rows: 4, classes: true } }, "leave validation out"]
  ] as const)("refuses what is not done on ciphertexts: %o", (change, remedy) => {
    expect(() => requireOnCiphertexts(trainingPlan({ ...settings, ...change }))).toThrow(remedy)
  })
})
