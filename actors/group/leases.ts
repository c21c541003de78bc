/**
 * The jobs of a queue that workers have taken, on lease. The lease ends when its worker falls silent: the job
 * then goes back to the front of the queue, and whichever result arrives first counts.
 */
import { randomBytes } from "node:crypto"
import { Data, Deferred, Duration, Effect } from "effect"
import { Party } from "../../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../../runtime/messaging/limits.ts"
import { awakeMillis } from "../../runtime/processes/awake.ts"
import type { JobFailed, JobQueue, Taken } from "../../runtime/work/pool.ts"
import { packed } from "./requests.ts"

/** The workers have more places than this process can keep track of. */
export class TooManyWorkers extends Data.TaggedError("TooManyWorkers")<{
  readonly party: string
  readonly places: number
}> {
  readonly retryable = false
  override get message(): string {
    return `The workers of ${this.party} have ${this.places} places, more than ${workLimits.mostTakers}; stop some workers`
  }
}

interface Lease {
  readonly taken: Taken
  readonly worker: string
  givenBack: boolean
}

/** A worker: its places, and when it was last heard of, in time that this process was awake. */
interface Worker {
  readonly places: number
  readonly heardAt: number
}

export class Leases {
  readonly #party: string
  readonly #queue: JobQueue
  readonly #limits: WorkLimits
  readonly #awake: Effect.Effect<number>
  /** Prefix of the names of leases: no earlier process of this party has used it. */
  readonly #incarnation = randomBytes(8).toString("hex")
  #count = 0
  readonly #leases = new Map<string, Lease>()
  readonly #workers = new Map<string, Worker>()

  constructor(party: string, queue: JobQueue, limits: WorkLimits, awake: Effect.Effect<number>) {
    this.#party = party
    this.#queue = queue
    this.#limits = limits
    this.#awake = awake
  }

  /** A worker reports that it is alive. */
  alive(worker: string, places: number): Effect.Effect<void, TooManyWorkers> {
    return Effect.gen(this, function* () {
      const all = this.#placesExcept(worker) + places
      if (all > this.#limits.mostTakers) return yield* new TooManyWorkers({ party: this.#party, places: all })
      this.#workers.set(worker, { places, heardAt: yield* this.#awake })
      this.#queue.setOthers(all)
    })
  }

  /**
   * The next job for a worker, on lease from the moment that it leaves the queue. None after the time of a
   * long poll, or once `over` completes. A job that has left the queue by then is still the worker's.
   */
  next(worker: string, over: Effect.Effect<void>) {
    return Effect.gen(this, function* () {
      const left = yield* Deferred.make<void>()
      const leased: Array<{ readonly lease: string; readonly taken: Taken }> = []
      const withdraw = this.#queue.take((taken) => {
        leased.push({ lease: this.#lend(worker, taken), taken })
        Deferred.unsafeDone(left, Effect.void)
      })
      yield* Deferred.await(left).pipe(
        Effect.raceFirst(over),
        Effect.raceFirst(Effect.sleep(Duration.millis(this.#limits.longPollMs))),
        Effect.ensuring(Effect.sync(withdraw))
      )
      return leased.map(({ lease, taken: { request } }) => ({
        lease,
        job: request.job,
        input: packed(request.input)
      }))[0]
    })
  }

  /** Takes the result of a leased job; one whose job is settled is dropped. */
  give(lease: string, result: (job: string) => Effect.Effect<unknown, JobFailed>): void {
    const taken = this.#leases.get(lease)?.taken
    this.#leases.delete(lease)
    taken?.finish(result(taken.request.job))
  }

  /** Ends the leases of workers that have fallen silent. */
  readonly sweep: Effect.Effect<void> = Effect.suspend(() =>
    Effect.map(this.#awake, (now) => {
      for (const [worker, { heardAt }] of this.#workers)
        if (now - heardAt > this.#limits.leaseMs) this.#workers.delete(worker)
      for (const [id, lease] of this.#leases)
        if (lease.taken.settled()) this.#leases.delete(id)
        else if (!this.#workers.has(lease.worker)) giveBack(lease)
      this.#queue.setOthers(this.#placesExcept(""))
    })
  )

  #lend(worker: string, taken: Taken): string {
    const lease = `${this.#incarnation}-${++this.#count}`
    this.#leases.set(lease, { taken, worker, givenBack: false })
    return lease
  }

  #placesExcept(worker: string): number {
    let sum = 0
    for (const [name, { places }] of this.#workers) if (name !== worker) sum += places
    return sum
  }
}

const giveBack = (lease: Lease): void => {
  if (lease.givenBack) return
  lease.givenBack = true
  lease.taken.giveBack()
}

/** The leases on a queue of this party, swept until the scope ends. */
export const leasesOn = (queue: JobQueue, limits: WorkLimits) =>
  Effect.gen(function* () {
    const { name } = yield* Party
    const leases = new Leases(name, queue, limits, yield* awakeMillis(limits.aliveEveryMs))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(leases.sweep, Duration.millis(limits.leaseMs / 4))))
    return leases
  })
