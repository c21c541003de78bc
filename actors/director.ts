/**
 * The director takes a run through its phases: it knows the scenario and holds no secret. Each phase is a request to
 * every party that has work in it; all must answer before the next begins. A party that fails ends the run with
 * an error that names it.
 */
import { Clock, Effect } from "effect"
import {
  Begin,
  Enrol,
  Finish,
  OpenModel,
  Progress,
  Report,
  SealModel,
  Train,
  Transform,
  Upload
} from "../protocol/messages/control.ts"
import type { Ask } from "../protocol/messages/message.ts"
import { type AskError, on, Party } from "../runtime/actor.ts"
import { type Agreement, actorsOf, agreementDigest } from "./agreement.ts"

/** The phases in order; their names stand in progress bars, errors, spans and results. */
export const phases = ["setup", "upload", "transform", "train", "output"] as const
export type Phase = (typeof phases)[number]

export interface SentTraffic {
  readonly from: string
  readonly to: string
  readonly tag: string
  readonly messages: number
  readonly bytes: number
}

/** What the director knows at the end: sizes, times, and what the scenario reveals. */
export interface RunOutcome {
  readonly rows: number
  readonly steps: number
  /** Exchanges of the clouds in training, the opening of the data set included. */
  readonly rounds: number
  readonly ciphertexts: { readonly upload: number; readonly archive: number; readonly model: number }
  /** Held-out rows that the decrypted model got right, of those tested; absent unless revealed. */
  readonly tested: { readonly correct: number; readonly total: number } | undefined
  readonly seconds: Readonly<Record<Phase, number>>
  readonly traffic: ReadonlyArray<SentTraffic>
  /** The most memory that each actor's process needed; that of users who left, over both of their processes. */
  readonly peakMemoryBytes: Readonly<Record<string, number>>
}

/** How long a party may take to answer that it ends. */
const farewellMs = 5_000

/** How users end their processes after the upload and come back for the output. */
export interface Leave<E> {
  /** Waits until the actor, told to finish, has gone. */
  readonly gone: (actor: string) => Effect.Effect<void, E>
  /** Starts it again, with the state it kept. */
  readonly back: (actor: string) => Effect.Effect<void, E>
}

export interface DirectorOptions<E> {
  readonly agreement: Agreement
  readonly leave?: Leave<E>
  readonly onPhase: (phase: Phase) => Effect.Effect<void>
  readonly onProgress: (actor: string, phase: string, done: number, total: number) => Effect.Effect<void>
}

/** Directs a whole run; fails with the first error of a party. All parties have been told to finish when this succeeds. */
export const direct = <E = never>(
  options: DirectorOptions<E>
): Effect.Effect<RunOutcome, E | AskError, Party> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { agreement, leave } = options
      const party = yield* Party
      yield* party.serve([
        on(Progress, ({ phase, done, total }, from) => options.onProgress(from, phase, done, total))
      ])

      const users = agreement.users.map((user) => user.actor)
      const clouds = ["cloud0", "cloud1"]
      const everyone = actorsOf(agreement)
      const askAll = <A, R>(actors: ReadonlyArray<string>, message: Ask<A, R>, payload: A, phase: Phase) =>
        Effect.forEach(
          actors,
          (actor) =>
            party.ask(actor, message, payload, { deadlineMs: agreement.deadlines.phaseTimeoutMs, phase }),
          { concurrency: "unbounded" }
        )
      const traffic: SentTraffic[] = []
      const peakMemoryBytes: Record<string, number> = {}
      const collect = (actors: ReadonlyArray<string>, phase: Phase) =>
        Effect.map(askAll(actors, Report, {}, phase), (reports) =>
          reports.forEach(({ sent, peakMemoryBytes: peak }, i) => {
            const from = actors[i]!
            for (const { peer, ...rest } of sent) traffic.push({ from, to: peer, ...rest })
            peakMemoryBytes[from] = Math.max(peak, peakMemoryBytes[from] ?? 0)
          })
        )
      // A party ends as soon as it has answered; one whose answer is lost is gone all the same.
      const letGo = (actor: string, phase: Phase) =>
        party
          .ask(actor, Finish, {}, { deadlineMs: farewellMs, phase })
          .pipe(Effect.catchTag("DeadlineExceeded", () => Effect.void))
      const finish = (actors: ReadonlyArray<string>, phase: Phase) =>
        Effect.zipRight(
          collect(actors, phase),
          Effect.forEach(actors, (actor) => letGo(actor, phase), { concurrency: "unbounded", discard: true })
        )

      const seconds: Record<Phase, number> = { setup: 0, upload: 0, transform: 0, train: 0, output: 0 }
      const timed = <A, F>(phase: Phase, work: Effect.Effect<A, F, Party>) =>
        Effect.gen(function* () {
          yield* options.onPhase(phase)
          const started = yield* Clock.currentTimeMillis
          const result = yield* work
          seconds[phase] = ((yield* Clock.currentTimeMillis) - started) / 1000
          return result
        }).pipe(Effect.withSpan(`phase ${phase}`))

      const begin = { agreement: agreementDigest(agreement) }
      yield* timed(
        "setup",
        Effect.zipRight(
          askAll(everyone, Begin, begin, "setup"),
          askAll([...clouds, ...users], Enrol, {}, "setup")
        )
      )
      const uploads = yield* timed(
        "upload",
        Effect.gen(function* () {
          const sizes = yield* askAll(users, Upload, {}, "upload")
          if (leave !== undefined) {
            yield* finish(users, "upload")
            yield* Effect.forEach(users, leave.gone, { concurrency: "unbounded" })
          }
          return sizes
        })
      )
      const [, archive] = yield* timed("transform", askAll(clouds, Transform, {}, "transform"))
      const [training] = yield* timed("train", askAll(clouds, Train, {}, "train"))
      const output = yield* timed(
        "output",
        Effect.gen(function* () {
          const [, sealed] = yield* askAll(clouds, SealModel, {}, "output")
          if (leave !== undefined) {
            yield* Effect.forEach(users, leave.back, { concurrency: "unbounded" })
            yield* askAll(users, Begin, begin, "output")
          }
          return { sealed: sealed!, opened: yield* askAll(users, OpenModel, {}, "output") }
        })
      )
      yield* finish(everyone, "output")
      for (const { direction, peer, tag, messages, bytes } of yield* party.traffic) {
        if (direction === "sent") traffic.push({ from: party.name, to: peer, tag, messages, bytes })
      }

      const tested = output.opened.flatMap((user) => (user.tested === undefined ? [] : [user.tested]))
      return {
        rows: uploads[0]!.rows,
        steps: training!.steps,
        rounds: training!.rounds,
        ciphertexts: {
          upload: uploads.reduce((sum, upload) => sum + upload.ciphertexts, 0),
          archive: archive!.ciphertexts,
          model: output.sealed.ciphertexts
        },
        tested: agreement.reveal.accuracy
          ? {
              correct: tested.reduce((sum, each) => sum + each.correct, 0),
              total: tested.reduce((sum, each) => sum + each.total, 0)
            }
          : undefined,
        seconds,
        traffic,
        peakMemoryBytes
      }
    })
  )
