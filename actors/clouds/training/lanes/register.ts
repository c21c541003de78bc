/** The lanes that a leader knows: which are alive, and how often each has failed. */
import { Data } from "effect"
import { LaneLost } from "../../../party/lane-lost.ts"

/** A lane that has failed this often is not enlisted again. */
const mostFailures = 3
/** Lanes whose failures are counted. A lane that restarts has another name. */
const mostNames = 1024

/** More lanes are available than the session has: it ends here, so that they can join the next. */
export class MoreLanes extends Data.TaggedError("MoreLanes")<{ readonly lanes: number }> {
  readonly retryable = true
  override get message(): string {
    return `${this.lanes} lanes are ready to join the training`
  }
}

/** All times are of one clock, in milliseconds that this process was awake. */
export class LaneRegister {
  readonly #leaseMs: number
  /** When each lane was last heard of. */
  readonly #heardAt = new Map<string, number>()
  /** Failures of each lane in this run, the oldest first, whether the lane is alive or not. */
  readonly #failures = new Map<string, number>()

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** A lane is alive. Returns whether it is new. */
  heard(lane: string, now: number): boolean {
    const known = this.#heardAt.has(lane)
    this.#heardAt.set(lane, now)
    return !known
  }

  silent(lane: string, now: number): boolean {
    const heardAt = this.#heardAt.get(lane)
    return heardAt === undefined || now - heardAt > this.#leaseMs
  }

  /** Lanes that can be enlisted, in the order in which they arrived. */
  ready(now: number): ReadonlyArray<string> {
    for (const lane of this.#heardAt.keys()) if (this.silent(lane, now)) this.#heardAt.delete(lane)
    return Array.from(this.#heardAt.keys()).filter((lane) => this.#failuresOf(lane) < mostFailures)
  }

  /** Counts a failure, and returns the error that ends the session. */
  failed(lane: string, reason: string): LaneLost {
    const count = this.#failuresOf(lane) + 1
    this.#failures.delete(lane)
    if (this.#failures.size >= mostNames) this.#failures.delete(this.#failures.keys().next().value!)
    this.#failures.set(lane, count)
    return new LaneLost({ lane, reason })
  }

  #failuresOf(lane: string): number {
    return this.#failures.get(lane) ?? 0
  }
}
