/**
 * A worker of a process group: a process that runs jobs for its party, and at the KGC deals. It is started
 * with nothing but the party's identity, gets everything else from the main process, stores nothing, and
 * may join or leave at any time.
 */
import { Deferred, Effect } from "effect"
import { artifact } from "../protocol/artifact.ts"
import { actorOf, dealers } from "../protocol/messages/subjects.ts"
import type { Jobs } from "../protocol/sharing/jobs.ts"
import type { Work } from "../protocol/sharing/work.ts"
import { Party } from "../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../runtime/messaging/limits.ts"
import { type JobFailed, makePool } from "../runtime/work/pool.ts"
import { admission, attending, Give, packed, Take, TrainingRows, unpacked } from "./group/requests.ts"
import { dealing } from "./kgc/dealing.ts"

export interface WorkerOptions {
  /** Maximum number of concurrent jobs. */
  readonly threads: number
  readonly limits?: WorkLimits
}

/** Works until the main process releases it, or cannot be reached for a while. */
export const worker = ({ threads, limits = workLimits }: WorkerOptions) =>
  Effect.gen(function* () {
    const party = yield* Party
    const main = actorOf(party.name)
    const ask = { deadlineMs: limits.patienceMs }
    const { agreement, dealing: keys } = yield* admission(ask)
    const over = yield* Deferred.make<void>()

    const pool = (yield* makePool<Jobs>(artifact("program/jobs.js"), { threads })) as Work<JobFailed>
    // The main process, which runs the same program, has named and packed what is taken.
    const run = pool.run as (job: string, input: unknown) => Effect.Effect<unknown, JobFailed>
    const oneJob = Effect.gen(function* () {
      const patience = { deadlineMs: limits.patienceMs + limits.longPollMs }
      const { over: isOver, task } = yield* party.ask(main, Take, {}, patience)
      if (isOver) yield* Deferred.succeed(over, undefined)
      if (task === undefined) return
      const result = yield* run(task.job, unpacked(task.input)).pipe(
        Effect.match({
          onSuccess: (output) => ({ output: packed(output) }),
          onFailure: ({ error }) => ({ failure: error })
        })
      )
      yield* party.ask(main, Give, { lease: task.lease, result }, ask)
    })
    // One job more than there are threads, so that no thread waits for the next to arrive.
    const jobs = Effect.all(
      Array.from({ length: threads + 1 }, () => Effect.forever(oneJob)),
      { concurrency: "unbounded", discard: true }
    )
    if (keys !== undefined) {
      const rowsOfRun = (named: number) =>
        Effect.map(party.ask(main, TrainingRows, { named }, ask), ({ rows }) => rows)
      yield* party.serve([yield* dealing(agreement, keys, rowsOfRun)])
      yield* party.joinGroup(dealers)
    }
    yield* Effect.raceFirst(Deferred.await(over), Effect.raceFirst(jobs, attending(threads, limits)))
  })
