/** A worker pool without threads, for simulations: a job runs where it is asked for, on copies, and fails as one of a thread does. */
import { Effect } from "effect"
import { JobFailed, type JobTable, type WorkerPool } from "./pool.ts"

/** Runs the jobs of a table in this thread. Asynchronous ones are waited for. */
export const makeVirtualPool = <J extends JobTable<J>>(jobs: J): Pick<WorkerPool<J>, "run"> => ({
  run: ((job: keyof J & string, input: unknown) =>
    Effect.tryPromise({
      try: async () => (jobs[job] as unknown as (input: unknown) => unknown)(structuredClone(input)),
      catch: (error) => new JobFailed({ job, error: told(error) })
    })) as WorkerPool<J>["run"]
})

const told = (error: unknown): JobFailed["error"] => {
  const message = error instanceof Error ? error.message : String(error)
  if (typeof error !== "object" || error === null || !("_tag" in error))
    return { _tag: "Defect", message, retryable: false }
  return { _tag: String(error._tag), message, retryable: "retryable" in error && error.retryable === true }
}
