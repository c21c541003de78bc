import { describe, expect, it } from "vitest"
import { bytesOf, chosenBy, parties, same, transferred } from "./parties.ts"
import { bytesOfNumber, numberOf, Twin } from "./twin.ts"

/** Numbers of so many bits, one after another. */
const packed = (numbers: ReadonlyArray<bigint>, bits: number): Uint8Array =>
  bytesOfNumber(
    numbers.reduceRight((all, each) => (all << BigInt(bits)) | (each & ((1n << BigInt(bits)) - 1n)), 0n),
    Math.ceil((numbers.length * bits) / 8)
  )

describe("oblivious transfer and its twin over BigInt", () => {
  for (const [fieldBits, direction] of [
    [2, 1],
    [3, 0]
  ] as const)
    it(`send the same bytes, with fields of 2^${fieldBits}`, async () => {
      const instance = await parties({ fieldBits, transfers: 128 }, [5, 6], direction)
      const twin = new Twin(direction, fieldBits, 128, bytesOf(5), bytesOf(6))
      expect(same(instance.received[1][0]!, twin.opening.points)).toBe(true)
      expect(same(instance.received[0][0]!, twin.opening.point)).toBe(true)
      expect(same(instance.received[0][1]!, twin.opening.corrections)).toBe(true)

      const next = bytesOf(7)
      const batches = [20, 203, 48].map((n) => {
        const choices = next(Math.ceil(n / 8))
        const first = twin.keys.length
        const sent = twin.choose(n, numberOf(choices))
        const batch = chosenBy(instance, n, choices)
        expect(same(batch.received[0][0]!, sent)).toBe(true)
        return { batch, numbers: { first, last: twin.keys.length - 1 } }
      })

      const used = [
        { of: batches[1]!, first: 3, stride: 5 },
        { of: batches[0]!, first: 1, stride: 1 },
        { of: batches[2]!, first: 0, stride: 2 }
      ]
      for (const [i, messageBits] of [1, 17, 64, 88, 200, 509].entries())
        for (const w of [1, 2, 3]) {
          const count = 11
          const bits = used.slice(0, w).map(({ of, ...at }) => ({ ...of, ...at }))
          const each = Math.ceil(messageBits / 8)
          const messages = next(each * count * 2 ** w)
          const shape = { messageBits, use: 10 * i + w }
          const { sent } = transferred(instance, bits, count, shape, messages)
          const last = Math.max(...bits.map(({ numbers }) => numbers.last))
          const expected = Array.from({ length: count * 2 ** w }, (_, m) => {
            const of = bits.map(({ numbers, first, stride }) => numbers.first + first + (m >> w) * stride)
            const message = numberOf(messages.subarray(m * each, (m + 1) * each))
            return message ^ twin.pad(of, m % 2 ** w, shape.use, last)
          })
          expect(same(sent, packed(expected, messageBits))).toBe(true)
        }
    })
})
