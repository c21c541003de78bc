/**
 * Mutants of the program: its generator, its layouts, its order and its splitting are replaced by ones that spend pads
 * badly, and an audit must say how. The training comes out well under most of them, to the bit.
 */
import { Effect } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { auditPads } from "../../../protocol/audit/audit-pads.ts"
import { auditCoupling, type Coupling } from "../../../protocol/audit/coupling.ts"
import type { Finding } from "../../../protocol/audit/recording.ts"
import { type Message, operation, type Round } from "../../../protocol/learning/operations.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import type { Stream } from "../../../protocol/ring/prg.ts"
import type { Ring } from "../../../protocol/ring/ring.ts"
import { networkOf } from "../learning/example.ts"
import { type TrialOptions, trialOf } from "./trial.ts"

/** What is mutated at the moment. */
const mutant = vi.hoisted(() => ({
  /** Another stream than the one asked for. */
  stream: undefined as ((stream: Stream) => Stream) | undefined,
  /** Other words than the generator's. */
  words: undefined as ((words: BigUint64Array, stream: Stream) => void) | undefined,
  /** All lanes draw at the place of the first. */
  samePlace: false,
  /** The order of the rows depends on the first cells. */
  order: false,
  cells: new Uint8Array(0) as Uint8Array,
  /** A session begins with other weights than the one before had. */
  checkpoint: false,
  /** A user's pad serves both halves of its upload. */
  padTwice: false,
  /** The dealer draws cloud 0's share of what it deals under k_1. */
  dealerKey: false,
  /** A share travels beside what is opened. */
  share: false
}))

const sound = { ...mutant }
afterEach(() => Object.assign(mutant, sound))

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
      mutant.words?.(new BigUint64Array(ring.memory.buffer, at, words), stream)
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

vi.mock("../../../protocol/computation/cloud.ts", async (original) => {
  const cloud = await original<typeof import("../../../protocol/computation/cloud.ts")>()
  /** The same rounds, with this message more in the first. */
  function* beside<A>(round: Round<A>, message: Message): Round<A> {
    let next = round.next()
    for (let more = 1; !next.done; more = 0) {
      const received = yield more === 1 ? [...next.value, message] : next.value
      next = round.next(received.slice(0, received.length - more))
    }
    return next.value
  }
  const cloudOperations: typeof cloud.cloudOperations = (step) => {
    const ops = cloud.cloudOperations(step)
    const open: typeof ops.open = (op, x, consumed) =>
      beside(ops.open(op, x, consumed), () => step.ring.copyOut(x))
    return mutant.share ? { ...ops, open } : ops
  }
  return { ...cloud, cloudOperations }
})

vi.mock("../../../protocol/learning/order.ts", async (original) => {
  const order = await original<typeof import("../../../protocol/learning/order.ts")>()
  const batchOrder: typeof order.batchOrder = (plan, key) =>
    order.batchOrder(plan, mutant.order ? key.map((byte, i) => byte ^ mutant.cells[i]!) : key)
  return { ...order, batchOrder }
})

vi.mock("../../../protocol/computation/layer-words.ts", async (original) => {
  const words = await original<typeof import("../../../protocol/computation/layer-words.ts")>()
  const loadState: typeof words.loadState = (ring, layers, stored) =>
    words.loadState(
      ring,
      layers,
      mutant.checkpoint ? stored.map((byte, i) => byte ^ (i % 8 === 0 ? 1 : 0)) : stored
    )
  return { ...words, loadState }
})

vi.mock("../../../protocol/sharing/split.ts", async (original) => {
  const split = await original<typeof import("../../../protocol/sharing/split.ts")>()
  const splitWords: typeof split.splitWords = (words, seed) => {
    mutant.cells = words
    if (!mutant.padTwice) return split.splitWords(words, seed)
    const middle = 8 * Math.floor(words.length / 16)
    const pad = split.expandSeed(seed, middle / 8)
    const share0 = new Uint8Array(words.length).map((_, i) => pad[i % middle]!)
    return { share0, share1: split.subtractWords(words, share0) }
  }
  return { ...split, splitWords }
})

const planOf = (widths: ReadonlyArray<number>, rows: number, batch: number) =>
  trainingPlan({
    network: networkOf(widths, "relu"),
    ...{ rows, batch, epochs: 2, learningRate: 0.25, fractionalBits: 20 }
  })

/** Two steps an epoch. The values of a hidden layer fill more than one group of 64. */
const plan = planOf([4, 13, 3], 13, 6)
const small = planOf([2, 3, 2], 9, 4)

const audited = async (options: Partial<TrialOptions> = {}): Promise<ReadonlyArray<Finding>> =>
  Effect.runPromise(auditPads(await trialOf({ plan, ...options })))

const coupled = (cloud: 0 | 1, changes: Partial<Coupling> = {}): Promise<ReadonlyArray<Finding>> =>
  auditCoupling({ plan: small, lanes: 1, cloud, users: 3, with: [], ...changes })

/** A finding in the words of a person, for an expectation. */
const said = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  findings.map(({ coalition, what, where }) => `${coalition}: ${what} (${where})`)

const kinds = { mask: 1, rounding: 2, bitMasks: 3 }

/** What is said of both clouds. */
const ofBoth = (pattern: RegExp) => [
  expect.stringMatching(new RegExp(`^cloud1: what cloud0 sent ${pattern.source}`)),
  expect.stringMatching(new RegExp(`^cloud0: what cloud1 sent ${pattern.source}`))
]

describe("the audit of pads", () => {
  it("finds nothing in the program as it is", async () => {
    expect(said(await audited())).toEqual([])
    expect(said(await audited({ lanes: 2 }))).toEqual([])
    for (const cloud of [0, 1] as const) expect(said(await coupled(cloud))).toEqual([])
  })

  it("finds a pad of two openings", async () => {
    mutant.stream = (stream) =>
      stream.kind === kinds.mask && stream.operation === operation("openDelta", 1)
        ? { ...stream, operation: operation("openActivation", 1) }
        : stream
    expect(said(await audited())).toEqual(
      ofBoth(
        /is under the mask of openActivation of layer 1 in step 1, which is for another content, .* openDelta/
      )
    )
    for (const cloud of [0, 1] as const)
      expect(said(await coupled(cloud))).toEqual([
        expect.stringMatching(
          /one pad covers two contents .*openActivation of layer 1.*; and .*openDelta of layer 1/
        )
      ])
  })

  it("finds a pad that comes again in the next epoch", async () => {
    const { stepsPerEpoch } = plan
    mutant.stream = (stream) => ({
      ...stream,
      step: stream.step === 0 ? 0 : 1 + ((stream.step - 1) % stepsPerEpoch)
    })
    expect(said(await audited())).toEqual(
      expect.arrayContaining(ofBoth(/is under the mask of openWeights of layer 1 in step 1, .* in step 3/))
    )
    for (const cloud of [0, 1] as const)
      expect(said(await coupled(cloud))).toEqual([
        expect.stringMatching(/one pad covers two contents .*, .*step 1; and .*, .*step 3/)
      ])
  })

  it("finds one stream for two kinds of pads", async () => {
    mutant.stream = (stream) =>
      stream.kind === kinds.bitMasks ? { ...stream, kind: kinds.rounding } : stream
    expect(said(await audited())).toEqual(
      expect.arrayContaining(
        ofBoth(/is under the rounding of forwardRescale .* has the bit masks of forwardRescale/)
      )
    )
    expect(said(await coupled(1))).toEqual([
      expect.stringMatching(/one pad covers two contents .*blinded words.*; and comparison's nodes/)
    ])
  })

  it("finds a mask of half its width", async () => {
    mutant.words = (words, { kind }) => {
      if (kind === kinds.mask) for (const [i, word] of words.entries()) words[i] = BigInt.asUintN(32, word)
    }
    expect(said(await audited())).toEqual(
      expect.arrayContaining(ofBoth(/is under the lower half of its pad, .* mask of openInput/))
    )
    expect(said(await coupled(0))).toContainEqual(
      expect.stringContaining("a pad has fewer bits than what it covers")
    )
  })

  it("finds roundings of zeros", async () => {
    mutant.words = (words, { kind }) => {
      if (kind === kinds.rounding) words.fill(0n)
    }
    expect(said(await audited())).toEqual(
      expect.arrayContaining(
        ofBoth(/is under no pad, where the ledger has the rounding of forwardRescale of layer 1/)
      )
    )
    expect(said(await coupled(0))).toContainEqual(
      expect.stringMatching(/its bytes are not under the pad .*blinded words of forwardRescale of layer 1/)
    )
  })

  it("finds a tensor that is opened without its mask", async () => {
    mutant.words = (words, { kind, operation: op }) => {
      if (kind === kinds.mask && op === operation("openWeights", 1)) words.fill(0n)
    }
    expect(said(await audited())).toEqual(
      ofBoth(/is under no pad, where the ledger has the mask of openWeights of layer 1/)
    )
    expect(said(await coupled(1))).toContainEqual(
      expect.stringMatching(
        /its bytes are not under the pad .*words of openWeights of layer 1, round 1 of step 2/
      )
    )
  })

  it("finds bit masks that two groups of values share", async () => {
    const masks = 25
    mutant.words = (words, { kind }) => {
      if (kind === kinds.bitMasks) words.copyWithin(masks, 0, masks)
    }
    expect(said(await audited())).toEqual(
      expect.arrayContaining(ofBoth(/is under the pad of its first value, again and again, .* bit masks/))
    )
    expect(said(await coupled(0, { plan }))).toEqual([
      expect.stringMatching(
        /its bytes are not under the pad .*comparison's nodes of forwardRescale of layer 1/
      )
    ])
  })

  it("finds the dealer's share under the key of cloud 1, which could take it off", async () => {
    mutant.dealerKey = true
    expect(said(await audited())).toContainEqual(
      expect.stringMatching(
        /^cloud1: a correction is under the dealt of forwardRescale .* of the other cloud/
      )
    )
    expect(said(await coupled(1))).toEqual([
      expect.stringMatching(/its bytes are not under the pad .*corrections for/)
    ])
  })

  it("finds an order of the rows that depends on data", async () => {
    mutant.order = true
    expect(said(await audited())).toEqual(
      expect.arrayContaining(
        ofBoth(/is not the content .*; the rows of the step may not be those that the key of/)
      )
    )
  })

  it("finds lanes that draw at the same place", async () => {
    mutant.samePlace = true
    expect(said(await audited({ lanes: 2 }))).toEqual(
      expect.arrayContaining(ofBoth(/is under the mask of openInput .* from its first place, .* cloud0.l-1/))
    )
    expect(said(await coupled(0, { lanes: 2 }))).toEqual([
      expect.stringMatching(
        /its bytes are not under the pad .*openInput of layer 0, round 1 of the data of lane 1/
      )
    ])
  })

  it("finds a session that opens other weights under the same pads", async () => {
    mutant.checkpoint = true
    const sessions = [
      { after: 0, until: 3 },
      { after: 2, until: 4 }
    ]
    const found = said(await audited({ sessions }))
    for (const cloud of [0, 1])
      expect(found).toContainEqual(
        expect.stringMatching(
          `^cloud${cloud}: one pad covers two contents: .* openWeights of layer 1 in step 3 .*train.2.*; and .* of train `
        )
      )
  })

  it("finds words of an upload under a pad that is used twice", async () => {
    mutant.padTwice = true
    expect(said(await audited())).toContainEqual(
      expect.stringMatching(
        /^cloud1: one pad of an upload covers two contents \(UploadWords1 from user1, word/
      )
    )
    expect(said(await coupled(1))).toContainEqual(
      expect.stringContaining("one pad of an upload covers two contents")
    )
  })

  it("finds bytes that have no pad", async () => {
    mutant.share = true
    expect(said(await audited())).toContainEqual(
      expect.stringMatching(
        /^cloud0: bytes without a pad: \d+ bytes where the ledger has \d+ \(round 1 of train/
      )
    )
  })
})
