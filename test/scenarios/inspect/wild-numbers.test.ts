/** Numbers that are far from all others. */
import { describe, expect, it } from "vitest"
import { Histogram } from "../../../scenarios/inspect/histogram.ts"
import { type NumbersOf, wildNumbers } from "../../../scenarios/inspect/wild-numbers.ts"

const of = (file: string, numbers: ReadonlyArray<number>): NumbersOf => {
  const summary = new Histogram()
  numbers.forEach((number, row) => {
    summary.add(number, row + 2)
  })
  return { file, unit: "line", numbers: summary.finish() }
}
const celsius = (count: number) => Array.from({ length: count }, (_, i) => 36 + (i % 9) / 4)
const named = (...files: ReadonlyArray<NumbersOf>) => wildNumbers([{ name: "temp", files }])

describe("numbers far from the others", () => {
  it("are named by their line, at either end", () => {
    const slip = (at: number, value: number) => celsius(200).with(at, value)
    expect(named(of("a.csv", slip(5, 372)), of("b.csv", celsius(200)))).toEqual([
      "temp: a number on line 7 of a.csv is 14 deviations from the mean; correct it if it is a slip"
    ])
    expect(named(of("a.csv", slip(9, -40)))).toEqual([
      expect.stringMatching(/on line 11 of a\.csv is 14 dev/)
    ])
    expect(named(of("a.csv", slip(5, 39)))).toEqual([])
  })

  it("are those of an owner with another unit", () => {
    const fahrenheit = celsius(200).map((t) => 32 + 1.8 * t)
    expect(named(of("a.csv", celsius(200)), of("b.csv", celsius(90)), of("c.csv", fahrenheit))).toEqual([
      "temp: the means of a.csv and c.csv are 53 deviations apart; do both have the same unit?"
    ])
    expect(named(of("a.csv", [37, 37]), of("b.csv", [38, 38]))).toEqual([])
  })

  it("are counted where many columns have them, as pixels do", () => {
    const dark = of("a.csv", [...celsius(200).map(() => 0), 255])
    const pixels = Array.from({ length: 6 }, (_, i) => ({ name: `pixel${i}`, files: [dark] }))
    expect(wildNumbers(pixels.slice(1))).toHaveLength(5)
    expect(wildNumbers(pixels)).toEqual(["6 columns, such as pixel0, have numbers far from the others"])
  })
})
