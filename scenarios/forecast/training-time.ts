/** The time of the training: the opening of the data, then the steps. */

import {
  dealingGroups,
  dealingStrands,
  stepsAsked,
  strandName,
  stretchesOf
} from "../../actors/party/stretches.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import {
  type Cost,
  evaluationCost,
  setupCost,
  sliceCost,
  stepCost,
  trainingCost,
  updateCost
} from "../../protocol/computation/cost.ts"
import { modelWords } from "../../protocol/learning/model.ts"
import { evaluates, type TrainingPlan } from "../../protocol/learning/plan.ts"
import { Deal } from "../../protocol/messages/training.ts"
import type { Deployment } from "./deployment.ts"
import {
  brokerLoad,
  brokerMs,
  type CloudName,
  clouds,
  endMs,
  type Predicted,
  type PredictPhase,
  stored,
  trafficOf
} from "./loads.ts"
import { greatest, type Load, mega, nobody, type Part, sumOf, time } from "./time.ts"

/** Arithmetic of a cloud, or of the dealer for it. */
const arithmeticMs = ({ calibration }: Deployment, who: "cloud" | "dealer", cost: Cost): number => {
  const { millionProductsMs, [who]: own } = calibration.arithmetic
  const products = (cost.multiplications / mega) * millionProductsMs
  return (
    products + ((cost.bytesEachWay + cost.dealtBytes) / mega) * own.megabyteMs + cost.rounds * own.roundMs
  )
}

/**
 * What a cloud's process does in a part of a step: arithmetic, exchanges, and at C1 taking the corrections.
 */
const cloudMs = (deployment: Deployment, cost: Cost, dealt: number): number =>
  arithmeticMs(deployment, "cloud", cost) +
  endMs(deployment.calibration, 2 * cost.rounds, 2 * cost.bytesEachWay) +
  endMs(deployment.calibration, 0, dealt)

export const trainingTime: PredictPhase = (run, deployment) => {
  const { placement } = deployment
  const { plan } = run.cost
  const { dealing: who } = run.scenario.security
  // Beside the training.
  const hasDealer = who === "kgc"
  const step = new StepTime(plan, deployment, hasDealer)
  const whole = time("train", step.work, step.waiting, step.transfer)
  const dealing =
    who === "clouds"
      ? dealingTime(run, deployment)
      : who === "kgc-ahead"
        ? aheadTime(run, deployment)
        : { work: 0, waiting: 0, transfer: 0 }
  const corrections = hasDealer
    ? deployment.transfer(placement.kgc, placement.cloud1, step.parts.dealtBytes)
    : nobody
  // Corrections arrive ahead of the steps, by the way that the openings take too.
  const perStep = corrections.seconds > whole.seconds ? time("train", nobody, nobody, corrections) : whole
  const opening = openingTime(plan, deployment, step.parts.lanes, who !== "clouds")
  const evaluating = evaluationTime(plan, deployment)
  const times = (part: Part, once: number): Part => ({
    seconds: once + plan.steps * part.seconds,
    by: part.by
  })
  return time(
    "train",
    times(perStep.work, opening.work + evaluating.work + dealing.work),
    times(perStep.waiting, evaluating.waiting + dealing.waiting),
    times(perStep.transfer, opening.transfer + evaluating.transfer + dealing.transfer)
  )
}

/**
 * Seconds that clouds spend on dealing for themselves, in the processes that train. It is ahead of the training, so that
 * its rounds delay the first steps alone.
 */
const dealingTime = (run: Predicted, deployment: Deployment) => {
  const { calibration, placement } = deployment
  const groups = dealingGroups(run.cost.plan, stretchesOf(run.cost.plan, 0))
  const strands = Array.from({ length: dealingStrands(groups) }, (_, strand) => `round:${strandName(strand)}`)
  const { messages, bytes } = trafficOf(run, "train", strands)
  const ms = (bytes / mega) * calibration.dealing.megabyteMs + endMs(calibration, messages, bytes)
  const loads = clouds.map((who) => ({ who: `${who}, which deals`, host: placement[who], ms, threads: 1 }))
  const delays = [
    deployment.delayMs(placement.cloud0, placement.cloud1),
    deployment.delayMs(placement.cloud1, placement.cloud0)
  ]
  return {
    work: deployment.work([...loads, brokerLoad(deployment, { messages, bytes })]).seconds,
    waiting: ((messages / 2 / groups.length) * (calibration.messages.waitMs + Math.max(...delays))) / 1000,
    transfer: deployment.transfer(placement.cloud0, placement.cloud1, bytes / 2).seconds
  }
}

/**
 * Seconds in which the KGC deals all steps before the training, and C1 stores what it gets. Several requests are pending at a
 * time, so that nobody waits for them.
 */
const aheadTime = (run: Predicted, deployment: Deployment) => {
  const { calibration, placement } = deployment
  const { plan } = run.cost
  const { kgc, cloud1, workers } = placement
  const { messages, bytes } = trafficOf(run, "train", [Deal.tag])
  const hosts = [kgc, ...workers.kgc]
  const cost = trainingCost(plan)
  const ms = arithmeticMs(deployment, "dealer", cost) + endMs(calibration, messages, bytes)
  const work = deployment.work([
    ...hosts.map((host) => ({ who: "the dealer", host, ms: ms / hosts.length, threads: 1 })),
    {
      who: "cloud1, which stores what is dealt",
      host: cloud1,
      ms: endMs(calibration, messages, bytes),
      threads: 1
    },
    brokerLoad(deployment, { messages, bytes })
  ])
  return {
    work: work.seconds + stored(deployment, "cloud1", stretchesOf(plan, 0).length, bytes).seconds,
    waiting: 0,
    transfer: deployment.transfer(kgc, cloud1, bytes).seconds
  }
}

/** Seconds of all evaluations on validation rows, which the main processes of the clouds make. */
const evaluationTime = (plan: TrainingPlan, deployment: Deployment) => {
  if (!evaluates(plan)) return { work: 0, waiting: 0, transfer: 0 }
  const { calibration, placement } = deployment
  const { cloud0, cloud1 } = placement
  const cost = evaluationCost(plan)
  const brokers = brokerMs(calibration, 2 * cost.rounds, 2 * cost.bytesEachWay)
  const delays = [deployment.delayMs(cloud0, cloud1), deployment.delayMs(cloud1, cloud0)]
  return {
    work: (plan.epochs * (cloudMs(deployment, cost, cost.dealtBytes) + brokers)) / 1000,
    waiting: (plan.epochs * cost.rounds * (calibration.messages.waitMs + Math.max(...delays))) / 1000,
    transfer: plan.epochs * deployment.transfer(cloud0, cloud1, cost.bytesEachWay).seconds
  }
}

/** Seconds that are spent once: each process compiles what it repeats, and the clouds open the data. */
const openingTime = (plan: TrainingPlan, deployment: Deployment, lanes: number, hasDealer: boolean) => {
  const { calibration, placement } = deployment
  const { cloud0, cloud1, kgc } = placement
  const data = setupCost(plan)
  const trainers = [cloud0, cloud1, ...placement.lanes.cloud0, ...placement.lanes.cloud1]
  const compiler = (who: "cloud" | "dealer") => (host: string) => ({
    who,
    host,
    ms: calibration.arithmetic[who].firstMs + calibration.messages.end.firstMs,
    threads: 1
  })
  const compiling = deployment.work([
    ...trainers.map(compiler("cloud")),
    ...(hasDealer ? [compiler("dealer")(kgc)] : [])
  ])
  return {
    work:
      compiling.seconds +
      (cloudMs(deployment, data, 0) / lanes + brokerMs(calibration, 2, 2 * data.bytesEachWay)) / 1000,
    transfer: deployment.transfer(cloud0, cloud1, data.bytesEachWay).seconds
  }
}

/** The time of one step, by its three parts. */
class StepTime {
  readonly parts: StepParts
  readonly #deployment: Deployment
  /** Whether the KGC deals. */
  readonly #hasDealer: boolean
  /** Requests for corrections, and their replies, in a step of a lane. */
  readonly #asks: number
  /** Lanes next to lane 0. */
  readonly #further: number
  /** What lane 0 spends on handing out the weights and taking in the gradients. */
  readonly #handingMs: number
  /** The clouds' sites that have brokers of their own. */
  readonly #siteBrokers: ReadonlyArray<{ readonly who: CloudName; readonly host: string }>

  constructor(plan: TrainingPlan, deployment: Deployment, hasDealer: boolean) {
    this.parts = stepParts(plan, deployment)
    this.#deployment = deployment
    this.#hasDealer = hasDealer
    this.#asks = 2 / stepsAsked(plan)
    this.#further = this.parts.lanes - 1
    this.#handingMs = endMs(deployment.calibration, 2 * this.#further, this.parts.handedBytes)
    const { placement } = deployment
    this.#siteBrokers = clouds
      .map((who) => ({ who, host: deployment.broker(placement[who]) }))
      .filter(({ host }) => host !== placement.broker)
  }

  /**
   * Clouds and brokers work in turn: in a round each waits for what the other sends. The rest works at the
   * same time.
   */
  get work(): Part {
    const path = greatest(
      clouds.map((who) => ({
        seconds:
          (this.#mainMs(who) + (1 + this.#siteBrokers.length) * this.#exchangesMs(this.#inFirst)) / 1000,
        by:
          2 * this.#handingMs > this.#mainMs(who)
            ? `lane 0 of ${who}, which hands out weights and adds up gradients`
            : `${who} and the broker, one after the other`
      }))
    )
    const { placement } = this.#deployment
    const side = this.#deployment.work([
      ...clouds.map((who) => ({ who, host: placement[who], ms: this.#mainMs(who), threads: 1 })),
      ...clouds.flatMap((who) => this.#laneLoads(who)),
      ...(this.#hasDealer ? this.#dealerLoads() : []),
      ...this.#brokerLoads()
    ])
    return greatest([path, side])
  }

  /** The rounds of a step, and the requests of lane 0 to the others. */
  get waiting(): Part {
    const { calibration, placement } = this.#deployment
    const { cloud0, cloud1 } = placement
    const { rounds } = this.parts
    const delayMs = (from: string, to: string) => this.#deployment.delayMs(from, to)
    const exchangeMs =
      calibration.messages.waitMs + Math.max(delayMs(cloud0, cloud1), delayMs(cloud1, cloud0))
    const handedOver = (who: CloudName) =>
      greatest(placement.lanes[who].map((host) => this.#deployment.requests(placement[who], host, 1)))
    return sumOf([
      { seconds: (rounds * exchangeMs) / 1000, by: `the delay of ${rounds} rounds a step` },
      greatest(clouds.map(handedOver))
    ])
  }

  /** The openings between the clouds, and what lane 0 hands out. */
  get transfer(): Part {
    const { placement } = this.#deployment
    const { handedBytes, serialBytes } = this.parts
    return sumOf([
      this.#deployment.transfer(placement.cloud0, placement.cloud1, serialBytes),
      greatest(
        clouds.map((who) => {
          const host = placement.lanes[who].find((each) => each !== placement[who])
          const link = host === undefined ? undefined : this.#deployment.link(placement[who], host)
          const seconds = link === undefined ? 0 : (8 * handedBytes) / mega / link.megabitsPerSecond
          return { seconds, by: `the link of lane 0 of ${who}` }
        })
      )
    ])
  }

  /** What all lanes have of a cost. */
  readonly #inAll = (of: (cost: Cost) => number): number =>
    this.parts.lanes * of(this.parts.lane) + (this.#further === 0 ? 0 : of(this.parts.first))

  /** What lane 0 has of a cost. */
  readonly #inFirst = (of: (cost: Cost) => number): number =>
    of(this.parts.lane) + (this.#further === 0 ? 0 : of(this.parts.first))

  /** Work of the main process of a cloud, which is lane 0. */
  #mainMs(who: CloudName): number {
    const own = this.#inFirst((cost) =>
      cloudMs(this.#deployment, cost, who === "cloud1" ? cost.dealtBytes : 0)
    )
    return own + this.#handingMs
  }

  #exchangesMs(of: (of: (cost: Cost) => number) => number): number {
    const { calibration } = this.#deployment
    return brokerMs(calibration, 2 * of((cost) => cost.rounds), 2 * of((cost) => cost.bytesEachWay))
  }

  #laneLoads(who: CloudName): ReadonlyArray<Load> {
    const { lane } = this.parts
    return this.#deployment.placement.lanes[who].map((host, i) => ({
      who: `lane ${i + 1} of ${who}`,
      host,
      ms:
        cloudMs(this.#deployment, lane, who === "cloud1" ? lane.dealtBytes : 0) +
        this.#handingMs / this.#further,
      threads: 1
    }))
  }

  #dealerLoads(): ReadonlyArray<Load> {
    const { first, lane, lanes, dealtBytes } = this.parts
    const { kgc, workers } = this.#deployment.placement
    const ms =
      lanes * arithmeticMs(this.#deployment, "dealer", lane) +
      (lanes === 1 ? 0 : arithmeticMs(this.#deployment, "dealer", first)) +
      endMs(this.#deployment.calibration, this.#asks * lanes, dealtBytes)
    const hosts = [kgc, ...workers.kgc]
    return hosts.map((host) => ({ who: "the dealer", host, ms: ms / hosts.length, threads: 1 }))
  }

  #brokerLoads(): ReadonlyArray<Load> {
    const { calibration, placement } = this.#deployment
    const { dealtBytes, handedBytes, lanes } = this.parts
    const exchanges = this.#exchangesMs(this.#inAll)
    const dealt = this.#hasDealer ? brokerMs(calibration, this.#asks * lanes, dealtBytes) : 0
    const handed = brokerMs(calibration, 2 * this.#further, handedBytes)
    const load = (host: string, ms: number): Load => ({
      who: `the broker of ${host}`,
      host,
      ms,
      threads: this.#deployment.threads(host)
    })
    return [
      load(placement.broker, exchanges + dealt + (2 - this.#siteBrokers.length) * handed),
      ...this.#siteBrokers.map(({ who, host }) =>
        load(host, exchanges + handed + (who === "cloud1" ? dealt : 0))
      )
    ]
  }
}

/** A step cut over the lanes: what each lane has of it, and what is lane 0's alone. */
interface StepParts {
  readonly lanes: number
  readonly lane: Cost
  /** What lane 0 does once for all lanes. */
  readonly first: Cost
  /** Bytes between lane 0 and the others of its cloud. */
  readonly handedBytes: number
  readonly rounds: number
  /** Bytes each way between the clouds. */
  readonly serialBytes: number
  readonly dealtBytes: number
}

const stepParts = (plan: TrainingPlan, { placement }: Deployment): StepParts => {
  const lanes = 1 + placement.lanes.cloud0.length
  const whole = stepCost(plan)
  if (lanes === 1)
    return {
      lanes,
      lane: whole,
      first: whole,
      handedBytes: 0,
      rounds: whole.rounds,
      serialBytes: whole.bytesEachWay,
      dealtBytes: whole.dealtBytes
    }
  const rows = Math.ceil(plan.batch / lanes)
  const lane = sliceCost(plan, { first: 0, of: plan.batch }, rows)
  const update = updateCost(plan)
  const words = modelWords(plan.network)
  const first: Cost = {
    rounds: update.rounds + 1,
    bytesEachWay: update.bytesEachWay + wordBytes * words,
    dealtBytes: update.dealtBytes,
    multiplications: 0
  }
  return {
    lanes,
    lane,
    first,
    // The opened weights to each, and its share of the gradient back.
    handedBytes: 2 * (lanes - 1) * wordBytes * words,
    rounds: lane.rounds + first.rounds,
    serialBytes: lanes * lane.bytesEachWay + first.bytesEachWay,
    dealtBytes: lanes * lane.dealtBytes + first.dealtBytes
  }
}
