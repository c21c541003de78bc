/**
 * How the main process of a party puts members to work. A worker asks to be admitted and is told what it needs; then it pulls: it wishes for a
 * job, does it, gives what came of it, and says in between that it is alive. A job of one that falls silent goes back to the
 * front of the queue, and its first result counts. All of it goes under the house key, because the jobs of C0 carry the master key.
 */
import { randomBytes } from "node:crypto"
import { deserialize, serialize } from "node:v8"
import { Data, Deferred, Duration, Effect, Option } from "effect"
import { Traffic } from "../../protocol/messages/control.ts"
import { Bytes, Count } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { computationVersion } from "../../protocol/version.ts"
import { type Handler, Party } from "../../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../../runtime/messaging/limits.ts"
import { awakeMillis } from "../../runtime/processes/awake.ts"
import { JobFailed, type JobQueue, type JobRequest, type Taken } from "../../runtime/work/pool.ts"
import type { PrgKeys, RowsOfRun } from "../kgc/dealing.ts"
import type { Agreement } from "../party/agreement.ts"
import { BcpQueue } from "../party/bcp-pool.ts"
import { House, type HouseHandler, houseAsk, onHouse } from "./process-group.ts"

/** A member's first request. The reply has the agreement, as JSON, and at the KGC the keys that dealing follows from. */
export const Admission = houseAsk(
  "Admission",
  Schema.Struct({ version: Count }),
  Schema.Struct({
    agreement: Schema.String,
    dealing: Schema.optionalWith(Schema.Struct({ key0: Bytes, key1: Bytes, orderKey: Bytes }), {
      exact: true
    })
  })
)

/** A worker of the KGC asks for how many training rows the run deals: for so many, unless others were named before. */
export const TrainingRows = houseAsk(
  "TrainingRows",
  Schema.Struct({ named: Count }),
  Schema.Struct({ rows: Count })
)

/** A wish for a job. The reply has none when there was none for a while, and `over` when there will be none any more. */
export const Take = houseAsk(
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

/** What came of a job: its output, or how it failed. */
export const Give = houseAsk(
  "Give",
  Schema.Struct({
    lease: Schema.String,
    result: Schema.Union(Schema.Struct({ output: Bytes }), Schema.Struct({ failure: Failure }))
  }),
  Schema.Struct({})
)

/** What a member tells of itself: what it has sent, and the most memory that it had. */
const MemberReport = Schema.Struct({ sent: Schema.Array(Traffic), peakMemoryBytes: Count })
type MemberReport = typeof MemberReport.Type

/** A worker is there, and can be at so many jobs at a time. */
export const Alive = houseAsk(
  "Alive",
  Schema.Struct({ places: Count, report: MemberReport }),
  Schema.Struct({ over: Schema.Boolean })
)

/** Inputs and outputs of jobs: plain values, byte arrays and big integers. */
export const packed = (value: unknown): Uint8Array => new Uint8Array(serialize(value))
export const unpacked = (bytes: Uint8Array): unknown => deserialize(bytes)

/** A member of another version: it would make other words of the same keys. */
export class OtherVersion extends Data.TaggedError("OtherVersion")<{ readonly member: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.member} computes as another version of bicameral does; start all processes of a party with the same`
  }
}

/** There are more places at workers than this process can keep in view. */
export class TooManyWorkers extends Data.TaggedError("TooManyWorkers")<{
  readonly party: string
  readonly places: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} has ${this.places} places at its workers, more than ${workLimits.mostTakers}; end some workers`
  }
}

/** What a member needs beside what it was started with. */
interface Given {
  readonly agreement: Agreement
  readonly dealing?: { readonly keys: PrgKeys; readonly rowsOfRun: RowsOfRun<unknown, never> }
}

/** What a main process has for its members. */
export interface Household {
  readonly handlers: ReadonlyArray<Handler<unknown, never>>
  /** Lets all members go. */
  readonly dismissed: Effect.Effect<void>
  /** What each member has last told of itself. */
  readonly told: () => ReadonlyArray<MemberReport>
}

/** The household of a party that is one process. */
export const nobody: Household = { handlers: [], dismissed: Effect.void, told: () => [] }

/** The household of a main process; where there is no house it has no members. */
export const household = ({ agreement, dealing }: Given, limits: WorkLimits = workLimits) =>
  Effect.gen(function* () {
    const house = yield* Effect.serviceOption(House)
    const queue = yield* Effect.serviceOption(BcpQueue)
    if (Option.isNone(house) || Option.isNone(queue)) return nobody
    const over = yield* Deferred.make<void>()
    const leases = yield* leasesOn(queue.value, limits)
    const reports = new Map<string, MemberReport>()
    const isOver = Deferred.isDone(over)
    const handlers: ReadonlyArray<HouseHandler<unknown, never>> = [
      onHouse(Admission, ({ version }, member) =>
        version === computationVersion
          ? Effect.succeed({
              agreement: JSON.stringify(agreement),
              ...(dealing === undefined ? {} : { dealing: dealing.keys })
            })
          : new OtherVersion({ member })
      ),
      {
        ...onHouse(Take, (_, from) =>
          Effect.gen(function* () {
            if (yield* isOver) return { over: true }
            const task = yield* leases.next(from, Deferred.await(over))
            return task === undefined ? { over: yield* isOver } : { over: false, task }
          })
        ),
        waits: true
      },
      onHouse(Give, ({ lease, result }) =>
        Effect.as(
          leases.give(lease, (job) =>
            "output" in result
              ? Effect.try({
                  try: () => unpacked(result.output),
                  catch: () =>
                    new JobFailed({
                      job,
                      error: { _tag: "Defect", message: "its output can't be read", retryable: true }
                    })
                })
              : new JobFailed({ job, error: result.failure })
          ),
          {}
        )
      ),
      onHouse(Alive, ({ places, report }, from) =>
        Effect.gen(function* () {
          yield* leases.alive(from, places)
          reports.set(from, report)
          return { over: yield* isOver }
        })
      ),
      ...(dealing === undefined
        ? []
        : [onHouse(TrainingRows, ({ named }) => Effect.map(dealing.rowsOfRun(named), (rows) => ({ rows })))])
    ]
    const found: Household = {
      handlers: handlers.map((each) => ({
        ...each,
        handle: (...request) => Effect.provideService(each.handle(...request), House, house.value)
      })),
      dismissed: Effect.asVoid(Deferred.succeed(over, undefined)),
      told: () => Array.from(reports.values())
    }
    return found
  })

interface Lease {
  readonly taken: Taken
  readonly worker: string
  givenBack: boolean
}

/** Who works on what of a queue, and since when each worker was heard of. */
const leasesOn = (queue: JobQueue, limits: WorkLimits) =>
  Effect.gen(function* () {
    const { name } = yield* Party
    // No lease of an earlier process of this party has the same name.
    const incarnation = randomBytes(8).toString("hex")
    let count = 0
    const leases = new Map<string, Lease>()
    /** Heard of at a time of those that this process was awake. */
    const workers = new Map<string, { places: number; heardAt: number }>()
    const awake = yield* awakeMillis(limits.aliveEveryMs)

    const giveBack = (lease: Lease) => {
      if (lease.givenBack) return
      lease.givenBack = true
      lease.taken.giveBack()
    }
    const placesBut = (worker: string) =>
      Array.from(workers).reduce((sum, [each, { places }]) => sum + (each === worker ? 0 : places), 0)

    const sweep = Effect.map(awake, (now) => {
      for (const [worker, { heardAt }] of workers) if (now - heardAt > limits.leaseMs) workers.delete(worker)
      for (const [id, lease] of leases)
        if (lease.taken.settled()) leases.delete(id)
        else if (!workers.has(lease.worker)) giveBack(lease)
      queue.setOthers(placesBut(""))
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(sweep, Duration.millis(limits.leaseMs / 4))))

    const alive = (worker: string, places: number) =>
      Effect.gen(function* () {
        const all = placesBut(worker) + places
        if (all > limits.mostTakers) return yield* new TooManyWorkers({ party: name, places: all })
        workers.set(worker, { places, heardAt: yield* awake })
        queue.setOthers(all)
      })

    return {
      alive,
      /**
       * The next job for a worker, on lease from the moment that it leaves the queue; none where there was none for the time of a long poll, or
       * until `over`. Which of these ended the wait does not count: what has left the queue meanwhile is the worker's.
       */
      next: (worker: string, over: Effect.Effect<void>) =>
        Effect.gen(function* () {
          const left = yield* Deferred.make<void>()
          let given: { readonly lease: string; readonly request: JobRequest } | undefined
          const withdraw = queue.take((taken) => {
            const lease = `${incarnation}-${++count}`
            leases.set(lease, { taken, worker, givenBack: false })
            given = { lease, request: taken.request }
            Deferred.unsafeDone(left, Effect.void)
          })
          yield* Deferred.await(left).pipe(
            Effect.raceFirst(over),
            Effect.raceFirst(Effect.sleep(Duration.millis(limits.longPollMs))),
            Effect.ensuring(Effect.sync(withdraw))
          )
          const task = given as { readonly lease: string; readonly request: JobRequest } | undefined
          if (task === undefined) return undefined
          const { job, input } = task.request
          return { lease: task.lease, job, input: packed(input) }
        }),
      give: (id: string, result: (job: string) => Effect.Effect<unknown, JobFailed>) =>
        Effect.sync(() => {
          const lease = leases.get(id)
          if (lease === undefined) return
          leases.delete(id)
          lease.taken.finish(result(lease.taken.request.job))
        })
    }
  })
