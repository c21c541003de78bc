/**
 * The training plan: all public parameters of the computation (network, sizes, epochs, learning rate,
 * fixed-point precision), checked, with the learning rate in the protocol's form (section 6 of
 * docs/concepts/protocol.md): η/b ≈ factor/2^shift, so that the rate and the truncation are one rescale. Steps count
 * from 1; step 0 opens the data.
 */

import { wordBytes } from "../bytes.ts"
import { evaluationSlices, type ValidationRows } from "./evaluations.ts"
import type { Loss } from "./loss.ts"
import { InvalidPlan, type Network, opensLabels, outputs, requireCount, validateNetwork } from "./network.ts"
import { type Addends, addendsOf, type OptimiserSettings, requireMomentum, shareOfRate } from "./optimiser.ts"
import { maximumClasses, productBits } from "./scales.ts"

export interface TrainingSettings extends OptimiserSettings {
  readonly network: Network
  /** Rows to train on; neither held-out rows nor those for the validation are among them. */
  readonly rows: number
  /** Rows of a step. The rest of an epoch that does not divide evenly is omitted from that epoch. */
  readonly batch: number
  readonly epochs: number
  /** η of gradient descent on the mean over the batch of the loss; the highest, with a schedule. */
  readonly learningRate: number
  /** Squared error by default. */
  readonly loss?: Loss
  /**
   * Where labels come times the weight of their row, which multiplies the row's gradient: by how much that may make the
   * mean gradient of a batch larger.
   */
  readonly rowWeights?: { readonly gain: number } | undefined
  /** Rows that follow those of the training, on which the model is tried after each epoch. */
  readonly validation?: ValidationRows | undefined
  /** f: a value x is the word round(x·2^f). */
  readonly fractionalBits: number
}

/** η/b ≈ factor/2^shift; without a schedule factor is odd or shift is 1, and factor ≤ 2^10. */
export interface Rate {
  readonly factor: number
  readonly shift: number
  /**
   * |factor/2^shift − η/b| / (η/b): at most 2^-10, or up to 2^-8, with momentum 2^-6, where a large batch leaves no
   * room for more bits.
   */
  readonly relativeError: number
}

export interface TrainingPlan extends TrainingSettings {
  readonly loss: Loss
  /** With a schedule, the highest. */
  readonly rate: Rate
  /** What an update adds to the gradient; nothing without momentum and weight decay. */
  readonly addends: Addends
  readonly stepsPerEpoch: number
  /** Training steps of the whole run: 1 … steps. */
  readonly steps: number
}

/** A plan with validation rows. */
export type EvaluatingPlan = TrainingPlan & { readonly validation: ValidationRows }

export const evaluates = (plan: TrainingPlan): plan is EvaluatingPlan => plan.validation !== undefined

/** The part of the plan that a prediction needs. */
export type ForwardPlan = Pick<TrainingPlan, "network" | "fractionalBits">

/** The part of the plan that a single step needs: `planOfStep`. */
export type StepPlan = Pick<TrainingPlan, "network" | "fractionalBits" | "rate" | "addends" | "loss">

export const minimumFractionalBits = 8
export const maximumFractionalBits = 26
const maximumRows = 2 ** 31 - 1
/** Rescaled values, factor included, must stay below 2^62 (section 5 of docs/concepts/protocol.md). */
export const magnitudeBits = 62
/** Bits of the rate's factor, as many as there is room for; with a schedule, of the highest rate's. */
const rateBits = { most: 10, least: 8, leastWithMomentum: 6 }
/** Room for the mean of activation·delta over a batch: its magnitude must stay below 2^gradientBits. */
const gradientBits = 2

/** The steps are an unsigned 32-bit number in the nonces; the upper half is that of evaluations. */
const maximumSteps = 2 ** 31 - 1

/** Checks the settings and completes them. Throws `InvalidPlan`, which names the field and the remedy. */
export const trainingPlan = (settings: TrainingSettings): TrainingPlan => {
  const { network, rows, batch, epochs, learningRate, fractionalBits, loss = "squared-error" } = settings
  validateNetwork(network)
  requireFit(loss, network)
  requireWeighable(settings)
  if (rows === 0)
    throw new InvalidPlan({
      field: "rows",
      reason: "no row is left to train on",
      remedy: "hold out fewer rows, or bring more"
    })
  requireCount("rows", rows, maximumRows)
  requireCount("batch", batch, maximumRows)
  requireCount("epochs", epochs, maximumSteps)
  if (batch > rows)
    throw new InvalidPlan({
      field: "batch",
      reason: `a batch of ${batch} rows is larger than the ${rows === 1 ? "one training row" : `${rows} training rows`}`,
      remedy: `use a batch of at most ${rows}, or more training rows`
    })
  if (
    !Number.isInteger(fractionalBits) ||
    fractionalBits < minimumFractionalBits ||
    fractionalBits > maximumFractionalBits
  )
    throw new InvalidPlan({
      field: "fractionalBits",
      reason: `${fractionalBits} is not a whole number from ${minimumFractionalBits} to ${maximumFractionalBits}`,
      remedy: "use 20 unless there is a reason not to"
    })
  requireLogits(loss, outputs(network), fractionalBits)
  requireMomentum(settings)
  const rate = roomyRate(settings)
  requireRoom(settings, rate)
  const addends = addendsOf(settings, learningRate, updateShift({ fractionalBits, rate }))
  const stepsPerEpoch = Math.floor(rows / batch)
  const steps = stepsPerEpoch * epochs
  if (steps > maximumSteps)
    throw new InvalidPlan({
      field: "epochs",
      reason: `${epochs} epochs of ${stepsPerEpoch} steps are more than ${maximumSteps} steps`,
      remedy: `use at most ${Math.floor(maximumSteps / stepsPerEpoch)} epochs`
    })
  const { momentum = 0, weightDecay = 0, schedule = "constant", validation, rowWeights } = settings
  if (validation !== undefined) {
    if (validation.rows === 0)
      throw new InvalidPlan({
        field: "validation",
        reason: "no row is left to validate on",
        remedy: "validate on a larger share, bring more rows, or leave it out"
      })
    requireCount("validation", validation.rows, maximumRows - rows)
    const evaluations = evaluationSlices(validation.rows, batch).length * epochs
    if (evaluations > maximumSteps)
      throw new InvalidPlan({
        field: "validation",
        reason: `${epochs} evaluations of ${validation.rows} rows in batches of ${batch} are too many`,
        remedy: "use fewer epochs, fewer rows to validate on, or a larger batch"
      })
  }
  return {
    ...{ network, rows, batch, epochs, learningRate, momentum, weightDecay, schedule, loss, fractionalBits },
    ...{ rate, addends, stepsPerEpoch, steps },
    ...(validation && { validation }),
    ...(rowWeights && { rowWeights })
  }
}

/** The plan of a step, whose rate follows the schedule. Its sizes are those of any other step. */
export const planOfStep = (plan: TrainingPlan, step: number): StepPlan => {
  const { schedule = "constant", rate, addends } = plan
  if (schedule === "constant") return plan
  const share = shareOfRate(schedule, step, plan)
  const { decay } = addends
  return {
    ...plan,
    rate: { ...rate, factor: Math.max(1, Math.round(share * rate.factor)) },
    addends: { ...addends, ...(decay && { decay: { ...decay, by: Math.round(share * decay.by) } }) }
  }
}

/** Rows of the matrices that the clouds open: those of the training, then those of the validation. */
export const rowsOpened = ({ rows, validation }: Pick<TrainingPlan, "rows" | "validation">): number =>
  rows + (validation?.rows ?? 0)

/** By how much the gradient of weights, a product, is rescaled in an update. */
export const updateShift = ({ fractionalBits, rate }: Pick<StepPlan, "fractionalBits" | "rate">): number =>
  productBits(fractionalBits) - fractionalBits + rate.shift

/** A logit may differ from the mean of its row by this much, at the least, before its word wraps. */
const logitRoom = 64

/** Refuses more classes, or fractional bits, than the word of a logit has room for: `classes` times it is computed. */
const requireLogits = (loss: Loss, classes: number, fractionalBits: number): void => {
  if (loss !== "softmax" || classes === 2) return
  if (classes * logitRoom * 2 ** productBits(fractionalBits) <= 2 ** (magnitudeBits + 1)) return
  const fits = Math.floor((magnitudeBits - Math.log2(classes * logitRoom)) / 2)
  throw new InvalidPlan({
    field: "fractionalBits",
    reason: `${fractionalBits} fractional bits leave no room for the softmax of ${classes} classes in 64-bit words`,
    remedy: `use at most ${fits} fractional bits`
  })
}

/** Refuses a cross-entropy for a network whose outputs can't be logits. */
const requireFit = (loss: Loss, { layers }: Network): void => {
  if (loss === "squared-error") return
  const { activation, units } = layers[layers.length - 1]!
  if (activation !== "identity")
    throw new InvalidPlan({
      field: `network.layers[${layers.length - 1}].activation`,
      reason: `"${activation}" cannot be used with the loss "${loss}", which has an activation of its own`,
      remedy: 'use "identity" on the output layer'
    })
  if (loss === "softmax" && units < 2)
    throw new InvalidPlan({
      field: "loss",
      reason: "a softmax of one output is always one",
      remedy: 'use "sigmoid", or an output for each class'
    })
  if (loss === "softmax" && units > maximumClasses)
    throw new InvalidPlan({
      field: `network.layers[${layers.length - 1}].units`,
      reason: `a softmax of ${units} classes leaves too few bits for each`,
      remedy: `use at most ${maximumClasses} classes`
    })
}

/** Refuses row weights where labels are opened, each by itself. */
const requireWeighable = ({ network, rowWeights }: TrainingSettings): void => {
  if (rowWeights === undefined || !opensLabels(network)) return
  throw new InvalidPlan({
    field: "rowWeights",
    reason: "rows can't have weights where the output has relu",
    remedy: 'use "identity" on the output layer, or leave the weights out'
  })
}

/** The rate in as many bits as there is room for. */
const roomyRate = (settings: TrainingSettings): Rate => {
  const { learningRate, batch, momentum = 0, schedule = "constant" } = settings
  const scheduled = schedule !== "constant"
  const least = momentum === 0 ? rateBits.least : rateBits.leastWithMomentum
  // Fewer bits are of no use for a rate that they cannot hold.
  const holds = (bits: number) => bits >= least && learningRate < batch * 2 ** (bits - 1)
  let rate = fixedRate(learningRate, batch, rateBits.most, scheduled)
  for (let bits = rateBits.most - 1; holds(bits) && !hasRoom(settings, rate); bits--)
    rate = fixedRate(learningRate, batch, bits, scheduled)
  return rate
}

/**
 * η/b as factor/2^shift: factor has at most `bits` bits, so the error is at most one in 2^bits, and no
 * trailing zeros unless all its bits are wanted. Throws `InvalidPlan` for a rate that is not positive or too large.
 */
export const fixedRate = (
  learningRate: number,
  batch: number,
  bits = rateBits.most,
  allBits = false
): Rate => {
  const wanted = learningRate / batch
  const exponent = Math.floor(Math.log2(wanted))
  let shift = bits - 1 - exponent
  if (!(learningRate > 0) || !Number.isFinite(exponent) || shift < 1)
    throw new InvalidPlan({
      field: "learningRate",
      reason: `${learningRate} is not a positive number below ${batch * 2 ** (bits - 1)}`,
      remedy: "use a rate such as 0.1"
    })
  let factor = Math.round(wanted * 2 ** shift)
  const relativeError = Math.abs(factor / 2 ** shift - wanted) / wanted
  while (!allBits && factor % 2 === 0 && shift > 1) {
    factor /= 2
    shift -= 1
  }
  return { factor, shift, relativeError }
}

/** Bits of what is rescaled in a weight update with ordinary gradients, which row weights multiply and momentum adds up. */
const usedBits = (
  { batch, fractionalBits, momentum = 0, rowWeights }: TrainingSettings,
  { factor }: Rate
): number =>
  productBits(fractionalBits) +
  Math.log2(factor * batch * Math.max(1, rowWeights?.gain ?? 1)) +
  gradientBits -
  Math.log2(1 - momentum)

const hasRoom = (settings: TrainingSettings, rate: Rate): boolean => usedBits(settings, rate) <= magnitudeBits

const shiftFits = ({ fractionalBits }: TrainingSettings, rate: Rate): boolean =>
  updateShift({ fractionalBits, rate }) < magnitudeBits

/** Refuses plans whose weight update could leave the range of the rescale with ordinary gradients. */
const requireRoom = (settings: TrainingSettings, rate: Rate): void => {
  const { batch, learningRate, fractionalBits, momentum = 0, rowWeights } = settings
  if (!hasRoom(settings, rate)) {
    const used = usedBits(settings, rate)
    const fits = Math.floor(fractionalBits - (used - magnitudeBits) / 2)
    throw new InvalidPlan({
      field: "fractionalBits",
      reason: `${fractionalBits} fractional bits leave no room for the gradients of a batch of ${batch} in 64-bit words${momentum > 0 ? ` with a momentum of ${momentum}` : ""}${rowWeights ? `${momentum > 0 ? " and" : " with"} class weights` : ""}`,
      remedy: `use at most ${fits} fractional bits, or a smaller batch${momentum > 0 ? ", or less momentum" : ""}${rowWeights ? ", or smaller weights" : ""}`
    })
  }
  if (!shiftFits(settings, rate))
    throw new InvalidPlan({
      field: "learningRate",
      reason: `${learningRate} over a batch of ${batch} is too small for 64-bit words`,
      remedy: `use at least ${leastRate(settings).toPrecision(3)}, or a smaller batch`
    })
}

/**
 * A rate from which on every rate has room: a little above the least of them that has a factor of ten bits.
 */
const leastRate = ({ batch, fractionalBits }: TrainingSettings): number =>
  1.01 *
  batch *
  2 ** (rateBits.most - 1 - (magnitudeBits - 1 - (productBits(fractionalBits) - fractionalBits)))

/** All that the 32-bit addresses of a cloud's memory reach. */
const memoryBytes = 2 ** 32

/**
 * Throws `InvalidPlan` for a training table that no cloud can open: it has all of it in one memory, and more
 * besides.
 */
export const requireMemory = (
  plan: Pick<TrainingPlan, "network" | "rows" | "validation" | "rowWeights">
): void => {
  const { network, rowWeights } = plan
  const rows = rowsOpened(plan)
  const columns = network.inputs + outputs(network) + (rowWeights ? 1 : 0)
  const bytes = wordBytes * rows * columns
  if (bytes < memoryBytes) return
  throw new InvalidPlan({
    field: "rows",
    reason: `the ${rows} training rows with ${columns} columns, one a label among them, take ${bytes} bytes at a cloud, which has room for ${memoryBytes}`,
    remedy: `use at most ${Math.floor((memoryBytes - 1) / wordBytes / columns)} training rows, less what a step takes, or fewer columns`
  })
}
