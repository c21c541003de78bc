import type { Phase } from "../../actors/party/phases.ts"
import type { LifeEvent } from "../../runtime/processes/supervision.ts"

export interface PredictedAndMeasured {
  readonly predicted: number
  readonly measured: number
}

/** One thing that the scenario expects. */
export interface Expectation {
  /** `accuracy at least 0.95`, for people. */
  readonly what: string
  readonly held: boolean
  /** Why it could not be judged; it did not hold then. */
  readonly reason?: string
}

/** The figures that may be null. */
export type Uncertain = "accuracy" | "referenceAccuracy" | "maxWeightDeviation"

/** Why figures are null, by their names. */
export type Reasons = { readonly [figure in Uncertain]?: string }

export interface RunResult {
  readonly scenario: string
  readonly run: string
  readonly transport: "nats" | "memory"
  readonly modulusBits: number
  /** The seed of a run that is reproducible and not private. */
  readonly seed: number | null
  /** Share of the held-out rows that the decrypted model got right. */
  readonly accuracy: number | null
  readonly tested: { readonly correct: number; readonly total: number } | null
  /** The same of the float64 reference trained the same way. */
  readonly referenceAccuracy: number | null
  /** Greatest difference of a weight to the fixed-point reference, which only a run with a seed has. */
  readonly maxWeightDeviation: number | null
  readonly reasons: Reasons
  /** Why the result is not meaningful; nothing where it is. */
  readonly meaningless: ReadonlyArray<string>
  /** What may spoil the result, as it was foreseen or found. */
  readonly warnings: ReadonlyArray<string>
  readonly rows: { readonly training: number; readonly heldOut: number }
  readonly steps: number
  readonly rounds: PredictedAndMeasured
  readonly bytes: PredictedAndMeasured & { readonly byPhase: Readonly<Record<string, PredictedAndMeasured>> }
  readonly seconds: Readonly<Record<Phase | "total", number>>
  /** The most memory that the process of each actor needed; null where all share one. */
  readonly peakMemoryBytes: Readonly<Record<string, number>> | null
  /** Parties whose process died and came back, and how long each was away. */
  readonly recoveries: ReadonlyArray<{ readonly party: string; readonly seconds: number }>
  /** Faults that were injected, by kind; null where there was no plan of any. */
  readonly faults: Readonly<Record<string, number>> | null
  readonly expectations: ReadonlyArray<Expectation>
  /** Only while the references are trained: the run can be resumed to train them. */
  readonly awaitsReferences?: true
}

/** What a run tells while it goes on; the command line draws it, tests ignore it. */
export interface RunDisplay {
  readonly note: (text: string) => void
  readonly phase: (phase: Phase) => void
  readonly progress: (actor: string, phase: string, done: number, total: number) => void
  /** A process came up, died, or came back. */
  readonly life?: (event: LifeEvent) => void
}
