/**
 * Runs the big-integer work of sharing outside the event loop: jobs of `protocol/sharing/jobs.ts`, in practice
 * in the worker pool of the party. The secrets in a job's input do not leave that party.
 */
import { Effect } from "effect"
import type { Jobs } from "./jobs.ts"

export type JobName = keyof Jobs
export type JobInput<K extends JobName> = Parameters<Jobs[K]>[0]
export type JobOutput<K extends JobName> = Awaited<ReturnType<Jobs[K]>>

/** Runs jobs; `E` is the error of a failed job, with the job's own error inside. */
export interface Work<E> {
  readonly run: <K extends JobName>(name: K, input: JobInput<K>) => Effect.Effect<JobOutput<K>, E>
}

// Some tenths of a second at 2048 bits: enough to hide the cost of handing a job over, little enough to share
// among cores.
const itemsPerJob = 16

/**
 * Cuts `items` items of work into jobs, runs them as the pool has room, and returns their results in order.
 */
export const inJobs = <A, E>(
  items: number,
  job: (first: number, count: number) => Effect.Effect<A, E>
): Effect.Effect<Array<A>, E> =>
  Effect.forEach(
    Array.from({ length: Math.ceil(items / itemsPerJob) }, (_, i) => i * itemsPerJob),
    (first) => job(first, Math.min(itemsPerJob, items - first)),
    { concurrency: "unbounded" }
  )
