/**
 * What the members of a process group, workers and lanes on any machine, ask their main process. They have the
 * party's identity, so that the channels between them keep what jobs carry, at C0 the master key, from the broker.
 */
import { deserialize, serialize } from "node:v8"
import { Duration, Effect, Option } from "effect"
import { Traffic } from "../../protocol/messages/control.ts"
import { ask, Bytes, Count } from "../../protocol/messages/message.ts"
import { actorOf } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { computationVersion } from "../../protocol/version.ts"
import { type AskOptions, Party } from "../../runtime/messaging/contract.ts"
import type { WorkLimits } from "../../runtime/messaging/limits.ts"
import type { Agreement } from "../party/agreement.ts"
import { Directory } from "../party/directory.ts"
import { ownReport } from "../party/lifecycle.ts"

/** k_0, k_1 and the public key of the batch order, 16 bytes each. */
const PrgKeys = Schema.Struct({ key0: Bytes, key1: Bytes, orderKey: Bytes })
export type PrgKeys = typeof PrgKeys.Type

/** Public keys of parties, by actor. */
const Keys = Schema.Array(Schema.Struct({ actor: Schema.String, key: Bytes }))

/**
 * A member's first request. The reply is the agreement, as JSON, the public keys of the parties, and at the KGC the keys that
 * dealing needs.
 */
export const Admission = ask(
  "Admission",
  Schema.Struct({ version: Count }),
  Schema.Struct({
    agreement: Schema.String,
    keys: Keys,
    dealing: Schema.optionalWith(PrgKeys, { exact: true })
  })
)

/** Number of rows of the run's training matrix: the number first named, by whichever request. */
export type RowsOfRun<E, R> = (named: number) => Effect.Effect<number, E, R>

/**
 * A worker of the KGC names a number of training rows. The reply is the number that the run deals for: see
 * `RowsOfRun`.
 */
export const TrainingRows = ask(
  "TrainingRows",
  Schema.Struct({ named: Count }),
  Schema.Struct({ rows: Count })
)

/**
 * A request for work. The reply has no task if none came up for a while, and `over` if there will be no more.
 */
export const Take = ask(
  "Take",
  Schema.Struct({}),
  Schema.Struct({
    over: Schema.Boolean,
    task: Schema.optionalWith(Schema.Struct({ lease: Schema.String, job: Schema.String, input: Bytes }), {
      exact: true
    })
  })
)

const Failure = Schema.Struct({ _tag: Schema.String, message: Schema.String, retryable: Schema.Boolean })

/** The result of a job: its output, or how it failed. */
export const Give = ask(
  "Give",
  Schema.Struct({
    lease: Schema.String,
    result: Schema.Union(Schema.Struct({ output: Bytes }), Schema.Struct({ failure: Failure }))
  }),
  Schema.Struct({})
)

/**
 * A member is alive and can run this many jobs at once; with what it has sent and the most memory that it
 * needed.
 */
export const Alive = ask(
  "Alive",
  Schema.Struct({
    places: Count,
    report: Schema.Struct({ sent: Schema.Array(Traffic), peakMemoryBytes: Count })
  }),
  Schema.Struct({ over: Schema.Boolean })
)

/** Inputs and outputs of jobs: plain values, byte arrays and big integers. */
export const packed = (value: unknown): Uint8Array => new Uint8Array(serialize(value))
export const unpacked = (bytes: Uint8Array): unknown => deserialize(bytes)

/** Reports to the main process that this member is alive, until the main process releases it. */
export const attending = (places: number, { aliveEveryMs, patienceMs }: WorkLimits) =>
  Effect.gen(function* () {
    const party = yield* Party
    const main = actorOf(party.name)
    const alive = Effect.gen(function* () {
      const report = yield* ownReport
      const { over } = yield* party.ask(main, Alive, { places, report }, { deadlineMs: patienceMs })
      if (!over) yield* Effect.sleep(Duration.millis(aliveEveryMs))
      return over
    })
    yield* Effect.repeat(alive, { until: (over) => over })
  })

/** Asks to be admitted to the group, and learns from the reply whom to take for whom. */
export const admission = (options: AskOptions) =>
  Effect.gen(function* () {
    const party = yield* Party
    const admitted = yield* party.ask(
      actorOf(party.name),
      Admission,
      { version: computationVersion },
      options
    )
    const agreement = JSON.parse(admitted.agreement) as Agreement
    const directory = yield* Effect.serviceOption(Directory)
    if (Option.isSome(directory))
      directory.value.learn({
        agreement,
        keys: new Map(admitted.keys.map(({ actor, key }) => [actor, key]))
      })
    return { agreement, dealing: admitted.dealing }
  })
