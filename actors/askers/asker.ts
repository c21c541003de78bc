/**
 * An asker of a served model: it splits rows, sends one share to each cloud, and adds up their shares of the outputs. What it
 * asks and what it gets is nobody else's: each cloud sees one uniform share of either. Its name is that of a user of the
 * run, or of an asker that all users have admitted.
 */
import { randomBytes } from "node:crypto"
import { Deferred, Duration, Effect, Schedule } from "effect"
import { wordBytes } from "../../protocol/bytes.ts"
import { sameBytes } from "../../protocol/canonical.ts"
import {
  AskService,
  Predict,
  type PredictReply,
  type Service,
  serviceIdBytes
} from "../../protocol/messages/serving.ts"
import { OutOfRange, Ring } from "../../protocol/ring/ring.ts"
import { mostRows } from "../../protocol/serving/steps.ts"
import { addWords, seedBytes, splitWords } from "../../protocol/sharing/split.ts"
import { within } from "../../runtime/deadline.ts"
import { type AskError, Party } from "../../runtime/messaging/contract.ts"
import { raised } from "../party/typed-throws.ts"
import { type AskerError, RowsUnfit, ServiceRefused, TryAgain } from "./errors.ts"

export interface AskerOptions {
  /** Numbers of a row. */
  readonly inputs: number
  readonly outputs: number
  readonly fractionalBits: number
  /** How long a prediction may take in all, attempts included. */
  readonly deadlineMs: number
}

export interface Asker {
  /** What the clouds serve, and what is left of this asker's quota. */
  readonly service: Effect.Effect<Service, AskerError>
  /**
   * The outputs for each row, rows × outputs, as real numbers: those of `fixedScores` for the opened model, but for the last
   * places (section 9 of docs/concepts/protocol.md). `features` is rows × inputs, scaled as the model's data description says.
   */
  readonly predict: (features: Float64Array) => Effect.Effect<Float64Array, AskerError | OutOfRange>
}

/** Requests of a large prediction that are under way at a time. */
const requestsAtOnce = 4
/** Pauses between attempts: the first one, and the longest. */
const firstPauseMs = 50
const longestPauseMs = 2_000
/** How long the share of one cloud is waited for once the other's is there: both end a batch at about the same time. */
const otherShareMs = 5_000

/** One request: both clouds have what belongs together. */
interface Request {
  readonly id: Uint8Array
  readonly rows: number
  readonly shares: readonly [Uint8Array, Uint8Array]
}

/** An attempt came to nothing, and nothing is wrong with the request. */
class Lost {
  readonly reason: string
  /** The tag of a cloud's error, if that was the reason. */
  readonly error: string | undefined
  constructor(reason: string, error?: string) {
    this.reason = reason
    this.error = error
  }
}

const lostOrRefused = (cloud: string) => (failed: AskError) => {
  const { message: reason, retryable } = failed
  const error = failed._tag === "RemoteFailure" ? failed.error._tag : undefined
  return retryable ? new Lost(reason, error) : new ServiceRefused({ cloud, reason, error })
}

const sameComputation = (one: PredictReply, other: PredictReply): boolean =>
  one.step === other.step && sameBytes(one.session, other.session)

/** Rows as the words of one request, and words of outputs as numbers. */
class Rows {
  readonly #ring: Ring
  readonly #sizes: Pick<AskerOptions, "inputs" | "outputs" | "fractionalBits">

  constructor(ring: Ring, sizes: Pick<AskerOptions, "inputs" | "outputs" | "fractionalBits">) {
    this.#ring = ring
    this.#sizes = sizes
  }

  /** Splits rows for both clouds: C0's share is a seed. Throws OutOfRange. */
  split(features: Float64Array): Request {
    const { fractionalBits, inputs } = this.#sizes
    const rows = features.length / inputs
    const mark = this.#ring.mark()
    const x = this.#ring.matrix(rows, inputs)
    try {
      this.#ring.encode(x, features, fractionalBits)
      const seed = new Uint8Array(randomBytes(seedBytes))
      const { share1 } = splitWords(this.#ring.copyOut(x), seed)
      return { id: new Uint8Array(randomBytes(serviceIdBytes)), rows, shares: [seed, share1] }
    } finally {
      this.#ring.release(mark)
    }
  }

  outputsOf(rows: number, words: Uint8Array): Float64Array {
    const { fractionalBits, outputs } = this.#sizes
    const mark = this.#ring.mark()
    const scores = this.#ring.decode(this.#ring.from(rows, outputs, words), fractionalBits)
    this.#ring.release(mark)
    return scores
  }
}

/** A cloud's share of the outputs of a request. */
const shareOf = (cloud: 0 | 1, { id, rows, shares }: Request, outputs: number, withinMs: number) =>
  Effect.gen(function* () {
    const party = yield* Party
    const to = `cloud${cloud}`
    const reply = yield* party
      .ask(to, Predict, { id, rows, share: shares[cloud], withinMs }, { deadlineMs: withinMs })
      .pipe(Effect.mapError(lostOrRefused(to)))
    const { length } = reply.share
    if (length === rows * outputs * wordBytes) return reply
    const reason = `it sent ${length} bytes for ${rows} rows of ${outputs} outputs`
    return yield* new ServiceRefused({ cloud: to, reason })
  })

/** Both shares of the outputs, added. Where one comes and the other does not, a cloud has lost it: both begin again. */
const attempt = (request: Request, outputs: number, withinMs: number) =>
  Effect.gen(function* () {
    const either = yield* Deferred.make<void>()
    const share = (cloud: 0 | 1) =>
      Effect.tap(shareOf(cloud, request, outputs, withinMs), () => Deferred.succeed(either, undefined))
    const alone = Effect.zipRight(
      Deferred.await(either),
      Effect.delay(
        Effect.suspend(() => Effect.fail(new Lost("one cloud answered and the other did not"))),
        Duration.millis(otherShareMs)
      )
    )
    // Cloud 1's is the larger, and cloud 0 begins as soon as it has its own.
    const both = Effect.all([share(1), share(0)] as const, { concurrency: 2 })
    const [other, one] = yield* Effect.raceFirst(both, alone)
    if (!sameComputation(one, other)) return yield* Effect.fail(new Lost("a cloud began again"))
    return addWords(one.share, other.share)
  })

const pauses = Schedule.exponential(Duration.millis(firstPauseMs)).pipe(
  Schedule.union(Schedule.spaced(Duration.millis(longestPauseMs))),
  Schedule.jittered
)

/** The outputs of one request, tried until the deadline under the same id. */
const answered = (request: Request, { deadlineMs, outputs }: AskerOptions) =>
  Effect.gen(function* () {
    const { rows } = request
    const now = Effect.clockWith(({ currentTimeMillis }) => currentTimeMillis)
    const began = yield* now
    let last = new Lost("no answer")
    const gaveUp = () => new TryAgain({ rows, waitedMs: deadlineMs, reason: last.reason, error: last.error })
    return yield* now.pipe(
      Effect.flatMap((at): Effect.Effect<Uint8Array, TryAgain | ServiceRefused | Lost, Party> => {
        const withinMs = Math.floor(began + deadlineMs - at)
        return withinMs <= 0 ? gaveUp() : attempt(request, outputs, withinMs)
      }),
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (error instanceof Lost) last = error
        })
      ),
      Effect.retry({
        while: (error) => error instanceof Lost,
        schedule: pauses
      }),
      Effect.mapError((error): TryAgain | ServiceRefused => (error instanceof Lost ? gaveUp() : error)),
      within(deadlineMs, gaveUp)
    )
  }).pipe(Effect.withSpan("asker.predict", { attributes: { rows: request.rows } }))

/** What a cloud says of the model and of this asker's quota. */
const serviceAt = (cloud: 0 | 1, deadlineMs: number) =>
  Effect.gen(function* () {
    const to = `cloud${cloud}`
    return yield* (yield* Party).ask(to, AskService, {}, { deadlineMs }).pipe(
      Effect.mapError(lostOrRefused(to)),
      Effect.catchIf(
        (error): error is Lost => error instanceof Lost,
        ({ error, reason }) => new TryAgain({ rows: 0, waitedMs: deadlineMs, reason, error })
      )
    )
  })

/** Refuses rows of several requests that a quota does not have left, before any of them is charged. */
const requireQuota = (rows: number, deadlineMs: number) =>
  Effect.forEach([0, 1] as const, (cloud) =>
    Effect.flatMap(serviceAt(cloud, deadlineMs), ({ rowsLeft = Number.POSITIVE_INFINITY }) =>
      rows <= rowsLeft
        ? Effect.void
        : new ServiceRefused({
            cloud: `cloud${cloud}`,
            reason: `these are ${rows} rows, and ${rowsLeft} are left of the quota; none was asked`,
            error: "QuotaSpent"
          })
    )
  )

/** The asker that this party is. */
export const makeAsker = (options: AskerOptions) =>
  Effect.gen(function* () {
    const { deadlineMs, inputs, outputs } = options
    const party = yield* Party
    const rowsOf = new Rows(yield* Effect.promise(() => Ring.load()), options)
    const predict = (features: Float64Array) =>
      Effect.gen(function* () {
        if (features.length === 0 || features.length % inputs !== 0)
          return yield* new RowsUnfit({ values: features.length, inputs })
        const wordsOfPiece = mostRows * inputs
        const pieces = Array.from({ length: Math.ceil(features.length / wordsOfPiece) }, (_, i) =>
          features.subarray(i * wordsOfPiece, (i + 1) * wordsOfPiece)
        )
        if (pieces.length > 1) yield* requireQuota(features.length / inputs, deadlineMs)
        const scores = new Float64Array((features.length / inputs) * outputs)
        yield* Effect.forEach(
          pieces,
          (piece, i) =>
            Effect.gen(function* () {
              const request = yield* raised([OutOfRange], () => rowsOf.split(piece))
              const words = yield* answered(request, options)
              scores.set(rowsOf.outputsOf(request.rows, words), i * mostRows * outputs)
            }),
          { concurrency: requestsAtOnce, discard: true }
        )
        return scores
      }).pipe(Effect.provideService(Party, party))
    const service = Effect.provideService(serviceAt(0, deadlineMs), Party, party)
    const asker: Asker = { service, predict }
    return asker
  })
