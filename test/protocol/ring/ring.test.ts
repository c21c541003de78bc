import { describe, expect, it } from "vitest"
import {
  OutOfRange,
  type ProductForm,
  Ring,
  RingMemoryExhausted,
  ShapeMismatch
} from "../../../protocol/ring/ring.ts"
import { randomMatrix, signed, splitmix, toRing, twinMap, twinProduct } from "./twin.ts"

const ring = await Ring.load()

describe("Ring - matrix product", () => {
  const sizes = [
    [1, 1, 1],
    [1, 7, 1],
    [3, 0, 2],
    [5, 0, 9],
    [2, 1, 3],
    [3, 5, 7],
    [4, 4, 4],
    [5, 33, 9],
    [8, 16, 8],
    [13, 3, 31],
    [17, 30, 2],
    [32, 30, 16],
    [33, 129, 17],
    [6, 600, 10],
    [5, 803, 11],
    [140, 21, 10],
    [4, 27, 5],
    [70, 9, 130],
    [96, 98, 100],
    [97, 99, 101],
    [131, 200, 96]
  ] as const
  const forms: ReadonlyArray<ProductForm> = ["plain", "leftTransposed", "rightTransposed"]
  for (const form of forms) {
    it(`${form} agrees with the BigInt twin at odd sizes`, () => {
      const next = splitmix(BigInt(forms.indexOf(form)))
      for (const [m, k, n] of sizes) {
        const mark = ring.mark()
        const x = form === "leftTransposed" ? randomMatrix(k, m, next) : randomMatrix(m, k, next)
        const y = form === "rightTransposed" ? randomMatrix(n, k, next) : randomMatrix(k, n, next)
        const out = toRing(ring, randomMatrix(m, n, next))
        ring.product(out, toRing(ring, x), toRing(ring, y), form)
        expect(ring.words(out), `${m}×${k}×${n}`).toEqual(twinProduct(x, y, form))
        ring.release(mark)
      }
    })
  }

  it("the kernel adds to what is there on request, as the halves of a large product need it", () => {
    const next = splitmix(6n)
    for (const [m, k, n] of sizes) {
      const mark = ring.mark()
      const [x, y, start] = [randomMatrix(m, k, next), randomMatrix(k, n, next), randomMatrix(m, n, next)]
      const [out, X, Y] = [toRing(ring, start), toRing(ring, x), toRing(ring, y)]
      const scratch = ring.allocate(ring.kernels.productScratch(m, k, n))
      ring.kernels.product(out.at, n * 8, X.at, k * 8, 8, Y.at, n * 8, 8, m, k, n, 1, scratch)
      expect(ring.words(out), `${m}×${k}×${n}`).toEqual(twinProduct(x, y, "plain", start))
      ring.release(mark)
    }
  })

  it("writes nothing beyond its result", () => {
    const next = splitmix(5n)
    const out = ring.matrix(5, 3)
    const fence = ring.zeros(1, 64)
    ring.product(out, toRing(ring, randomMatrix(5, 9, next)), toRing(ring, randomMatrix(9, 3, next)))
    expect(ring.words(fence).every((word) => word === 0n)).toBe(true)
  })

  it("refuses factors that do not fit", () => {
    expect(() => ring.product(ring.matrix(2, 2), ring.matrix(2, 3), ring.matrix(2, 2))).toThrow(ShapeMismatch)
  })
})

describe("Ring - elementwise kernels", () => {
  const next = splitmix(77n)
  for (const [rows, cols] of [
    [1, 1],
    [3, 3],
    [7, 10],
    [64, 5]
  ] as const) {
    it(`agree with their BigInt twins on ${rows} × ${cols}`, () => {
      const x = randomMatrix(rows, cols, next)
      const y = randomMatrix(rows, cols, next)
      const [X, Y] = [toRing(ring, x), toRing(ring, y)]
      const check = (run: (out: typeof X) => void, expected: BigUint64Array) => {
        const out = ring.matrix(rows, cols)
        const fence = ring.zeros(1, 8)
        run(out)
        expect(ring.words(out)).toEqual(expected)
        expect(ring.words(fence).every((word) => word === 0n)).toBe(true)
      }
      check(
        (out) => ring.add(out, X, Y),
        twinMap((a, b) => a! + b!, x, y)
      )
      check(
        (out) => ring.subtract(out, X, Y),
        twinMap((a, b) => a! - b!, x, y)
      )
      const [sum, difference] = [twinMap((a, b) => a! + b!, x, y), twinMap((a, b) => a! - b!, x, y)]
      check((out) => {
        const other = toRing(ring, y)
        ring.kernels.sumAndDifference(out.at, X.at, other.at, rows * cols)
        expect(ring.words(other)).toEqual(difference)
      }, sum)
      check((out) => {
        ring.copy(out, X)
        ring.kernels.sumAndDifference(out.at, out.at, toRing(ring, y).at, rows * cols)
      }, sum)
      check(
        (out) => ring.multiply(out, X, Y),
        twinMap((a, b) => a! * b!, x, y)
      )
      check(
        (out) => ring.kernels.xor(out.at, X.at, Y.at, rows * cols),
        twinMap((a, b) => a! ^ b!, x, y)
      )
      check(
        (out) => ring.negate(out, X),
        twinMap((a) => -a!, x)
      )
      check(
        (out) => ring.scale(out, X, -12345678901),
        twinMap((a) => a! * -12345678901n, x)
      )
      check(
        (out) => ring.scale(out, X, 1n << 63n),
        twinMap((a) => a! << 63n, x)
      )
      check(
        (out) => ring.shiftLeft(out, X, 20),
        twinMap((a) => a! << 20n, x)
      )
      check(
        (out) => ring.nonNegative(out, X),
        twinMap((a) => (signed(a!) >= 0n ? 1n : 0n), x)
      )
      check((out) => ring.copy(out, X), x.words)
    })
  }

  it("rows: add one to each, sum them, gather them", () => {
    const x = randomMatrix(9, 7, next)
    const row = randomMatrix(1, 7, next)
    const X = toRing(ring, x)
    const out = ring.matrix(9, 7)
    ring.addRow(out, X, toRing(ring, row), 13)
    expect(ring.words(out)).toEqual(
      BigUint64Array.from(x.words, (word, i) => BigInt.asUintN(64, word + (row.words[i % 7]! << 13n)))
    )
    const sums = ring.matrix(1, 7)
    ring.columnSums(sums, X)
    expect(ring.words(sums)).toEqual(
      BigUint64Array.from({ length: 7 }, (_, j) =>
        BigInt.asUintN(
          64,
          x.words.reduce((sum, word, i) => (i % 7 === j ? sum + word : sum), 0n)
        )
      )
    )
    const gathered = ring.matrix(4, 7)
    const indices = Uint32Array.of(8, 0, 3, 3)
    ring.gatherRows(gathered, X, indices)
    expect(ring.words(gathered)).toEqual(
      BigUint64Array.from({ length: 28 }, (_, i) => x.words[indices[Math.floor(i / 7)]! * 7 + (i % 7)]!)
    )
    expect(() => ring.gatherRows(gathered, X, Uint32Array.of(0, 1, 2, 9))).toThrow(ShapeMismatch)
  })

  it("refuse shapes that differ, and bytes of another length", () => {
    expect(() => ring.add(ring.matrix(2, 3), ring.matrix(2, 3), ring.matrix(3, 2))).toThrow(ShapeMismatch)
    expect(() => ring.copyIn(ring.matrix(2, 3), new Uint8Array(47))).toThrow(ShapeMismatch)
  })
})

describe("Ring - fixed point", () => {
  it("encodes by rounding to the nearest and decodes exactly", () => {
    const values = Float64Array.of(
      0,
      1,
      -1,
      0.5,
      -2.75,
      3 * 2 ** -21,
      -(2 ** -21),
      1e-9,
      123456.789,
      -(2 ** 41)
    )
    const x = ring.matrix(2, 5)
    ring.encode(x, values, 20)
    expect(Array.from(ring.words(x), signed)).toEqual(
      Array.from(values, (value) => {
        const scaled = value * 2 ** 20
        const down = Math.floor(scaled)
        const rest = scaled - down
        return BigInt(rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down)
      })
    )
    const back = ring.decode(x, 20)
    for (const [i, value] of values.entries())
      expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(2 ** -21)
  })

  it("names the value that is out of range", () => {
    for (const value of [2 ** 42, -(2 ** 42), Number.NaN, Number.POSITIVE_INFINITY]) {
      const x = ring.matrix(1, 3)
      const encode = () => ring.encode(x, Float64Array.of(0, 1, value), 20)
      expect(encode).toThrow(OutOfRange)
      expect(encode).toThrow(/index 2/)
    }
  })
})

describe("Ring - memory", () => {
  it("keeps what was there when it grows, and reuses what is released", async () => {
    const ring = await Ring.load()
    const kept = toRing(ring, randomMatrix(3, 3, splitmix(1n)))
    const before = ring.copyOut(kept)
    const mark = ring.mark()
    const large = ring.zeros(1000, 1000)
    ring.view(large).fill(255)
    expect(ring.copyOut(kept)).toEqual(before)
    ring.release(mark)
    expect(ring.matrix(1000, 1000).at).toBe(large.at)
  })

  it("never allocates the module's own data", async () => {
    const ring = await Ring.load()
    expect(ring.matrix(1, 1).at).toBeGreaterThanOrEqual(ring.kernels.heapBase())
  })

  it("says so when 4 GiB are not enough", async () => {
    const ring = await Ring.load()
    expect(() => ring.matrix(1 << 15, 1 << 15)).toThrow(RingMemoryExhausted)
  })
})
