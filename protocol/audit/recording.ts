/**
 * What an audit has of a trial run: what each process opened and each party holds, and every frame that the broker carried.
 * It has all keys and all data, so it is made of trials only, on data that may be seen (`scenarios/audit/`).
 */
import type { DataDescription } from "../data/description.ts"
import type { Statistics, StatisticsNeeded } from "../data/preparation.ts"
import type { TrainingPlan } from "../learning/plan.ts"
import type { Kind } from "../messages/envelope.ts"
import type { Channel } from "../messages/subjects.ts"

/** A message as its receiver opened it, its fragments joined. */
export interface Seen {
  /** The process that opened it, such as `cloud1` or `cloud1.l-3f2a`. */
  readonly process: string
  /** The process that sealed it. */
  readonly from: string
  /** Its address: the process, or a group that the process belongs to. */
  readonly to: string
  readonly channel: Channel
  readonly kind: Kind
  readonly tag: string
  readonly id: string
  readonly number: number
  readonly body: Uint8Array
}

/** A frame as the broker carried it. */
export interface Framed {
  readonly subject: string
  readonly data: Uint8Array
}

/** What the parties agree on, as far as an audit needs it: a part of `Agreement` in actors/party/agreement.ts. */
export interface Agreed {
  readonly users: ReadonlyArray<{ readonly actor: string; readonly name: string }>
  readonly data: DataDescription
  readonly security: {
    readonly modulusBits: number
    readonly exponents: "short" | "full"
    readonly fractionalBits: number
    readonly upload: "packed" | "hybrid"
    readonly output: "packed" | "hybrid"
    /** By the KGC, if it is not said. */
    readonly dealing?: "kgc" | "clouds" | "kgc-ahead"
  }
  /** How many users decrypt, if fewer than all do. */
  readonly decryption?: { readonly threshold: number }
  readonly seed?: number
  readonly reveal: { readonly accuracy: boolean; readonly heldOutRows: boolean; readonly progress: boolean }
}

/** Cells of a user: rows × columns of the joint table. */
export interface HeldCells {
  readonly ids: ReadonlyArray<string>
  /** Joint columns: features in the scenario's order, then labels. */
  readonly columns: ReadonlyArray<number>
  /** Rows of the joint training table, one for each id; empty where the cells are held out. */
  readonly rows: ReadonlyArray<number>
  readonly heldOut: boolean
  /** Encoded cells as fixed-point words, row-major: ids × columns. */
  readonly words: BigUint64Array
}

/** Words of shares that a party holds. */
export interface HeldShare {
  /**
   * Of a user `upload0` and `upload1`: m_i0 and m_i1, of its training cells block by block, each row-major. Of a cloud
   * `weights`: its share of the trained weights, layer by layer, of each the weights and then the biases.
   */
  readonly what: "upload0" | "upload1" | "weights"
  readonly words: BigUint64Array
}

/** What a party holds of its own, whether or not it still has it at the end. */
export interface Held {
  /**
   * Keys and secrets by name. Of every party `identity` (X25519) and `root`; of a user `secretKey` (sk_i), `keyShare` (with a threshold), `salt` or `join` (its secret of a private join), `share`
   * (the seed of its pad) and `randomizers`, and where columns have statistics `mask secret for user2` for each other user; of C0 `p`, `q`, `prgKey` (k_0) and `weights` (the key of its initial weights);
   * of C1 `prgKey` (k_1) and `weights`; of the KGC `p`, `q`, where it deals `dealer0` (k_0) and `dealer1` (k_1), `order`, and
   * `secretKey of user1` and `keyShare of user1` for each user. Integers are big-endian.
   */
  readonly secrets: ReadonlyMap<string, Uint8Array>
  /** In the order of the user's upload; held-out cells last. */
  readonly cells: ReadonlyArray<HeldCells>
  readonly shares: ReadonlyArray<HeldShare>
  /** Of a user, where columns have statistics: its sums of both passes, in the order of the layouts. */
  readonly sums?: HeldSums
}

/** Sums in units of 2^−256, and counts. */
export interface HeldSums {
  readonly 1: ReadonlyArray<bigint>
  readonly 2: ReadonlyArray<bigint>
}

/** The joint statistics of a run. */
export interface JointStatistics {
  readonly needed: StatisticsNeeded
  readonly found: Statistics
  /** SHA-256 of what each user declares, in the order of the users. */
  readonly declared: ReadonlyArray<Uint8Array>
}

/** Whether rounds of a phase are of a dealing by the clouds, and not of the training. */
export const isDealing = (phase: string): boolean => /^deal\d*(\.|$)/.test(phase)

export interface Recording {
  readonly agreement: Agreed
  /** The training that was agreed on, for the number of training rows that the users declared. */
  readonly plan: TrainingPlan
  readonly run: string
  /** The name under which PRG keys are expanded: the run's, or that of all reproducible runs. */
  readonly computation: string
  /** By process, in the order in which messages arrived at it. */
  readonly seen: ReadonlyMap<string, ReadonlyArray<Seen>>
  readonly frames: ReadonlyArray<Framed>
  /** By party. */
  readonly held: ReadonlyMap<string, Held>
  /** Where columns have any, and the run got as far as to find them. */
  readonly statistics?: JointStatistics
}

/** What a coalition learns beyond its claim, or what is wrong with a frame or a pad. */
export interface Finding {
  /** Who works together, such as `cloud0` or `cloud1 with user2`. */
  readonly coalition: string
  /** What came out. */
  readonly what: string
  /** The message: its tag, sender and receiver; or the frame. */
  readonly where: string
  readonly remedy?: string
}
