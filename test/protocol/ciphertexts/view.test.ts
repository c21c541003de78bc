/** What C0 sees of a layer: plaintexts and the randomness of what it opens; and that the tests find what would be wrong. */
import { describe, expect, it } from "vitest"
import { modPow } from "../../../protocol/bcp/exponentiation.ts"
import { inverse } from "../../../protocol/bcp/integers.ts"
import { half } from "../../../protocol/bcp/parameters.ts"
import { decodeCiphertexts } from "../../../protocol/bcp/wire.ts"
import { type DrawnKind, Draws } from "../../../protocol/ciphertexts/draws.ts"
import {
  combined,
  type IntegerMatrix,
  mapped,
  multiplied,
  transposed
} from "../../../protocol/ciphertexts/matrices.ts"
import { unpackMatrix } from "../../../protocol/ciphertexts/packing.ts"
import type { CiphertextSizes } from "../../../protocol/ciphertexts/plan.ts"
import { shiftedKey } from "../../../protocol/ciphertexts/rescaling.ts"
import { type Operation, operation, type Shape } from "../../../protocol/learning/operations.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf, uniform } from "../learning/example.ts"
import { clearWork } from "./clear-work.ts"
import { keysOf, trainingOf } from "./clouds.ts"
import { type LayerInputs, type LayerRun, layerShifts, runLayer } from "./layer.ts"

const plan = trainingPlan({
  ...{ network: networkOf([3, 8, 3], "identity"), rows: 64, batch: 16, epochs: 2, learningRate: 0.1 },
  ...{ fractionalBits: 20, momentum: 0.9 }
})
const { parameters, masterKey } = keysOf(512)
const key = new Uint8Array(16).fill(3)
const draws = new Draws(key)

/** Plaintexts in place of ciphertexts: what C0 sees of them does not depend on the encryption. */
const clear = trainingOf(plan, { wrap: () => clearWork(parameters) })

/** Values of so many bits, and C0's part of the inputs. */
const inputsOf = (
  seed: number,
  [rows, terms, cols]: readonly [number, number, number],
  sizes: CiphertextSizes,
  bits = 20
) => {
  const next = uniform(seed)
  const matrix = (rows: number, cols: number): IntegerMatrix => ({
    ...{ rows, cols },
    values: Array.from({ length: rows * cols }, () => BigInt(Math.floor((2 * next() - 1) * 2 ** bits)))
  })
  const inputs = matrix(rows, terms)
  const parts = draws.matrix(0, operation("openInput", 0), "blind", inputs, sizes.blindBits - 1)
  // Between the edges of a blind, whatever the inputs.
  const partOfC0 = mapped(parts, (part) => -part - (1n << BigInt(sizes.blindBits - 3)))
  return { inputs, partOfC0, weights: matrix(terms, cols), bias: matrix(1, cols) }
}

/** Draws that differ by what is given for an operation and a kind. */
class ShiftedDraws extends Draws {
  readonly shifts = new Map<string, IntegerMatrix>()
  inRange = true

  shift(op: Operation, kind: DrawnKind, by: IntegerMatrix): void {
    this.shifts.set(`${op} ${kind}`, by)
  }

  override matrix(step: number, op: Operation, kind: DrawnKind, shape: Shape, bits: number): IntegerMatrix {
    const drawn = super.matrix(step, op, kind, shape, bits)
    const by = this.shifts.get(`${op} ${kind}`)
    const shifted = by === undefined ? drawn : combined(drawn, by, (a, b) => a + b)
    const end = 1n << BigInt(bits)
    this.inRange &&= shifted.values.every((value) => value >= 0n && value < end)
    return shifted
  }
}

const minus = (x: IntegerMatrix, y: IntegerMatrix) => combined(x, y, (a, b) => a - b)
const times = (x: IntegerMatrix, by: bigint) => mapped(x, (value) => value * by)

/**
 * The draws that make C0 see of one layer what it sees of another: each blind, mask and key makes up for the difference of
 * what it hides.
 */
const coupled = (one: LayerInputs, other: LayerInputs, sizes: CiphertextSizes): ShiftedDraws => {
  const shifted = new ShiftedDraws(key)
  const of = (op: Operation, kind: DrawnKind, shape: Shape, bits: number) =>
    [draws.matrix(1, op, kind, shape, bits), shifted.matrix(1, op, kind, shape, bits)] as const
  const sides = [one, other] as const
  const [openW, relu, update, plain, back] = [
    operation("openWeights", 2),
    operation("forwardRescale", 1),
    operation("weightUpdate", 1),
    operation("weighOutput", 1),
    operation("backwardRescale", 1)
  ]
  shifted.shift(openW!, "blind", minus(other.weights, one.weights))
  const ofWeights = of(openW!, "blind", one.weights, sizes.blindBits)

  /** Hides a product, and returns C1's keys of both. */
  const product = (
    op: Operation,
    pairs: ReadonlyArray<readonly [IntegerMatrix, IntegerMatrix]>,
    sums: ReadonlyArray<IntegerMatrix>,
    raised: bigint
  ) => {
    const [first, second] = pairs.map(([x, blinds]) => times(multiplied(x, blinds), raised))
    shifted.shift(op, "mask", minus(first!, second!))
    of(op, "mask", sums[0]!, sizes.maskBits)
    shifted.shift(op, "key", minus(sums[1]!, sums[0]!))
    return of(op, "key", sums[0]!, sizes.keyBits)
  }
  const forward = sides.map(({ inputs, weights }) => multiplied(inputs, weights))
  const withBias = sides.map(({ bias }, i) =>
    mapped(forward[i]!, (z, j) => z + (bias.values[j % bias.cols]! << BigInt(layerShifts.shift - 1)))
  )
  const opened = sides.map(({ inputs }, i) => [inputs, ofWeights[i]!] as const)
  const quotients = (keys: readonly [IntegerMatrix, IntegerMatrix], sums: ReadonlyArray<IntegerMatrix>) =>
    sums.map((z, i) =>
      mapped(z, (value, j) => {
        const k = 2n * keys[i]!.values[j]!
        return ((2n * value - k) >> BigInt(layerShifts.shift)) + shiftedKey(k, layerShifts.shift)
      })
    )
  const y = quotients(product(relu!, opened, withBias, 1n), withBias)
  const active = y.map(({ values }) => values.map((value) => value >= 0n))
  const h = y.map((x, i) => mapped(x, (value, j) => (active[i]![j] ? value : 0n)))
  shifted.shift(relu!, "gated", minus(h[1]!, h[0]!))
  const { blindBits, valueBits } = sizes
  const least = 1n << BigInt(valueBits)
  const room = (1n << BigInt(blindBits)) - 2n * least
  const ofH = of(relu!, "gated", h[0]!, blindBits + valueBits).map((drawn) =>
    mapped(drawn, (value) => least + (value % room))
  )
  const raised = 2n * BigInt(layerShifts.factor)
  const { by, zeroBytes } = layerShifts.momentum
  const gradients = sides.map(({ inputs, weights }, i) =>
    combined(
      times(multiplied(transposed(inputs), h[i]!), raised),
      weights,
      (z, w) => z + w * (BigInt(by) << BigInt(8 * zeroBytes))
    )
  )
  product(
    update!,
    sides.map(({ inputs }, i) => [transposed(inputs), ofH[i]!] as const),
    gradients,
    raised
  )
  product(plain!, opened, withBias, 1n)
  const yBack = quotients(product(back!, opened, forward, 1n), forward)
  const gated = yBack.map((x, i) => mapped(x, (value, j) => (active[i]![j] ? value : 0n)))
  shifted.shift(back!, "gated", minus(gated[1]!, gated[0]!))
  return shifted
}

/** Whether C0 sees the same of two layers, with draws that are as likely. */
const sameView = async (changed: Partial<CiphertextSizes> = {}, bits = 20): Promise<boolean> => {
  const training = await clear
  const sizes = { ...training.sizes, ...changed }
  const shape = [16, 3, 8] as const
  const one = inputsOf(1, shape, sizes, bits)
  const other = { ...inputsOf(2, shape, sizes, bits), partOfC0: one.partOfC0 }
  const otherDraws = coupled(one, other, sizes)
  if (!otherDraws.inRange) return false
  const ran = await runLayer(training, draws, one, 1, changed)
  const again = await runLayer(training, otherDraws, other, 1, changed)
  const same = ran.opened.every((plaintexts, i) => Buffer.compare(plaintexts, again.opened[i]!) === 0)
  return otherDraws.inRange && same && ran.opened.length === again.opened.length
}

describe("what C0 opens", () => {
  it("is the same of other data, weights and biases with draws as likely", async () => {
    expect(await sameView()).toBe(true)
  })

  it("is not where a key or a mask is too short", async () => {
    expect(await sameView({ keyBits: 64 }, 29)).toBe(false)
    expect(await sameView({ maskBits: 64 })).toBe(false)
    expect(await sameView({ blindBits: 33 }, 29)).toBe(false)
  })

  it("is uniform, and no two of it are near each other", async () => {
    const seen = await viewOf({})
    for (const fractions of Object.values(seen.fractions)) expect(chiSquare(fractions)).toBeLessThan(56)
    expect(seen.leastGap).toBeGreaterThan(2n ** 50n)
    const short = await viewOf({ keyBits: 64 })
    expect(chiSquare(short.fractions.results)).toBeGreaterThan(1000)
    const again = await viewOf(
      {},
      new (class extends Draws {
        override matrix(_step: number, op: Operation, kind: DrawnKind, shape: Shape, bits: number) {
          return super.matrix(1, op, kind, shape, bits)
        }
      })(key)
    )
    expect(again.leastGap).toBeLessThan(2n ** 32n)
  })
})

/** Of two steps with nearly the same weights: what C0 sees, as fractions of the whole range. */
const viewOf = async (changed: Partial<CiphertextSizes>, drawn = draws) => {
  const training = await clear
  const sizes = { ...training.sizes, ...changed }
  const { parameters } = training.sessions[0]
  const slots = { parameters, slotBits: sizes.slotBits, slots: sizes.slots }
  const given = inputsOf(4, [16, 3, 8], sizes)
  const runs = [
    await runLayer(training, drawn, given, 1, changed),
    await runLayer(training, drawn, { ...given, weights: mapped(given.weights, (w) => w + 5n) }, 2, changed)
  ]
  const fractions = { weights: [] as number[], masks: [] as number[], results: [] as number[] }
  const weights: bigint[] = []
  const result = { rows: 16, cols: 8 }
  for (const { opened } of runs) {
    const w = unpackMatrix(slots, opened[0]!, { rows: 3, cols: 8 }, "rows")
    weights.push(...w.values)
    fractions.weights.push(...w.values.map((value) => fractionOf(-value, training.sizes.blindBits)))
    // The products with the weights: that of the ReLU, and the two behind the update.
    for (const at of [1, 5, 7]) {
      const first = unpackMatrix(slots, opened[at]!, result, "columns")
      const second = unpackMatrix(slots, opened[at + 1]!, result, "rows")
      fractions.masks.push(...first.values.map((value) => fractionOf(value, training.sizes.maskBits)))
      const product = multiplied(given.partOfC0, w)
      const c = product.values.map((value, i) => value + first.values[i]! + second.values[i]!)
      fractions.results.push(...c.map((value) => fractionOf(-value, training.sizes.keyBits)))
    }
  }
  const sorted = weights.sort((a, b) => (a < b ? -1 : 1))
  const gaps = sorted.slice(1).map((value, i) => value - sorted[i]!)
  return { fractions, leastGap: gaps.reduce((least, gap) => (gap < least ? gap : least)) }
}

const fractionOf = (value: bigint, bits: number): number => Number(value >> BigInt(bits - 40)) / 2 ** 40

/** Of 16 bins: 15 degrees of freedom, beyond 56 once in a million. */
const chiSquare = (fractions: ReadonlyArray<number>): number => {
  const bins = new Array<number>(16).fill(0)
  for (const fraction of fractions) bins[Math.min(15, Math.max(0, Math.floor(16 * fraction)))]! += 1
  const mean = fractions.length / 16
  return bins.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
}

/** r modulo N of A = g^r, as the master key gives it. */
const randomnessOf = (A: bigint): bigint => {
  const { N, N2, g } = parameters
  const exponent = half(masterKey.p) * half(masterKey.q)
  const logarithm = (x: bigint) => (modPow(x, exponent, N2) - 1n) / N
  return (logarithm(A) * inverse(logarithm(g), N)!) % N
}

const randomnessIn = (bytes: Uint8Array) =>
  decodeCiphertexts(parameters, bytes).map(({ A }) => randomnessOf(A))

describe("the randomness of what C0 opens", () => {
  const shape = [4, 1, 2] as const
  /** Of the first session, with which both others are compared. */
  let ofFirst: ReturnType<typeof run> | undefined
  const firstRun = () => {
    ofFirst ??= run()
    return ofFirst
  }
  const run = async (
    changed: Partial<CiphertextSizes> = {},
    seeds: { seed?: number; seedOfC1?: number } = {}
  ) => {
    const training = await trainingOf(plan, seeds)
    const ran = await runLayer(training, draws, inputsOf(5, shape, training.sizes), 1, changed)
    const blinds = draws.matrix(
      1,
      operation("openWeights", 2),
      "blind",
      { rows: 1, cols: 2 },
      training.sizes.blindBits
    )
    return {
      ...termsOf(ran),
      blinds: blinds.values,
      sizes: training.sizes,
      all: ran.came.slice(1).flatMap(randomnessIn)
    }
  }
  /** Of T_1 of the first product, by unit and group, and of the ciphertexts of the inputs that it is made of. */
  const termsOf = ({ came, encrypted }: LayerRun) => ({
    terms: randomnessIn(came[1]!),
    bases: randomnessIn(encrypted[1]!)
  })

  it("does not tell the blinds, which a short exponent would", async () => {
    const guesses = ({ terms, bases }: Awaited<ReturnType<typeof run>>) =>
      terms.map((r, i) => r / bases[i % bases.length]!)
    const honest = await firstRun()
    const units = (i: number) => Math.floor(i / honest.bases.length)
    for (const guess of guesses(honest)) expect(guess >> BigInt(honest.sizes.blindBits + 20)).not.toBe(0n)
    const short = await run({ randomizerBits: 256 })
    for (const [i, guess] of guesses(short).entries()) {
      const off = guess - short.blinds[units(i)]!
      expect(off >= 0n && off < 1n << 20n).toBe(true)
    }
  })

  it("is as long as the plan says, and uniform", async () => {
    const { all, sizes } = await firstRun()
    expect(chiSquare(all.map((r) => fractionOf(r, sizes.randomizerBits)))).toBeLessThan(56)
  })

  it("is other in a step that is made again, which one from C1's root would not be", async () => {
    const solved = async (other: Awaited<ReturnType<typeof run>>) => {
      const first = await firstRun()
      return first.terms.map((r, i) => {
        const j = i % first.bases.length
        const [sum, base] = [r - other.terms[i]!, first.bases[j]! - other.bases[j]!]
        return sum % base === 0n && sum / base === first.blinds[Math.floor(i / first.bases.length)]
      })
    }
    expect(await solved(await run({}, { seed: 2 }))).not.toContain(true)
    expect(await solved(await run({}, { seed: 2, seedOfC1: 1 }))).not.toContain(false)
  })
})
