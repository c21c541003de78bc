/**
 * The main process's side of a process group. A worker asks to be admitted and receives what it needs; then
 * it pulls: it asks for a job, runs it, returns the result, and reports in between that it is alive.
 */
import { Data, Deferred, Effect, Option } from "effect"
import { computationVersion } from "../../protocol/version.ts"
import { type Handler, Party } from "../../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../../runtime/messaging/limits.ts"
import { JobFailed } from "../../runtime/work/pool.ts"
import type { Agreement } from "../party/agreement.ts"
import { BcpQueue } from "../party/bcp-pool.ts"
import { Directory, type PartyKeys } from "../party/directory.ts"
import { onMembers } from "../party/handlers.ts"
import type { OtherProcesses, ProcessReport } from "../party/lifecycle.ts"
import { leasesOn } from "./leases.ts"
import {
  Admission,
  Alive,
  Give,
  type PrgKeys,
  type RowsOfRun,
  Take,
  TrainingRows,
  unpacked
} from "./requests.ts"

/** The member is of another version, whose words would differ under the same keys. */
export class OtherVersion extends Data.TaggedError("OtherVersion")<{ readonly member: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.member} runs another version of the computation; start all processes of a party with the same version of bicameral`
  }
}

/** What members need in addition to what they are started with. */
interface GroupOptions {
  readonly agreement: Agreement
  readonly dealing?: { readonly keys: PrgKeys; readonly rowsOfRun: RowsOfRun<unknown, never> }
}

/** The members of a party, as its main process sees them. */
export interface Members extends OtherProcesses {
  readonly handlers: ReadonlyArray<Handler<unknown, never>>
}

const noMembers: Members = { handlers: [], dismissed: Effect.void, reports: () => [] }

/** The members of this party; none where its work is not queued for other processes. */
export const groupMembers = ({ agreement, dealing }: GroupOptions, limits: WorkLimits = workLimits) =>
  Effect.gen(function* () {
    const { name } = yield* Party
    const queue = yield* Effect.serviceOption(BcpQueue)
    if (Option.isNone(queue)) return noMembers
    const directory = yield* Effect.serviceOption(Directory)
    const keys: PartyKeys = Option.flatMapNullable(directory, ({ known }) => known()?.keys).pipe(
      Option.getOrElse(() => new Map())
    )
    const over = yield* Deferred.make<void>()
    const leases = yield* leasesOn(queue.value, limits)
    const reports = new Map<string, ProcessReport>()
    const isOver = Deferred.isDone(over)
    const handlers: Array<Handler<unknown, never>> = [
      onMembers(name, Admission, ({ version }, member) =>
        version === computationVersion
          ? Effect.succeed({
              agreement: JSON.stringify(agreement),
              keys: Array.from(keys, ([actor, key]) => ({ actor, key })),
              ...(dealing === undefined ? {} : { dealing: dealing.keys })
            })
          : new OtherVersion({ member })
      ),
      {
        ...onMembers(name, Take, (_, from) =>
          Effect.gen(function* () {
            if (yield* isOver) return { over: true }
            const task = yield* leases.next(from, Deferred.await(over))
            return task === undefined ? { over: yield* isOver } : { over: false, task }
          })
        ),
        waits: true
      },
      onMembers(name, Give, ({ lease, result }) =>
        Effect.sync(() => {
          leases.give(lease, (job) => outcomeOf(job, result))
          return {}
        })
      ),
      onMembers(name, Alive, ({ places, report }, from) =>
        Effect.gen(function* () {
          yield* leases.alive(from, places)
          reports.set(from, report)
          return { over: yield* isOver }
        })
      )
    ]
    if (dealing !== undefined)
      handlers.push(
        onMembers(name, TrainingRows, ({ named }) =>
          Effect.map(dealing.rowsOfRun(named), (rows) => ({ rows }))
        )
      )
    const members: Members = {
      handlers: handlers,
      dismissed: Effect.asVoid(Deferred.succeed(over, undefined)),
      reports: () => Array.from(reports.values())
    }
    return members
  })

type Result = Effect.Effect.Success<ReturnType<typeof Give.payload.decode>>["result"]

/** The output of a job, or its failure. */
const outcomeOf = (job: string, result: Result): Effect.Effect<unknown, JobFailed> =>
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
