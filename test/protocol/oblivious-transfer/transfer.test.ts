import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { together } from "../../../protocol/learning/operations.ts"
import type { ChoiceBits, Chosen } from "../../../protocol/oblivious-transfer/batch.ts"
import { PadReused } from "../../../protocol/oblivious-transfer/errors.ts"
import {
  type Batches,
  bytesOf,
  chosenBy,
  expectedOf,
  lockstep,
  type Parties,
  parties,
  placed,
  same,
  sideBySide,
  transferred
} from "./parties.ts"

const next = bytesOf(3)
const instance = await parties({ fieldBits: 2, transfers: 2048 })

describe("a transfer", () => {
  it("gives the chosen message, for every choice among 2 to 64 messages", () => {
    for (let w = 1; w <= 6; w++) {
      const count = 2 ** w
      // Transfer i chooses message i.
      const choices = new Uint8Array(Math.ceil((count * w) / 8))
      for (let i = 0; i < count * w; i++)
        if ((Math.floor(i / w) >> (i % w)) & 1) choices[i >> 3]! |= 1 << (i & 7)
      const bits = sideBySide(chosenBy(instance, count * w, choices), w)
      for (const [use, messageBits] of [1, 3, 8, 17, 63, 64, 65, 88, 129, 200, 511, 512].entries()) {
        const shape = { messageBits, use }
        const messages = next(count * 2 ** w * Math.ceil(messageBits / 8))
        const { got } = transferred(instance, bits, count, shape, messages)
        expect(same(got, expectedOf(bits, count, shape, messages))).toBe(true)
      }
    }
  })

  it("gives messages of every length from one bit to 64 bytes", () => {
    const bits = sideBySide(chosenBy(instance, 5, next(1)), 1)
    for (let messageBits = 1; messageBits <= 512; messageBits++) {
      const shape = { messageBits, use: messageBits }
      const messages = next(10 * Math.ceil(messageBits / 8))
      const { got } = transferred(instance, bits, 5, shape, messages)
      expect(same(got, expectedOf(bits, 5, shape, messages))).toBe(true)
    }
  })

  it("gives many, in pieces that end anywhere, from batches of several extensions", () => {
    const batches = [chosenBy(instance, 7000, next(875)), chosenBy(instance, 9001, next(1126))] as const
    for (const [use, messageBits] of [1, 13, 24, 300].entries()) {
      const shape = { messageBits, use }
      const bits = [
        { batch: batches[0], first: 17, stride: 2 },
        { batch: batches[1], first: 0, stride: 3 }
      ]
      const messages = next(3000 * 4 * Math.ceil(messageBits / 8))
      const { got } = transferred(instance, bits, 3000, shape, messages)
      expect(same(got, expectedOf(bits, 3000, shape, messages))).toBe(true)
    }
  })

  it("gives the chosen message, whatever batches its choice bits are from", () => {
    const batch = fc.record({ n: fc.integer({ min: 1, max: 3000 }) })
    const bit = fc.record({ of: fc.nat(), first: fc.nat(), stride: fc.integer({ min: 1, max: 9 }) })
    const program = fc.record({
      batches: fc.array(batch, { minLength: 1, maxLength: 3 }),
      bits: fc.array(bit, { minLength: 1, maxLength: 6 }),
      most: fc.integer({ min: 1, max: 300 }),
      messageBits: fc.integer({ min: 1, max: 512 })
    })
    fc.assert(
      fc.property(program, ({ batches, bits, most, messageBits }) => {
        const made = batches.map(({ n }) => ({ n, batch: chosenBy(instance, n, next(Math.ceil(n / 8))) }))
        const taken = bits.map(({ of, first, stride }) => {
          const { n, batch } = made[of % made.length]!
          return { batch, n, first: first % n, stride }
        })
        const count = Math.min(most, ...taken.map(({ n, first, stride }) => Math.ceil((n - first) / stride)))
        const places = (i: number) =>
          taken.map(({ batch, first, stride }) => `${batch.offered.number + first + i * stride}`)
        // One bit twice in a transfer is refused, which has a test of its own.
        for (let i = 0; i < count; i++) fc.pre(new Set(places(i)).size === taken.length)
        const shape = { messageBits, use: 0 }
        const messages = next(count * 2 ** taken.length * Math.ceil(messageBits / 8))
        const { got } = transferred(instance, taken, count, shape, messages)
        return same(got, expectedOf(taken, count, shape, messages))
      }),
      { numRuns: 40 }
    )
  })

  for (const fieldBits of [1, 8])
    it(`works with fields of 2^${fieldBits}`, async () => {
      const other = await parties({ fieldBits, transfers: 128 })
      const bits = sideBySide(chosenBy(other, 400, next(50)), 2)
      const shape = { messageBits: 40, use: 0 }
      const messages = next(200 * 4 * 5)
      const { got } = transferred(other, bits, 200, shape, messages)
      expect(same(got, expectedOf(bits, 200, shape, messages))).toBe(true)
    })
})

describe("batches", () => {
  it("of one round are taken in order, also where extensions lie between them", async () => {
    const { sender, receiver, rings } = instance
    const sizes = [100, 5000, 60, 2500, 7]
    const choices = sizes.map((n) => next(Math.ceil(n / 8)))
    const { results, received } = lockstep(
      together(...sizes.map((n) => sender.offer(n))),
      together(...sizes.map((n, i) => receiver.choose(n, placed(rings[1], choices[i]!))))
    )
    for (const [i, n] of sizes.entries()) {
      const batch = { offered: results[0][i]!, chosen: results[1][i]!, choices: choices[i]!, received }
      const bits = sideBySide(batch, 1)
      const shape = { messageBits: 64, use: 0 }
      const messages = next(n * 16)
      const { got } = transferred(instance, bits, n, shape, messages)
      expect(same(got, expectedOf(bits, n, shape, messages))).toBe(true)
    }
  })

  it("have at least one transfer", () => {
    expect(() => instance.sender.offer(0).next()).toThrow(RangeError)
    expect(() => instance.receiver.choose(0, 0).next()).toThrow(RangeError)
  })
})

/** The 16-byte blocks that cover messages of zeros: the pads themselves. */
const padsOf = (
  of: Parties,
  batch: Batches,
  w: number,
  count: number,
  use: number
): ReadonlyArray<string> => {
  const shape = { messageBits: 512, use }
  const { sent } = transferred(of, sideBySide(batch, w), count, shape, new Uint8Array(count * 2 ** w * 64))
  return Array.from({ length: sent.length / 16 }, (_, i) =>
    Buffer.from(sent.subarray(16 * i, 16 * i + 16)).toString("hex")
  )
}

describe("pads", () => {
  it("are others for each message, block, transfer and use, also at an even distance from the choice", () => {
    const batches = [chosenBy(instance, 60, next(8)), chosenBy(instance, 60, next(8))]
    const pads = [0, 1, 2].flatMap((use) => batches.flatMap((batch) => padsOf(instance, batch, 3, 20, use)))
    expect(pads.length).toBe(3 * 2 * 20 * 8 * 4)
    expect(new Set(pads).size).toBe(pads.length)
  })

  it("of a transfer do not add up to zero in pairs, as keys that share Δ would", () => {
    const batch = chosenBy(instance, 40, next(5))
    const pads = padsOf(instance, batch, 2, 20, 0).map((pad) => BigInt(`0x${pad}`))
    // Of the first block of messages 0 to 3 of each transfer.
    const sums = Array.from({ length: 20 }, (_, i) =>
      [0, 4, 8, 12].map((at) => pads[16 * i + at]!).reduce((x, y) => x ^ y)
    )
    expect(sums).not.toContain(0n)
    expect(new Set(sums).size).toBe(sums.length)
  })

  /** What taking pads throws at the receiver, before anything travels. */
  const taking = (bits: ReadonlyArray<ChoiceBits<Chosen>>, count: number, use: number) => () =>
    instance.receiver.receive(bits, count, { messageBits: 8, use }, instance.rings[1].allocate(count)).next()

  it("are refused a second time", () => {
    const { chosen: batch, offered } = chosenBy(instance, 100, next(13))
    const at = (first: number, stride = 1) => [{ batch, first, stride }]
    taking(at(10), 10, 0)()
    for (const [first, stride, count] of [
      [10, 1, 10],
      [19, 1, 1],
      [0, 1, 11],
      [1, 3, 20],
      [14, 50, 2]
    ] as const)
      expect(taking(at(first, stride), count, 0)).toThrow(PadReused)
    for (const [first, stride, count] of [
      [20, 1, 5],
      [0, 1, 10],
      [30, 2, 10],
      [31, 2, 10],
      [60, 4, 5],
      [62, 4, 5]
    ] as const)
      expect(taking(at(first, stride), count, 0)).not.toThrow()
    expect(taking(at(61, 3), 2, 0)).toThrow(PadReused)
    // The same choices under another use.
    expect(taking(at(10), 10, 1)).not.toThrow()
    const send = () => {
      const bits = [{ batch: offered, first: 3, stride: 1 }]
      return instance.sender.send(bits, 2, { messageBits: 8, use: 7 }, instance.rings[0].allocate(16)).next()
    }
    expect(send).not.toThrow()
    expect(send).toThrow(
      "oblivious transfer: use 7 of choice bit " +
        `${batch.number + 3} occurs twice: a pad masks one message only, give the second transfer a use of its own`
    )
  })

  it("are refused where two choice bits of a transfer are one", () => {
    const { chosen: batch } = chosenBy(instance, 100, next(13))
    const twice = (first: number, stride: number) => [
      { batch, first: 4, stride: 2 },
      { batch, first, stride }
    ]
    expect(taking(twice(4, 2), 3, 0)).toThrow(PadReused)
    expect(taking(twice(1, 3), 4, 0)).toThrow(PadReused)
    expect(taking(twice(1, 3), 3, 0)).not.toThrow()
  })

  it("are refused beyond a batch, for too many choice bits, and for messages that are too long", () => {
    const { chosen: batch } = chosenBy(instance, 100, next(13))
    const bit = { batch, first: 0, stride: 1 }
    expect(taking([bit], 101, 0)).toThrow(RangeError)
    expect(taking([], 1, 0)).toThrow(RangeError)
    expect(taking([bit], 0, 0)).toThrow(RangeError)
    expect(taking([bit], 1, 0xffff_ffff)).toThrow(RangeError)
    expect(
      taking(
        Array.from({ length: 7 }, (_, first) => ({ batch, first, stride: 7 })),
        1,
        0
      )
    ).toThrow(RangeError)
    for (const messageBits of [0, 513])
      expect(() => instance.receiver.receive([bit], 1, { messageBits, use: 0 }, 0).next()).toThrow(RangeError)
  })
})
