/**
 * What an update of the weights is made of beside the gradient (section 6 of docs/concepts/protocol.md): momentum,
 * weight decay and a schedule of rates. All of it is public, and takes no round: multiples of the velocity and of the
 * weights are added to the gradient before it is rescaled, and a schedule changes a factor.
 */
import { InvalidPlan } from "./network.ts"
import type { Factor } from "./operations.ts"
import { leftOutBytes } from "./scales.ts"

/** How the rate falls: along half a cosine, step by step, or by a factor, every so many epochs. */
export type Schedule = "constant" | "cosine" | { readonly factor: number; readonly everyEpochs: number }

export interface OptimiserSettings {
  /** μ of v ← μ·v + η·gradient, W ← W − v; 0 by default. */
  readonly momentum?: number
  /** λ of the L2 penalty ½·λ·ΣW² of weights, not of biases; 0 by default. */
  readonly weightDecay?: number
  /** Constant by default. */
  readonly schedule?: Schedule
}

/** A fraction as a multiple of 2^-shift, the shift of the weights' update. */
export interface Fraction extends Factor {
  /** The fraction itself. */
  readonly value: number
}

/** What is added to the gradient. */
export interface Addends {
  /** μ, a fraction of the velocity. */
  readonly momentum?: Fraction
  /** η·λ, a fraction of the weights, at the highest rate. */
  readonly decay?: Fraction
}

/** An update then acts for a thousand steps; a velocity that is larger still has no room in a word. */
export const mostMomentum = 0.999

/** 1 − μ, and η·λ, are met this closely, or as closely as a word can. */
const closeness = 2 ** -8

/**
 * The fraction with as many zero bytes as leave it close enough to what is wanted. The distance is that of `measured`,
 * in relation to it.
 */
const nearest = (wanted: number, shift: number, measured: (fraction: number) => number): Fraction => {
  for (let zeroBytes = leftOutBytes(shift); ; zeroBytes--) {
    const unit = 2 ** (8 * zeroBytes - shift)
    const by = Math.round(wanted / unit)
    const value = by * unit
    const distance = Math.abs(measured(value) / measured(wanted) - 1)
    if (distance <= closeness || zeroBytes === 0) return { by, zeroBytes, value }
  }
}

/** Refuses a momentum beyond which nothing comes to rest. */
export const requireMomentum = ({ momentum = 0 }: OptimiserSettings): void => {
  if (momentum >= 0 && momentum <= mostMomentum) return
  throw new InvalidPlan({
    field: "momentum",
    reason: `${momentum} is not a number from 0 to ${mostMomentum}`,
    remedy: "use a momentum such as 0.9"
  })
}

/** The addends of an update whose weights are rescaled by `shift`. Throws `InvalidPlan` for what no word can hold. */
export const addendsOf = (
  { momentum = 0, weightDecay = 0 }: OptimiserSettings,
  learningRate: number,
  shift: number
): Addends => {
  const carried = momentum === 0 ? undefined : nearest(momentum, shift, (fraction) => 1 - fraction)
  const lost = learningRate * weightDecay
  const decay = weightDecay === 0 ? undefined : nearest(lost, shift, (fraction) => fraction)
  if (!(weightDecay >= 0 && lost < 1) || decay?.by === 0)
    throw new InvalidPlan({
      field: "weightDecay",
      reason: `${weightDecay} times the rate ${learningRate} is not a number from 0 to 1, or too small for 64-bit words`,
      remedy: "use a weight decay such as 0.0001, or 0"
    })
  return { ...(carried && { momentum: carried }), ...(decay && { decay }) }
}

/** The share of the highest rate that a step has, from 1 down to 0. The same to the bit for all parties. */
export const shareOfRate = (
  schedule: Schedule,
  step: number,
  { stepsPerEpoch, steps }: { readonly stepsPerEpoch: number; readonly steps: number }
): number => {
  if (schedule === "constant") return 1
  if (schedule === "cosine") return cosine(((Math.PI / 2) * (step - 1)) / steps) ** 2
  const epoch = Math.floor((step - 1) / stepsPerEpoch)
  let share = 1
  for (let fall = Math.floor(epoch / schedule.everyEpochs); fall > 0; fall--) share *= schedule.factor
  return share
}

/** Terms of the cosine's series that matter up to π/2. */
const terms = 10

/** The cosine of 0 to π/2 by its series: sums and products alone are the same on all machines. */
const cosine = (x: number): number => {
  let [sum, term] = [1, 1]
  for (let k = 1; k <= terms; k++) {
    term *= -(x * x) / ((2 * k - 1) * (2 * k))
    sum += term
  }
  return sum
}
