/** A party's worker threads for big-integer work, and how that work is cut into pieces. */
import { Context, Effect, Layer, Option } from "effect"
import { artifact } from "../../protocol/artifact.ts"
import type { Jobs } from "../../protocol/sharing/jobs.ts"
import type { Work } from "../../protocol/sharing/work.ts"
import { workLimits } from "../../runtime/messaging/limits.ts"
import { type JobFailed, type JobQueue, makePool } from "../../runtime/work/pool.ts"

/** Runs the jobs of `protocol/sharing/jobs.ts`. */
export class BcpPool extends Context.Tag("actors/BcpPool")<BcpPool, Work<JobFailed>>() {}

/**
 * The queue of the same pool, from which the party's worker processes take jobs. A party without them needs
 * none.
 */
export class BcpQueue extends Context.Tag("actors/BcpQueue")<BcpQueue, JobQueue>() {}

/** A pool of this many threads, which start when there is work for them. */
export const layer = (threads: number): Layer.Layer<BcpPool | BcpQueue> =>
  Layer.scopedContext(
    Effect.map(makePool<Jobs>(artifact("program/jobs.js"), { threads }), (pool) =>
      // The same signature, which the compiler can't see through the conditional types of a generic pool.
      Context.make(BcpPool, pool as Work<JobFailed>).pipe(Context.add(BcpQueue, pool.queue))
    )
  )

/**
 * The largest piece of ciphertexts that is sent or worked on at a time: small enough to spread and to show
 * progress.
 */
export const pieceBytes = 64 * 1024

/** Pieces of an upload that are in progress at once: enough to keep the threads busy while others travel. */
export const piecesAtOnce = 4

/** The pieces that a cloud has in progress. */
export interface PiecesInProgress {
  /** Applies `f` to each piece, to as many at a time as there are takers for. */
  readonly forEach: <P, A, E, R>(
    pieces: ReadonlyArray<P>,
    f: (piece: P) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Array<A>, E, R>
  /** Sets how many jobs the other cloud, which does part of the work on each piece, can run at once. */
  readonly setOthers: (takers: number) => Effect.Effect<void>
}

/**
 * Two pieces are in progress for each taker, here and at the other cloud: one at work and one that travels or
 * waits.
 */
export const piecesInProgress = Effect.gen(function* () {
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
  const pieces: PiecesInProgress = {
    forEach: (each, f) =>
      Effect.forEach(each, (piece) => room.withPermits(1)(f(piece)), { concurrency: workLimits.mostPieces }),
    setOthers: (takers) =>
      Effect.suspend(() => {
        if (takers === others) return Effect.void
        others = takers
        return adapt
      })
  }
  return pieces
})
