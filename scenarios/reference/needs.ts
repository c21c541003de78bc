/**
 * What training a reference takes, before it begins: memory and time. Estimates; both grow with the training
 * table.
 */
import { totalmem } from "node:os"
import { wordBytes } from "../../protocol/bytes.ts"
import { stepCost } from "../../protocol/computation/cost.ts"
import { modelWords } from "../../protocol/learning/model.ts"
import { outputs } from "../../protocol/learning/network.ts"
import { rowsOpened, type TrainingPlan } from "../../protocol/learning/plan.ts"

/** The two references: in float64, and in fixed point as a replay of the run. */
export type ReferenceKind = "float64" | "fixed-point"

export interface ReferenceNeeds {
  /** Of the whole process, beyond what it has already. */
  readonly bytes: number
  /** Of that, in the one WebAssembly memory of the fixed-point arithmetic. */
  readonly ringBytes: number
  readonly seconds: number
}

/**
 * Per kind: copies of the features and of the labels next to the joined table; matrices of a step, by its
 * batch, by its weights, and with momentum by its velocities; nanoseconds a multiplication and milliseconds a step, as measured on one core of
 * an AMD EPYC.
 */
const pace = {
  float64: {
    features: 1,
    labels: 1,
    activations: 12,
    weights: 6,
    velocities: 3,
    nanoseconds: 2.7,
    stepMs: 0.2
  },
  "fixed-point": {
    ...{ features: 2, labels: 2, activations: 24, weights: 12, velocities: 1 },
    ...{ nanoseconds: 1.8, stepMs: 0.4 }
  }
} as const

/** What a reference takes for a plan whose model is then tested on a number of rows. */
export const needsOf = (kind: ReferenceKind, plan: TrainingPlan, heldOut: number): ReferenceNeeds => {
  const { network, batch, steps } = plan
  const rows = rowsOpened(plan)
  const own = pace[kind]
  const labels = outputs(network)
  const units = network.layers.reduce((sum, layer) => sum + layer.units, network.inputs)
  const velocities = plan.addends.momentum === undefined ? 0 : own.velocities
  const inStep = own.activations * batch * units + (own.weights + velocities) * modelWords(network)
  const computing = wordBytes * (rows * (own.features * network.inputs + own.labels * labels) + inStep)
  const joined = wordBytes * (Math.max(rows, heldOut) * (network.inputs + labels))
  return {
    bytes: computing + joined,
    ringBytes: kind === "float64" ? 0 : computing,
    seconds: steps * (stepCost(plan).multiplications * own.nanoseconds * 1e-9 + own.stepMs * 1e-3)
  }
}

/** All that 32-bit addresses reach. */
export const ringLimit = 2 ** 32

/**
 * Memory that this process could still get: what the machine has, or what it may have of it, less what it has
 * already.
 */
export const memoryLeft = (): number => {
  const allowed = process.constrainedMemory()
  const whole = allowed > 0 && allowed < totalmem() ? allowed : totalmem()
  return Math.max(0, whole - process.memoryUsage.rss())
}
