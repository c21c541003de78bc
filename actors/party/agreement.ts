/**
 * What all parties of a run share and may all know: the participants, the columns of the joint table, the
 * network, the training and the security parameters. Each party is started with its own copy; the director
 * first checks that all digests agree.
 */
import { createHash } from "node:crypto"
import type { Quorum } from "../../protocol/bcp/threshold.ts"
import { classWeightsOf, gainOf } from "../../protocol/data/class-weights.ts"
import { classesOf, type DataDescription, featureCount, labelCount } from "../../protocol/data/description.ts"
import { validatedRows } from "../../protocol/data/rows.ts"
import { batchFor, epochsFor } from "../../protocol/learning/defaults.ts"
import type { ValidationRows } from "../../protocol/learning/evaluations.ts"
import type { Loss } from "../../protocol/learning/loss.ts"
import { InvalidPlan, type Network } from "../../protocol/learning/network.ts"
import type { OptimiserSettings } from "../../protocol/learning/optimiser.ts"
import {
  type ForwardPlan,
  requireMemory,
  type TrainingPlan,
  trainingPlan
} from "../../protocol/learning/plan.ts"
import { computationVersion } from "../../protocol/version.ts"

export interface Agreement {
  readonly scenario: string
  /** User k, counted from 1, is the actor `user<k>`; the name is for display. */
  readonly users: ReadonlyArray<{ readonly actor: string; readonly name: string }>
  /** The columns of the joint table, with their public ranges and labels. */
  readonly data: DataDescription
  /** How users join their rows: by digests under a salt that all of them have, or under secrets of all of them. */
  readonly join: "salted" | "private"
  /** Fraction of the rows that the users keep for testing, in addition to those they mark. */
  readonly heldOut: number
  /** Fraction of the uploaded rows that are validated on, and not trained on. */
  readonly validation?: number
  readonly network: {
    readonly hidden: ReadonlyArray<number>
    readonly output: "identity" | "relu"
    readonly initialVariance?: number
  }
  readonly training: {
    /** What the clouds train on, if not on shares. */
    readonly on?: "ciphertexts"
    /** By the number of training rows where it is left out, as `batch`. */
    readonly epochs?: number
    readonly batch?: number
    readonly rate: number
    /** Squared error by default. */
    readonly loss?: Loss
    /** The training ends after so many epochs without a smaller loss on the validation rows. */
    readonly stop?: { readonly patience: number }
  } & OptimiserSettings
  readonly security: {
    readonly modulusBits: number
    readonly exponents: "short" | "full"
    readonly fractionalBits: number
    /** The form of the users' shares on their way to the clouds, and of the model on its way to the users. */
    readonly upload: "packed" | "hybrid"
    readonly output: "packed" | "hybrid"
    /** Who makes the correlated randomness of the training. */
    readonly dealing: "kgc" | "clouds" | "kgc-ahead"
    readonly insecure: boolean
  }
  /**
   * Only where fewer than all users decrypt the model: how many, and how long the others wait for those who
   * are absent.
   */
  readonly decryption?: { readonly threshold: number; readonly absenceTimeoutMs: number }
  /** Whether the joint data set outlives the run, with the keys that open it. */
  readonly archive: "keep" | "none"
  /**
   * Only where no user uploads, and the clouds open an archive again: the run in which the users uploaded. Users take
   * part in the output alone.
   */
  readonly reopens?: string
  /** Whether the clouds keep their shares of the model to serve it, and if so, whether the users open it too. */
  readonly model?: "served" | "both"
  /** Only in a run that is reproducible and not private. */
  readonly seed?: number
  readonly reveal: {
    readonly accuracy: boolean
    /** Whether users tell the director their tallies of held-out rows (`protocol/metrics/tally.ts`). */
    readonly metrics?: true
    readonly heldOutRows: boolean
    readonly progress: boolean
    /** Whether users may learn statistics of columns that fewer than three of them hold. */
    readonly columnStatistics?: true
    /** Whether clouds and director learn of each epoch how the model does on the validation rows. */
    readonly curve?: true
  }
  /** The longest wait for a reply, for a round of the clouds, and for a whole phase. */
  readonly deadlines: {
    readonly replyTimeoutMs: number
    readonly roundTimeoutMs: number
    readonly phaseTimeoutMs: number
  }
}

/**
 * Hexadecimal SHA-256 of the agreement, which includes the order of the columns, and of the version of the
 * computation.
 */
export const agreementDigest = (agreement: Agreement): string =>
  createHash("sha256")
    .update(JSON.stringify([computationVersion, agreement]))
    .digest("hex")

/** Whether the data come from an archive, and no user uploads. */
export const reopens = (agreement: Pick<Agreement, "reopens">): boolean => agreement.reopens !== undefined

/** The actors of a run, in the order in which they are started. For an archive that is opened again all keys but the dealer's are there. */
export const actorsOf = (agreement: Agreement): ReadonlyArray<string> => [
  ...(reopens(agreement) && !kgcDeals(agreement) ? [] : ["kgc"]),
  "cloud0",
  "cloud1",
  ...agreement.users.map((user) => user.actor)
]

/** Whether the users test the model on held-out rows. */
export const isTested = ({ reveal }: Pick<Agreement, "reveal">): boolean =>
  reveal.accuracy || reveal.metrics === true

/** Whether everything is a ciphertext at C1 between two exchanges of the training; else the clouds have shares. */
export const trainsOnCiphertexts = ({ training }: Pick<Agreement, "training">): boolean =>
  training.on === "ciphertexts"

/** Whether the users decrypt the model. */
export const opensModel = ({ model }: Pick<Agreement, "model">): boolean => model !== "served"

/** Whether each cloud keeps its share of the model when the run has ended. */
export const servesModel = ({ model }: Pick<Agreement, "model">): boolean => model !== undefined

/** Whether the KGC deals the randomness of the training; else nobody needs it once all have their keys. */
export const kgcDeals = (agreement: Pick<Agreement, "security" | "training">): boolean =>
  agreement.security.dealing !== "clouds" && !trainsOnCiphertexts(agreement)

/** Whether the KGC deals for a model that is served; else the clouds do. */
export const kgcServes = ({ security }: Pick<Agreement, "security">): boolean => security.dealing !== "clouds"

/** The parties whom a run lets go before the clouds train: after the setup, or the KGC that deals ahead once it has dealt. */
export const leaveBeforeTraining = (agreement: Agreement): ReadonlyArray<string> =>
  kgcDeals(agreement) && agreement.security.dealing === "kgc"
    ? []
    : actorsOf(agreement).filter((actor) => actor === "kgc")

/** The loss that the network is trained with. */
export const lossOf = ({ training }: Pick<Agreement, "training">): Loss => training.loss ?? "squared-error"

/** What a forward pass needs to know. */
export const servedPlan = (agreement: Agreement): ForwardPlan => ({
  network: networkOf(agreement),
  fractionalBits: agreement.security.fractionalBits
})

/** How many of how many users decrypt; undefined where all of them do. */
export const quorumOf = ({ decryption, users }: Agreement): Quorum | undefined =>
  decryption && { users: users.length, threshold: decryption.threshold }

/** A user's own name, such as `north` for `user1`; for other parties the name of the actor. */
export const displayName = (agreement: Agreement, actor: string): string =>
  agreement.users.find((user) => user.actor === actor)?.name ?? actor

/** The agreed network: one input per feature, one output per label. */
export const networkOf = ({ data, network }: Agreement): Network => ({
  inputs: featureCount(data),
  layers: [
    ...network.hidden.map((units) => ({ units, activation: "relu" as const })),
    { units: labelCount(data), activation: network.output }
  ],
  ...(network.initialVariance === undefined ? {} : { initialVariance: network.initialVariance })
})

/** Epochs and batch for this number of training rows: those that are agreed on, or the defaults. */
export const sizesFor = (
  { training }: Pick<Agreement, "training">,
  rows: number
): { readonly epochs: number; readonly batch: number } => {
  const { batch = batchFor(rows), epochs = epochsFor(rows, batch) } = training
  return { epochs, batch }
}

/**
 * The training plan for this number of uploaded rows. Throws `InvalidPlan`, which names the field of the
 * scenario.
 */
export const planOf = (agreement: Agreement, uploaded: number): TrainingPlan =>
  inWordsOf(agreement, () => {
    const { on: _on, rate, stop: _stop, ...training } = agreement.training
    const validation = validationOf(agreement, uploaded)
    const rows = trainedRows(agreement, uploaded)
    const weights = classWeightsOf(agreement.data)
    return trainingPlan({
      ...{ ...training, ...sizesFor(agreement, rows), network: networkOf(agreement), learningRate: rate },
      rows,
      ...(validation && { validation }),
      ...(weights && { rowWeights: { gain: gainOf(weights) } }),
      fractionalBits: agreement.security.fractionalBits
    })
  })

/** How many of the uploaded rows are trained on: the first of them. */
export const trainedRows = ({ validation = 0 }: Agreement, uploaded: number): number =>
  uploaded - validatedRows(validation, uploaded)

const validationOf = (
  { data, validation, training: { stop } }: Agreement,
  uploaded: number
): ValidationRows | undefined =>
  validation === undefined
    ? undefined
    : {
        rows: validatedRows(validation, uploaded),
        classes: classesOf(data) !== undefined,
        ...(stop && { patience: stop.patience })
      }

/** The plan of a training of one batch, for what does not depend on how many rows there are. */
export const planOfBatch = ({ validation: _, ...agreement }: Agreement): TrainingPlan =>
  planOf(agreement, agreement.training.batch ?? usualBatch)

const usualBatch = batchFor(1000)

/**
 * The same for rows that are there, at the clouds too. Throws `InvalidPlan` also where no cloud's memory can
 * hold them.
 */
export const feasiblePlan = (agreement: Agreement, rows: number): TrainingPlan => {
  const plan = planOf(agreement, rows)
  inWordsOf(agreement, () => requireMemory(plan))
  return plan
}

/** Where a scenario has the fields of a plan. */
const scenarioFields: ReadonlyMap<string, string> = new Map([
  ["learningRate", "training.rate"],
  ["loss", "training.loss"],
  ["rowWeights", "training.classWeights"],
  ["momentum", "training.momentum"],
  ["weightDecay", "training.weightDecay"],
  ["batch", "training.batch"],
  ["epochs", "training.epochs"],
  ["fractionalBits", "security.fractionalBits"],
  ["rows", "heldOut"],
  ["validation", "validation"],
  ["network.inputs", "data.features"],
  ["network.layers", "network.hidden"]
])

/** An `InvalidPlan` that `evaluate` throws names the scenario's field instead of the plan's. */
const inWordsOf = <A>({ data, network: { hidden } }: Agreement, evaluate: () => A): A => {
  try {
    return evaluate()
  } catch (error) {
    if (!(error instanceof InvalidPlan)) throw error
    const { field, reason, remedy } = error
    const [, layer, of] = /^network\.layers\[(\d+)\]\.(units|activation)$/.exec(field) ?? []
    const ofLayer =
      of === "units" && Number(layer) === hidden.length
        ? classesOf(data) === undefined
          ? "data.label"
          : "data.label.values"
        : of === "units"
          ? `network.hidden[${layer}]`
          : of && "network.output"
    throw new InvalidPlan({ field: ofLayer ?? scenarioFields.get(field) ?? field, reason, remedy })
  }
}

/**
 * The name under which the clouds and the dealer expand their PRG keys: that of the run, so that no mask is
 * used twice; in a reproducible run always the same.
 */
export const computationName = (agreement: Agreement, run: string): string =>
  agreement.seed === undefined ? run : "reproducible"

/**
 * How long a party waits for another within a phase. It is less than the director waits for the phase, so
 * that the run ends with the error that names the missing party.
 */
export const partTimeoutMs = ({ deadlines }: Agreement): number => Math.round(0.8 * deadlines.phaseTimeoutMs)

/**
 * How long a round may take. The first of a session may take longer: the other cloud may still be assembling
 * its table, or handing rows to its lanes, and the time for both grows with the table.
 */
export const roundDeadlines = (agreement: Agreement) => ({
  deadlineMs: agreement.deadlines.roundTimeoutMs,
  firstMs: partTimeoutMs(agreement)
})
