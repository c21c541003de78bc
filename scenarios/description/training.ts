/** How long and how fast a network is trained, as a scenario says it. */
import type { Agreement } from "../../actors/party/agreement.ts"
import { momentumFor, rateFor, weightDecayFor } from "../../protocol/learning/defaults.ts"
import { losses } from "../../protocol/learning/loss.ts"
import { mostMomentum } from "../../protocol/learning/optimiser.ts"
import { Schema } from "../../protocol/schema.ts"
import { numberHint, withHint } from "../text/hints.ts"
import { ClassWeights } from "./class-weights.ts"
import { defaulted, oneOf, optional, struct, value, wholeNumber } from "./fields.ts"

const Falling = struct({
  factor: value(Schema.Number, (x) => x > 0 && x < 1, "a number between 0 and 1", {
    exclusiveMinimum: 0,
    exclusiveMaximum: 1,
    description: "By what the rate is multiplied each time"
  }),
  everyEpochs: wholeNumber(1, 100_000, "Epochs from one time to the next")
})

const Schedule = Schema.Union(
  oneOf(["constant", "cosine"], "The rate as it is, or falling along half a cosine"),
  Falling
).annotations({
  message: ({ actual }) => ({
    message: withHint(
      "must be constant, cosine, or a section with the fields factor (between 0 and 1) and everyEpochs (1 to 100000)",
      typeof actual === "number" ? numberHint(actual) : undefined
    ),
    override: true
  }),
  description:
    "How the rate falls, step by step: constant; cosine: from rate to nearly 0, along half a cosine; or { factor, everyEpochs }: times the factor, every so many epochs; default constant"
})

export const Training = struct({
  on: defaulted(
    oneOf(
      ["shares", "ciphertexts"],
      "What the clouds train on. shares: each has a share of every number; ciphertexts, as in the paper: the weights are ciphertexts under the joint key at cloud 1, cloud 0 helps, and the KGC leaves after the setup; for small networks, since a step takes seconds; default shares"
    ),
    "shares"
  ),
  epochs: optional(
    wholeNumber(
      1,
      100_000,
      "Passes over the training rows; as many as come to 1000 steps, but 10 to 100, when left out"
    )
  ),
  batch: optional(
    wholeNumber(
      1,
      1_048_576,
      "Rows in a step; those that do not fill a batch are left out of the epoch. 32, or 128 from 10000 training rows on, when left out"
    )
  ),
  rate: optional(
    value(Schema.Number, (x) => x > 0 && x <= 1024, "a number above 0 and up to 1024", {
      exclusiveMinimum: 0,
      maximum: 1024,
      description:
        "Learning rate, applied to the mean gradient of a batch. It is rounded to a fraction over a power of two; check prints the error. When left out, times (1 − momentum): 0.3, and 0.03 with the squared error of classes"
    })
  ),
  loss: optional(
    oneOf(
      losses,
      "What is made small: softmax, the cross-entropy of one class a row; sigmoid, that of each output by itself; or squared-error, as in the paper, and for numbers. When left out, softmax for classes, and squared-error for numbers, an output with relu, or on ciphertexts, where it is the only one"
    )
  ),
  momentum: optional(
    value(Schema.Number, (x) => x >= 0 && x <= mostMomentum, `a number from 0 to ${mostMomentum}`, {
      minimum: 0,
      maximum: mostMomentum,
      description: `Share of the last update that is added to the next, which makes a rate act 1/(1 − momentum) times as much; 0.9 when left out, 0 with the squared error of classes`
    })
  ),
  weightDecay: optional(
    value(Schema.Number, (x) => x >= 0 && x <= 1, "a number from 0 to 1", {
      minimum: 0,
      maximum: 1,
      description:
        "By what part of itself, times the rate, each step makes a weight smaller (L2 penalty), biases apart; when left out, 0.001 with a softmax or sigmoid, 0.01 for numbers, and 0 with the squared error of classes"
    })
  ),
  schedule: defaulted(Schedule, "constant"),
  classWeights: optional(ClassWeights),
  stop: optional(
    struct({
      patience: wholeNumber(1, 100_000, "Epochs without a smaller loss on the validation rows")
    }).annotations({
      description:
        "Ends the training after so many epochs without a smaller loss on the validation rows; the model is that of the epoch with the smallest. epochs is the most there are. Needs validation"
    })
  )
}).annotations({ description: "How long and how fast the network is trained" })

/** A training as it is written, with its defaults but for those that depend on the number of rows. */
export const completedTraining = (
  { loss: given, momentum: own, on, rate, weightDecay, ...rest }: typeof Training.Type,
  areClasses: boolean,
  output: "identity" | "relu"
) => {
  const bySoftmax = areClasses && output === "identity" && on === "shares"
  const loss = given ?? (bySoftmax ? "softmax" : "squared-error")
  const momentum = own ?? momentumFor(loss, areClasses)
  const high = rate ?? rateFor(loss, areClasses, momentum)
  return {
    on,
    ...rest,
    loss,
    momentum,
    rate: high,
    weightDecay: weightDecay ?? weightDecayFor(loss, areClasses, high)
  }
}

/** What the parties agree on, which is silent about what a training has not. */
export const agreedTraining = ({
  on,
  momentum,
  weightDecay,
  schedule,
  stop,
  classWeights: _,
  ...rest
}: ReturnType<typeof completedTraining>): Agreement["training"] => ({
  ...rest,
  ...(on === "shares" ? {} : { on }),
  ...(momentum === 0 ? {} : { momentum }),
  ...(weightDecay === 0 ? {} : { weightDecay }),
  ...(schedule === "constant" ? {} : { schedule }),
  ...(stop && { stop })
})
