/**
 * A worker pool without threads, for simulations: a job runs in the caller, on copies, and fails as in a
 * thread. Its randomness is a function of the job, its input and how often the run has requested the same
 * before; so results are cached for all runs of this process, which request the same jobs again and again.
 */
import { hash } from "node:crypto"
import { serialize } from "node:v8"
import { Effect } from "effect"
import { JobFailed, type JobTable, type WorkerPool } from "../work/pool.ts"
import type { VirtualRandomness } from "./randomness.ts"

/** The result of a job, and its randomness. */
interface Done {
  readonly output: unknown
  readonly drawn: ReadonlyArray<Uint8Array>
}

/** Runs whose jobs all differ must not fill the memory. */
const mostKept = 4096

/**
 * The pool of each run of this process, for synchronous jobs. `onDrawn` sees the randomness of the run's
 * jobs.
 */
export const makeVirtualPools = <J extends JobTable<J>>(jobs: J) => {
  const kept = new Map<string, Done>()
  return (
    randomness: VirtualRandomness,
    onDrawn: (bytes: Uint8Array) => void
  ): Pick<WorkerPool<J>, "run"> => {
    const asked = new Map<string, number>()
    const attempt = (job: keyof J & string, input: unknown) => {
      const digest = hash("sha256", serialize(input), "base64")
      const request = `${job} ${digest}`
      const before = asked.get(request) ?? 0
      asked.set(request, before + 1)
      const name = `${request} ${before}`
      let done = kept.get(name)
      if (done === undefined) {
        const drawn: Array<Uint8Array> = []
        const work = () => (jobs[job] as unknown as (input: unknown) => unknown)(structuredClone(input))
        const output = randomness.aside(name, (bytes) => drawn.push(bytes.slice()), work)
        done = { output, drawn }
        if (kept.size >= mostKept) kept.clear()
        kept.set(name, done)
      }
      for (const bytes of done.drawn) onDrawn(bytes)
      return structuredClone(done.output)
    }
    return {
      run: ((job: keyof J & string, input: unknown) =>
        Effect.try({
          try: () => attempt(job, input),
          catch: (error) => new JobFailed({ job, error: told(error) })
        })) as WorkerPool<J>["run"]
    }
  }
}

const told = (error: unknown): JobFailed["error"] => {
  const message = error instanceof Error ? error.message : String(error)
  if (typeof error !== "object" || error === null || !("_tag" in error))
    return { _tag: "Defect", message, retryable: false }
  return { _tag: String(error._tag), message, retryable: "retryable" in error && error.retryable === true }
}
