import { describe, expect, it } from "vitest"
import { bytesOf, lockstep, parties, placed } from "./parties.ts"

const bit = (bits: Uint8Array, i: number) => (bits[i >> 3]! >> (i & 7)) & 1

describe("oblivious transfer", () => {
  for (const fieldBits of [1, 2, 3, 4, 8])
    it(`gives the chosen message, with fields of 2^${fieldBits}`, async () => {
      const { sender, receiver, rings } = await parties({ fieldBits, transfers: 1024 })
      const next = bytesOf(3)
      for (let w = 1; w <= 6; w++)
        for (const messageBits of [1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 127, 128, 129, 200, 511, 512]) {
          const marks = rings.map((ring) => ring.mark())
          const count = 37
          const n = count * w
          const bits = next(Math.ceil(n / 8))
          const { results } = lockstep(sender.offer(n), receiver.choose(n, placed(rings[1], bits)))
          const [offered, chosen] = results
          const each = Math.ceil(messageBits / 8)
          const messages = next(each * count * 2 ** w)
          const out = rings[1].allocate(count * each)
          const shape = { messageBits, use: 0 }
          const of = <B>(batch: B) => Array.from({ length: w }, (_, j) => ({ batch, first: j, stride: w }))
          lockstep(
            sender.send(of(offered), count, shape, placed(rings[0], messages)),
            receiver.receive(of(chosen), count, shape, out)
          )
          for (let i = 0; i < count; i++) {
            let v = 0
            for (let j = 0; j < w; j++) v |= bit(bits, i * w + j) << j
            const expected = messages.slice((i * 2 ** w + v) * each, (i * 2 ** w + v + 1) * each)
            if (messageBits % 8) expected[each - 1]! &= (1 << (messageBits % 8)) - 1
            expect(rings[1].bytes(out + i * each, each).slice()).toEqual(expected)
          }
          rings.forEach((ring, i) => ring.release(marks[i]!))
        }
    })
})
