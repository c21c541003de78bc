import { describe, expect, it } from "vitest"
import { maskDifference } from "../../../protocol/computation/masks.ts"
import { gatherRows } from "../../../protocol/computation/product.ts"
import { groupsOf, openedBytes, openingWords } from "../../../protocol/computation/sizes.ts"
import { operation, together } from "../../../protocol/learning/operations.ts"
import { runPair } from "../../../protocol/learning/run.ts"
import type { ProductForm } from "../../../protocol/ring/ring.ts"
import { splitmix, wrap } from "../ring/twin.ts"
import { type Clear, clear, lockstep, Pair, type Program } from "./pair.ts"

const pair = await Pair.load(1)
const openX = operation("openActivation", 1)
const openY = operation("openWeights", 1)
const times = operation("forwardProduct", 1)
const scaleOp = operation("forwardRescale", 1)
const again = operation("backwardProduct", 1)
const gramOp = operation("weightUpdate", 1)
const gateOp = operation("backwardRescale", 1)
const labelsOp = operation("openLabels", 1)
const differenceOp = operation("openDelta", 1)

/** Values of every magnitude up to 2^61, both signs, and the places where something might tip over. */
const stress = (next: () => bigint, shift: number) => {
  const unit = 1n << BigInt(shift)
  const edges = [0n, 1n, -1n, 1n << 61n, -(1n << 61n), (1n << 61n) - 1n, 1n - (1n << 61n), unit, -unit]
  const near = [-1n, 0n, 1n]
  return (i: number): bigint => {
    if (i < edges.length) return edges[i]!
    const word = next()
    const sign = word & 1n ? -1n : 1n
    const magnitude = (word >> 3n) & ((1n << BigInt(i % 62)) - 1n)
    if (i % 16 !== 0) return sign * magnitude
    return sign * (magnitude - (magnitude % unit)) + near[i % 3]!
  }
}

/** Every value within one unit of x·factor / 2^shift; how far the worst is off, in 2^-shift units of the last place. */
const worstError = (result: BigInt64Array, exact: (i: number) => bigint, shift: number): bigint => {
  let worst = 0n
  for (let i = 0; i < result.length; i++) {
    const error = (result[i]! << BigInt(shift)) - exact(i)
    const size = error < 0n ? -error : error
    if (size > worst) worst = size
  }
  return worst
}

/** Where words are not what they should be; -1 for nowhere. */
const differing = (words: BigInt64Array, expected: (i: number) => bigint): number =>
  words.findIndex((word, i) => word !== expected(i))

describe("product of shares", () => {
  const forms: ReadonlyArray<ProductForm> = ["plain", "leftTransposed", "rightTransposed"]
  const next = splitmix(3n)
  const random = (rows: number, cols: number) => clear(rows, cols, () => BigInt.asIntN(28, next()))
  const at = (x: Clear, transposed: boolean, i: number, j: number) =>
    x.words[transposed ? j * x.cols + i : i * x.cols + j]!

  for (const form of forms) {
    it(`${form}: is off by less than one unit when rescaled, after one round for both openings`, () => {
      const [m, k, n] = [5, 9, 3]
      const [left, right] = [form === "leftTransposed", form === "rightTransposed"]
      const x = left ? random(k, m) : random(m, k)
      const y = right ? random(n, k) : random(k, n)
      const { results, received } = pair.run(1, [x, y], function* (ops, [X, Y]) {
        const [openedX, openedY] = yield* together(ops.open(openX, X!), ops.open(openY, Y!))
        const product = ops.product(times, openedX, openedY, form)
        const gram = ops.product(again, openedX, openedX, "leftTransposed")
        return yield* together(ops.rescale(scaleOp, product, 4, 1), ops.rescale(gramOp, gram, 6, 7))
      })
      expect(received[0].length).toBe(2)
      const exact = (index: number): bigint => {
        let sum = 0n
        for (let l = 0; l < k; l++) sum += at(x, left, Math.floor(index / n), l) * at(y, right, l, index % n)
        return sum
      }
      expect(results[0]!.length).toBe(m * n)
      expect(worstError(results[0]!, exact, 3)).toBeLessThan(1n << 3n)
      const exactGram = (index: number): bigint => {
        let sum = 0n
        for (let l = 0; l < x.rows; l++)
          sum += at(x, true, Math.floor(index / x.cols), l) * at(x, false, l, index % x.cols)
        return 7n * sum
      }
      expect(results[1]!.length).toBe(x.cols * x.cols)
      expect(worstError(results[1]!, exactGram, 5)).toBeLessThan(1n << 5n)
    })
  }

  it("is twice the product and twice that of the masks' differences until it is rescaled", () => {
    const [x, y] = [random(4, 6), random(6, 2)]
    const [shares0, shares1] = [x, y].map((input) => pair.share(input)) as [
      ReturnType<Pair["share"]>,
      ReturnType<Pair["share"]>
    ]
    const [ops0, ops1] = pair.operations(6)
    const [[X0, X1]] = lockstep(ops0.open(openX, shares0[0]), ops1.open(openX, shares0[1]))
    const [[Y0, Y1]] = lockstep(ops0.open(openY, shares1[0]), ops1.open(openY, shares1[1]))
    const product = pair.join(ops0.product(times, X0, Y0, "plain"), ops1.product(times, X1, Y1, "plain"))
    const ring = pair.dealerRing
    const differences = ring.matrix(4, 2)
    const difference = (op: typeof openX, shape: Clear) =>
      maskDifference({ ring, keys: pair.dealerKeys, step: 6 }, op, shape)
    ring.product(differences, difference(openX, x), difference(openY, y))
    const surplus = ring.words(differences)
    product.forEach((word, index) => {
      let sum = 0n
      for (let l = 0; l < 6; l++) sum += x.words[(index >> 1) * 6 + l]! * y.words[l * 2 + (index % 2)]!
      expect(wrap(word)).toBe(wrap(2n * (sum + surplus[index]!)))
    })
  })

  it("opens a large matrix in rounds of bounded size, in place where it is consumed", () => {
    const words = openingWords + 6
    const dataSet = operation("openInput", 0)
    const x = clear(words / 2, 2, (i) => BigInt(i) * 3n - 7n)
    const open = (consumed: boolean) => {
      const shares = pair.share(x)
      const [ops0, ops1] = pair.operations(0)
      const ran = runPair(ops0.open(dataSet, shares[0], consumed), ops1.open(dataSet, shares[1], consumed))
      return { ...ran, shares }
    }
    const kept = open(false)
    expect(kept.rounds).toBe(2)
    expect(kept.bytesEachWay).toBe(8 * words)
    expect(openedBytes.open(words)).toEqual([8 * openingWords, 8 * 6])
    kept.shares.forEach((share, cloud) => {
      expect(kept.results[cloud]!.at).not.toBe(share.at)
    })
    // What is not consumed is what it was.
    expect(differing(pair.join(...kept.shares), (i) => x.words[i]!)).toBe(-1)
    const consumed = open(true)
    consumed.results.forEach((result, cloud) => {
      const ring = pair.rings[cloud]!
      expect(result.at).toBe(consumed.shares[cloud]!.at)
      expect(Buffer.compare(ring.view(result), ring.view(kept.results[cloud]!))).toBe(0)
    })
    expect(differing(pair.join(...kept.results), (i) => 2n * x.words[i]!)).toBe(-1)
  })

  it("is rescaled without the lowest bits of either blinded share: off by little more than a unit", () => {
    const [m, k, n] = [40, 3, 50]
    for (const [shift, magnitude, factor] of [
      [8, 20, 1],
      [21, 28, 1],
      [29, 28, 3],
      [41, 24, 819],
      [55, 24, 1023]
    ] as const) {
      const value = () => BigInt.asIntN(magnitude, next())
      const [x, y] = [clear(m, k, value), clear(k, n, value)]
      const { results } = pair.run(500 + shift, [x, y], function* (ops, [X, Y]) {
        const [openedX, openedY] = yield* together(ops.open(openX, X!), ops.open(openY, Y!))
        const product = ops.product(times, openedX, openedY, "plain")
        return [yield* ops.rescale(scaleOp, product, shift, factor)]
      })
      const exact = (index: number): bigint => {
        let sum = 0n
        for (let l = 0; l < k; l++)
          sum += x.words[Math.floor(index / n) * k + l]! * y.words[l * n + (index % n)]!
        return 2n * BigInt(factor) * sum
      }
      const unit = 1n << BigInt(shift)
      expect(worstError(results[0]!, exact, shift)).toBeLessThan(unit + (unit >> 6n))
    }
  })

  it("is right in the mean, and of zeros as often above as below", () => {
    const [m, k, n] = [300, 2, 300]
    const zeros = [clear(m, k, () => 0n), clear(k, n, () => 0n)]
    const { results } = pair.run(700, zeros, function* (ops, [X, Y]) {
      const [openedX, openedY] = yield* together(ops.open(openX, X!), ops.open(openY, Y!))
      return [yield* ops.rescale(scaleOp, ops.product(times, openedX, openedY, "plain"), 21, 1)]
    })
    const found = Array.from(results[0]!, Number)
    expect(new Set(found)).toEqual(new Set([-1, 0, 1]))
    // One in 250 is above and one below: a deviation of 0.0003 in the mean. Without the offset, or with twice as much, it would be 0.016.
    expect(Math.abs(found.reduce((sum, each) => sum + each, 0) / (m * n))).toBeLessThan(0.002)
  })

  it("takes rows of a matrix that was opened once", () => {
    const [x, y] = [random(10, 4), random(4, 2)]
    const rows = Uint32Array.of(7, 0, 7)
    const [x0, x1] = pair.share(x)
    const [y0, y1] = pair.share(y)
    const dataSet = operation("openInput", 0)
    const first = pair.operations(0)
    const [[opened0, opened1]] = lockstep(first[0].open(dataSet, x0), first[1].open(dataSet, x1))
    const corrections = pair.deal(4, function* (ops) {
      const ring = pair.dealerRing
      const mask = maskDifference({ ring, keys: pair.dealerKeys, step: 0 }, dataSet, x)
      const product = ops.product(times, gatherRows(ring, mask, rows), yield* ops.open(openY, y), "plain")
      return yield* ops.rescale(scaleOp, product, 4, 1)
    })
    const [ops0, ops1] = pair.operations(4, corrections)
    const [[Y0, Y1]] = lockstep(ops0.open(openY, y0), ops1.open(openY, y1))
    const product0 = ops0.product(times, gatherRows(pair.rings[0], opened0, rows), Y0, "plain")
    const product1 = ops1.product(times, gatherRows(pair.rings[1], opened1, rows), Y1, "plain")
    const [[result0, result1]] = lockstep(
      ops0.rescale(scaleOp, product0, 4, 1),
      ops1.rescale(scaleOp, product1, 4, 1)
    )
    const exact = (index: number): bigint => {
      let sum = 0n
      for (let l = 0; l < 4; l++)
        sum += x.words[rows[Math.floor(index / 2)]! * 4 + l]! * y.words[l * 2 + (index % 2)]!
      return sum
    }
    expect(worstError(pair.join(result0, result1), exact, 3)).toBeLessThan(1n << 3n)
  })
})

describe("local operations on shares", () => {
  it("add a bias at the product's scale, subtract, sum columns", () => {
    const x = clear(3, 2, (i) => BigInt(i * 1000 - 7))
    const y = clear(3, 2, (i) => BigInt(i * i))
    const bias = clear(1, 2, (i) => BigInt(5 - i * 11))
    const { results, received } = pair.run(2, [x, y, bias], function* (ops, [X, Y, B]) {
      return [ops.addBias(X!, B!, 20), ops.subtract(X!, Y!), ops.columnSums(X!)]
    })
    expect(received[0].length).toBe(0)
    expect(results[0]).toEqual(x.words.map((word, i) => word + (bias.words[i % 2]! << 20n)))
    expect(results[1]).toEqual(x.words.map((word, i) => word - y.words[i]!))
    expect(Array.from(results[2]!)).toEqual(
      [0, 1].map((j) => x.words[j]! + x.words[j + 2]! + x.words[j + 4]!)
    )
  })
})

describe("rescale", () => {
  const rescaled =
    (shift: number, factor: number): Program =>
    (ops, [x]) =>
      (function* () {
        return [yield* ops.rescale(scaleOp, x!, shift, factor)]
      })()

  it("a million values up to 2^61 are off by less than one unit in the last place", () => {
    const next = splitmix(11n)
    const [chunks, size] = [20, 50_000]
    const shifts = [1, 4, 13, 20, 20, 20, 27, 30, 41, 60, 62]
    for (let chunk = 0; chunk < chunks; chunk++) {
      const shift = shifts[chunk % shifts.length]!
      const x = clear(size / 50, 50, stress(next, shift))
      const { results, received } = pair.run(100 + chunk, [x], rescaled(shift, 1))
      expect(received.map((rounds) => rounds.length)).toEqual([1, 1])
      expect(worstError(results[0]!, (i) => x.words[i]!, shift)).toBeLessThan(1n << BigInt(shift))
    }
  })

  it("multiplies by the public factor first", () => {
    const next = splitmix(12n)
    const x = clear(77, 13, () => BigInt.asIntN(45, next()))
    const { results } = pair.run(3, [x], rescaled(27, 51234))
    expect(worstError(results[0]!, (i) => x.words[i]! * 51234n, 27)).toBeLessThan(1n << 27n)
  })

  it("refuses shifts and factors it can't do", () => {
    for (const [shift, factor] of [
      [0, 1],
      [63, 1],
      [1.5, 1],
      [20, 0],
      [20, 0.5]
    ] as const) {
      const attempt = () => pair.run(5, [clear(1, 1, () => 0n)], rescaled(shift, factor))
      expect(attempt).toThrow(/forwardRescale of layer 1/)
    }
  })
})

describe("rescale with ReLU", () => {
  it("a million values up to 2^61: max(y, 0) for what the plain rescale gives, in four rounds", () => {
    const next = splitmix(21n)
    const [chunks, size] = [20, 50_000]
    // Four, three and two nodes; 31 and 15 just fill theirs.
    const shifts = [20, 1, 15, 14, 31, 30, 47, 60, 62, 20]
    for (let chunk = 0; chunk < chunks; chunk++) {
      const shift = shifts[chunk % shifts.length]!
      const x = clear(size / 50, 50, stress(next, shift))
      const relued = pair.run(200 + chunk, [x], function* (ops, [z]) {
        return [(yield* ops.rescaleRelu(scaleOp, z!, shift)).value]
      })
      expect(relued.received.map((rounds) => rounds.length)).toEqual([4, 4])
      // The same step and place, so the same rounding.
      const rescaled = pair.run(200 + chunk, [x], function* (ops, [z]) {
        return [yield* ops.rescale(scaleOp, z!, shift, 1)]
      })
      const y = rescaled.results[0]!
      const wrong = relued.results[0]!.findIndex((value, i) => value !== (y[i]! >= 0n ? y[i]! : 0n))
      expect(x.words[wrong]).toBe(undefined)
      expect(worstError(y, (i) => x.words[i]!, shift)).toBeLessThan(1n << BigInt(shift))
    }
  })

  it("the gate is exactly y ≥ 0: it shuts what has nothing to do with x", () => {
    const next = splitmix(22n)
    for (const size of [1, 63, 64, 65, 1000]) {
      const x = clear(1, size, stress(next, 20))
      const large = clear(1, size, () => 1n << 40n)
      const labels = clear(1, size, () => BigInt.asIntN(50, next()))
      const { results, received } = pair.run(300 + size, [x, large, labels], function* (ops, [z, other, y]) {
        const { value, gate } = yield* ops.rescaleRelu(scaleOp, z!, 20)
        const opened = yield* ops.openLabels(labelsOp, y!)
        return [
          yield* ops.rescaleGated(gateOp, other!, 20, gate),
          ops.gatedDifference(differenceOp, value, opened, gate),
          value
        ]
      })
      expect(received[0].length).toBe(6)
      const [gated, difference, value] = results
      // The same step and place, so the same rounding.
      const rescaled = pair.run(300 + size, [x], function* (ops, [z]) {
        return [yield* ops.rescale(scaleOp, z!, 20, 1)]
      })
      const y = rescaled.results[0]!
      // What is just below zero may be rounded up to it, and then counts as active.
      if (size > 2) expect([x.words[2], y[2]]).toEqual([-1n, 0n])
      for (let i = 0; i < size; i++) {
        const active = y[i]! >= 0n
        expect(gated![i]! >= (active ? (1n << 20n) - 1n : 0n), `x = ${x.words[i]}`).toBe(true)
        expect(gated![i]! <= (active ? (1n << 20n) + 1n : 0n), `x = ${x.words[i]}`).toBe(true)
        expect(difference![i]).toBe(active ? BigInt.asIntN(64, value![i]! - labels.words[i]!) : 0n)
      }
    }
  })

  it("packs bits of 64 values in a word", () => {
    const { received } = pair.run(400, [clear(1, 65, () => 5n)], function* (ops, [z]) {
      return [(yield* ops.rescaleRelu(scaleOp, z!, 20)).value]
    })
    const groups = groupsOf(65)
    expect(groups).toBe(2)
    expect(received[0].map(({ length }) => length)).toEqual([
      65 * 8,
      groups * 20 * 8,
      groups * 4 * 8,
      groups * 8
    ])
  })
})
