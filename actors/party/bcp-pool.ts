/** The worker threads of a party for its big-integer work, and how the work is cut into pieces. */
import { Context, Effect, Layer, Option } from "effect"
import { artifact } from "../../protocol/artifact.ts"
import type { Jobs } from "../../protocol/bcp/jobs.ts"
import type { Work } from "../../protocol/sharing/work.ts"
import { workLimits } from "../../runtime/messaging/limits.ts"
import { type JobFailed, type JobQueue, makePool } from "../../runtime/work/pool.ts"

/** Runs the jobs of `protocol/bcp/jobs.ts`. */
export class BcpPool extends Context.Tag("actors/BcpPool")<BcpPool, Work<JobFailed>>() {}

/** The queue of the same pool, where the workers of a house take jobs. Who has no house needs none. */
export class BcpQueue extends Context.Tag("actors/BcpQueue")<BcpQueue, JobQueue>() {}

/** Threads that start when there is work for them. */
export const layer = (threads: number): Layer.Layer<BcpPool | BcpQueue> =>
  Layer.scopedContext(
    Effect.map(makePool<Jobs>(artifact("program/jobs.js"), { threads }), (pool) =>
      // The same signature, which the compiler can't see through the conditional types of a generic pool.
      Context.make(BcpPool, pool as Work<JobFailed>).pipe(Context.add(BcpQueue, pool.queue))
    )
  )

/** Ciphertexts are sent and worked on in pieces of at most this size: small enough to spread and to show progress. */
export const pieceBytes = 64 * 1024

/** Pieces of an upload under way at once: enough to keep the threads busy while others travel. */
export const piecesAtOnce = 4

/** The pieces of a cloud that are under way. */
export interface PiecesUnderWay {
  /** Does something to each piece, so many at a time as there are takers for. */
  readonly forEach: <P, A, E, R>(
    pieces: ReadonlyArray<P>,
    f: (piece: P) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Array<A>, E, R>
  /** How many jobs the other cloud can be at, who does a part of the work on each piece. */
  readonly others: (takers: number) => Effect.Effect<void>
}

/** Two pieces are under way for each taker, here and at the other cloud: one at work and one that travels or waits. */
export const piecesUnderWay = Effect.gen(function* () {
  const queue = Option.getOrUndefined(yield* Effect.serviceOption(BcpQueue))
  let others = 0
  const wanted = () =>
    Math.min(workLimits.mostPieces, Math.max(piecesAtOnce, 2 * ((queue?.takers() ?? 0) + others)))
  const room = yield* Effect.makeSemaphore(wanted())
  const adapt = Effect.suspend(() => room.resize(wanted()))
  if (queue !== undefined)
    yield* Effect.acquireRelease(
      Effect.sync(() => queue.onTakers(() => Effect.runFork(adapt))),
      (unlisten) => Effect.sync(unlisten)
    )
  const pieces: PiecesUnderWay = {
    forEach: (each, f) =>
      Effect.forEach(each, (piece) => room.withPermits(1)(f(piece)), { concurrency: workLimits.mostPieces }),
    others: (takers) =>
      Effect.suspend(() => {
        if (takers === others) return Effect.void
        others = takers
        return adapt
      })
  }
  return pieces
})
