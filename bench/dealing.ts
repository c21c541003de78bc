/**
 * Clouds that deal for themselves: what a training step takes of each cloud's processor and sends both ways, and apart from
 * it what a start of two processes takes. Both clouds work in turns in one process. A small network is dealt many steps at
 * a time.
 */
import { randomBytes } from "node:crypto"
import { beginDealing } from "../protocol/dealing/begin.ts"
import { dealingRounds } from "../protocol/dealing/cost.ts"
import { dealTogether } from "../protocol/dealing/deal.ts"

import { dealtStep, programOfShapes } from "../protocol/dealing/steps.ts"
import { batchOrder } from "../protocol/learning/order.ts"
import { trainingPlan } from "../protocol/learning/plan.ts"
import { defaultExtension } from "../protocol/oblivious-transfer/sizes.ts"
import { Prg } from "../protocol/ring/prg.ts"
import { Ring } from "../protocol/ring/ring.ts"
import { inTurns } from "./in-turns.ts"
import { announceMachine, type Spread, spreadOf, writeFigures } from "./measure.ts"
import { measuredNetworks } from "./networks.ts"

const repetitions = 3
/** Steps that are dealt at a time. */
const mostSteps = 64
/** Cells of the batches that are dealt at a time. */
const cellsAtOnce = 100_000

const clouds = [0, 1] as const

const fresh = (bytes: number) => new Uint8Array(randomBytes(bytes))

interface Measured {
  readonly name: string
  readonly steps: number
  readonly rounds: number
  /** Of a step: from cloud 0, from cloud 1. */
  readonly bytes: readonly [number, number]
  /** Milliseconds of a step. */
  readonly cloud0: Spread
  readonly cloud1: Spread
  /** Milliseconds of both clouds. */
  readonly startMs: number
}

export const measureDealing = async ({
  name,
  network,
  batch,
  rows,
  rate,
  loss
}: (typeof measuredNetworks)[number]): Promise<Measured> => {
  const plan = trainingPlan({
    ...{ network, batch, rows, epochs: 1000, learningRate: rate, fractionalBits: 20 },
    ...(loss && { loss })
  })
  const steps = Math.max(1, Math.min(mostSteps, Math.floor(cellsAtOnce / (batch * network.inputs))))
  const rings = [await Ring.load(), await Ring.load()] as const
  const prgs = [new Prg(fresh(16)), new Prg(fresh(16))] as const
  const order = batchOrder(plan, fresh(16))
  const started = (cloud: 0 | 1) =>
    beginDealing({ ring: rings[cloud], cloud, prg: prgs[cloud], randomness: fresh, shape: defaultExtension })
  const start = inTurns(started(0), started(1))
  const turns = Array.from({ length: repetitions + 1 }, (_, turn) => {
    const [one, other] = clouds.map((cloud) => {
      const own = { ring: rings[cloud], prg: prgs[cloud], plan, order }
      const dealt = Array.from({ length: steps }, (_, i) => dealtStep(own, 1 + turn * steps + i))
      return dealTogether(start.results[cloud], dealt)
    })
    return inTurns(one!, other!)
  }).slice(1)
  const sent = dealingRounds(defaultExtension, new Array(steps).fill(programOfShapes(plan, 1)))
  const [cloud0, cloud1] = clouds.map((cloud) => spreadOf(turns.map(({ ms }) => ms[cloud] / steps)))
  const [forward, back] = clouds.map((cloud) => sent.reduce((sum, round) => sum + round[cloud], 0) / steps)
  return {
    ...{ name, steps, rounds: sent.length, bytes: [forward!, back!] },
    ...{ cloud0: cloud0!, cloud1: cloud1!, startMs: start.ms[0] + start.ms[1] }
  }
}

const shown = ({ median, least, most }: Spread): string =>
  `${median.toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)})`

export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const figures: Measured[] = []
  for (const network of measuredNetworks) {
    const measured = await measureDealing(network)
    figures.push(measured)
    const { name, steps, rounds, bytes, cloud0, cloud1, startMs } = measured
    const [forward, back] = bytes.map((each) => (each / 1e6).toFixed(2))
    console.log(
      `${name}, ${steps} steps in ${rounds} rounds: cloud 0 ${shown(cloud0)} ms a step, cloud 1 ${shown(cloud1)} ms; ` +
        `${forward} MB to cloud 1, ${back} MB to cloud 0; start ${startMs.toFixed(0)} ms of both`
    )
  }
  writeFigures("dealing", { machine, figures })
}
