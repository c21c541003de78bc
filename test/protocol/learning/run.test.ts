import { describe, expect, it } from "vitest"
import { crossing, prepared, type Round, together } from "../../../protocol/learning/operations.ts"
import { runLocally, runPair, runPrepared } from "../../../protocol/learning/run.ts"

/** Sends its values one a round, and returns the sum of what the peer sent. */
function* exchange(...values: number[]): Round<number> {
  let sum = 0
  for (const value of values) {
    const [received] = yield [() => Uint8Array.of(value)]
    sum += received![0]!
  }
  return sum
}

describe("rounds", () => {
  it("hand each party what the other sent, and are counted with their bytes", () => {
    expect(runPair(exchange(1, 2, 3), exchange(10, 20, 30))).toEqual({
      results: [60, 6],
      rounds: 3,
      bytesEachWay: 3
    })
  })

  it("of independent computations travel together, the longest deciding the number", () => {
    const party = (scale: number) =>
      together(
        exchange(scale),
        exchange(2 * scale, 3 * scale, 4 * scale),
        exchange(),
        exchange(5 * scale, scale)
      )
    expect(runPair(party(1), party(10))).toEqual({
      results: [
        [10, 90, 0, 60],
        [1, 9, 0, 6]
      ],
      rounds: 3,
      bytesEachWay: 6
    })
  })

  it("are copied, as a network would", () => {
    function* overwriting(): Round<number> {
      const buffer = Uint8Array.of(7)
      const [received] = yield [() => buffer]
      buffer[0] = 99
      return received![0]!
    }
    expect(runPair(overwriting(), overwriting()).results).toEqual([7, 7])
  })

  it("are refused when the parties send different lengths", () => {
    function* longer(): Round<void> {
      yield [() => new Uint8Array(2)]
    }
    expect(() => runPair(exchange(1), longer())).toThrow("round 1: party 0 sent 1 bytes, party 1 2")
  })

  it("may be prepared, and be of other lengths each way", async () => {
    function* preparing(): Round<number> {
      let value = 0
      const prepare = async () => {
        value = 5
      }
      const [received] = yield [prepared(prepare, () => Uint8Array.of(value, value), 1)]
      return received![0]!
    }
    function* answering(): Round<number> {
      const [received] = yield [crossing(() => Uint8Array.of(8), 2)]
      return received![1]!
    }
    const ran = await runPrepared(preparing(), together(answering()))
    expect(ran).toMatchObject({ results: [8, [5]], rounds: 1, bytes: [2, 1] })
    expect(ran.received[1]).toEqual([Uint8Array.of(5, 5)])
    await expect(runPrepared(preparing(), preparing())).rejects.toThrow("messages of 2 bytes came for 1")
  })

  it("are refused when one party ends before the other", () => {
    expect(() => runPair(exchange(1), exchange(1, 2))).toThrow(/party 0 ended after 1 rounds/)
  })

  it("cannot be had without a peer", () => {
    expect(runLocally(exchange())).toBe(0)
    expect(() => runLocally(exchange(1))).toThrow(/without a peer/)
  })
})
