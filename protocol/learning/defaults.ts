/**
 * The settings that a scenario leaves out, chosen by the size of its table and by its loss. They are what did best over
 * ordinary tables of 100 to 60,000 rows (`npm run bench -- defaults`).
 */
import type { Loss } from "./loss.ts"

/** The batch for so many training rows. Of large tables larger ones: a step costs little more, and an epoch less. */
export const batchFor = (rows: number): number =>
  rows < largeTable ? Math.max(1, Math.min(smallBatch, rows)) : largeBatch

const largeTable = 10_000
const smallBatch = 32
const largeBatch = 128

/** Epochs that come to about 1,000 steps, but at least 10 and at most 100. */
export const epochsFor = (rows: number, batch: number): number => {
  const stepsPerEpoch = Math.max(1, Math.floor(rows / batch))
  return Math.min(mostEpochs, Math.max(leastEpochs, Math.ceil(usualSteps / stepsPerEpoch)))
}

const usualSteps = 1000
const leastEpochs = 10
const mostEpochs = 100

/** Units of the one hidden layer. */
export const hiddenFor = (inputs: number): ReadonlyArray<number> => [inputs <= fewInputs ? 32 : 128]

const fewInputs = 100

/** Momentum: of cross-entropies, and of numbers to predict; squared error of classes is as in the paper. */
export const momentumFor = (loss: Loss, areClasses: boolean): number =>
  loss === "squared-error" && areClasses ? 0 : 0.9

/** The rate that acts as much, with a momentum, as these do without one. */
export const rateFor = (loss: Loss, areClasses: boolean, momentum: number): number => {
  const acting = loss === "squared-error" && areClasses ? 0.03 : 0.3
  return Number((acting * (1 - momentum)).toPrecision(2))
}

/**
 * Weight decay: numbers are followed too closely without it. None with the squared error of classes, nor with a rate so high
 * that a step would take a quarter of a weight.
 */
export const weightDecayFor = (loss: Loss, areClasses: boolean, rate: number): number => {
  const decay = areClasses ? (loss === "squared-error" ? 0 : 0.001) : 0.01
  return rate * decay < 0.25 ? decay : 0
}
