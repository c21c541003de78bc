/** The worker threads of a party for its big-integer work, and how the work is cut into pieces. */
import { Context, Effect, Layer } from "effect"
import { artifact } from "../protocol/artifact.ts"
import type { Jobs } from "../protocol/bcp/jobs.ts"
import type { Work } from "../protocol/sharing/work.ts"
import { type JobFailed, makePool } from "../runtime/pool.ts"

/** Runs the jobs of `protocol/bcp/jobs.ts`. */
export class BcpPool extends Context.Tag("actors/BcpPool")<BcpPool, Work<JobFailed>>() {}

/** Threads that start when there is work for them. */
export const layer = (threads: number): Layer.Layer<BcpPool> =>
  Layer.scoped(
    BcpPool,
    Effect.map(
      makePool<Jobs>(artifact("program/jobs.js"), { threads }),
      // The same signature, which the compiler can't see through the conditional types of a generic pool.
      (pool) => pool as Work<JobFailed>
    )
  )

/** Ciphertexts are sent and worked on in pieces of at most this size: small enough to spread and to show progress. */
export const pieceBytes = 64 * 1024

/** Pieces under way at once: enough to keep the threads busy while others travel. */
export const piecesAtOnce = 4
