/**
 * What all parties of a run have in common and may all know: who takes part, which columns the joint table has, the
 * network, the training and the security parameters. Each party is started with its own copy; the director asks
 * everybody whether the digests agree before anything else happens.
 */
import { createHash } from "node:crypto"
import { type DataDescription, featureCount } from "../../protocol/data/encoding.ts"
import { InvalidPlan, type Network } from "../../protocol/learning/network.ts"
import { requireMemory, type TrainingPlan, trainingPlan } from "../../protocol/learning/plan.ts"
import { computationVersion } from "../../protocol/version.ts"

export interface Agreement {
  readonly scenario: string
  /** User k is the actor `user<k>`, counted from 1; the name is for people. */
  readonly users: ReadonlyArray<{ readonly actor: string; readonly name: string }>
  /** The columns of the joint table, with their public ranges and labels. */
  readonly data: DataDescription
  /** Share of the rows that the users keep for testing, beside those that they mark. */
  readonly heldOut: number
  readonly network: {
    readonly hidden: ReadonlyArray<number>
    readonly output: "identity" | "relu"
    readonly initialVariance?: number
  }
  readonly training: { readonly epochs: number; readonly batch: number; readonly rate: number }
  readonly security: {
    readonly modulusBits: number
    readonly exponents: "short" | "full"
    readonly fractionalBits: number
    /** Form of the users' shares on their way to the clouds, and of the model on its way to the users. */
    readonly upload: "packed" | "hybrid"
    readonly output: "packed" | "hybrid"
    readonly insecure: boolean
  }
  /** Present only in a run that is reproducible and not private. */
  readonly seed?: number
  readonly reveal: { readonly accuracy: boolean; readonly heldOutRows: boolean; readonly progress: boolean }
  /** How long one reply, one round of the clouds and one whole phase may take. */
  readonly deadlines: {
    readonly replyTimeoutMs: number
    readonly roundTimeoutMs: number
    readonly phaseTimeoutMs: number
  }
}

/** Hexadecimal SHA-256 of the agreement and of how it is computed. The order of its columns is part of it. */
export const agreementDigest = (agreement: Agreement): string =>
  createHash("sha256")
    .update(JSON.stringify([computationVersion, agreement]))
    .digest("hex")

/** The actors of a run, in the order in which they are started. */
export const actorsOf = (agreement: Agreement): ReadonlyArray<string> => [
  "kgc",
  "cloud0",
  "cloud1",
  ...agreement.users.map((user) => user.actor)
]

/** `north` for `user1`; the actor's own name for everybody else. */
export const displayName = (agreement: Agreement, actor: string): string =>
  agreement.users.find((user) => user.actor === actor)?.name ?? actor

/** The network that the agreement asks for: one input a feature, one output a label. */
export const networkOf = ({ data, network }: Agreement): Network => ({
  inputs: featureCount(data),
  layers: [
    ...network.hidden.map((units) => ({ units, activation: "relu" as const })),
    { units: data.label.values.length, activation: network.output }
  ],
  ...(network.initialVariance === undefined ? {} : { initialVariance: network.initialVariance })
})

/** The training plan for so many training rows. Throws `InvalidPlan`, which names the field of the scenario. */
export const planOf = (agreement: Agreement, rows: number): TrainingPlan =>
  inWordsOf(agreement, () =>
    trainingPlan({
      network: networkOf(agreement),
      rows,
      batch: agreement.training.batch,
      epochs: agreement.training.epochs,
      learningRate: agreement.training.rate,
      fractionalBits: agreement.security.fractionalBits
    })
  )

/** The same for rows that are there, at the clouds too. Throws `InvalidPlan` also where no cloud's memory can hold them. */
export const feasiblePlan = (agreement: Agreement, rows: number): TrainingPlan => {
  const plan = planOf(agreement, rows)
  inWordsOf(agreement, () => requireMemory(plan))
  return plan
}

/** Where a scenario has the fields of a plan. */
const scenarioFields: ReadonlyMap<string, string> = new Map([
  ["learningRate", "training.rate"],
  ["batch", "training.batch"],
  ["epochs", "training.epochs"],
  ["fractionalBits", "security.fractionalBits"],
  ["rows", "heldOut"],
  ["network.inputs", "data.features"],
  ["network.layers", "network.hidden"]
])

/** An `InvalidPlan` that `evaluate` throws names the scenario's field instead of the plan's. */
const inWordsOf = <A>({ network: { hidden } }: Agreement, evaluate: () => A): A => {
  try {
    return evaluate()
  } catch (error) {
    if (!(error instanceof InvalidPlan)) throw error
    const { field, reason, remedy } = error
    const [, layer, of] = /^network\.layers\[(\d+)\]\.(units|activation)$/.exec(field) ?? []
    const ofLayer =
      of === "units" && Number(layer) === hidden.length
        ? "data.label.values"
        : of === "units"
          ? `network.hidden[${layer}]`
          : of && "network.output"
    throw new InvalidPlan({ field: ofLayer ?? scenarioFields.get(field) ?? field, reason, remedy })
  }
}

/**
 * The name under which the clouds and the dealer expand their PRG keys: the run's own, so that no mask ever serves twice;
 * in a reproducible run always the same.
 */
export const computationName = (agreement: Agreement, run: string): string =>
  agreement.seed === undefined ? run : "reproducible"

/**
 * How long a party waits for another within a phase: less than the director waits for the phase, so that the error that
 * ends the run is the one that knows who was waited for.
 */
export const partTimeoutMs = ({ deadlines }: Agreement): number => Math.round(0.8 * deadlines.phaseTimeoutMs)

/**
 * How long rounds may stay out. Before the first of a session the other may still put its table together, or give lanes their rows, which takes
 * as long as the table is large.
 */
export const roundDeadlines = (agreement: Agreement) => ({
  deadlineMs: agreement.deadlines.roundTimeoutMs,
  firstMs: partTimeoutMs(agreement)
})
