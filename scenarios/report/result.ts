/** The result of a run, as `result.json` holds it, and what a run shows meanwhile. */
import { type Phase, phases } from "../../actors/party/phases.ts"
import { Schema } from "../../protocol/schema.ts"
import type { LifeEvent } from "../../runtime/processes/supervision.ts"
import { jsonSchemaOf } from "../description/json-schema.ts"
import { revealable } from "../description/schema.ts"
import { Figures } from "./figures.ts"

/** A figure that may be missing: null, with its reason under `reasons`. */
const figure = (description: string) => Schema.NullOr(Schema.Number).annotations({ description })
const left = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })
const texts = (description: string) => Schema.Array(Schema.String).annotations({ description })

const PredictedAndMeasured = Schema.Struct({ predicted: Schema.Number, measured: Schema.Number })
export type PredictedAndMeasured = typeof PredictedAndMeasured.Type

const Expectation = Schema.Struct({
  what: Schema.String.annotations({ description: "What is expected, such as: accuracy at least 0.95" }),
  held: Schema.Boolean,
  reason: left(
    Schema.String.annotations({ description: "Why it was not judged, in which case it did not hold" })
  )
})
/** One thing that the scenario expects. */
export type Expectation = typeof Expectation.Type

const Reasons = Schema.Struct({
  accuracy: left(Schema.String),
  referenceAccuracy: left(Schema.String),
  maxWeightDeviation: left(Schema.String)
})
/** Why figures are null, by their names. */
export type Reasons = typeof Reasons.Type

/** The figures that may be null. */
export type Uncertain = keyof Reasons

const Alone = Schema.Struct({
  user: Schema.String,
  rows: Schema.Number.annotations({ description: "Training rows that it holds whole" }),
  accuracy: left(Schema.Number),
  balancedAccuracy: left(
    Schema.Number.annotations({ description: "Mean recall of the classes that have rows" })
  ),
  r2: left(Schema.Number.annotations({ description: "Mean over the numbers that are predicted" })),
  reason: left(Schema.String.annotations({ description: "Why there is no figure" }))
})
/** What an owner gets without the others. */
export type Alone = typeof Alone.Type

const Openers = Schema.Struct({
  threshold: Schema.Number.annotations({ description: "How many users it takes to decrypt the model" }),
  opened: texts("The users that decrypted it, by their own names"),
  absent: Schema.Array(
    Schema.Struct({
      user: Schema.String,
      reason: Schema.String.annotations({ description: "Why the model was opened without it" })
    })
  ).annotations({ description: "The users that did not: the others stood in for their part" }),
  rejected: texts("Users whose partial decryptions did not hold at one of the others")
}).annotations({
  description: "Who decrypted the model; only in a run with decryption.threshold below the number of users"
})

const Epoch = Schema.Struct({
  loss: Schema.Number.annotations({
    description:
      "Squared error of the outputs, summed over them, in the mean of the rows; of classes the Brier score"
  }),
  accuracy: left(
    Schema.Number.annotations({ description: "Of classes, the fraction of the rows that are right" })
  )
})
const epochs = (description: string) => Schema.Array(Epoch).annotations({ description })

const ValidationCurve = Schema.Struct({
  rows: Schema.Number.annotations({ description: "How many rows were validated on" }),
  epochs: epochs("How the model did on them after each epoch"),
  best: Schema.Number.annotations({ description: "The epoch with the smallest loss, from 1" }),
  stopped: Schema.Boolean.annotations({
    description: "Whether the training ended before its last epoch, since the loss no longer fell"
  }),
  reference: left(epochs("How the fixed-point reference did, if it was trained: the same to the bit"))
}).annotations({ description: "The course of the training on validation rows; only where curve is revealed" })
/** How the model did on validation rows. */
export type ValidationCurve = typeof ValidationCurve.Type

const RunResult = Schema.Struct({
  scenario: Schema.String,
  run: Schema.String,
  transport: Schema.Literal("nats", "memory"),
  modulusBits: Schema.Number,
  seed: figure("The seed of a run that is reproducible and not private"),
  users: left(
    Schema.Array(Schema.Struct({ actor: Schema.String, name: Schema.String })).annotations({
      description: "The users, by the names of their parties and their own"
    })
  ),
  revealed: left(
    Schema.Array(Schema.Literal(...revealable)).annotations({
      description: "What the scenario reveals beyond the model"
    })
  ),
  accuracy: figure("Fraction of the held-out rows that the decrypted model got right"),
  tested: Schema.NullOr(Schema.Struct({ correct: Schema.Number, total: Schema.Number })).annotations({
    description: "Held-out rows that the decrypted model got right, of all that were tested"
  }),
  referenceAccuracy: figure("The same fraction for the float64 reference trained the same way"),
  maxWeightDeviation: figure(
    "Maximum difference of a weight to the fixed-point reference, which only a run with a seed has"
  ),
  metrics: left(
    Figures.annotations({
      description: "All figures of the tested rows; only if the scenario reveals metrics"
    })
  ),
  referenceMetrics: left(
    Figures.annotations({
      description:
        "The same for the float64 reference, on all held-out rows; absent where referenceAccuracy has a reason"
    })
  ),
  alone: left(
    Schema.Array(Alone).annotations({
      description:
        "What each owner gets alone: the same network, trained in float64 on its own training rows for as many epochs, tested on all held-out rows. To be compared with referenceMetrics"
    })
  ),
  reasons: Reasons.annotations({ description: "Why figures are null, by their names" }),
  meaningless: texts("Why the result is not meaningful; empty where it is"),
  warnings: texts("What may spoil the result, as it was foreseen or found"),
  rows: Schema.Struct({
    training: Schema.Number,
    validation: left(Schema.Number.annotations({ description: "Rows that were validated on, if any" })),
    heldOut: Schema.Number
  }),
  classWeights: left(
    Schema.Array(Schema.Struct({ label: Schema.String, weight: Schema.Number })).annotations({
      description: "By how much a row of each class counted in the training; only with class weights"
    })
  ),
  curve: left(ValidationCurve),
  steps: Schema.Number,
  rounds: PredictedAndMeasured,
  bytes: Schema.Struct({
    ...PredictedAndMeasured.fields,
    byPhase: Schema.Record({ key: Schema.String, value: PredictedAndMeasured }),
    byLink: left(
      Schema.Array(Schema.Struct({ link: Schema.String, ...PredictedAndMeasured.fields })).annotations({
        description: "Between which kinds of parties"
      })
    )
  }),
  received: left(
    Schema.Record({
      key: Schema.String,
      value: Schema.Struct({ messages: Schema.Number, bytes: Schema.Number })
    }).annotations({ description: "What the other parties say that they sent each party" })
  ),
  seconds: Schema.Record({ key: Schema.Literal(...phases, "total"), value: Schema.Number }),
  peakMemoryBytes: Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Number })).annotations({
    description: "Peak memory of each actor's process; null where all share one"
  }),
  predictedMemoryBytes: left(Schema.Record({ key: Schema.String, value: Schema.Number })).annotations({
    description: "What was predicted of that for the clouds; only where they deal for themselves"
  }),
  kept: Schema.Record({ key: Schema.String, value: Schema.Array(Schema.String) }).annotations({
    description: "What each actor still has once all that no result needs is erased, in words"
  }),
  recoveries: Schema.Array(Schema.Struct({ party: Schema.String, seconds: Schema.Number })).annotations({
    description: "Parties whose process died and came back, and how long each was away"
  }),
  faults: Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Number })).annotations({
    description: "How many faults were injected, by kind; null where the run had no fault plan"
  }),
  openers: left(Openers),
  expectations: Schema.Array(Expectation),
  awaitsReferences: left(
    Schema.Literal(true).annotations({
      description: "Only while the references are trained: the run can be resumed to train them"
    })
  )
})
export type RunResult = typeof RunResult.Type

/** Reads a result. Unknown keys are errors. */
export const decodeResult = Schema.decodeUnknownEither(RunResult, {
  errors: "all",
  onExcessProperty: "error"
})

/** The JSON Schema of `result.json`. */
export const resultJsonSchema = (): object => jsonSchemaOf("bicameral result", RunResult)

/** What a run shows while it continues; the command line draws it, tests ignore it. */
export interface RunDisplay {
  readonly note: (text: string) => void
  readonly phase: (phase: Phase) => void
  readonly progress: (actor: string, phase: string, done: number, total: number) => void
  /** A process came up, died, or came back. */
  readonly life?: (event: LifeEvent) => void
}
