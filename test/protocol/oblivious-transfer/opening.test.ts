/** What travels at the start of an instance and for choices: its sizes, its frequencies, and what is refused of it. */
import { describe, expect, it } from "vitest"
import type { Round } from "../../../protocol/learning/operations.ts"
import { basePointBytes, pointBytes } from "../../../protocol/oblivious-transfer/base.ts"
import { NotOnCurve, TransferRefused } from "../../../protocol/oblivious-transfer/errors.ts"
import { TransferReceiver } from "../../../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../../../protocol/oblivious-transfer/sender.ts"
import {
  choiceBytes,
  extensionBytes,
  openingBytes,
  transferBytes
} from "../../../protocol/oblivious-transfer/sizes.ts"
import { treeCorrectionBytes } from "../../../protocol/oblivious-transfer/trees.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { bitAt, bytesOf, chosenBy, parties, placed, same, sideBySide, transferred } from "./parties.ts"

const next = bytesOf(11)
const shape = { fieldBits: 4, transfers: 4096 }
const instance = await parties(shape)

/** By how many standard deviations the number of ones is from half of all bits. */
const deviation = (bytes: Uint8Array): number => {
  let ones = 0
  for (let i = 0; i < bytes.length * 8; i++) ones += bitAt(bytes, i)
  return Math.abs(ones - bytes.length * 4) / Math.sqrt(bytes.length * 2)
}

describe("what each side receives", () => {
  it("has the predicted sizes", () => {
    const sizes = (received: ReadonlyArray<Uint8Array>) => received.map(({ length }) => length)
    expect(sizes(instance.received[1])).toEqual(openingBytes.sender)
    expect(sizes(instance.received[0])).toEqual(openingBytes.receiver)
    expect(extensionBytes(shape)).toBe((31 * 4096) / 8 + 16)
    expect(extensionBytes({ ...shape, fieldBits: 3 })).toBe((42 * 4096) / 8 + 16)
    for (const n of [1, 13, 4070, 9000, 8]) {
      const before = instance.sender.taken
      expect(instance.receiver.taken).toBe(before)
      const batch = chosenBy(instance, n, next(Math.ceil(n / 8)))
      expect(batch.received[0][0]!.length).toBe(choiceBytes(shape, before, n))
      const each = { messageBits: 5, use: 0 }
      const { sent } = transferred(instance, sideBySide(batch, 1), n, each, new Uint8Array(2 * n))
      expect(sent.length).toBe(transferBytes(1, n, each))
      expect(sent.length).toBe(Math.ceil((n * 2 * 5) / 8))
    }
  })

  it("has as many ones as zeros, whatever is chosen and sent", () => {
    const n = 20_000
    for (const choices of [new Uint8Array(n / 8), new Uint8Array(n / 8).fill(0xff)]) {
      const batch = chosenBy(instance, n, choices)
      const message = batch.received[0][0]!
      expect(deviation(message.subarray(0, -n / 8))).toBeLessThan(5)
      expect(deviation(message.subarray(-n / 8))).toBeLessThan(5)
      const messages = { zeros: new Uint8Array(2 * n), ones: new Uint8Array(2 * n).fill(0xff) }
      for (const [use, each] of [messages.zeros, messages.ones].entries()) {
        const { sent } = transferred(instance, sideBySide(batch, 1), n, { messageBits: 8, use }, each)
        for (const v of [0, 1]) expect(deviation(sent.filter((_, i) => i % 2 === v))).toBeLessThan(5)
      }
    }
    const [points] = instance.received[1] as [Uint8Array]
    for (const place of [0, 1]) {
      const coordinates = points.filter(
        (_, i) => i % pointBytes > 0 && Math.floor(i / pointBytes) % 2 === place
      )
      expect(deviation(coordinates)).toBeLessThan(5)
      const signs = points.filter((_, i) => i % pointBytes === 0 && (i / pointBytes) % 2 === place)
      expect(Math.abs(signs.filter((sign) => sign === 3).length - 64)).toBeLessThan(5 * Math.sqrt(32))
    }
    expect(deviation(instance.received[0][1]!)).toBeLessThan(5)
  })
})

describe("an instance", () => {
  it("is another one if either process starts again, even where the other draws what it drew before", async () => {
    const small = { fieldBits: 2, transfers: 128 }
    const starts = await Promise.all(
      (
        [
          [1, 2],
          [3, 2],
          [1, 4],
          [1, 2]
        ] as const
      ).map((seeds) => parties(small, seeds))
    )
    const choices = next(8)
    const seen = starts.map((each) => {
      const batch = chosenBy(each, 64, choices)
      const { sent } = transferred(
        each,
        sideBySide(batch, 1),
        64,
        { messageBits: 128, use: 0 },
        new Uint8Array(2048)
      )
      // Columns, corrections, pads; the public key of the cipher may repeat.
      const [message] = batch.received[0] as [Uint8Array]
      return [message.subarray(0, extensionBytes(small) - 16), message.subarray(-8), sent]
    })
    const [first, ...others] = seen as [Array<Uint8Array>, ...Array<Array<Uint8Array>>]
    for (const part of [0, 1, 2]) {
      expect(same(first[part]!, others[0]![part]!)).toBe(false)
      expect(same(first[part]!, others[1]![part]!)).toBe(false)
      // The comparison can tell: where both draw the same, all is the same.
      expect(same(first[part]!, others[2]![part]!)).toBe(true)
    }
  })
})

describe("what does not fit", () => {
  const begun = async () => {
    const direction = 0 as const
    const [one, other] = [await Ring.load(), await Ring.load()]
    const sender = TransferSender.open({ ring: one, direction, shape, randomness: bytesOf(1) })
    const receiver = TransferReceiver.open({ ring: other, direction, shape, randomness: bytesOf(2) })
    const [points] = sender.next().value as [() => Uint8Array]
    const [point] = receiver.next().value as [() => Uint8Array]
    return { sender, receiver, points: points(), point: point() }
  }

  const changed = (bytes: Uint8Array, at: number, by: number): Uint8Array =>
    bytes.map((byte, i) => (i === at ? by : byte))

  it("is refused at the opening, with what was expected", async () => {
    const { sender, receiver, points, point } = await begun()
    expect(() => receiver.next([points.subarray(1)])).toThrow(
      `oblivious transfer: expected ${basePointBytes} bytes of base points from the peer, got ${basePointBytes - 1}: do both clouds run the same plan, and have both begun anew?`
    )
    expect(() => sender.next([new Uint8Array(pointBytes + 1)])).toThrow(TransferRefused)
    const again = await begun()
    again.sender.next([point])
    expect(() => again.sender.next([new Uint8Array(treeCorrectionBytes - 16)])).toThrow(
      "bytes of tree corrections"
    )
  })

  it("is refused where a point is not on the curve", async () => {
    const refused = (round: Round<unknown>, sent: Uint8Array) => {
      try {
        round.next([sent])
      } catch (error) {
        return error
      }
      return undefined
    }
    const { sender, receiver, points, point } = await begun()
    // A head that is none of a compressed point; and a coordinate above the prime.
    expect(refused(receiver, changed(points, 5 * pointBytes, 4))).toEqual(new NotOnCurve({ index: 5 }))
    const above = point.map((byte, i) => (i === 0 ? byte : 0xff))
    expect(refused(sender, above)).toEqual(new NotOnCurve({ index: 0 }))
  })

  it("is refused of choices and of transfers", async () => {
    const { sender, receiver, rings } = await parties({ fieldBits: 2, transfers: 128 })
    const offer = sender.offer(9)
    offer.next()
    expect(() => offer.next([new Uint8Array(3)])).toThrow("bytes of choices")
    const choose = receiver.choose(9, placed(rings[1], next(2)))
    choose.next()
    const chosen = choose.next([new Uint8Array(0)])
    if (chosen.done !== true) throw new Error("one round was expected")
    const bits = [{ batch: chosen.value, first: 0, stride: 1 }]
    for (const sent of [[], [new Uint8Array(2)], [new Uint8Array(4)]]) {
      const use = sent.length + (sent[0]?.length ?? 0)
      const receive = receiver.receive(bits, 9, { messageBits: 1, use }, rings[1].allocate(9))
      receive.next()
      expect(() => receive.next(sent)).toThrow("expected 3 bytes of transfers")
    }
  })

  it("is refused of fields and extensions of other sizes", async () => {
    const ring = await Ring.load()
    for (const [fieldBits, transfers] of [
      [0, 128],
      [9, 128],
      [2.5, 128],
      [2, 64],
      [2, 129]
    ] as const) {
      const other = { ring, direction: 0 as const, shape: { fieldBits, transfers }, randomness: bytesOf(1) }
      expect(() => TransferSender.open(other).next()).toThrow(RangeError)
      expect(() => TransferReceiver.open(other).next()).toThrow(RangeError)
    }
  })
})
