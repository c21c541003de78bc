/**
 * Worker threads for work that would block the event loop and with it the connection to the broker:
 * big-integer exponentiation, key generation. A pool runs the functions that one module exports as `jobs`;
 * inputs and outputs are cloned into and out of the thread. Other processes may take queued jobs that no
 * thread here is free for; they are responsible for the secrets in them.
 */
import { Worker } from "node:worker_threads"
import { Data, Effect, type Scope } from "effect"
import { artifact } from "../../protocol/artifact.ts"

/** The jobs of a module, by name. Inputs and outputs can be cloned; a job may be asynchronous. */
export type JobTable<J> = {
  readonly [K in keyof J]: (input: never) => unknown
}

type Input<F> = F extends (input: infer I) => unknown ? I : never
type Output<F> = F extends (...args: never) => infer O ? Awaited<O> : never

/** A job threw, or its thread died. */
export class JobFailed extends Data.TaggedError("JobFailed")<{
  readonly job: string
  /** The job's own tagged error; `Defect` if it threw another, `WorkerDied` if the thread ended. */
  readonly error: { readonly _tag: string; readonly message: string; readonly retryable: boolean }
}> {
  get retryable(): boolean {
    return this.error.retryable
  }
  override get message(): string {
    return `${this.job} failed: ${this.error.message} (${this.error._tag})`
  }
}

/** A job that another process has taken. Its first result counts. */
export interface Taken {
  readonly request: JobRequest
  /** Whether it has a result, or none is wanted any more. */
  readonly settled: () => boolean
  readonly finish: (result: Effect.Effect<unknown, JobFailed>) => void
  /** Returns it to the front of the queue; the process that took it may still finish it. */
  readonly giveBack: () => void
}

/** The queue of a pool, for processes that take jobs from it. */
export interface JobQueue {
  /** Maximum concurrent jobs, here and elsewhere. */
  readonly takers: () => number
  /** Calls `listener` whenever that changes, until the function it returns is called. */
  readonly onTakers: (listener: (takers: number) => void) => () => void
  /** Sets the maximum of concurrent jobs elsewhere. */
  readonly setOthers: (takers: number) => void
  /** Passes the next job that no thread here is free for to `give`, once; returns a canceller. */
  readonly take: (give: (taken: Taken) => void) => () => void
}

export interface WorkerPool<J extends JobTable<J>> {
  readonly threads: number
  readonly queue: JobQueue
  /**
   * Runs a job in the next free thread. Interrupted before it starts, it does not run; interrupted later, its
   * result is dropped.
   */
  readonly run: <K extends keyof J & string>(
    job: K,
    input: Input<J[K]>
  ) => Effect.Effect<Output<J[K]>, JobFailed>
}

/** What is posted to a thread. */
export interface JobRequest {
  readonly job: string
  readonly input: unknown
}

/** The result of a job. */
export type JobResponse =
  | { readonly _tag: "Done"; readonly output: unknown }
  | { readonly _tag: "Failed"; readonly error: JobFailed["error"] }

interface Task {
  readonly request: JobRequest
  readonly done: (result: Effect.Effect<unknown, JobFailed>) => void
  settled: boolean
}

/**
 * A pool over the module at `moduleUrl` (built JavaScript). Threads start when there is work and end with the
 * scope. Without threads all jobs are left to other processes.
 */
export const makePool = <J extends JobTable<J>>(
  moduleUrl: URL,
  options: { readonly threads: number }
): Effect.Effect<WorkerPool<J>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const threads = Math.max(0, Math.floor(options.threads))
    const pool = yield* Effect.acquireRelease(
      Effect.sync(() => new Threads(moduleUrl, threads)),
      (running) => Effect.promise(() => running.end())
    )
    return {
      threads,
      queue: pool.queue,
      run: <K extends keyof J & string>(job: K, input: Input<J[K]>) =>
        Effect.async<Output<J[K]>, JobFailed>((resume) => {
          const done: Task["done"] = (result) => resume(result as Effect.Effect<Output<J[K]>, JobFailed>)
          const task: Task = { request: { job, input }, done, settled: false }
          pool.add(task)
          return Effect.sync(() => pool.withdraw(task))
        })
    }
  })

class Threads {
  readonly #moduleUrl: URL
  readonly #most: number
  readonly #waiting: Array<Task> = []
  readonly #idle: Array<Worker> = []
  readonly #working = new Map<Worker, Task>()
  /** Takers that wait for a job, in order. */
  readonly #takers: Array<(taken: Taken) => void> = []
  readonly #listeners = new Set<(takers: number) => void>()
  #others = 0
  #ended = false

  constructor(moduleUrl: URL, most: number) {
    this.#moduleUrl = moduleUrl
    this.#most = most
  }

  readonly queue: JobQueue = {
    takers: () => this.#most + this.#others,
    onTakers: (listener) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    },
    setOthers: (takers) => {
      if (takers === this.#others) return
      this.#others = takers
      for (const listener of this.#listeners) listener(this.queue.takers())
    },
    take: (give) => {
      this.#takers.push(give)
      this.#assign()
      return () => remove(this.#takers, give)
    }
  }

  add(task: Task) {
    this.#waiting.push(task)
    this.#assign()
  }

  withdraw(task: Task) {
    task.settled = true
    remove(this.#waiting, task)
  }

  async end() {
    this.#ended = true
    await Promise.all([...this.#idle, ...this.#working.keys()].map((worker) => worker.terminate()))
  }

  #assign() {
    while (this.#waiting.length > 0 && !this.#ended) {
      const worker = this.#idle.pop() ?? (this.#working.size < this.#most ? this.#start() : undefined)
      if (worker === undefined) {
        const give = this.#takers.shift()
        if (give === undefined) return
        give(this.#taken(this.#waiting.shift()!))
        continue
      }
      const task = this.#waiting.shift()!
      this.#working.set(worker, task)
      try {
        worker.postMessage(task.request)
      } catch (error) {
        // The input can't be cloned: it never left this thread.
        this.#finish(worker, Effect.fail(failed(task, "Defect", String(error), false)))
      }
    }
  }

  #taken(task: Task): Taken {
    return {
      request: task.request,
      settled: () => task.settled,
      finish: (result) => {
        remove(this.#waiting, task)
        settle(task, result)
      },
      giveBack: () => {
        if (task.settled) return
        this.#waiting.unshift(task)
        this.#assign()
      }
    }
  }

  #start(): Worker {
    const worker = new Worker(artifact("program/pool-worker.js"), {
      workerData: this.#moduleUrl.href
    })
    worker.unref()
    worker.on("message", (response: JobResponse) => {
      const task = this.#working.get(worker)
      if (task === undefined) return
      if (response._tag === "Done") this.#finish(worker, Effect.succeed(response.output))
      else this.#finish(worker, Effect.fail(new JobFailed({ job: task.request.job, error: response.error })))
    })
    let reason = "its thread ended"
    worker.on("error", (error) => {
      reason = error.message
    })
    worker.on("exit", () => {
      const task = this.#working.get(worker)
      const at = this.#idle.indexOf(worker)
      if (at >= 0) this.#idle.splice(at, 1)
      this.#working.delete(worker)
      if (task !== undefined) settle(task, Effect.fail(failed(task, "WorkerDied", reason, true)))
      this.#assign()
    })
    return worker
  }

  #finish(worker: Worker, result: Effect.Effect<unknown, JobFailed>) {
    const task = this.#working.get(worker)
    this.#working.delete(worker)
    this.#idle.push(worker)
    if (task !== undefined) settle(task, result)
    this.#assign()
  }
}

const settle = (task: Task, result: Effect.Effect<unknown, JobFailed>) => {
  if (task.settled) return
  task.settled = true
  task.done(result)
}

const remove = <A>(from: Array<A>, item: A) => {
  const at = from.indexOf(item)
  if (at >= 0) from.splice(at, 1)
}

const failed = (task: Task, _tag: string, message: string, retryable: boolean) =>
  new JobFailed({ job: task.request.job, error: { _tag, message, retryable } })
