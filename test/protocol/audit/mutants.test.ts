/**
 * Mutants of the program: its generator, its layouts, its order and its splitting are replaced by ones that spend pads
 * badly, and an audit must say how. The training comes out well under most of them, to the bit.
 */
import { Effect } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { auditPads } from "../../../protocol/audit/audit-pads.ts"
import { auditCoupling } from "../../../protocol/audit/coupling.ts"
import type { Finding } from "../../../protocol/audit/recording.ts"
import { operation } from "../../../protocol/learning/operations.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import type { Stream } from "../../../protocol/ring/prg.ts"
import type { Ring } from "../../../protocol/ring/ring.ts"
import { networkOf } from "../learning/example.ts"
import { type TrialOptions, trialOf } from "./trial.ts"

/** What is mutated at the moment. */
const mutant = vi.hoisted(() => ({
  /** Another stream than the one asked for. */
  stream: undefined as ((stream: Stream) => Stream) | undefined,
  /** Other words than the generator's, given the place of the first of them. */
  words: undefined as ((words: BigUint64Array, stream: Stream, place: number) => void) | undefined,
  /** All lanes draw at the place of the first. */
  samePlace: false,
  /** The order depends on data. */
  order: undefined as ((key: Uint8Array) => Uint8Array) | undefined,
  /** Weights that are not those of the checkpoint. */
  checkpoint: undefined as ((words: Uint8Array) => Uint8Array) | undefined,
  /** The seed's key stream is used again for the second half of the words. */
  padTwice: false,
  /** The dealer's share is drawn under k_1. */
  dealerKey: false
}))

afterEach(() => {
  Object.assign(mutant, {
    ...{ stream: undefined, words: undefined, samePlace: false, order: undefined, checkpoint: undefined },
    ...{ padTwice: false, dealerKey: false }
  })
})

vi.mock("../../../protocol/ring/prg.ts", async (original) => {
  const { Prg } = await original<typeof import("../../../protocol/ring/prg.ts")>()
  const { derive } = await import("../../../protocol/aead.ts")
  const { computationVersion } = await import("../../../protocol/version.ts")
  class Mutated extends Prg {
    static override ofRun(key: Uint8Array, run: string): Mutated {
      return new Mutated(derive(key, "", `bicameral prg ${computationVersion} ${run}`, 16))
    }
    override fill(ring: Ring, at: number, words: number, stream: Stream, place = 0): void {
      super.fill(ring, at, words, mutant.stream?.(stream) ?? stream, place)
      mutant.words?.(new BigUint64Array(ring.memory.buffer, at, words), stream, place)
    }
    override combine(
      ...[ring, at, words, stream, how, place = 0]: Parameters<InstanceType<typeof Prg>["combine"]>
    ): void {
      const mark = ring.mark()
      const pads = ring.allocate(words * 8)
      this.fill(ring, pads, words, stream, place)
      ring.kernels[how](at, at, pads, words)
      ring.release(mark)
    }
  }
  return { Prg: Mutated }
})

vi.mock("../../../protocol/computation/slices.ts", async (original) => {
  const slices = await original<typeof import("../../../protocol/computation/slices.ts")>()
  const rangeOf: typeof slices.rangeOf = (shape, slice) => {
    const range = slices.rangeOf(shape, slice)
    return mutant.samePlace ? { ...range, first: 0 } : range
  }
  return { ...slices, rangeOf }
})

vi.mock("../../../protocol/computation/dealer.ts", async (original) => {
  const dealer = await original<typeof import("../../../protocol/computation/dealer.ts")>()
  const deal: typeof dealer.deal = (context, program, options) => {
    const { cloud0, cloud1 } = context.keys
    const swapped = new Proxy(cloud0, {
      get: (own, name) =>
        name === "fill"
          ? (...drawn: Parameters<typeof cloud0.fill>) => (drawn[3].kind === 4 ? cloud1 : own).fill(...drawn)
          : own[name as keyof typeof own].bind(own)
    })
    const keys = mutant.dealerKey ? { cloud0: swapped, cloud1 } : context.keys
    return dealer.deal({ ...context, keys }, program, options)
  }
  return { ...dealer, deal }
})

vi.mock("../../../protocol/learning/order.ts", async (original) => {
  const order = await original<typeof import("../../../protocol/learning/order.ts")>()
  const batchOrder: typeof order.batchOrder = (plan, key) =>
    order.batchOrder(plan, mutant.order?.(key) ?? key)
  return { ...order, batchOrder }
})

vi.mock("../../../protocol/computation/layer-words.ts", async (original) => {
  const words = await original<typeof import("../../../protocol/computation/layer-words.ts")>()
  const loadLayers: typeof words.loadLayers = (ring, layers, stored) =>
    words.loadLayers(ring, layers, mutant.checkpoint?.(stored) ?? stored)
  return { ...words, loadLayers }
})

vi.mock("../../../protocol/sharing/split.ts", async (original) => {
  const split = await original<typeof import("../../../protocol/sharing/split.ts")>()
  const splitWords: typeof split.splitWords = (words, seed) => {
    if (!mutant.padTwice) return split.splitWords(words, seed)
    const middle = 8 * Math.floor(words.length / 16)
    const pad = split.expandSeed(seed, middle / 8)
    const share0 = new Uint8Array(words.length).map((_, i) => pad[i % middle]!)
    return { share0, share1: split.subtractWords(words, share0) }
  }
  return { ...split, splitWords }
})

const plan = trainingPlan({
  network: networkOf([4, 13, 3], "relu"),
  rows: 23,
  batch: 11,
  epochs: 2,
  learningRate: 0.25,
  fractionalBits: 20
})

const audited = async (options: Partial<TrialOptions> = {}): Promise<ReadonlyArray<Finding>> =>
  Effect.runPromise(auditPads(await trialOf({ plan, ...options })))

const coupled = (cloud: 0 | 1, lanes = 1): Promise<ReadonlyArray<Finding>> =>
  auditCoupling({ plan, lanes, cloud, users: 3, with: [] })

/** A finding in the words of a person, for an expectation. */
const said = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  findings.map(({ coalition, what, where }) => `${coalition}: ${what} (${where})`)

const kinds = { mask: 1, rounding: 2, bitMasks: 3 }

describe("a mutant of the program is found", () => {
  it("if there is none, there is no finding", async () => {
    expect(said(await audited())).toEqual([])
    expect(said(await audited({ lanes: 2 }))).toEqual([])
    expect(said(await coupled(0))).toEqual([])
    expect(said(await coupled(1))).toEqual([])
  })

  it("where a pad serves two openings", async () => {
    mutant.stream = (stream) =>
      stream.kind === kinds.mask && stream.operation === operation("openDelta", 1)
        ? { ...stream, operation: operation("openActivation", 1) }
        : stream
    const twice =
      /is under the mask of openActivation of layer 1 in step 1, .* the mask of openDelta of layer 1 in step 1/
    for (const cloud of [0, 1])
      expect(said(await audited())).toContainEqual(
        expect.stringMatching(new RegExp(`cloud${cloud}: .*${twice.source}`))
      )
    for (const cloud of [0, 1] as const)
      expect(said(await coupled(cloud))).toEqual([
        expect.stringMatching(
          /one pad covers two contents .*openActivation of layer 1.*; and .*openDelta of layer 1/
        )
      ])
  })
})
