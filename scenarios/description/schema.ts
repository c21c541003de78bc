/**
 * What a scenario file may say, as a schema: who holds which cells, what is trained on them, how securely,
 * what may be revealed and what is expected. The editors' `scenario.schema.json` is generated from it. A
 * scenario is public: every party knows all of it, so it names files and columns and their ranges but holds
 * no cell and no secret.
 */
import { encodings } from "../../protocol/data/characters.ts"
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

/** The hint for people who want a number predicted. */
const classesOnly = "a label is one of a list of classes, and this version does not predict numbers"

const Label = struct({
  column: exactText("The column that is to be predicted"),
  values: Schema.propertySignature(
    list(
      exactText("A label"),
      2,
      65_536,
      `a list of at least two labels: ${classesOnly}`,
      "All labels the column may have; the k-th is one-hot encoded in output k"
    )
  ).annotations({ missingMessage: () => `is missing; list the labels: ${classesOnly}` })
})

const Data = struct({
  id: defaulted(exactText("The column by which the files are joined; default id"), "id"),
  features: Features,
  label: Label,
  scaleTo: defaulted(
    interval("What the public range of each feature is scaled to before training; default [-1, 1]"),
    [-1, 1]
  )
})

const columnList = (description: string) =>
  list(
    exactText("A column; of numbered columns the name means all, pixel1..pixel9 those from one to another"),
    1,
    Infinity,
    "a list of at least one column",
    description
  )

const Holding = struct({
  file: text(
    "A CSV, Parquet or IDX file, relative to the scenario file; any may be compressed with gzip"
  ).pipe(Schema.filter((file) => fileProblem(file) ?? true, { jsonSchema: {} })),
  encoding: optional(
    oneOf(encodings, "How a CSV file writes its characters; utf-8 when left out. Others have no need of it")
  ),
  columns: optional(
    columnList("The columns held; all features and the label when left out, in an IDX file all that it has")
  ),
  header: optional(
    columnList(
      "The columns of a file that does not name them, in its order; of an IDX file all features when left out, or the label if it has one number a row"
    )
  ),
  rows: optional(
    list(
      exactText("An id"),
      1,
      Infinity,
      "a list of at least one id",
      "The ids of the rows held; every row of the file, or of the part of it, when left out"
    )
  ),
  part: optional(
    struct({
      from: wholeNumber(1, 2 ** 31, "The first row of the file that is held, counted from 1"),
      to: wholeNumber(1, 2 ** 31, "The last row of the file that is held")
    }).annotations({ description: "The part of the file that is held, by the place of its rows" })
  ),
  ids: optional(
    struct({
      prefix: defaulted(Schema.String.annotations({ message: () => "must be a text" }), ""),
      first: defaulted(wholeNumber(0, 2 ** 31, "Number of the file's first row; default 1"), 1)
    }).annotations({
      description:
        "Ids by number, prefix and all, instead of from the id column; what an IDX file gets anyway, without a prefix"
    })
  ),
  heldOut: optional(
    yesOrNo("These rows are kept for the test and never uploaded; needs heldOut: marked. Default false")
  )
}).annotations({ description: "A block of cells: some columns of some rows of a file" })
/**
 * A block of cells that a user holds: `columns` of `rows` of `file`; all of them where left out. Columns are
 * as written.
 */
export type Holding = typeof Holding.Type

const User = struct({
  name: name("Display name of the user"),
  holds: list(
    Holding,
    1,
    Infinity,
    "a list of at least one file",
    "The blocks of cells of the joint table that this user holds"
  )
})
export type User = typeof User.Type

const Network = struct({
  hidden: list(
    wholeNumber(1, 65_536, "Units of a hidden layer"),
    0,
    64,
    "a list of at most 64 whole numbers",
    "Units of each hidden layer (ReLU), from the input on"
  ),
  output: defaulted(
    oneOf(["identity", "relu"], "Activation of the output layer, one unit a label; default identity"),
    "identity"
  ),
  initialVariance: optional(
    value(Schema.Number, (x) => x > 0 && x <= 16, "a number above 0 and up to 16", {
      exclusiveMinimum: 0,
      maximum: 16,
      description:
        "Variance of a first weight times the inputs of its layer; default 2 (He). Less where a high rate diverges, such as 0.33"
    })
  )
})

const Training = struct({
  epochs: wholeNumber(1, 100_000, "Passes over the training rows"),
  batch: wholeNumber(1, 1_048_576, "Rows a step"),
  rate: value(Schema.Number, (x) => x > 0 && x <= 1024, "a number above 0 and up to 1024", {
    exclusiveMinimum: 0,
    maximum: 1024,
    description: "Learning rate of a batch's mean gradient"
  })
})

const Security = struct({
  modulusBits: defaulted(
    oneOf([2048, 3072, 1024, 512], "Bits of the BCP modulus; below 2048 only with insecure: true"),
    2048
  ),
  exponents: defaulted(
    oneOf(
      ["short", "full"],
      "Exponents of keys and ciphertexts: full, or short (512 and 256 bits; assumes that short-exponent discrete logarithms are hard); default short"
    ),
    "short"
  ),
  fractionalBits: defaulted(
    wholeNumber(8, 26, "Bits after the point of a fixed-point number; default 20"),
    20
  ),
  upload: defaulted(
    oneOf(
      ["packed", "hybrid"],
      "Form of the upload: packed, every cell under BCP; hybrid, for bulk: one seed a user under BCP, and the other share as it is, sealed to the second cloud; default packed"
    ),
    "packed"
  ),
  output: defaulted(
    oneOf(
      ["packed", "hybrid"],
      "Form of the sealed model: packed, every weight under the joint key; hybrid, for large models: under AES-128-GCM, whose keys are under the joint key; default packed"
    ),
    "packed"
  ),
  insecure: defaulted(
    yesOrNo("Allows a modulus that can be factored: for tests of the program, never for data"),
    false
  )
})

const workersOf = (whose: string) =>
  defaulted(wholeNumber(0, 64, `Worker processes of ${whose} that are started with it; default 0`), 0)
const threadsOf = (whose: string) =>
  optional(
    wholeNumber(
      1,
      256,
      `Threads for the work of each process of ${whose}; as many as there are cores when left out`
    )
  )

const Placement = struct({
  usersLeaveAfterUpload: defaulted(
    yesOrNo("Users end their process after the upload and come back for the output; default false"),
    false
  ),
  checkpoints: defaulted(
    oneOf(
      ["folder", "jetstream"],
      "Where clouds that are processes keep their checkpoints: in their own folders, or at the broker; default folder"
    ),
    "folder"
  ),
  workers: section(
    struct({ kgc: workersOf("the KGC"), cloud0: workersOf("cloud 0"), cloud1: workersOf("cloud 1") }),
    {}
  ),
  lanes: defaulted(
    wholeNumber(1, 64, "Processes in which each cloud trains, its main process among them; default 1"),
    1
  ),
  threads: section(
    struct({ kgc: threadsOf("the KGC"), cloud0: threadsOf("cloud 0"), cloud1: threadsOf("cloud 1") }),
    {}
  )
})

const Revelation = oneOf(
  ["accuracy", "heldOutRows", "progress"],
  "accuracy: users tell the director how many held-out rows the model got right; heldOutRows: users send the held-out cells, sealed, to the user who holds the labels, who tests there; progress: clouds tell the director the step they are at"
)
/** What may be revealed beyond the model. */
export type Revelation = typeof Revelation.Type

const day = 86_400_000

const Deadlines = struct({
  replyTimeoutMs: defaulted(
    wholeNumber(100, day, "Longest wait for a sign of life of the party a request went to; default 60 s"),
    60_000
  ),
  roundTimeoutMs: defaulted(
    wholeNumber(100, day, "Longest wait of a cloud for the other's message of a round; default 60 s"),
    60_000
  ),
  phaseTimeoutMs: defaulted(wholeNumber(100, 7 * day, "Longest a phase may take; default 1 h"), 3_600_000)
})

const Expectation = struct({
  minAccuracy: optional(share("Least accuracy on the held-out rows")),
  maxAccuracyGap: optional(
    share("Greatest difference to the accuracy of the float64 reference trained the same way")
  ),
  maxWeightDeviation: optional(
    share("Greatest difference of a weight to the fixed-point reference; needs a seed")
  )
})

/** A scenario, each part checked on its own: `decode.ts` checks them against each other. */
export const Whole = struct({
  name: name("Name of the scenario"),
  description: text("What the scenario shows, for people"),
  data: Data,
  users: list(
    User,
    2,
    maxUsers,
    `a list of 2 to ${maxUsers} users`,
    "Who holds what; together they hold every cell exactly once"
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
        "Share of the rows that is never uploaded and serves for testing, default 0.2; or marked: the rows of the files that users mark so"
    }),
    0.2
  ),
  network: Network,
  training: Training,
  security: section(Security, {}),
  seed: optional(
    wholeNumber(
      0,
      Number.MAX_SAFE_INTEGER,
      "Makes the run repeat bit for bit, and not private: weights, batches and rounding follow from it"
    )
  ),
  placement: section(Placement, {}),
  reveal: defaulted(
    list(
      Revelation,
      0,
      Infinity,
      "a list of what may be told",
      "What is told beyond the model; default nothing"
    ),
    []
  ),
  deadlines: section(Deadlines, {}),
  expect: section(Expectation, {}),
  faults: optional(Faults)
})

export type Scenario = typeof Whole.Type

/**
 * The threads that a scenario gives each process of a party; undefined where it leaves them to the machine's
 * cores.
 */
export const threadsFor = ({ threads }: Scenario["placement"], actor: string): number | undefined =>
  actor === "kgc" || actor === "cloud0" || actor === "cloud1" ? threads[actor] : undefined

/** The JSON Schema of scenario files. */
export const scenarioJsonSchema = (): object => jsonSchemaOf("bicameral scenario", Whole)
