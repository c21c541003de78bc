/**
 * What a scenario file may say, as a schema: who holds which cells, what is trained on them, how securely,
 * what may be revealed and what is expected. The editors' `scenario.schema.json` is generated from it
 * (`json-schema.ts`). A scenario is public: every party knows all of it, so it names files and columns and
 * their ranges but holds no cell and no secret.
 */
import type { Agreement } from "../../actors/party/agreement.ts"
import { isLikeSecret, publicIdentity, publicTextLength } from "../../protocol/channels/identity.ts"
import { encodings } from "../../protocol/data/characters.ts"
import type { DataDescription } from "../../protocol/data/description.ts"
import {
  commentSigns,
  contradiction,
  decimalMarks,
  quoteMarks,
  separators,
  thousandsMarks
} from "../../protocol/data/dialect.ts"
import { maxUsers } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { numberHint, withHint } from "../text/hints.ts"
import { fileProblem } from "./data-path.ts"
import { Faults } from "./faults.ts"
import { Features } from "./features.ts"
import {
  defaulted,
  exactText,
  interval,
  list,
  name,
  oneOf,
  optional,
  section,
  share,
  struct,
  text,
  value,
  wholeNumber,
  yesOrNo
} from "./fields.ts"
import { jsonSchemaOf } from "./json-schema.ts"
import { Label } from "./label.ts"
import { type completedTraining, Training } from "./training.ts"

const Data = struct({
  id: defaulted(exactText("The column by which the files are joined; every file has it. Default id"), "id"),
  features: Features,
  label: Label,
  scale: optional(
    oneOf(
      ["range", "standard"],
      "range: numbers are scaled by their public ranges, which all must have; standard: by mean and deviation, which the users find together, also where there is a range. By range where there is one when left out"
    )
  ),
  scaleTo: defaulted(
    interval("The interval to which ranges are scaled before training; default [-1, 1]"),
    [-1, 1]
  ),
  missing: optional(
    list(
      Schema.String.annotations({ message: () => "must be a text", description: "A text" }),
      0,
      1_000,
      "a list of texts",
      "The texts that mark a missing cell, in place of the usual ones, such as nothing, NA, NaN, NULL and ?"
    )
  ),
  fill: optional(
    oneOf(
      ["mean", "none"],
      "What stands in for missing cells of features that do not say so themselves: the mean of numbers and the mode of categories; or nothing, so that they are errors, as when left out"
    )
  )
}).annotations({ description: "The joint table: its id column, features and label" })

const columnList = (description: string) =>
  list(
    exactText(
      "A column. The name of numbered columns means all of them; pixel1..pixel9 means a range of them"
    ),
    1,
    Infinity,
    "a list of at least one column",
    description
  )

const oneOfKeys = <K extends string>(marks: Readonly<Record<K, string>>, description: string) =>
  oneOf(Object.keys(marks) as [K, ...ReadonlyArray<K>], description)

export const Dialect = struct({
  separator: optional(
    oneOfKeys(separators, "What separates the fields of a row; a run of spaces is one separator")
  ),
  decimal: optional(oneOfKeys(decimalMarks, "The decimal mark of numbers")),
  thousands: optional(
    oneOfKeys(
      thousandsMarks,
      "What parts the thousands of a number. A space may be a no-break space, an apostrophe a typographic one"
    )
  ),
  quote: optional(oneOfKeys(quoteMarks, "The quotes around fields, within which they are doubled")),
  comment: optional(oneOfKeys(commentSigns, "How a line begins that is a comment: #, % or //")),
  header: optional(
    yesOrNo(
      "Whether the file has a line of names; true unless header lists them. With header, true replaces the file's names"
    )
  )
})
  .pipe(Schema.filter((dialect) => contradiction(dialect) ?? true, { jsonSchema: {} }))
  .annotations({
    description: "How a CSV file is written; what is left out is found out from its first rows"
  })

const Holding = struct({
  file: text(
    "A CSV, Parquet or IDX file in the folder of the scenario file or below it, or in one of BICAMERAL_DATA_ROOT; it may be compressed with gzip"
  ).pipe(Schema.filter((file) => fileProblem(file) ?? true, { jsonSchema: {} })),
  encoding: optional(
    oneOf(
      encodings,
      "Character encoding of a CSV file; when left out, utf-8, or utf-16 where the first bytes show it. Parquet and IDX files need none"
    )
  ),
  dialect: optional(Dialect),
  columns: optional(
    columnList("The columns held; when left out, all features and the label, or all columns of an IDX file")
  ),
  header: optional(
    columnList(
      "Names of the columns of a file without a header line, in file order. When left out, an IDX file holds all features, or the label if it has one number a row"
    )
  ),
  rows: optional(
    list(
      exactText("An id"),
      1,
      Infinity,
      "a list of at least one id",
      "Ids of the rows held, as texts; when left out, every row of the file or of its part"
    )
  ),
  part: optional(
    struct({
      from: wholeNumber(1, 2 ** 31, "The first row held, counted from 1"),
      to: wholeNumber(1, 2 ** 31, "The last row held")
    }).annotations({ description: "The part of the file that is held, by row position" })
  ),
  ids: optional(
    struct({
      prefix: defaulted(
        Schema.String.annotations({ message: () => "must be a text", description: "Text before the number" }),
        ""
      ),
      first: defaulted(wholeNumber(0, 2 ** 31, "Number of the first row; default 1"), 1)
    }).annotations({
      description:
        "Number the rows, with a prefix, instead of reading the id column. The rows of an IDX file are always numbered"
    })
  ),
  heldOut: optional(
    yesOrNo("Keep these rows for the test and never upload them; needs heldOut: marked. Default false")
  )
}).annotations({ description: "A block of cells: some columns of some rows of a file" })
/**
 * A block of cells that a user holds: `columns` of `rows` of `file`; all of them where left out. Columns are
 * as written.
 */
export type Holding = typeof Holding.Type

const identity = value(
  Schema.String,
  (written) => publicIdentity(written) !== undefined,
  `a public text of ${publicTextLength} characters, as bicameral identity prints it`,
  {
    pattern: "^[A-Za-z0-9_-]{43}\\.U[A-Z2-7]{55}$",
    description: "Public text of the party's identity, as bicameral identity prints it"
  },
  (written) =>
    typeof written === "string" && isLikeSecret(written)
      ? "this is the party's secret: take it out, and make another, since whoever has read the scenario knows it"
      : undefined
)

const User = struct({
  name: name("Name of the user. The k-th user is the actor userk, such as user1"),
  identity: optional(identity),
  holds: list(Holding, 1, Infinity, "a list of at least one file", "The blocks of cells that this user holds")
})
export type User = typeof User.Type

const Parties = struct({
  kgc: optional(identity),
  cloud0: optional(identity),
  cloud1: optional(identity),
  director: optional(identity)
}).annotations({
  description:
    "Identities of the parties other than the users; needed where each party runs on its own (docs/how-to/deploy.md)"
})

const Network = struct({
  hidden: optional(
    list(
      wholeNumber(1, 65_536, "Units of a hidden layer"),
      0,
      64,
      "a list of at most 64 whole numbers",
      "Units of each hidden layer (ReLU), from the input on; [] for none. When left out, [32] up to 100 inputs, [128] above"
    )
  ),
  output: defaulted(
    oneOf(
      ["identity", "relu"],
      "Activation of the output layer, which has one unit a label; default identity"
    ),
    "identity"
  ),
  initialVariance: optional(
    value(Schema.Number, (x) => x > 0 && x <= 16, "a number above 0 and up to 16", {
      exclusiveMinimum: 0,
      maximum: 16,
      description:
        "Variance of an initial weight times the inputs of its layer; 2 when left out (He). Use less, such as 0.33, where a high rate diverges"
    })
  )
}).annotations({ description: "The layers of the network" })

const Security = struct({
  modulusBits: defaulted(
    oneOf([2048, 3072, 1024, 512], "Bits of the BCP modulus; below 2048 only with insecure: true"),
    2048
  ),
  exponents: defaulted(
    oneOf(
      ["short", "full"],
      "full: as in the paper; short: 512 bits for keys and 256 for encryption, which is faster and assumes that short-exponent discrete logarithms are hard; default short"
    ),
    "short"
  ),
  fractionalBits: defaulted(wholeNumber(8, 26, "Fractional bits of a fixed-point number; default 20"), 20),
  upload: defaulted(
    oneOf(
      ["packed", "hybrid"],
      "packed: every cell is encrypted under BCP; hybrid, for large tables: one seed a user under BCP, and the other share sealed to cloud 1; default packed"
    ),
    "packed"
  ),
  output: defaulted(
    oneOf(
      ["packed", "hybrid"],
      "packed: every weight is under the joint key; hybrid, for large models: each share is under AES-128-GCM, and the AES keys are under the joint key; default packed"
    ),
    "packed"
  ),
  dealing: defaulted(
    oneOf(
      ["kgc", "clouds", "kgc-ahead"],
      "Who makes the correlated randomness of the training, and when. kgc: the KGC deals it, and must be there to the end of the training; clouds: the two clouds make it between themselves, which takes longer, and the KGC leaves after the setup; kgc-ahead: the KGC deals all of it before the training, cloud 1 stores it on its disk, and the KGC leaves; default kgc"
    ),
    "kgc"
  ),
  insecure: defaulted(
    yesOrNo("Allow a modulus that can be factored: for tests of the program, never for data; default false"),
    false
  )
}).annotations({ description: "Parameters of the cryptography, and the forms of upload and output" })

const Decryption = struct({
  threshold: optional(
    value(
      Schema.Number,
      (x) => Number.isSafeInteger(x) && x >= 2 && x <= maxUsers,
      `a whole number from 2 to the number of users, at most ${maxUsers}`,
      {
        type: "integer",
        minimum: 2,
        maximum: maxUsers,
        description:
          "How many users decrypt the model; all of them when left out. With fewer, a run ends without those who are absent at the output, and any so many users who collude can open, with what cloud 1 holds, the data of all"
      },
      (actual) =>
        actual === 1
          ? "one user alone, with what cloud 1 holds, could open the data of all"
          : numberHint(actual)
    )
  )
}).annotations({ description: "Which users it takes to decrypt what is under the joint key" })

const workersOf = (whose: string) =>
  defaulted(wholeNumber(0, 64, `Worker processes of ${whose}; default 0`), 0)
const threadsOf = (whose: string) =>
  optional(
    wholeNumber(1, 256, `Worker threads in each process of ${whose}; the number of cores when left out`)
  )

const Placement = struct({
  usersLeaveAfterUpload: defaulted(
    yesOrNo("Users end their processes after the upload and return for the output; default false"),
    false
  ),
  checkpoints: defaulted(
    oneOf(
      ["folder", "jetstream"],
      "Where the clouds keep checkpoints in a run over NATS: folder, their own folders; jetstream, a bucket of each at the broker; default folder"
    ),
    "folder"
  ),
  workers: section(
    struct({
      kgc: workersOf("the KGC"),
      cloud0: workersOf("cloud 0"),
      cloud1: workersOf("cloud 1")
    }).annotations({ description: "Worker processes that start with a party" }),
    {}
  ),
  lanes: defaulted(
    wholeNumber(
      1,
      64,
      "Processes in which each cloud trains, the leader included (a file of hosts lists the others only); default 1"
    ),
    1
  ),
  threads: section(
    struct({
      kgc: threadsOf("the KGC"),
      cloud0: threadsOf("cloud 0"),
      cloud1: threadsOf("cloud 1")
    }).annotations({ description: "Worker threads of a party's processes" }),
    {}
  )
}).annotations({
  description: "How many processes and threads the parties have, and where checkpoints are kept"
})

export const revealable = [
  "accuracy",
  "metrics",
  "heldOutRows",
  "progress",
  "column-statistics",
  "curve"
] as const

const Revelation = oneOf(
  revealable,
  "accuracy: users tell the director how many held-out rows the model got right; metrics: users tell the director counts of held-out rows by class, prediction and score, or sums of numbers and errors, from which all usual figures follow, accuracy included; heldOutRows: users send the held-out cells, sealed, to the user who holds the labels, who tests there; progress: clouds tell the director the step they are at; column-statistics: users learn means, deviations and counts of values of columns that fewer than three users hold, and so what is another's; curve: clouds and director learn after each epoch the loss on the validation rows, and of classes how many of these rows are right"
)
/** What may be revealed beyond the model. */
export type Revelation = typeof Revelation.Type

const day = 86_400_000

const Deadlines = struct({
  replyTimeoutMs: defaulted(
    wholeNumber(
      100,
      day,
      "Longest wait for an answer, or a sign of life, from the receiver of a request; default 60 s"
    ),
    60_000
  ),
  roundTimeoutMs: defaulted(
    wholeNumber(100, day, "Longest wait of a cloud for the other cloud's part of a round; default 60 s"),
    60_000
  ),
  phaseTimeoutMs: defaulted(wholeNumber(100, 7 * day, "Longest duration of a phase; default 1 h"), 3_600_000),
  absenceTimeoutMs: optional(
    wholeNumber(
      100,
      day,
      "With decryption.threshold: longest wait for a user at the output, before the others open the model without it; 5 min, or half of phaseTimeoutMs if that is less, when left out"
    )
  )
}).annotations({ description: "How long parties wait" })

const Expectation = struct({
  minAccuracy: optional(share("Minimum accuracy on the held-out rows; needs accuracy or metrics in reveal")),
  maxAccuracyGap: optional(
    share(
      "Maximum difference from the accuracy of the float64 reference trained the same way; needs accuracy or metrics in reveal"
    )
  ),
  maxWeightDeviation: optional(
    share("Maximum difference of a weight from the fixed-point reference; needs a seed")
  )
}).annotations({ description: "What the result must fulfil; anything else ends in exit status 1" })

/** A scenario, each part checked on its own: `decode.ts` checks them against each other. */
export const Whole = struct({
  name: name("Name of the scenario, and of its out folder"),
  description: optional(text("What the scenario shows, for people")),
  data: Data,
  users: list(
    User,
    2,
    maxUsers,
    `a list of 2 to ${maxUsers} users`,
    "The data owners; together they hold every cell exactly once"
  ),
  parties: optional(Parties),
  join: defaulted(
    oneOf(
      ["salted", "private"],
      "salted: users compare their ids by digests under a salt that all of them have, so that each can test ids that it guesses; private: by digests under secrets of all of them, which takes about a twentieth of a millisecond for each id and user; default salted"
    ),
    "salted"
  ),
  heldOut: defaulted(
    Schema.Union(
      Schema.Number.pipe(
        Schema.filter((x) => x >= 0 && x < 1, { jsonSchema: { minimum: 0, exclusiveMaximum: 1 } })
      ),
      Schema.Literal("marked")
    ).annotations({
      message: ({ actual }) => ({
        message: withHint(
          "must be a number from 0 up to, but not including, 1; or marked, for the rows of files marked so",
          numberHint(actual)
        ),
        override: true
      }),
      description:
        "Fraction of the rows that is never uploaded and serves for the test; or marked: the rows of the holdings with heldOut: true; default 0.2"
    }),
    0.2
  ),
  validation: defaulted(
    value(Schema.Number, (x) => x >= 0 && x < 1, "a number from 0 up to, but not including, 1", {
      minimum: 0,
      exclusiveMaximum: 1,
      description:
        "Fraction of the rows that are not held out on which the clouds evaluate the model after each epoch, and do not train: for reveal: [curve], and for training.stop; default 0"
    }),
    0
  ),
  network: section(Network, {}),
  training: section(Training, {}),
  security: section(Security, {}),
  decryption: section(Decryption, {}),
  seed: optional(
    wholeNumber(
      0,
      Number.MAX_SAFE_INTEGER,
      "Makes the run reproducible bit for bit, and not private: weights, batches and masks follow from it"
    )
  ),
  placement: section(Placement, {}),
  reveal: defaulted(
    list(
      Revelation,
      0,
      Infinity,
      "a list of what may be revealed",
      "What may be revealed beyond the model; default nothing"
    ),
    []
  ),
  archive: defaulted(
    oneOf(
      ["keep", "none"],
      "keep: when the run has ended, the joint data set at cloud 1 stays, with the keys that open it (the master key at cloud 0, the users' secret keys), to be used again without uploading; none: these are erased too; default keep"
    ),
    "keep"
  ),
  model: defaulted(
    oneOf(
      ["opened", "served", "both"],
      "opened: the users decrypt the model together, and the clouds keep nothing of it; served: nobody ever opens it, and each cloud keeps its share, to answer who asks (`bicameral serve`); both; default opened"
    ),
    "opened"
  ),
  deadlines: section(Deadlines, {}),
  expect: section(Expectation, {}),
  faults: optional(Faults)
})

/** A scenario as it is written. */
export type WrittenScenario = typeof Whole.Type

/** A scenario of which all is said that follows from its other parts. */
export interface Scenario extends Omit<WrittenScenario, "data" | "network" | "training"> {
  readonly data: DataDescription
  readonly network: Agreement["network"]
  readonly training: ReturnType<typeof completedTraining>
}

/**
 * The threads that a scenario gives each process of a party; undefined where it leaves them to the machine's
 * cores.
 */
export const threadsFor = ({ threads }: Scenario["placement"], actor: string): number | undefined =>
  actor === "kgc" || actor === "cloud0" || actor === "cloud1" ? threads[actor] : undefined

/** The JSON Schema of scenario files. */
export const scenarioJsonSchema = (): object => jsonSchemaOf("bicameral scenario", Whole)
