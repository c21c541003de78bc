/**
 * A worker of a house: a process that does jobs of its party's, and at the KGC deals. It is started with nothing but the party's credentials,
 * gets all else from the main process, keeps nothing, and may come and go at any moment of a run.
 */
import { Deferred, Effect } from "effect"
import { artifact } from "../protocol/artifact.ts"
import type { Jobs } from "../protocol/bcp/jobs.ts"
import { actorOf, dealers } from "../protocol/messages/subjects.ts"
import type { Work } from "../protocol/sharing/work.ts"
import { computationVersion } from "../protocol/version.ts"
import { Party } from "../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../runtime/messaging/limits.ts"
import { type JobFailed, makePool } from "../runtime/work/pool.ts"
import { Admission, Give, packed, Take, TrainingRows, unpacked } from "./group/members.ts"
import { askHouse } from "./group/process-group.ts"
import { dealing } from "./kgc/kgc.ts"
import type { Agreement } from "./party/agreement.ts"
import { attending } from "./party/lifecycle.ts"

export interface WorkerOptions {
  /** Jobs that it is at at a time. */
  readonly threads: number
  readonly limits?: WorkLimits
}

/** Works until the main process lets it go, or can't be reached for long. */
export const worker = ({ threads, limits = workLimits }: WorkerOptions) =>
  Effect.gen(function* () {
    const party = yield* Party
    const main = actorOf(party.name)
    const ask = { deadlineMs: limits.patienceMs }
    const admitted = yield* askHouse(main, Admission, { version: computationVersion }, ask)
    const over = yield* Deferred.make<void>()

    const pool = (yield* makePool<Jobs>(artifact("program/jobs.js"), { threads })) as Work<JobFailed>
    // What is taken was named and packed by the main process of the same program.
    const run = pool.run as (job: string, input: unknown) => Effect.Effect<unknown, JobFailed>
    const places = threads + 1
    const oneJob = Effect.gen(function* () {
      const { over: is, task } = yield* askHouse(
        main,
        Take,
        {},
        { deadlineMs: limits.patienceMs + limits.longPollMs }
      )
      if (is) yield* Deferred.succeed(over, undefined)
      if (task === undefined) return
      const result = yield* run(task.job, unpacked(task.input)).pipe(
        Effect.match({
          onSuccess: (output) => ({ output: packed(output) }),
          onFailure: ({ error }) => ({ failure: error })
        })
      )
      yield* askHouse(main, Give, { lease: task.lease, result }, ask)
    })
    // One job more than there are threads, so that none waits for the next to come.
    const jobs = Effect.all(
      Array.from({ length: places }, () => Effect.forever(oneJob)),
      { concurrency: "unbounded", discard: true }
    )
    if (admitted.dealing !== undefined) {
      const agreement = JSON.parse(admitted.agreement) as Agreement
      const rowsOfRun = (named: number) =>
        Effect.map(askHouse(main, TrainingRows, { named }, ask), ({ rows }) => rows)
      yield* party.serve([yield* dealing(agreement, admitted.dealing, rowsOfRun)])
      yield* party.joinGroup(dealers)
    }
    yield* Effect.raceFirst(Deferred.await(over), Effect.raceFirst(jobs, attending(threads, limits)))
  })
