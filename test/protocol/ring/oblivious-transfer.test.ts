import { describe, expect, it } from "vitest"
import { Ring } from "../../../protocol/ring/ring.ts"
import { splitmix } from "./twin.ts"

const ring = await Ring.load()
const { kernels } = ring
const next = splitmix(57n)

const random = (bytes: number): Uint8Array =>
  new Uint8Array(BigUint64Array.from({ length: Math.ceil(bytes / 8) }, next).buffer).slice(0, bytes)

/** Random bytes in memory, with some behind them. */
const placed = (bytes: number) => {
  const at = ring.allocate(bytes + 16)
  const content = random(bytes)
  ring.memory.set(content, at)
  return { at, content }
}

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x00${Buffer.from(bytes).reverse().toString("hex")}`)
const blockOf = ({ content }: { readonly content: Uint8Array }, i: number): bigint =>
  numberOf(content.subarray(16 * i, 16 * i + 16))
const blocksAt = (at: number, n: number): ReadonlyArray<bigint> =>
  Array.from({ length: n }, (_, i) => numberOf(ring.bytes(at + 16 * i, 16)))
const bitOf = (bytes: Uint8Array, i: number): bigint => BigInt((bytes[i >> 3]! >> (i & 7)) & 1)
const sum = (all: ReadonlyArray<bigint>): bigint => all.reduce((x, y) => x ^ y, 0n)

describe("kernels of oblivious transfer", () => {
  it("add up the leaves of a tree by the bits of their numbers", () => {
    for (const bits of [1, 2, 3, 5]) {
      const [bytes, apart, leaves] = [48, 112, 2 ** bits]
      const streams = placed(apart * leaves)
      const of = (x: number) => numberOf(streams.content.subarray(x * apart, x * apart + bytes))
      const [columns, total] = [placed(apart * bits), placed(bytes)]
      kernels.foldLeaves(columns.at, total.at, streams.at, bits, bytes, apart)
      const all = Array.from({ length: leaves }, (_, x) => x)
      expect(numberOf(ring.bytes(total.at, bytes))).toBe(sum(all.map(of)))
      for (let b = 0; b < bits; b++) {
        const column = ring.bytes(columns.at + b * apart, bytes)
        expect(numberOf(column)).toBe(sum(all.filter((x) => (x >> b) & 1).map(of)))
        // What lies between columns stays.
        const gap = (b + 1) * apart - 64
        expect(ring.bytes(columns.at + gap, 64)).toEqual(columns.content.subarray(gap, gap + 64))
      }
    }
  })

  it("turn columns to rows", () => {
    for (const count of [32, 160]) {
      const apart = count / 8 + 64
      const [columns, rows] = [placed(128 * apart), placed(count * 16)]
      kernels.columnsToRows(rows.at, columns.at, apart, count)
      for (let i = 0; i < count; i++) {
        const row = Array.from(
          { length: 128 },
          (_, c) => bitOf(columns.content.subarray(c * apart), i) << BigInt(c)
        )
        expect(numberOf(ring.bytes(rows.at + 16 * i, 16))).toBe(sum(row))
      }
    }
  })

  it("tweak rows, alone and in pairs that differ by Δ", () => {
    const n = 21
    const [rows, delta, corrections, out] = [placed(16 * n), placed(16), placed(3), placed(32 * n)]
    const [number, place] = [(1n << 33n) - 4n, (1n << 40n) + 7n]
    const tweaked = (i: number) => blockOf(rows, i) ^ (number + BigInt(i)) ^ (place << 64n)
    kernels.tweakedRows(out.at, rows.at, number, place, n)
    expect(blocksAt(out.at, n)).toEqual(Array.from({ length: n }, (_, i) => tweaked(i)))
    kernels.tweakedRowPairs(out.at, rows.at, corrections.at, delta.at, number, place, n)
    const pairs = Array.from({ length: n }, (_, i) => {
      const both = [tweaked(i), tweaked(i) ^ blockOf(delta, 0)]
      return bitOf(corrections.content, i) === 1n ? both.reverse() : both
    })
    expect(blocksAt(out.at, 2 * n)).toEqual(pairs.flat())
  })

  /** Choice bits in two batches, as the kernels take them. */
  const tableOf = (keyBytes: number, w: number) => {
    const batches = [placed(100 * keyBytes), placed(100 * keyBytes)]
    const choices = [placed(13), placed(13)]
    const table = placed(16 * w)
    const bits = Array.from({ length: w }, (_, j) => ({ batch: j % 2, first: 3 + j, stride: 1 + (j % 3) }))
    const view = new DataView(ring.memory.buffer, table.at)
    for (const [j, { batch, first, stride }] of bits.entries())
      for (const [i, value] of [batches[batch]!.at, choices[batch]!.at, first, stride].entries())
        view.setUint32(16 * j + 4 * i, value, true)
    return { table: table.at, bits, batches, choices }
  }

  it("add up keys of all values, and of the chosen one, under tweaks for every block", () => {
    for (const w of [1, 2, 5])
      for (const blocks of [1, 3]) {
        const [from, count, number, place] = [2, 9, 1n << 40n, 99n]
        const tweak = (first: number, stride: number, i: number, block: number) =>
          (number + BigInt(first + (from + i) * stride)) ^ ((place + (BigInt(block) << 32n)) << 64n)
        const sender = tableOf(32, w)
        const out = placed(16 * count * 2 ** w * blocks)
        kernels.padInputs(out.at, sender.table, w, from, count, number, place, blocks)
        const expected = Array.from({ length: count * 2 ** w * blocks }, (_, at) => {
          const [block, v, i] = [
            at % blocks,
            Math.floor(at / blocks) % 2 ** w,
            Math.floor(at / blocks / 2 ** w)
          ]
          const keys = sender.bits.map(({ batch, first, stride }, j) =>
            blockOf(sender.batches[batch]!, 2 * (first + (from + i) * stride) + ((v >> j) & 1))
          )
          return sum(keys) ^ tweak(sender.bits[0]!.first, sender.bits[0]!.stride, i, block)
        })
        expect(blocksAt(out.at, expected.length)).toEqual(expected)

        const receiver = tableOf(16, w)
        const values = placed(count)
        kernels.chosenPadInputs(out.at, values.at, receiver.table, w, from, count, number, place, blocks)
        for (let i = 0; i < count; i++) {
          const places = receiver.bits.map(
            ({ batch, first, stride }) => [batch, first + (from + i) * stride] as const
          )
          const value = places.map(
            ([batch, at], j) => Number(bitOf(receiver.choices[batch]!.content, at)) << j
          )
          expect(ring.bytes(values.at + i, 1)[0]).toBe(value.reduce((all, each) => all + each))
          const keys = sum(places.map(([batch, at]) => blockOf(receiver.batches[batch]!, at)))
          const chosen = Array.from(
            { length: blocks },
            (_, block) => keys ^ tweak(receiver.bits[0]!.first, receiver.bits[0]!.stride, i, block)
          )
          expect(blocksAt(out.at + 16 * blocks * i, blocks)).toEqual(chosen)
        }
      }
  })

  it("mask messages bit after bit, and unmask the chosen ones", () => {
    const [w, transfers] = [2, 24]
    const count = transfers * 2 ** w
    for (const bits of [1, 5, 8, 24, 31, 63, 64, 65, 127, 128, 136, 250, 512]) {
      const [bytes, size] = [Math.ceil(bits / 8), Math.ceil(bits / 128) * 16]
      const [messages, inputs, outputs] = [placed(bytes * count), placed(size * count), placed(size * count)]
      const at = (x: { readonly content: Uint8Array }, i: number, each: number) =>
        numberOf(x.content.subarray(i * each, (i + 1) * each)) & ((1n << BigInt(bits)) - 1n)
      const pad = (i: number) => at(inputs, i, size) ^ at(outputs, i, size)
      const wire = placed(Math.ceil((count * bits) / 8))
      kernels.maskMessages(wire.at, inputs.at, outputs.at, messages.at, bits, count)
      const sent = Array.from(
        { length: count },
        (_, i) => (at(messages, i, bytes) ^ pad(i)) << BigInt(i * bits)
      )
      expect(numberOf(ring.bytes(wire.at, wire.content.length)) & ((1n << BigInt(count * bits)) - 1n)).toBe(
        sum(sent)
      )

      const values = Uint8Array.from({ length: transfers }, (_, i) => (i * 7) % 4)
      const choices = placed(transfers)
      ring.memory.set(values, choices.at)
      const out = ring.allocate(bytes * transfers)
      const fence = ring.bytes(out + bytes * transfers, 8).slice()
      kernels.unmaskMessages(out, wire.at, inputs.at, outputs.at, choices.at, w, bits, transfers)
      // The pads are those of the first messages here, one a transfer.
      for (const [i, v] of values.entries())
        expect(numberOf(ring.bytes(out + i * bytes, bytes))).toBe(
          at(messages, 4 * i + v, bytes) ^ pad(4 * i + v) ^ pad(i)
        )
      expect(ring.bytes(out + bytes * transfers, 8)).toEqual(fence)
    }
  })
})
