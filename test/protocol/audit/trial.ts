/**
 * The training of a small table as both clouds and the dealer compute it, in one process and in lockstep, recorded as an
 * audit has it: alone or in lanes, in one session or in several. What computes is the program's own.
 */
import { Effect, Either } from "effect"
import {
  gradientsOnSlice,
  openRows,
  parsed,
  type SliceShare
} from "../../../actors/clouds/training/lanes/slice.ts"
import { masksOf, type RunMasks } from "../../../actors/kgc/run-masks.ts"
import { partBytes } from "../../../actors/party/stretches.ts"
import type { Held, HeldCells, Recording, Seen } from "../../../protocol/audit/recording.ts"
import { cloudOperations, rowsOf } from "../../../protocol/computation/cloud.ts"
import { CloudEvaluation, openEvaluatedRows } from "../../../protocol/computation/evaluating.ts"
import { addGradients, handedOut, rowsOfLanes, takenIn } from "../../../protocol/computation/lanes.ts"
import { keepState, layerWords, loadState, stateWords } from "../../../protocol/computation/layer-words.ts"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { evaluationStep, slicesOf } from "../../../protocol/learning/evaluations.ts"
import { initialWeightsShare } from "../../../protocol/learning/initial.ts"
import { biasShape, outputs, weightShape } from "../../../protocol/learning/network.ts"
import type { Round } from "../../../protocol/learning/operations.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { evaluates, planOfStep, rowsOpened, type TrainingPlan } from "../../../protocol/learning/plan.ts"
import { atRest, type Layer, openWeights, trainingStep, update } from "../../../protocol/learning/step.ts"
import { Deal, type DealRequest, Join } from "../../../protocol/messages/training.ts"
import { UploadWords1 } from "../../../protocol/messages/upload.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { splitWords } from "../../../protocol/sharing/split.ts"
import { uniform } from "../learning/example.ts"

const key = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)
export const keys = {
  prg: [key(1), key(2)],
  weights: [key(3), key(4)],
  order: key(5),
  seeds: [key(6), key(7)]
} as const
export const computation = "trial"

/** A session: after which step it begins, and after which it breaks off. */
export interface Stretch {
  readonly after: number
  readonly until: number
}

export interface TrialOptions {
  readonly plan: TrainingPlan
  readonly lanes?: number
  readonly sessions?: ReadonlyArray<Stretch>
  /** Other data, from this seed. */
  readonly data?: number
  readonly prgs?: readonly [Prg, Prg]
}

const clouds = [0, 1] as const

/** Two users that hold half of the rows each, as cells of a size that training bears. */
const usersOf = (plan: TrainingPlan, seed: number): ReadonlyArray<HeldCells> => {
  const { network, fractionalBits } = plan
  const rows = rowsOpened(plan)
  const next = uniform(seed)
  const columns = network.inputs + outputs(network)
  const middle = Math.floor(rows / 2)
  return [
    [0, middle],
    [middle, rows]
  ].map(([from, end]) => ({
    ids: [],
    columns: Array.from({ length: columns }, (_, i) => i),
    rows: Array.from({ length: end! - from! }, (_, i) => from! + i),
    heldOut: false,
    words: BigUint64Array.from({ length: (end! - from!) * columns }, () =>
      BigInt.asUintN(64, BigInt(Math.round((next() - 0.5) * 2 ** fractionalBits)))
    )
  }))
}

class Trial {
  readonly options: TrialOptions
  readonly plan: TrainingPlan
  readonly seen = new Map<string, Array<Seen>>()
  readonly prgs: readonly [Prg, Prg]
  readonly dealer: RunMasks
  readonly users: ReadonlyArray<HeldCells>
  readonly shares: ReadonlyArray<{ readonly share0: Uint8Array; readonly share1: Uint8Array }>
  #messages = 0

  constructor(options: TrialOptions, prgs: readonly [Prg, Prg], dealer: RunMasks) {
    this.options = options
    this.plan = options.plan
    this.prgs = prgs
    this.dealer = dealer
    this.users = usersOf(options.plan, options.data ?? 11)
    this.shares = this.users.map(({ words }, i) =>
      splitWords(new Uint8Array(words.slice().buffer), keys.seeds[i]!)
    )
  }

  #see(process: string, message: Partial<Seen> & Pick<Seen, "from" | "kind" | "tag" | "body">): void {
    const common = { process, to: process, channel: "ask", id: "", number: 0 } as const
    this.seen.set(process, [...(this.seen.get(process) ?? []), { ...common, ...message }])
  }

  /** A request and its reply. */
  #asked(from: string, to: string, tag: string, payload: Uint8Array, reply: Uint8Array): void {
    const id = `${++this.#messages}`
    this.#see(to, { from, kind: "ask", tag, id, body: payload })
    this.#see(from, { from: to, kind: "reply", tag, id, body: reply, channel: "reply" })
  }

  joined(epoch: number, step: number, lanes: ReadonlyArray<readonly [string, string]>): void {
    const [lanes0, lanes1] = clouds.map((cloud) => lanes.map((pair) => pair[cloud]))
    const payload = Either.getOrThrow(Join.payload.encode({ epoch, steps: [step], lanes: lanes0! }))
    this.#asked(
      "cloud0",
      "cloud1",
      Join.tag,
      payload,
      Either.getOrThrow(Join.reply.encode({ step, lanes: lanes1! }))
    )
  }

  dealt(process: string, request: DealRequest, corrections: Uint8Array): Uint8Array {
    this.#asked(
      process,
      "kgc",
      Deal.tag,
      Either.getOrThrow(Deal.payload.encode(request)),
      corrections.slice()
    )
    return corrections
  }

  /** Uploads of the hybrid form to cloud 1, in two messages each. */
  uploaded(): void {
    this.shares.forEach(({ share1 }, user) => {
      const middle = Math.floor(share1.length / 16)
      for (const [first, words] of [
        [0, share1.subarray(0, 8 * middle)],
        [middle, share1.subarray(8 * middle)]
      ] as const) {
        const body = Either.getOrThrow(UploadWords1.payload.encode({ first, words }))
        this.#see("cloud1", { from: `user${user + 1}`, kind: "ask", tag: UploadWords1.tag, body })
      }
    })
  }

  /** A link between two processes in a session: runs both sides of a computation. */
  link(names: readonly [string, string], phase: string) {
    let number = 0
    return <A>(computations: readonly [Round<A>, Round<A>]): readonly [A, A] => {
      for (let received: ReadonlyArray<ReadonlyArray<Uint8Array>> = [[], []]; ; ) {
        const [a, b] = [computations[0].next(received[0]!), computations[1].next(received[1]!)]
        if (a.done && b.done) return [a.value, b.value]
        if (a.done || b.done) throw new Error("one cloud ended before the other")
        const sent = [a.value.map((part) => part().slice()), b.value.map((part) => part().slice())]
        number++
        for (const cloud of clouds)
          this.#see(names[cloud], {
            ...{ from: names[1 - cloud]!, kind: "round", tag: phase, number, channel: "round" },
            body: new Uint8Array(Buffer.concat(sent[1 - cloud]!))
          })
        received = [sent[1]!, sent[0]!]
      }
    }
  }

  /** A cloud's share of rows of the table, in new memory. */
  async process(cloud: 0 | 1, rows: { readonly from: number; readonly end: number }): Promise<SliceShare> {
    const { network } = this.plan
    const ring = await Ring.load()
    const features = ring.matrix(rows.end - rows.from, network.inputs)
    const labels = ring.matrix(rows.end - rows.from, outputs(network))
    this.users.forEach((held, user) => {
      const { share0, share1 } = this.shares[user]!
      const words = new BigUint64Array((cloud === 0 ? share0 : share1).slice().buffer)
      held.rows.forEach((row, i) => {
        if (row < rows.from || row >= rows.end) return
        held.columns.forEach((column, j) => {
          const [to, at] = column < network.inputs ? [features, column] : [labels, column - network.inputs]
          ring.words(to)[(row - rows.from) * to.cols + at] = words[i * held.columns.length + j]!
        })
      })
    })
    const order = batchOrder(this.plan, keys.order)
    return { plan: this.plan, cloud, prg: this.prgs[cloud], order, ring, rows, features, labels }
  }

  layers(ring: Ring, cloud: 0 | 1): ReadonlyArray<Layer<Matrix>> {
    return this.plan.network.layers.map((_, i) => {
      const { rows, cols } = weightShape(this.plan.network, i + 1)
      const share = initialWeightsShare(
        this.plan.network,
        i + 1,
        keys.weights[cloud],
        this.plan.fractionalBits
      )
      const weights = ring.from(rows, cols, new Uint8Array(share.buffer))
      const bias = ring.zeros(1, biasShape(this.plan.network, i + 1).cols)
      return atRest({ weights, bias }, this.plan, ({ rows, cols }) => ring.zeros(rows, cols))
    })
  }
}

type Weights = Map<number, readonly [Uint8Array, Uint8Array]>

/** A session of both clouds; keeps the weights after each step. */
const session = async (trial: Trial, epoch: number, { after, until }: Stretch, stored: Weights) => {
  const { plan, options } = trial
  const lanes = options.lanes ?? 1
  const phase = epoch === 1 ? "train" : `train.${epoch}`
  const names = Array.from({ length: lanes }, (_, lane): readonly [string, string] =>
    lane === 0 ? ["cloud0", "cloud1"] : [`cloud0.l-${lane}`, `cloud1.l-${lane}`]
  )
  trial.joined(epoch, after, names.slice(1))
  const members = await Promise.all(
    rowsOfLanes(plan.rows, lanes).map(async (rows, lane) => {
      const own = await Promise.all(clouds.map((cloud) => trial.process(cloud, rows)))
      const link = trial.link(names[lane]!, phase)
      return { rows, own, link, opened: link([openRows(own[0]!), openRows(own[1]!)]), name: names[lane]![1] }
    })
  )
  const { own: lead, link, opened } = members[0]!
  const rings = lead.map(({ ring }) => ring)
  const layers = clouds.map((cloud) => trial.layers(rings[cloud]!, cloud))
  const kept = stored.get(after)
  if (after > 0)
    for (const cloud of clouds) {
      const words = kept![cloud]
      loadState(rings[cloud]!, layers[cloud]!, words)
    }
  const both = <A>(run: (cloud: 0 | 1) => Round<A>): readonly [Round<A>, Round<A>] => [run(0), run(1)]
  const evaluate = await evaluating(trial, lead, layers, link)
  if (after > 0) evaluate(after)
  for (let step = after + 1; step <= until; step++) {
    if (lanes === 1) {
      const message = new Uint8Array(trial.dealer.stepBytes)
      trial.dealer.dealStep(step, message)
      trial.dealt("cloud1", { rows: rowsOpened(plan), step }, message)
      const updated = link(
        both((cloud) => {
          const { ring, prg, order } = lead[cloud]!
          const ops = cloudOperations({
            ring,
            party: cloud,
            prg,
            step,
            ...parsed(step, cloud === 1 ? message : undefined)
          })
          return trainingStep(
            ops,
            planOfStep(plan, step),
            layers[cloud]!,
            rowsOf(ring, opened[cloud], order(step))
          )
        })
      )
      for (const cloud of clouds) keepState(rings[cloud]!, layers[cloud]!, updated[cloud])
    } else {
      const dealings = members.map(({ rows, name }, lane) => {
        const part = { ...rows, update: lane === 0 }
        const bytes = partBytes(plan, lead[0]!.order(step), part)
        const message = new Uint8Array(bytes.gradients + bytes.update)
        const gradients = message.subarray(0, bytes.gradients)
        trial.dealer.dealPart(step, part, { gradients, update: message.subarray(bytes.gradients) })
        return trial.dealt(name, { rows: rowsOpened(plan), step, part }, message)
      })
      const corrections = (cloud: 0 | 1, lane: number) => (cloud === 1 ? dealings[lane] : undefined)
      const opsOf = (cloud: 0 | 1) => {
        const { ring, prg } = lead[cloud]!
        return cloudOperations({ ring, party: cloud, prg, step, ...parsed(step, corrections(cloud, 0)) })
      }
      const weights = link(both((cloud) => openWeights(opsOf(cloud), layers[cloud]!)))
      const handed = clouds.map((cloud) => handedOut(rings[cloud]!, weights[cloud], layers[cloud]!))
      const found = members.map(({ own, link, opened }, lane) =>
        link(
          both((cloud) => {
            const taken = takenIn(own[cloud]!.ring, plan.network, handed[cloud]!)
            return gradientsOnSlice(own[cloud]!, opened[cloud], {
              step,
              ...taken,
              dealt: corrections(cloud, lane)
            })
          })
        )
      )
      const updated = link(
        both((cloud) => {
          const sum = found[0]![cloud]
          for (const [lane, other] of found.entries())
            if (lane > 0)
              addGradients(rings[cloud]!, sum, layerWords(members[lane]!.own[cloud]!.ring, other[cloud]))
          return update(opsOf(cloud), planOfStep(plan, step), layers[cloud]!, sum)
        })
      )
      for (const cloud of clouds) keepState(rings[cloud]!, layers[cloud]!, updated[cloud])
    }
    stored.set(step, [stateWords(rings[0]!, layers[0]!), stateWords(rings[1]!, layers[1]!)])
    evaluate(step)
  }
}

/** Opens the validation rows, if there are any. What it returns evaluates after the last step of an epoch. */
const evaluating = async (
  trial: Trial,
  lead: ReadonlyArray<SliceShare>,
  layers: ReadonlyArray<ReadonlyArray<Layer<Matrix>>>,
  link: ReturnType<Trial["link"]>
): Promise<(step: number) => void> => {
  const { plan } = trial
  if (!evaluates(plan)) return () => {}
  const rows = { from: plan.rows, end: rowsOpened(plan) }
  const parts = await Promise.all(
    clouds.map(async (cloud) => {
      const { ring } = lead[cloud]!
      const { features, labels, ring: of } = await trial.process(cloud, rows)
      const [ownFeatures, ownLabels] = [features, labels].map((x) => ring.from(x.rows, x.cols, of.copyOut(x)))
      return { features: ownFeatures!, labels: ownLabels! }
    })
  )
  const cloudOf = (cloud: 0 | 1) => ({ ...lead[cloud]!, plan })
  const opening = (cloud: 0 | 1) =>
    openEvaluatedRows(cloudOf(cloud), parts[cloud]!.features, parts[cloud]!.labels)
  const opened = link([opening(0), opening(1)])
  return (step) => {
    if (step % plan.stepsPerEpoch > 0) return
    const [e0, e1] = clouds.map((cloud) => new CloudEvaluation(cloudOf(cloud), layers[cloud]!, opened[cloud]))
    const first = evaluationStep(plan, step / plan.stepsPerEpoch)
    for (let slice = first; slice < first + slicesOf(plan).length; slice++) {
      const message = new Uint8Array(trial.dealer.bytesOf(slice))
      trial.dealer.dealStep(slice, message)
      trial.dealt("cloud1", { rows: rowsOpened(plan), step: slice }, message)
      link([e0!.slice(slice, undefined), e1!.slice(slice, message)])
    }
  }
}

/** Runs a trial and returns what an audit has of it. */
export const trialOf = async (options: TrialOptions): Promise<Recording> => {
  const { plan } = options
  const prgs =
    options.prgs ?? ([Prg.ofRun(keys.prg[0], computation), Prg.ofRun(keys.prg[1], computation)] as const)
  const masks = masksOf(await Ring.load(), { cloud0: prgs[0], cloud1: prgs[1] }, plan, keys.order)
  const trial = new Trial(options, prgs, await Effect.runPromise(masks))
  const stored: Weights = new Map()
  trial.uploaded()
  for (const [i, each] of (options.sessions ?? [{ after: 0, until: plan.steps }]).entries())
    await session(trial, i + 1, each, stored)
  const held = (
    secrets: ReadonlyArray<readonly [string, Uint8Array]>,
    cells: ReadonlyArray<HeldCells> = []
  ): Held => ({
    secrets: new Map(secrets),
    cells,
    shares: []
  })
  return {
    agreement: agreed(plan),
    plan,
    run: computation,
    computation,
    seen: trial.seen,
    frames: [],
    held: new Map([
      [
        "cloud0",
        held([
          ["prgKey", keys.prg[0]],
          ["weights", keys.weights[0]]
        ])
      ],
      [
        "cloud1",
        held([
          ["prgKey", keys.prg[1]],
          ["weights", keys.weights[1]]
        ])
      ],
      ["kgc", held([["order", keys.order]])],
      ...trial.users.map((cells, i) => [`user${i + 1}`, held([["share", keys.seeds[i]!]], [cells])] as const)
    ])
  }
}

const agreed = ({ fractionalBits }: TrainingPlan): Recording["agreement"] => ({
  users: [1, 2].map((k) => ({ actor: `user${k}`, name: `user ${k}` })),
  data: {} as DataDescription,
  security: { modulusBits: 512, exponents: "short", fractionalBits, upload: "hybrid", output: "hybrid" },
  reveal: { accuracy: false, heldOutRows: false, progress: false }
})
