import { describe, expect, it } from "vitest"
import { cloudOperations } from "../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import { type DealerOperations, deal } from "../../../protocol/computation/dealer.ts"
import {
  CorrectionsRefused,
  MaskReused,
  OpeningRefused,
  ProductNotRescaled
} from "../../../protocol/computation/errors.ts"
import { fixedOperations } from "../../../protocol/computation/fixed.ts"
import { drawnIn } from "../../../protocol/computation/masks.ts"
import {
  blindedBytes,
  dealtLayout,
  openedBytes,
  SECTION_HEADER_BYTES
} from "../../../protocol/computation/sizes.ts"
import { streamKinds } from "../../../protocol/computation/streams.ts"
import { type Message, operation, together } from "../../../protocol/learning/operations.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { Prg, type Stream } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { splitmix } from "../ring/twin.ts"
import { type Clear, clear, lockstep, Pair, type Program } from "./pair.ts"

const x = operation("openActivation", 1)
const y = operation("openWeights", 2)
const times = operation("forwardProduct", 2)
const relu = operation("forwardRescale", 2)
const labels = operation("openLabels", 2)
const delta = operation("openDelta", 2)
const back = operation("backwardRescale", 1)
const update = operation("weightUpdate", 2)

/** Every operation once, as a step has them. */
const everything: Program = (ops, [X, Y, L]) =>
  (function* () {
    const [openX, openY, openL] = yield* together(
      ops.open(x, X!),
      ops.open(y, Y!),
      ops.openLabels(labels, L!)
    )
    const z = ops.product(times, openX, openY, "plain")
    const { value, gate } = yield* ops.rescaleRelu(relu, z, 20)
    const difference = ops.gatedDifference(delta, value, openL, gate)
    const [gated, change] = yield* together(
      ops.rescaleGated(back, z, 20, gate),
      ops.rescale(update, z, 25, 3)
    )
    return [value, difference, gated, change]
  })()

const inputs = (word: (i: number) => bigint): ReadonlyArray<Clear> => [
  clear(8, 12, word),
  clear(12, 9, word),
  clear(8, 9, word)
]
const small = inputs((i) => BigInt(i % 7) << 20n)

describe("dealing", () => {
  it("is a pure function of keys, plan and step", async () => {
    const shapes = small.map(({ rows, cols }) => ({ rows, cols }))
    const dealt = async (seed: number, step: number) =>
      (await Pair.load(seed)).deal(step, (ops) => everything(ops, shapes))
    const pair = await Pair.load(3)
    const first = pair.deal(7, (ops) => everything(ops, shapes))
    pair.deal(8, (ops) => everything(ops, shapes))
    expect(pair.deal(7, (ops) => everything(ops, shapes))).toEqual(first)
    expect(await dealt(3, 7)).toEqual(first)
    expect(await dealt(3, 8)).not.toEqual(first)
    expect(await dealt(4, 7)).not.toEqual(first)
  })

  it("writes a step to its part of a message of several, and to no other", async () => {
    const pair = await Pair.load(3)
    const program = (ops: DealerOperations) => everything(ops, small)
    const each = [1, 2].map((step) => pair.deal(step, program))
    const message = new Uint8Array(2 * each[0]!.length)
    each.forEach(({ length }, i) => {
      const part = message.subarray(i * length, (i + 1) * length)
      deal({ ring: pair.dealerRing, keys: pair.dealerKeys, step: i + 1 }, program, { message: part })
    })
    expect(message).toEqual(new Uint8Array(Buffer.concat(each)))
    for (const room of [message, message.subarray(1, each[0]!.length)]) {
      const attempt = () =>
        deal({ ring: pair.dealerRing, keys: pair.dealerKeys, step: 1 }, program, { message: room })
      expect(attempt).toThrow(RangeError)
    }
  })

  it("gives a step done again the same messages", async () => {
    const pair = await Pair.load(5)
    const again = await Pair.load(5)
    expect(pair.run(9, small, everything).received).toEqual(again.run(9, small, everything).received)
  })

  it("lets the reference replay every operation bit for bit", async () => {
    const pair = await Pair.load(6)
    const next = splitmix(1n)
    const given = inputs(() => BigInt.asIntN(28, next()))
    const { results } = pair.run(1, given, everything)
    const ring = pair.dealerRing
    const inTheClear = given.map(({ rows, cols, words }) =>
      ring.from(rows, cols, new Uint8Array(words.buffer))
    )
    const replay = (step: number) =>
      runLocally(
        everything(fixedOperations(ring, drawnIn({ ring, keys: pair.dealerKeys, step })), inTheClear)
      ).map((x) => new BigInt64Array(ring.copyOut(x).buffer))
    expect(replay(1)).toEqual(results)
    expect(replay(2)).not.toEqual(results)
  })

  it("costs what the sizes say, by round and in all", async () => {
    const pair = await Pair.load(7)
    for (const n of [1, 64, 100]) {
      const input = clear(1, n, () => 12345n)
      const measure = (step: number, program: Program) => {
        const { received, corrections } = pair.run(step, [input], program)
        return {
          opened: received.map((rounds) => rounds.map(({ length }) => length)),
          dealt: corrections.length
        }
      }
      const both = (lengths: ReadonlyArray<number>) => [lengths, lengths]
      const rescale = measure(n, function* (ops, [X]) {
        return [yield* ops.rescale(update, X!, 20, 1)]
      })
      expect(rescale.opened).toEqual(both(openedBytes.rescale(n, 8)))
      expect(rescale.dealt).toBe(SECTION_HEADER_BYTES + dealtLayout.rescale(n, 20).bytes)

      const relued = measure(n + 1000, function* (ops, [X]) {
        return [(yield* ops.rescaleRelu(relu, X!, 20)).value]
      })
      expect(relued.opened).toEqual(both([...openedBytes.rescale(n, 8), ...openedBytes.relu(n, 20)]))
      expect(relued.dealt).toBe(SECTION_HEADER_BYTES + dealtLayout.rescaleRelu(n, 20).bytes)

      const rest = measure(n + 2000, function* (ops, [X]) {
        const { value, gate } = yield* ops.rescaleRelu(relu, X!, 20)
        const [gated, opened] = yield* together(ops.rescaleGated(back, X!, 20, gate), ops.openLabels(x, X!))
        return [gated, ops.gatedDifference(delta, value, opened, gate)]
      })
      expect(rest.opened[0]!.slice(4)).toEqual([openedBytes.rescale(n, 8)[0]! + openedBytes.open(n)[0]!])
      expect(rest.dealt - relued.dealt).toBe(
        2 * SECTION_HEADER_BYTES +
          dealtLayout.rescaleGated(n, 20).bytes +
          dealtLayout.gatedDifference(n).bytes
      )
    }
  })

  it("costs nothing for a product", async () => {
    const pair = await Pair.load(7)
    const corrections = pair.deal(1, function* (ops) {
      ops.product(times, yield* ops.open(x, small[0]!), yield* ops.open(y, small[1]!), "plain")
    })
    expect(corrections.length).toBe(0)
  })

  it("opens of the blinded words of a product what a result has, and five to twelve bits more", async () => {
    const pair = await Pair.load(8)
    const [m, k, n] = [5, 3, 7]
    const factors = [clear(m, k, (i) => BigInt(i)), clear(k, n, (i) => BigInt(i))]
    for (let shift = 1; shift <= 62; shift++) {
      const bytes = blindedBytes({ product: true }, shift)
      const kept = 8 * bytes - (64 - shift)
      expect(bytes === 8 ? shift : kept).toBeLessThanOrEqual(12)
      expect(bytes === 8 ? 5 : kept).toBeGreaterThanOrEqual(5)
      const { received } = pair.run(shift, factors, function* (ops, [X, Y]) {
        const [openX, openY] = yield* together(ops.open(x, X!), ops.open(y, Y!))
        const product = ops.product(times, openX, openY, "plain")
        return [yield* ops.rescale(update, product, shift, 1)]
      })
      for (const [, rescale] of received) expect(rescale!.length).toBe(m * n * bytes)
    }
    expect(blindedBytes({ product: true }, 21)).toBe(6)
    expect(blindedBytes({ product: true }, 41)).toBe(4)
    expect(blindedBytes({}, 41)).toBe(8)
  })

  it("costs 9.1 bytes opened and 62 dealt for a ReLU of 20 fractional bits, as the protocol says", () => {
    const n = 64_000
    const opened = [
      ...openedBytes.rescale(n, blindedBytes({ product: true }, 21)),
      ...openedBytes.relu(n, 21)
    ].reduce((sum, bytes) => sum + bytes, 0)
    expect(opened / n).toBe(9.125)
    expect(dealtLayout.rescaleRelu(n, 21).bytes / n).toBe(62)
    expect(dealtLayout.rescaleGated(n, 21).bytes / n).toBe(22)
    expect(dealtLayout.rescale(n, 21).bytes / n).toBe(11)
    expect(dealtLayout.rescale(n, 40).bytes / n).toBe(13)
  })
})

describe("what is refused", () => {
  const dealt = async () => {
    const pair = await Pair.load(8)
    return { pair, message: pair.deal(1, (ops) => everything(ops, small)) }
  }

  it("corrections that are truncated anywhere, or go on", async () => {
    const { message } = await dealt()
    for (const length of [1, 7, 8, 100, message.length - 1]) {
      expect(() => Corrections.parse(1, message.slice(0, length))).toThrow(CorrectionsRefused)
    }
    expect(() => Corrections.parse(1, Buffer.concat([message, Buffer.of(0)]))).toThrow(CorrectionsRefused)
    expect(() => Corrections.parse(1, Buffer.concat([message, message]))).toThrow(/sent twice/)
  })

  const runWith = (pair: Pair, corrections: Uint8Array | undefined) => {
    const shares = small.map((input) => pair.share(input))
    const [ops0, ops1] = pair.operations(1, corrections)
    return () =>
      lockstep(
        everything(
          ops0,
          shares.map(([share]) => share)
        ),
        everything(
          ops1,
          shares.map(([, share]) => share)
        )
      )
  }

  it("corrections without an operation that the step needs, named", async () => {
    const { pair } = await dealt()
    const partial = pair.deal(1, function* (ops) {
      return yield* ops.rescale(update, small[2]!, 25, 3)
    })
    expect(runWith(pair, partial)).toThrow(/forwardRescale of layer 2: missing/)
    expect(runWith(pair, undefined)).toThrow(CorrectionsRefused)
  })

  it("corrections of another size, named", async () => {
    const { pair } = await dealt()
    const shapes = [clear(9, 12, () => 0n), small[1]!, clear(9, 9, () => 0n)]
    const larger = pair.deal(1, (ops) => everything(ops, shapes))
    expect(runWith(pair, larger)).toThrow(/forwardRescale of layer 2: .* bytes where the plan has/)
  })

  it("a product that is used before it is rescaled, by the dealer, named", async () => {
    const { pair } = await dealt()
    const uses: ReadonlyArray<Program> = [
      function* (ops, [z]) {
        yield* ops.open(labels, z!)
        return []
      },
      function* (ops, [z]) {
        yield* ops.openLabels(labels, z!)
        return []
      },
      function* (ops, [z, whole]) {
        const { gate } = yield* ops.rescaleRelu(relu, whole!, 20)
        return [ops.gatedDifference(delta, z!, yield* ops.openLabels(labels, whole!), gate)]
      },
      function* (ops, [z, whole]) {
        return [ops.subtract(z!, whole!)]
      },
      function* (ops, [z, whole]) {
        return [ops.subtract(whole!, z!)]
      },
      function* (ops, [z]) {
        return [ops.columnSums(z!)]
      }
    ]
    for (const use of uses) {
      const attempt = () =>
        pair.deal(1, function* (ops) {
          const z = ops.product(times, yield* ops.open(x, small[0]!), yield* ops.open(y, small[1]!), "plain")
          yield* use(ops, [ops.addBias(z, { rows: 1, cols: 9 }, 20), small[2]!])
        })
      expect(attempt).toThrow(ProductNotRescaled)
      expect(attempt).toThrow(/forwardProduct of layer 2 in step 1/)
    }
  })

  it("a peer's message of another length, named", async () => {
    const { pair } = await dealt()
    for (const reply of [[new Uint8Array(1)], [], [new Uint8Array(8), new Uint8Array(8)]]) {
      const [share] = pair.share(clear(1, 1, () => 1n))
      const [ops] = pair.operations(1)
      const opening = ops.open(x, share)
      opening.next()
      const resume = () => opening.next(reply)
      expect(resume).toThrow(OpeningRefused)
    }
  })

  it("the same place for two values, by cloud and dealer", async () => {
    const { pair } = await dealt()
    const twice = (kind: "open" | "rescale"): Program =>
      kind === "open"
        ? function* (ops, [X]) {
            yield* ops.open(x, X!)
            yield* ops.open(x, X!)
            return []
          }
        : function* (ops, [X]) {
            return [yield* ops.rescale(update, X!, 20, 1), yield* ops.rescale(update, X!, 20, 1)]
          }
    const [share0, share1] = pair.share(small[0]!)
    for (const kind of ["open", "rescale"] as const) {
      expect(() => pair.deal(1, (ops) => twice(kind)(ops, [small[0]!]))).toThrow(MaskReused)
      const once = pair.deal(1, function* (ops) {
        return yield* ops.rescale(update, small[0]!, 20, 1)
      })
      const [ops0, ops1] = pair.operations(1, once)
      expect(() => lockstep(twice(kind)(ops0, [share0]), twice(kind)(ops1, [share1]))).toThrow(MaskReused)
    }
  })
})

/** A generator that remembers which words of which streams it gave. */
class Remembering extends Prg {
  readonly given: Array<Stream & { readonly place: number; readonly words: number }> = []
  override fill(ring: Ring, at: number, words: number, stream: Stream, place = 0): void {
    this.given.push({ ...stream, place, words })
    super.fill(ring, at, words, stream, place)
  }
  override combine(...[ring, at, words, stream, how, place = 0]: Parameters<Prg["combine"]>): void {
    this.given.push({ ...stream, place, words })
    super.combine(ring, at, words, stream, how, place)
  }
}

describe("masks", () => {
  it("serve one value only: no cloud draws a stream twice, in a step or in two", async () => {
    const prgs = [new Remembering(new Uint8Array(16)), new Remembering(new Uint8Array(16).fill(1))] as const
    const pair = await Pair.load(9, prgs)
    const corrections = [1, 2].map((step) => pair.deal(step, (ops) => everything(ops, small)))
    for (const prg of prgs) prg.given.length = 0
    const shares = small.map((input) => pair.share(input))
    for (const step of [1, 2]) {
      const [ops0, ops1] = pair.operations(step, corrections[step - 1])
      lockstep(
        everything(
          ops0,
          shares.map(([share]) => share)
        ),
        everything(
          ops1,
          shares.map(([, share]) => share)
        )
      )
    }
    for (const { given } of prgs) {
      const streams = given.map(({ step, operation: op, kind }) => `${step} ${op} ${kind}`)
      expect(new Set(streams).size).toBe(streams.length)
    }
    // Cloud 1's key is used for masks and roundings only: the rest of its part is dealt.
    const own = [streamKinds.mask, streamKinds.rounding, streamKinds.bitMasks] as ReadonlyArray<number>
    expect(prgs[1].given.every(({ kind }) => own.includes(kind))).toBe(true)
  })
})

/** χ² of the bytes' frequencies against the uniform distribution: 255 degrees of freedom, σ ≈ 22.6. */
const chiSquare = (messages: ReadonlyArray<Uint8Array>): number => {
  const counts = new Float64Array(256)
  let total = 0
  for (const message of messages) {
    total += message.length
    for (const byte of message) counts[byte]! += 1
  }
  return counts.reduce((sum, count) => sum + (count - total / 256) ** 2 / (total / 256), 0)
}

describe("what the clouds receive", () => {
  const extremes = { zeros: () => 0n, large: () => -(1n << 30n), ones: () => 1n }
  for (const [name, word] of Object.entries(extremes)) {
    it(`is uniform whatever the data: ${name}`, async () => {
      const pair = await Pair.load(10)
      const received: [Uint8Array[], Uint8Array[]] = [[], []]
      const dealt: Uint8Array[] = []
      for (let step = 1; step <= 40; step++) {
        const outcome = pair.run(
          step,
          [clear(16, 32, word), clear(32, 16, word), clear(16, 16, word)],
          everything
        )
        received[0].push(...outcome.received[0])
        received[1].push(...outcome.received[1])
        const corrections = Corrections.parse(step, outcome.corrections)
        dealt.push(corrections.section(relu, dealtLayout.rescaleRelu(256, 20).bytes))
        dealt.push(corrections.section(back, dealtLayout.rescaleGated(256, 20).bytes))
        dealt.push(corrections.section(update, dealtLayout.rescale(256, 25).bytes))
        dealt.push(corrections.section(delta, dealtLayout.gatedDifference(256).bytes))
      }
      // The streams are fixed, so the outcome is: within 5σ of 255.
      for (const messages of [...received, dealt]) {
        expect(chiSquare(messages)).toBeGreaterThan(255 - 5 * 22.6)
        expect(chiSquare(messages)).toBeLessThan(255 + 5 * 22.6)
      }
    })
  }

  it("would not be uniform without the masks: the test can tell", () => {
    expect(chiSquare([new Uint8Array(10_000)])).toBeGreaterThan(1e6)
  })
})

describe("a cloud's messages", () => {
  it("stay what they were when a computation that runs with theirs makes the memory grow", async () => {
    const ring = await Ring.load()
    const operations = cloudOperations({ ring, party: 0, prg: new Prg(new Uint8Array(16)), step: 1 })
    const [small, large] = [ring.zeros(4, 4), ring.zeros(600, 600)]
    const before = ring.memory.buffer
    const both = together(
      operations.open(operation("openWeights", 1), small),
      operations.open(operation("openWeights", 2), large)
    )
    const sent = both.next().value as ReadonlyArray<Message>
    expect(ring.memory.buffer).not.toBe(before)
    expect(sent.map((message) => message().length)).toEqual([128, 600 * 600 * 8])
  })
})
