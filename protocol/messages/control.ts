/**
 * The director's messages to the parties: begin, run a phase, report, erase, finish. The director knows the scenario
 * and holds no secret; replies carry sizes and, if the scenario reveals it, what came of the test on held-out rows.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, Count, tell } from "./message.ts"

const Nothing = Schema.Struct({})
/**
 * Is the party up, and was it started with the same scenario? The digest is that of the agreement
 * (`actors/party/agreement.ts`).
 */
export const Begin = ask("Begin", Schema.Struct({ agreement: Schema.String }), Nothing)

/** To every party but the KGC: enrol with the KGC. */
export const Enrol = ask("Enrol", Nothing, Nothing)

/** To a user: agree on the rows with the other users and upload both shares. */
export const Upload = ask("Upload", Nothing, Schema.Struct({ rows: Count, words: Count, ciphertexts: Count }))

/**
 * To a cloud: bring the shares of all users under the joint key, or back from the archive. The reply says how many rows
 * the joint table has.
 */
export const Transform = ask("Transform", Nothing, Schema.Struct({ rows: Count, ciphertexts: Count }))

/**
 * What both clouds are told of a model on the validation rows: the sum of squared errors in units of the last place,
 * and of classes how many rows are right.
 */
const Evaluated = Schema.Struct({
  error: Schema.Number,
  right: Schema.optionalWith(Schema.Number, { exact: true })
})
export const EvaluatedEpochs = Schema.Array(Evaluated)

/**
 * To a cloud: train. `rounds` counts the exchanges with the other cloud, including the opening of the data
 * set. The curve is that of the epochs, if there are validation rows.
 */
export const Train = ask(
  "Train",
  Nothing,
  Schema.Struct({
    steps: Count,
    rounds: Count,
    curve: Schema.optionalWith(EvaluatedEpochs, { exact: true })
  })
)

/**
 * To C1, where the KGC deals ahead: fetch the corrections of all steps and store them. To both clouds, where they deal for
 * themselves and are to do so before the training: deal them, and C1 stores them.
 */
export const DealAhead = ask("DealAhead", Nothing, Nothing)

/** To a cloud: encrypt the model under the joint key. */
export const SealModel = ask("SealModel", Nothing, Schema.Struct({ ciphertexts: Count }))

/**
 * To a user, where fewer than all decrypt the model: is it there, with the same agreement, and has it what it
 * takes to take part? A user that lost what it had stored has not.
 */
export const RollCall = ask(
  "RollCall",
  Schema.Struct({ agreement: Schema.String }),
  Schema.Struct({ able: Schema.Boolean })
)

const Users = Schema.Array(Schema.String)

/**
 * What a user found on held-out rows: how many, how many of them the model got right where the label has classes, and their
 * tally (`protocol/metrics/tally.ts`: u32 and float64, little-endian) if the scenario reveals it.
 */
export const TestedOnWire = Schema.Struct({
  correct: Schema.optionalWith(Count, { exact: true }),
  total: Count,
  tally: Schema.optionalWith(Schema.Struct({ counts: Bytes, sums: Bytes }), { exact: true })
})

/**
 * To a user: decrypt the model together with the other users, and test it on the held-out rows. Where fewer
 * than all decrypt it, `among` are the users that are there, and `rejected` those whose partial decryptions
 * this user has rejected.
 */
export const OpenModel = ask(
  "OpenModel",
  Schema.Struct({ among: Schema.optionalWith(Users, { exact: true }) }),
  Schema.Struct({
    tested: Schema.optionalWith(TestedOnWire, { exact: true }),
    rejected: Schema.optionalWith(Users, { exact: true })
  })
)

/** How much an actor sent, by message and peer; bytes are those on the wire, envelope included. */
export const Traffic = Schema.Struct({
  peer: Schema.String,
  tag: Schema.String,
  messages: Count,
  bytes: Count
})

/** What the actor has sent, and the peak memory of its process. */
export const Report = ask(
  "Report",
  Nothing,
  Schema.Struct({ sent: Schema.Array(Traffic), peakMemoryBytes: Count })
)

/**
 * The run has its results: erase what none of them needs. The reply says which kinds of entries were erased, and
 * in words what stays: in the party's folder as it is, and under its state key.
 */
export const Erase = ask(
  "Erase",
  Nothing,
  Schema.Struct({
    erased: Schema.Array(Schema.String),
    kept: Schema.Array(Schema.String),
    sealed: Schema.Array(Schema.String)
  })
)

/** The actor replies, then ends. */
export const Finish = ask("Finish", Nothing, Nothing)

/** How far a phase has progressed: all that the director hears between the replies. */
export const Progress = tell("Progress", Schema.Struct({ phase: Schema.String, done: Count, total: Count }))
