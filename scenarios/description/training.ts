/** How long and how fast a network is trained, as a scenario says it. */
import type { Agreement } from "../../actors/party/agreement.ts"
import { losses } from "../../protocol/learning/loss.ts"
import { mostMomentum } from "../../protocol/learning/optimiser.ts"
import { Schema } from "../../protocol/schema.ts"
import { numberHint, withHint } from "../text/hints.ts"
import { defaulted, oneOf, optional, struct, value, wholeNumber } from "./fields.ts"

const momentumByDefault = 0.9

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
  epochs: wholeNumber(1, 100_000, "Passes over the training rows"),
  batch: wholeNumber(1, 1_048_576, "Rows in a step. Rows that do not fill a batch are left out of the epoch"),
  rate: value(Schema.Number, (x) => x > 0 && x <= 1024, "a number above 0 and up to 1024", {
    exclusiveMinimum: 0,
    maximum: 1024,
    description:
      "Learning rate, applied to the mean gradient of a batch. It is rounded to a fraction over a power of two; check prints the error"
  }),
  loss: defaulted(
    oneOf(
      losses,
      "What is made small: softmax, the cross-entropy of one class a row; sigmoid, that of each output by itself; or squared-error, as in the paper, and for numbers; default squared-error"
    ),
    "squared-error"
  ),
  momentum: optional(
    value(Schema.Number, (x) => x >= 0 && x <= mostMomentum, `a number from 0 to ${mostMomentum}`, {
      minimum: 0,
      maximum: mostMomentum,
      description: `Share of the last update that is added to the next, which makes a rate act 1/(1 − momentum) times as much; ${momentumByDefault} when left out with a softmax or sigmoid, 0 with squared-error`
    })
  ),
  weightDecay: defaulted(
    value(Schema.Number, (x) => x >= 0 && x <= 1, "a number from 0 to 1", {
      minimum: 0,
      maximum: 1,
      description:
        "By what part of itself, times the rate, each step makes a weight smaller (L2 penalty), biases apart; default 0"
    }),
    0
  ),
  schedule: defaulted(Schedule, "constant"),
  stop: optional(
    struct({
      patience: wholeNumber(1, 100_000, "Epochs without a smaller loss on the validation rows")
    }).annotations({
      description:
        "Ends the training after so many epochs without a smaller loss on the validation rows; the model is that of the epoch with the smallest. epochs is the most there are. Needs validation"
    })
  )
}).annotations({ description: "How long and how fast the network is trained" })

/** What the parties agree on, which is silent about what a training has not. */
export const agreedTraining = ({
  epochs,
  batch,
  rate,
  loss,
  momentum = loss === "squared-error" ? 0 : momentumByDefault,
  weightDecay,
  schedule,
  stop
}: typeof Training.Type): Agreement["training"] => ({
  ...{ epochs, batch, rate, loss },
  ...(momentum === 0 ? {} : { momentum }),
  ...(weightDecay === 0 ? {} : { weightDecay }),
  ...(schedule === "constant" ? {} : { schedule }),
  ...(stop && { stop })
})
