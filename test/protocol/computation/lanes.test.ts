import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cloudOperations } from "../../../protocol/computation/cloud.ts"
import { stepCost } from "../../../protocol/computation/cost.ts"
import {
  addGradients,
  noGradients,
  type Rows,
  rowsOfLanes,
  sliceOf
} from "../../../protocol/computation/lanes.ts"
import { maskDifference, maskDifferenceInPieces } from "../../../protocol/computation/masks.ts"
import {
  dealtLayout,
  GROUP,
  nodesOf,
  openingPieces,
  openingWords,
  planesOf
} from "../../../protocol/computation/sizes.ts"
import { rangeOf } from "../../../protocol/computation/slices.ts"
import { modelWords } from "../../../protocol/learning/model.ts"
import { width } from "../../../protocol/learning/network.ts"
import {
  describeOperation,
  type Operation,
  operation,
  placeOfOperation
} from "../../../protocol/learning/operations.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { type TrainingPlan, trainingPlan } from "../../../protocol/learning/plan.ts"
import { productBits } from "../../../protocol/learning/scales.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { type Example, example, networkOf } from "../learning/example.ts"
import { generators, orderKey, trainFixed } from "../learning/secure.ts"
import { type Opening, run, type Transcript, trainInLanes, trainUndivided } from "./lanes.ts"
import { lockstep } from "./pair.ts"

const planOf = (
  { network, rows }: Pick<Example, "network" | "rows">,
  batch: number,
  fractionalBits = 20
): TrainingPlan => trainingPlan({ network, rows, batch, epochs: 1, learningRate: 0.2, fractionalBits })

/** Lanes between these cuts. */
const cutAt = (rows: number, cuts: ReadonlyArray<number>): ReadonlyArray<Rows> => {
  const ends = [...cuts, rows].sort((a, b) => a - b)
  return ends.map((end, i) => ({ from: i === 0 ? 0 : ends[i - 1]!, end }))
}

/** Whether these are the bit planes of a comparison, and how many of a group. */
const planesIn = ({ operation: op, round }: Opening, { fractionalBits: f }: TrainingPlan): number => {
  const { nodes, root, gate } = planesOf(nodesOf(productBits(f) - f))
  return placeOfOperation(op).kind === "forwardRescale" && round > 0 ? [nodes, root, gate][round - 1]! : 0
}

const wordsIn = (bytes: Uint8Array): BigUint64Array => new BigUint64Array(bytes.slice().buffer)

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array | BigUint64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Demands equal bytes, and says where they are not: to show them all takes minutes. */
const expectSame = (
  where: {
    readonly step: number
    readonly operation: Operation
    readonly round?: number
    readonly part?: string
  },
  found: Uint8Array | BigUint64Array,
  expected: Uint8Array | BigUint64Array
): void => {
  const { step, operation: op, round, part } = where
  const same = Buffer.from(bytesOf(found)).equals(bytesOf(expected))
  expect(same, `${part ?? `round ${round}`} of ${describeOperation(op)} in step ${step}`).toBe(true)
}

/** Values of so many bytes side by side, as the upper bytes of words. */
const upperBytes = (bytes: Uint8Array, width: number): BigUint64Array => {
  const words = new Uint8Array((bytes.length / width) * 8)
  for (let i = 0; i * width < bytes.length; i++)
    words.set(bytes.subarray(i * width, (i + 1) * width), i * 8 + 8 - width)
  return new BigUint64Array(words.buffer)
}

/** What both clouds know after a round. */
const openedBy = ({ sent, shape: { rows, cols } }: Opening, combine: "add" | "xor"): BigUint64Array => {
  const width = combine === "add" && rows > 0 ? sent[0]!.length / (rows * cols) : 8
  const [words0, words1] = sent.map((bytes) => upperBytes(bytes, width))
  return words0!.map((word, i) => (combine === "add" ? word + words1![i]! : word ^ words1![i]!))
}

const all = 2n ** 64n - 1n

/** The bits of a group's word that stand for values of a range; the last one of a matrix has those that stand for none. */
const ownBits = (group: number, from: number, end: number, last: boolean): bigint => {
  const below = (values: number) => 2n ** BigInt(Math.max(0, Math.min(GROUP, values - group * GROUP))) - 1n
  return (last ? all : below(end)) & ~below(from) & all
}

/**
 * Demands that what lanes opened in a round of an operation are pieces of what is opened undivided, and that neither cloud sends a
 * bit of a value that is not its lane's. A cloud knows its own part, so that what is opened is all it learns from the other's.
 */
const expectOpened = (whole: Opening, lanes: ReadonlyArray<Opening>, plan: TrainingPlan): void => {
  const planes = planesIn(whole, plan)
  if (planes === 0) {
    expectSame(
      whole,
      Buffer.concat(lanes.map((lane) => bytesOf(openedBy(lane, "add")))),
      openedBy(whole, "add")
    )
    return
  }
  const words = openedBy(whole, "xor")
  let rows = 0
  for (const lane of lanes) {
    const { shape, slice } = lane
    const [from, end] = [rows * shape.cols, (rows + shape.rows) * shape.cols]
    rows += shape.rows
    expect(slice!.first * shape.cols).toBe(from)
    const first = Math.floor(from / GROUP)
    const own = (i: number) => ownBits(first + Math.floor(i / planes), from, end, rows === slice!.of)
    const opened = openedBy(lane, "xor")
    const expected = opened.map((_, i) => words[first * planes + i]! & own(i))
    expectSame(whole, opened, expected)
    for (const sent of lane.sent) expect(wordsIn(sent).some((word, i) => (word & ~own(i)) !== 0n)).toBe(false)
  }
  expect(rows).toBe(whole.shape.rows)
}

const layoutOf = (op: Operation, { network, fractionalBits: f }: TrainingPlan) => {
  const { kind, layer } = placeOfOperation(op)
  const relu = network.layers[layer - 1]!.activation === "relu"
  const shift = productBits(f) - f
  return (values: number): { at: Record<string, number>; parts: Record<string, number>; bytes: number } => {
    if (kind === "openDelta") return dealtLayout.gatedDifference(values)
    if (kind === "backwardRescale") return dealtLayout.rescaleGated(values, shift)
    return relu ? dealtLayout.rescaleRelu(values, shift) : dealtLayout.rescale(values, shift)
  }
}

/** Demands that what is dealt to the lanes for an operation on values of the batch are pieces of what is dealt undivided. */
const expectDealt = (whole: Transcript, lanes: Transcript, plan: TrainingPlan): void => {
  const { network } = plan
  const forward = network.layers.map((_, i) => operation("forwardRescale", i + 1))
  const backward = network.layers.slice(1).map((_, i) => operation("backwardRescale", i + 1))
  const last = network.layers.length
  const difference = network.layers[last - 1]!.activation === "relu" ? [operation("openDelta", last)] : []
  for (const { step, corrections } of whole.dealt)
    for (const op of [...forward, ...backward, ...difference]) {
      const layout = layoutOf(op, plan)
      const cols = width(network, placeOfOperation(op).layer)
      const values = plan.batch * cols
      const section = (from: typeof corrections, count: number) => {
        const { at, parts, bytes } = layout(count)
        const dealt = from.section(op, bytes)
        return Object.keys(parts).map((part) => ({
          part,
          each: parts[part]! / count,
          dealt: dealt.subarray(at[part]!, at[part]! + parts[part]!)
        }))
      }
      const undivided = section(corrections, values)
      for (const { slice, corrections } of lanes.dealt.filter((dealt) => dealt.step === step)) {
        if (slice === undefined) continue
        const { first, count, lead, padded } = rangeOf({ rows: slice.rows, cols }, slice)
        expect(first - lead).toBe(Math.floor((slice.first * cols) / GROUP) * GROUP)
        for (const [i, { part, each, dealt }] of section(corrections, padded).entries()) {
          const place = layout(first - lead).parts[part]!
          const there = undivided[i]!.dealt.slice(place, place + dealt.length)
          if (part !== "products") {
            there.fill(0, 0, lead * each)
            there.fill(0, (lead + count) * each)
          }
          expectSame({ step, operation: op, part }, dealt, there)
        }
      }
    }
}

/** Demands that training in lanes sends and is dealt nothing but pieces of what undivided training does: at both clouds, to the bit. */
const expectPieces = (whole: Transcript, lanes: Transcript, plan: TrainingPlan): void => {
  const key = ({ step, operation: op, round }: Opening) => `${step} ${op} ${round}`
  const pieces = new Map<string, Opening[]>()
  for (const opening of lanes.openings)
    pieces.set(key(opening), [...(pieces.get(key(opening)) ?? []), opening])
  expect([...pieces.keys()].sort()).toEqual(whole.openings.map(key).sort())
  for (const opening of whole.openings) expectOpened(opening, pieces.get(key(opening))!, plan)
  expectDealt(whole, lanes, plan)
  for (const { step, slice, corrections } of lanes.dealt) {
    if (slice !== undefined) continue
    const undivided = whole.dealt.find((dealt) => dealt.step === step)!.corrections
    plan.network.layers.forEach((_, i) => {
      const [rows, cols] = [width(plan.network, i), width(plan.network, i + 1)]
      const { bytes } = dealtLayout.rescale(
        rows * cols,
        productBits(plan.fractionalBits) - plan.fractionalBits + plan.rate.shift
      )
      const ofBias = dealtLayout.rescale(cols, plan.rate.shift).bytes
      const [weights, bias] = [operation("weightUpdate", i + 1), operation("biasUpdate", i + 1)]
      expect(corrections.section(weights, bytes)).toEqual(undivided.section(weights, bytes))
      expect(corrections.section(bias, ofBias)).toEqual(undivided.section(bias, ofBias))
    })
  }
  expect(lanes.weights).toEqual(whole.weights)
}

const networks = [
  { widths: [30, 16, 2], output: "identity" },
  { widths: [5, 3, 2], output: "identity" },
  { widths: [4, 7, 5, 3], output: "identity" },
  { widths: [4, 6, 3], output: "relu" },
  { widths: [9, 70, 65], output: "relu" },
  { widths: [6, 1], output: "identity" }
] as const

describe("training in lanes", () => {
  for (const { widths, output } of networks) {
    const given = example(41, widths, output, 70)
    const plan = planOf(given, 32)
    it(`is undivided the reference, bit for bit: ${widths.join("-")}, ${output}`, async () => {
      const { weights, exchanges } = await trainUndivided(given, plan)
      const reference = trainFixed(await Ring.load(), given, plan, run).weights
      expect(weights).toEqual(reference.map((word) => BigInt.asIntN(64, word)))
      for (const { taken, expected } of exchanges) expect(taken).toEqual(expected)
    })

    it(`sends pieces of what is sent undivided, whose sum is the same model: ${widths.join("-")}, ${output}`, async () => {
      const whole = await trainUndivided(given, plan)
      for (const lanes of [[], [35], [1, 64], [20, 40, 41]])
        expectPieces(whole, await trainInLanes(given, plan, cutAt(70, lanes)), plan)
    })
  }

  it("does so for any network, batch, precision and rows, none among them", async () => {
    const choice = fc.record({
      widths: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 4 }),
      output: fc.constantFrom("identity", "relu"),
      rows: fc.integer({ min: 1, max: 40 }),
      share: fc.double({ min: 0.1, max: 1, noNaN: true }),
      fractionalBits: fc.constantFrom(8, 13, 20, 22),
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })
    })
    await fc.assert(
      fc.asyncProperty(choice, async ({ widths, output, rows, share, fractionalBits, cuts }) => {
        const given = example(rows, widths, output as "identity" | "relu", rows)
        const plan = planOf(given, Math.ceil(rows * share), fractionalBits)
        const lanes = cutAt(
          rows,
          cuts.map((cut) => Math.floor(cut * rows))
        )
        const whole = await trainUndivided(given, plan)
        const divided = await trainInLanes(given, plan, lanes)
        expectPieces(whole, divided, plan)
        for (const { taken, expected } of divided.exchanges) expect(taken).toEqual(expected)
      }),
      { numRuns: 25 }
    )
  })

  it("is undivided the reference with momentum, weight decay and a schedule, at the predicted cost", async () => {
    const given = example(45, [9, 5, 3], "identity", 70)
    const plan = trainingPlan({
      ...planOf(given, 16),
      ...{ epochs: 2, momentum: 0.9, weightDecay: 0.001, schedule: { factor: 0.25, everyEpochs: 1 } }
    })
    const { weights, exchanges } = await trainInLanes(given, plan, cutAt(70, [20, 41]))
    const reference = trainFixed(await Ring.load(), given, plan, run).weights
    expect(weights).toEqual(reference.map((word) => BigInt.asIntN(64, word)))
    for (const { taken, expected } of exchanges) expect(taken).toEqual(expected)
  })

  it("costs what the sizes say, by slice", async () => {
    const given = example(44, [30, 16, 2], "identity", 70)
    const plan = planOf(given, 32)
    const { exchanges } = await trainInLanes(given, plan, cutAt(70, [20, 41]))
    // Two steps of opening weights, three slices at a time and the update: as many rounds as undivided.
    expect(exchanges.length).toBe(10)
    for (const { taken, expected } of exchanges) expect(taken).toEqual(expected)
    const [weights, slice, , , update] = exchanges.map(({ taken }) => taken.rounds)
    expect(weights! + slice! + update!).toBe(stepCost(plan).rounds)
  })

  it("opens large data in pieces, each under the mask of its place", async () => {
    const [ring, mine, theirs] = [await Ring.load(), await Ring.load(), await Ring.load()]
    const keys = generators(run)
    const op = operation("openInput", 0)
    const rows = openingWords + 1001
    const whole = maskDifference({ ring, keys, step: 0 }, op, { rows: rows + 99, cols: 1 })
    const difference = ring.words(whole).slice()
    const inPieces = maskDifferenceInPieces({ ring, keys }, op, whole)
    let pieces = 0
    let next = inPieces.next()
    for (; !next.done; next = inPieces.next()) pieces++
    expect(pieces).toBe(openingPieces(rows + 99).length)
    expectSame({ step: 0, operation: op, part: "differences" }, ring.view(next.value), difference)
    const slice = { first: 99, of: rows + 99 }
    const ops = ([mine, theirs] as const).map((memory, party) => {
      const prg = [keys.cloud0, keys.cloud1][party]!
      return cloudOperations({ ring: memory, party: party as 0 | 1, prg, step: 0, slice })
    })
    const [[masked0, masked1], received] = lockstep(
      ops[0]!.open(op, mine.zeros(rows, 1)),
      ops[1]!.open(op, theirs.zeros(rows, 1))
    )
    expect(received[0].map(({ length }) => length / 8)).toEqual(openingPieces(rows))
    // X + ΔA and X − ΔA, of X = 0.
    const apart = difference.subarray(99).map((word) => 2n * word)
    const theirWords = theirs.words(masked1)
    const found = mine.words(masked0).map((word, i) => word - theirWords[i]!)
    expectSame({ step: 0, operation: op, part: "words" }, new Uint8Array(found.buffer), apart)
    const sum = mine.words(masked0).map((word, i) => word + theirWords[i]!)
    expect(sum.every((word) => word === 0n)).toBe(true)
  })
})

describe("the rows of lanes", () => {
  it("are all rows, each in one lane, and of a batch the places that lie between them", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 200 }),
        (rows, lanes, size) => {
          const network = networkOf([2, 1], "identity")
          const plan = planOf({ network, rows }, Math.min(rows, size))
          const held = rowsOfLanes(rows, lanes)
          expect(
            held.flatMap(({ from, end }) => Array.from({ length: end - from }, (_, i) => from + i))
          ).toEqual(Array.from({ length: rows }, (_, row) => row))
          const counts = held.map(({ from, end }) => end - from)
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
          const batch = batchOrder(plan, orderKey)(1)
          let place = 0
          for (const lane of held) {
            const slice = sliceOf(batch, lane)
            if (slice.rows.length > 0) expect(slice.first).toBe(place)
            expect(slice.of).toBe(batch.length)
            expect([...slice.rows].map((row) => row + lane.from)).toEqual([
              ...batch.slice(place, place + slice.rows.length)
            ])
            place += slice.rows.length
          }
          expect(place).toBe(batch.length)
        }
      )
    )
  })
})

describe("gradients of another lane", () => {
  it("are added only where they are of the network's size", async () => {
    const ring = await Ring.load()
    const network = networkOf([3, 2], "identity")
    const sums = noGradients(ring, network)
    const words = BigUint64Array.from({ length: modelWords(network) }, (_, i) => BigInt(i))
    const bytes = new Uint8Array(words.buffer)
    for (let times = 0; times < 2; times++) addGradients(ring, sums, bytes)
    expect([...ring.words(sums[0]!.weights), ...ring.words(sums[0]!.bias)]).toEqual(
      [...words].map((word) => 2n * word)
    )
    for (const other of [bytes.subarray(8), new Uint8Array(bytes.length + 8)])
      expect(() => addGradients(ring, sums, other)).toThrow(RangeError)
  })
})
