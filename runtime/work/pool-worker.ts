/** The code of a thread of `pool.ts`: loads the given module of jobs and runs one job after another. */
import { parentPort, workerData } from "node:worker_threads"
import type { JobRequest, JobResponse } from "./pool.ts"

type Job = (input: unknown) => unknown

const post = (response: JobResponse) => parentPort!.postMessage(response)

const failure = (error: unknown): JobResponse => {
  const message = error instanceof Error ? error.message : String(error)
  if (typeof error !== "object" || error === null || !("_tag" in error))
    return { _tag: "Failed", error: { _tag: "Defect", message, retryable: false } }
  const retryable = "retryable" in error && error.retryable === true
  return { _tag: "Failed", error: { _tag: String(error._tag), message, retryable } }
}

const loaded: Promise<{ readonly jobs: Readonly<Record<string, Job>> }> = import(workerData as string)

parentPort!.on("message", async ({ job, input }: JobRequest) => {
  try {
    const { jobs } = await loaded
    const run = jobs[job]
    if (run === undefined) throw new Error(`there is no job "${job}" in ${workerData as string}`)
    post({ _tag: "Done", output: await run(input) })
  } catch (error) {
    post(failure(error))
  }
})
