/**
 * What each party, and each coalition that is considered, may learn: the claims of SECURITY.md as data. The table there is
 * generated from `claims`; the audit holds what a coalition's views and keys give away against `mayKnow`.
 */

/** What the audit looks for, in words. Each is of a party, of a user, or of the whole run. */
export const factKinds = {
  cells: "cells to train on",
  heldOut: "held-out cells",
  ids: "row ids",
  digests: "digests of row ids",
  salt: "the salt of the row ids",
  join: "the secret to which it raises row ids",
  share0: "cloud 0's shares of cells",
  share1: "cloud 1's shares of cells",
  seed: "the seed of the shares",
  randomizers: "the key of the ciphertexts' randomness",
  secretKey: "the secret key",
  keyShare: "the share of the joint key",
  factors: "the master key",
  k0: "cloud 0's PRG key k_0",
  k1: "cloud 1's PRG key k_1",
  corrections: "the corrections for cloud 1",
  initial: "the key of the initial weights",
  weights: "the trained weights",
  weights0: "cloud 0's share of the trained weights",
  weights1: "cloud 1's share of the trained weights",
  sums: "its sums of columns",
  maskSecret: "the secrets of the masks of sums",
  statistics: "joint means, deviations and counts",
  root: "the root of its secrets",
  identity: "the identity"
} as const
export type FactKind = keyof typeof factKinds

export type PartyKind = "kgc" | "cloud0" | "cloud1" | "user" | "director" | "broker"

/** Where a permission holds, if not in every run. */
export type Condition =
  | "hybrid upload"
  | "hybrid output"
  | "salted join"
  | "tests on pooled rows"
  | "dealing by the KGC"

/**
 * What a party may know: of itself, of every user, of the pairs of users that it is in, or of the run, which all have in
 * common.
 */
export interface Permission {
  readonly kinds: ReadonlyArray<FactKind>
  readonly of: "itself" | "users" | "pairs" | "run"
  readonly where?: Condition
}

const itself: Permission = { kinds: ["root", "identity", "initial"], of: "itself" }

/**
 * What follows from the protocol for each party. A coalition may know what its members may, and what follows from that
 * together (`consequences`).
 */
export const mayKnow: Readonly<Record<PartyKind, ReadonlyArray<Permission>>> = {
  kgc: [
    itself,
    { kinds: ["factors"], of: "run" },
    { kinds: ["k0", "k1", "corrections"], of: "run", where: "dealing by the KGC" },
    { kinds: ["secretKey", "keyShare"], of: "users" }
  ],
  cloud0: [
    itself,
    { kinds: ["factors", "k0", "weights0"], of: "run" },
    { kinds: ["share0"], of: "users" },
    { kinds: ["seed"], of: "users", where: "hybrid upload" }
  ],
  cloud1: [
    itself,
    { kinds: ["k1", "corrections", "weights1"], of: "run" },
    { kinds: ["share1"], of: "users" }
  ],
  user: [
    itself,
    {
      kinds: [
        ...(["cells", "heldOut", "ids", "join", "sums"] as const),
        ...(["share0", "share1", "seed", "randomizers", "secretKey", "keyShare"] as const)
      ],
      of: "itself"
    },
    { kinds: ["salt", "weights", "statistics"], of: "run" },
    { kinds: ["maskSecret"], of: "pairs" },
    { kinds: ["weights0", "weights1"], of: "run", where: "hybrid output" },
    // A party that has the salt can test ids that it guesses.
    { kinds: ["digests"], of: "users" },
    { kinds: ["ids"], of: "users", where: "salted join" },
    { kinds: ["heldOut"], of: "users", where: "tests on pooled rows" }
  ],
  director: [itself],
  broker: []
}

/**
 * What follows from what is known already. `user` stands for the same user on both sides; `last user` for one user where
 * it follows, and all others where it follows from.
 */
export interface Consequence {
  readonly of: "user" | "last user" | "run"
  readonly from: ReadonlyArray<FactKind>
  readonly follows: FactKind
}

export const consequences: ReadonlyArray<Consequence> = [
  { of: "user", from: ["seed"], follows: "share0" },
  { of: "user", from: ["share0", "share1"], follows: "cells" },
  { of: "user", from: ["cells", "share0"], follows: "share1" },
  { of: "user", from: ["cells", "share1"], follows: "share0" },
  { of: "run", from: ["weights0", "weights1"], follows: "weights" },
  { of: "run", from: ["weights", "weights0"], follows: "weights1" },
  { of: "run", from: ["weights", "weights1"], follows: "weights0" },
  // A joint sum, less those of all others.
  { of: "last user", from: ["statistics", "sums"], follows: "sums" },
  // Every id that can be guessed is found among the digests.
  { of: "user", from: ["salt", "digests"], follows: "ids" }
]

/** The coalitions that an audit looks at; parts of a coalition come before it. */
export const coalitionKinds = [
  "broker",
  "kgc",
  "cloud0",
  "cloud1",
  "user",
  "director",
  "kgc with the broker",
  "kgc with cloud0",
  "cloud0 with a user",
  "cloud1 with a user",
  "all users but one"
] as const
export type CoalitionKind = (typeof coalitionKinds)[number]

/** A line of the table in SECURITY.md. */
export interface Claim {
  readonly who: string
  readonly learns: string
  /** Tests and commands that show it. */
  readonly shownBy: ReadonlyArray<string>
  /** The coalitions by whose views an audit holds a run against the claim. */
  readonly audited?: ReadonlyArray<CoalitionKind>
}

const audit = "test/audit/scenarios.sweep.ts"
const dealing = "test/audit/dealing.sweep.ts"

export const claims: ReadonlyArray<Claim> = [
  {
    who: "the broker, and any reader of its traffic",
    learns: "sizes, times, who writes to whom",
    shownBy: ["test/actors/privacy.live.test.ts", audit],
    audited: ["broker"]
  },
  {
    who: "a broker that drops, changes, repeats and forges messages",
    learns: "the same; it can stop a run, and not change its model",
    shownBy: [
      "test/attacks/a2-active-broker.test.ts",
      "test/attacks/a9-second-connection.test.ts",
      "npm run fuzz"
    ]
  },
  {
    who: "the KGC, also one that reads or runs the broker",
    learns: "the number of rows, the scenario; with `training.stop`, when the training ended",
    shownBy: ["test/attacks/a1-passive-kgc.test.ts", audit],
    audited: ["kgc", "kgc with the broker"]
  },
  {
    who: "a party that answers in the KGC's name",
    learns: "nothing",
    shownBy: ["test/attacks/a5-forged-keys.test.ts"]
  },
  {
    who: "cloud 0",
    learns:
      "who holds which cells, by index; with `reveal: curve`, after each epoch the squared error on the validation rows, and of classes how many are right",
    shownBy: ["test/actors/frequency.test.ts", "test/actors/privacy.live.test.ts", audit],
    audited: ["cloud0"]
  },
  { who: "cloud 1", learns: "the same", shownBy: ["the same"], audited: ["cloud1"] },
  {
    who: "cloud 0 together with a user",
    learns: "what either learns, and no other user's cells or key",
    shownBy: [audit],
    audited: ["cloud0 with a user"]
  },
  {
    who: "cloud 1 together with a user",
    learns: "what either learns, and no other user's cells or key",
    shownBy: ["test/attacks/a4-foreign-powers.live.test.ts", audit],
    audited: ["cloud1 with a user"]
  },
  {
    who: "cloud 1 that does not follow the protocol in the transformation, also together with a user",
    learns: "its own shares, and what that user could open",
    shownBy: ["test/attacks/a3-no-oracle.test.ts"]
  },
  {
    who: "cloud 1 together with a user, when the model is opened",
    learns: "the model, as that user does; no other user's key",
    shownBy: ["test/attacks/a4-foreign-powers.live.test.ts"]
  },
  {
    who: "a user",
    learns:
      "the model; which row ids it shares with others; with `reveal: heldOutRows`, a user that holds labels: the others' cells of the rows that are kept for the test; joint counts, means and deviations of the columns that need them, and with `reveal: column-statistics` what follows from them where fewer than three users hold a column",
    shownBy: ["test/actors/privacy.live.test.ts", "test/actors/users/statistics.test.ts", audit],
    audited: ["user"]
  },
  {
    who: "a user that guesses row ids",
    learns:
      "with `join: salted`, whether any other user has them; with `join: private`, that of as many as it declares rows and commits to before it learns anything",
    shownBy: ["test/actors/users/private-join.test.ts"]
  },
  {
    who: "a user that sends different users different sums of columns",
    learns: "nothing of their sums; the run ends",
    shownBy: ["test/actors/users/statistics.test.ts"]
  },
  {
    who: "fewer users than the threshold",
    learns: "the model where they open it with others; nothing of the joint key",
    shownBy: ["test/protocol/bcp/threshold.test.ts", "test/actors/threshold.live.test.ts"]
  },
  {
    who: "all users but one",
    learns:
      "the same, and no cell of the one that is trained on; its sums of columns that have joint statistics",
    shownBy: [audit],
    audited: ["all users but one"]
  },
  {
    who: "the director",
    learns:
      "sizes, and what the scenario reveals: with `reveal: metrics`, of each user's held-out rows, counts by label, prediction and score, or sums of numbers and errors",
    shownBy: ["test/actors/privacy.live.test.ts", audit],
    audited: ["director"]
  },
  {
    who: "a user that changes its partial decryption",
    learns: "the model; its name is known to the others, who do not open",
    shownBy: ["test/attacks/a6-partial-decryptions.live.test.ts"]
  },
  {
    who: "cloud 1, from an upload that was interrupted and is resumed with other data",
    learns: "nothing beyond the upload",
    shownBy: ["test/attacks/a7-one-pad.test.ts"]
  },
  {
    who: "a holder of old copies of the parties' folders, after the run and without a state key",
    learns: "what lies there in the clear: sizes, the encrypted archive, a user's model",
    shownBy: ["test/attacks/a8-old-backup.live.test.ts"]
  },
  {
    who: "cloud 1 that does not follow the protocol when an archive is opened again",
    learns: "its own shares",
    shownBy: ["test/actors/again.live.test.ts"]
  },
  {
    who: "both clouds' folders, after a user has been withdrawn",
    learns:
      "no cell of that user; copies made before, and models trained on its cells, are outside the claim",
    shownBy: ["test/scenarios/run/again.live.test.ts"]
  },
  {
    who: "a thief of an identity, after the run",
    learns: "nothing of the run",
    shownBy: ["test/protocol/channels/noise.test.ts"]
  },
  {
    who: "a cloud, of a model that is served",
    learns: "who asks, when and how many rows; nothing of the rows, the outputs and the model",
    shownBy: ["test/protocol/serving/forward.test.ts"]
  },
  {
    who: "an asker of a served model",
    learns:
      "the outputs for the rows that it asks, and what of the model follows from these; nothing of another's",
    shownBy: ["test/actors/serving.test.ts"]
  },
  {
    who: "an asker that not all users have admitted",
    learns: "nothing",
    shownBy: ["test/actors/serving.test.ts", "test/protocol/serving/admission.test.ts"]
  },
  {
    who: "the KGC with cloud 0, where the clouds deal",
    learns: "what either learns, and no user's cells",
    shownBy: [dealing],
    audited: ["kgc with cloud0"]
  },
  {
    who: "the KGC with cloud 1, where the clouds deal",
    learns:
      "everything, from what cloud 1 keeps under the joint key: uploads and model; nothing from the messages of the training and of the dealing",
    shownBy: [dealing]
  },
  {
    who: "both clouds; the KGC with either cloud, where it deals; cloud 1 with all users, or with as many as the threshold",
    learns: "everything",
    shownBy: ["by design"]
  },
  { who: "the host of a party", learns: "what the party knows", shownBy: ["by design"] }
]
