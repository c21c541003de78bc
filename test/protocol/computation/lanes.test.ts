import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cloudOperations } from "../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import { deal, openingMask } from "../../../protocol/computation/dealer.ts"
import {
  addGradients,
  dealtGradients,
  dealtUpdate,
  gradientBytes,
  gradientWords,
  handedOut,
  noGradients,
  type Rows,
  rowsOfLanes,
  sliceOf,
  takenIn
} from "../../../protocol/computation/lanes.ts"
import { gatherOpened, type OpenedShare } from "../../../protocol/computation/product.ts"
import { dealtLayout, nodesOf, planesOf } from "../../../protocol/computation/sizes.ts"
import { drawDealt, type Range, rangeOf } from "../../../protocol/computation/slices.ts"
import { streamKinds } from "../../../protocol/computation/streams.ts"
import { batchShapes, layerShapes, sliceCost, updateCost } from "../../../protocol/learning/cost.ts"
import { opensLabels } from "../../../protocol/learning/network.ts"
import { operation, type Round } from "../../../protocol/learning/operations.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { type TrainingPlan, trainingPlan } from "../../../protocol/learning/plan.ts"
import {
  gatherBatch,
  gradients,
  type Layer,
  type OpenedData,
  openData,
  openWeights,
  update
} from "../../../protocol/learning/step.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { type Example, example } from "../learning/example.ts"
import { encoded, generators, orderKey, trainFixed, wordsOf } from "../learning/secure.ts"
import { lockstep } from "./pair.ts"

const run = "run-1"

const gatherRows = (ring: Ring, x: Matrix, rows: Uint32Array): Matrix => {
  const out = ring.matrix(rows.length, x.cols)
  ring.gatherRows(out, x, rows)
  return out
}

/** Everything the clouds opened, by lane. */
type Heard = (lane: number, from0: Uint8Array, from1: Uint8Array) => void

/** Trains on shares in lanes that hold these rows; the opened weights, as `trainFixed` gives them. */
const trainInLanes = async (
  given: Example,
  plan: TrainingPlan,
  lanes: ReadonlyArray<Rows>,
  heard: Heard = () => {}
): Promise<bigint[]> => {
  const { network } = plan
  const keys = generators(run)
  const prgs = [keys.cloud0, keys.cloud1] as const
  const dealerRing = await Ring.load()
  const scratch = await Ring.load()
  const plain = encoded(scratch, given, plan.fractionalBits)
  // Cloud 0's shares are zero: that what is opened is uniform is tested elsewhere.
  const shareOf = (party: 0 | 1, words: Uint8Array): Uint8Array =>
    party === 1 ? words.slice() : new Uint8Array(words.length)
  const rowsOf = (x: Matrix, { from, end }: Rows): Uint8Array =>
    scratch.bytes(x.at + from * x.cols * 8, (end - from) * x.cols * 8).slice()

  /** A lane of a cloud: its memory and its opened rows. */
  const members = await Promise.all(
    lanes.map(async (rows) => ({ rows, rings: [await Ring.load(), await Ring.load()] as const }))
  )
  const both = <A>(lane: number, program: (party: 0 | 1, ring: Ring) => Round<A>): readonly [A, A] => {
    const { rings } = members[lane]!
    const [results, received] = lockstep(program(0, rings[0]), program(1, rings[1]))
    received[0].forEach((from1, i) => {
      heard(lane, received[1][i]!, from1)
    })
    return results
  }
  const data = members.map(({ rows }, lane) =>
    both(lane, (party, ring) => {
      const count = rows.end - rows.from
      const slice = { first: rows.from, of: plan.rows }
      const ops = cloudOperations({ ring, party, prg: prgs[party], step: 0, slice })
      const own = (x: Matrix) => ring.from(count, x.cols, shareOf(party, rowsOf(x, rows)))
      return openData(ops, network, own(plain.features), own(plain.labels))
    })
  )
  const masks = {
    inputs: openingMask(dealerRing, keys, 0, operation("openInput", 0), {
      rows: plan.rows,
      cols: network.inputs
    }),
    labels: opensLabels(network)
      ? openingMask(
          dealerRing,
          keys,
          0,
          operation("openLabels", network.layers.length),
          batchShapes(network, plan.rows).labels.value
        )
      : undefined
  }
  const order = batchOrder(plan, orderKey)
  const [first] = members
  let layers = [0, 1].map((party) =>
    plain.layers.map(({ weights, bias }): Layer<Matrix> => {
      const own = (x: Matrix) =>
        first!.rings[party]!.from(x.rows, x.cols, shareOf(party as 0 | 1, scratch.copyOut(x)))
      return { weights: own(weights), bias: own(bias) }
    })
  )
  for (let step = 1; step <= plan.steps; step++) {
    const batch = order(step)
    const weights = both(0, (party, ring) =>
      openWeights(cloudOperations({ ring, party, prg: prgs[party], step }), layers[party]!)
    )
    const weightMasks = layerShapes(network).map((layer, index) =>
      openingMask(dealerRing, keys, step, operation("openWeights", index + 1), layer.weights)
    )
    const sums = ([0, 1] as const).map((party) => noGradients(first!.rings[party], network))
    for (const [lane, { rows, rings }] of members.entries()) {
      const slice = sliceOf(batch, rows)
      if (slice.rows.length === 0) continue
      const own = batch.slice(slice.first, slice.first + slice.rows.length)
      const labelShape = batchShapes(network, own.length).labels.value
      const corrections = deal(
        dealerRing,
        keys,
        step,
        (ops) =>
          dealtGradients(ops, plan, layerShapes(network), weightMasks, {
            inputs: gatherRows(dealerRing, masks.inputs, own),
            labels:
              masks.labels === undefined
                ? { opened: false, value: labelShape }
                : { opened: true, value: gatherRows(dealerRing, masks.labels, own) }
          }),
        undefined,
        slice
      )
      expect(corrections.length).toBe(sliceCost(plan, slice, own.length).dealtBytes)
      const found = both(lane, (party, ring) => {
        const handed = handedOut(first!.rings[party], weights[party]!, layers[party]!)
        const taken = takenIn(ring, prgs[party], step, network, handed)
        const ops = cloudOperations({
          ring,
          party,
          prg: prgs[party],
          step,
          slice,
          ...(party === 1 ? { corrections: Corrections.parse(step, corrections) } : {})
        })
        const opened = data[lane]![party] as OpenedData<Matrix, OpenedShare>
        const sliced = gatherBatch(
          opened,
          (x) => gatherRows(ring, x, slice.rows),
          (x) => gatherOpened(ring, x, slice.rows)
        )
        return gradients(ops, plan, taken.layers, taken.weights, sliced)
      })
      for (const party of [0, 1] as const) {
        const words = gradientWords(rings[party], found[party]!)
        expect(words.length).toBe(gradientBytes(network))
        addGradients(first!.rings[party], sums[party]!, words)
      }
    }
    const corrections = deal(dealerRing, keys, step, (ops) =>
      dealtUpdate(ops, plan, layerShapes(network), gatherRows(dealerRing, masks.inputs, batch))
    )
    expect(corrections.length).toBe(updateCost(plan).dealtBytes)
    layers = both(0, (party, ring) =>
      update(
        cloudOperations({
          ring,
          party,
          prg: prgs[party],
          step,
          ...(party === 1 ? { corrections: Corrections.parse(step, corrections) } : {})
        }),
        plan,
        layers[party]!,
        sums[party]!
      )
    ).map((each) => [...each])
  }
  const [words0, words1] = layers.map((each, party) => wordsOf(first!.rings[party]!, each))
  return words0!.map((word, i) => BigInt.asUintN(64, word + words1![i]!))
}

const planOf = ({ network, rows }: Example, batch: number, epochs = 1): TrainingPlan =>
  trainingPlan({ network, rows, batch, epochs, learningRate: 0.2, fractionalBits: 20 })

const networks = [
  { widths: [5, 3, 2], output: "identity" },
  { widths: [30, 16, 2], output: "identity" },
  { widths: [4, 7, 5, 3], output: "identity" },
  { widths: [4, 6, 3], output: "relu" },
  { widths: [6, 1], output: "identity" }
] as const

const signed = (words: ReadonlyArray<bigint>) => words.map((word) => BigInt.asIntN(64, word))

describe("training in lanes", () => {
  for (const { widths, output } of networks)
    for (const lanes of [1, 2, 3, 4])
      it(`gives with ${lanes} the model of the reference, bit for bit: ${widths.join("-")}, ${output}`, async () => {
        const given = example(41, widths, output, 40)
        const plan = planOf(given, 20, 2)
        const expected = trainFixed(await Ring.load(), given, plan, run).weights
        const trained = await trainInLanes(given, plan, rowsOfLanes(plan.rows, lanes))
        expect(signed(trained)).toEqual(signed(expected))
      })

  it("gives the same model however the rows are cut", async () => {
    const given = example(42, [4, 7, 5, 3], "relu", 33)
    const plan = planOf(given, 11)
    const expected = trainFixed(await Ring.load(), given, plan, run).weights
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 32 }), { maxLength: 4 }), async (cuts) => {
        const ends = [...cuts.sort((a, b) => a - b), 33]
        const lanes = ends.map((end, i) => ({ from: i === 0 ? 0 : ends[i - 1]!, end }))
        expect(signed(await trainInLanes(given, plan, lanes))).toEqual(signed(expected))
      }),
      { numRuns: 10 }
    )
  })

  it("sends each bit of a word that straddles two lanes from one of them only", async () => {
    const given = example(43, [4, 7, 3], "identity", 24)
    const plan = planOf(given, 24)
    const sent: [Uint8Array[], Uint8Array[]] = [[], []]
    await trainInLanes(given, plan, rowsOfLanes(24, 2), (lane, from0) => {
      sent[lane as 0 | 1].push(from0)
    })
    // 24 × 7 values in three groups: the lanes hold 84 each, so the second group has 20 of one and 44 of the other.
    const { nodes, root, gate } = planesOf(nodesOf(plan.fractionalBits))
    const firstOfBits = sent[1].findIndex(({ length }) => length === 2 * nodes * 8)
    const before = sent[0].length - sent[1].length - 1 // opened weights and the update are lane 0's alone
    expect(firstOfBits).toBeGreaterThan(0)
    for (const [round, planes] of [nodes, root, gate].entries()) {
      const second = (bytes: Uint8Array, group: number) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset)
        return Array.from({ length: planes }, (_, plane) =>
          view.getBigUint64((group * planes + plane) * 8, true)
        )
      }
      const ofLane0 = second(sent[0][firstOfBits + before + round]!, 1)
      const ofLane1 = second(sent[1][firstOfBits + round]!, 0)
      for (const word of ofLane0) expect(word >> 20n).toBe(0n)
      for (const word of ofLane1) expect(word & 0xfffffn).toBe(0n)
      expect(ofLane0.some((word) => word !== 0n)).toBe(true)
      expect(ofLane1.some((word) => word !== 0n)).toBe(true)
    }
  })

  it("draws what is dealt from the places that it has in the whole batch", async () => {
    const ring = await Ring.load()
    const { cloud0 } = generators(run)
    const stream = { step: 1, operation: operation("forwardRescale", 1), kind: streamKinds.dealt }
    const layout = (values: number) => dealtLayout.rescaleRelu(values, 20)
    const range = rangeOf({ rows: 12, cols: 7 }, { first: 12, of: 24 })
    const [slice, whole] = [layout(range.padded), layout(168)]
    const bytes = (r: Range, { bytes }: { readonly bytes: number }) =>
      ring.bytes(drawDealt(ring, cloud0, stream, layout, r, 168), bytes).slice()
    const ofSlice = bytes(range, slice)
    const ofWhole = bytes(rangeOf({ rows: 24, cols: 7 }, undefined), whole)
    for (const part of Object.keys(slice.parts) as Array<keyof typeof slice.parts>) {
      const drawn = ofSlice.subarray(slice.at[part], slice.at[part] + slice.parts[part])
      const end = whole.at[part] + whole.parts[part]
      expect(drawn).toEqual(ofWhole.subarray(end - drawn.length, end))
    }
  })

  it("is dealt zeros for the values of other lanes", async () => {
    const ring = await Ring.load()
    const shift = 20
    const op = operation("forwardRescale", 1)
    const z = { rows: 12, cols: 7 }
    const slice = { first: 12, of: 24 }
    const message = deal(ring, generators(run), 1, (ops) => ops.rescaleRelu(op, z, shift), undefined, slice)
    const range = rangeOf(z, slice)
    expect(range).toEqual({ first: 84, count: 84, padded: 104, lead: 20, whole: false })
    const { at, parts, bytes } = dealtLayout.rescaleRelu(range.padded, shift)
    const section = Corrections.parse(1, message).section(op, bytes)
    for (const part of ["top", "gatedTop", "shifted", "gatedShifted", "beta", "oneHot"] as const) {
      const width = parts[part] / range.padded
      const values = section.subarray(at[part], at[part] + parts[part])
      expect(values.subarray(0, 20 * width).every((byte) => byte === 0)).toBe(true)
      expect(values.subarray(20 * width).some((byte) => byte !== 0)).toBe(true)
    }
  })
})
