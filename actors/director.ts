/**
 * The director takes a run through its phases: it knows the scenario and holds no secret. Each phase is a request to
 * every party that has work in it; all must answer before the next begins. A party that fails ends the run with
 * an error that names it. What is done is in the director's log, so that a director that died goes on with the phase at hand.
 */
import { Duration, Effect } from "effect"
import type { MalformedMessage } from "../protocol/messages/codec.ts"
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
import { type AskError, on, Party } from "../runtime/messaging/contract.ts"
import type { Stable, StoreError } from "../runtime/storage/store.ts"
import { type Agreement, actorsOf, agreementDigest } from "./party/agreement.ts"
import { type Keeping, remembered } from "./party/once.ts"

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

/** An entry of the director's own log. */
const logged = <A>(): Keeping<A, never, never> => ({
  encode: (value) => Effect.sync(() => new TextEncoder().encode(JSON.stringify(value))),
  decode: (bytes) => Effect.sync(() => JSON.parse(new TextDecoder().decode(bytes)) as A)
})

export interface DirectorOptions<E> {
  readonly agreement: Agreement
  /** Where users end after the upload: starts those again that are not there, with the state they kept. */
  readonly bringBack?: (users: ReadonlyArray<string>) => Effect.Effect<void, E>
  readonly onPhase: (phase: Phase) => Effect.Effect<void>
  readonly onProgress: (actor: string, phase: string, done: number, total: number) => Effect.Effect<void>
}

/** Directs a whole run; fails with the first error of a party. All parties have been told to finish when this succeeds. */
export const direct = <E = never>(
  options: DirectorOptions<E>
): Effect.Effect<RunOutcome, E | AskError | StoreError | MalformedMessage, Party | Stable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { agreement, bringBack } = options
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
      interface Reported {
        readonly traffic: ReadonlyArray<SentTraffic>
        readonly peakMemoryBytes: Readonly<Record<string, number>>
      }
      const collect = (actors: ReadonlyArray<string>, phase: Phase) =>
        Effect.map(askAll(actors, Report, {}, phase), (reports): Reported => {
          const from = (i: number) => actors[i]!
          return {
            traffic: reports.flatMap(({ sent }, i) =>
              sent.map(({ peer, ...rest }) => ({ from: from(i), to: peer, ...rest }))
            ),
            peakMemoryBytes: Object.fromEntries(reports.map((report, i) => [from(i), report.peakMemoryBytes]))
          }
        })
      // A party ends as soon as it has answered; one whose answer is lost is gone all the same.
      const letGo = (actors: ReadonlyArray<string>, phase: Phase) =>
        Effect.forEach(
          actors,
          (actor) =>
            party
              .ask(actor, Finish, {}, { deadlineMs: farewellMs, phase })
              .pipe(Effect.catchTag("DeadlineExceeded", () => Effect.void)),
          { concurrency: "unbounded", discard: true }
        )

      const seconds: Record<Phase, number> = { setup: 0, upload: 0, transform: 0, train: 0, output: 0 }
      /** Goes through a phase; or, where an earlier director has, gives what it wrote down. */
      const through = <A, F, R>(phase: Phase, work: Effect.Effect<A, F, R>) =>
        Effect.gen(function* () {
          const entry = yield* remembered(
            `phase-${phase}`,
            logged<{ readonly result: A; readonly seconds: number }>(),
            Effect.gen(function* () {
              yield* options.onPhase(phase)
              const [lasted, result] = yield* Effect.timed(work)
              return { result, seconds: Math.round(Duration.toMillis(lasted)) / 1000 }
            }).pipe(Effect.withSpan(`phase ${phase}`))
          )
          seconds[phase] = entry.seconds
          return entry.result
        })

      const begin = { agreement: agreementDigest(agreement) }
      yield* through(
        "setup",
        Effect.zipRight(
          askAll(everyone, Begin, begin, "setup"),
          askAll([...clouds, ...users], Enrol, {}, "setup")
        )
      )
      const uploads = yield* through("upload", askAll(users, Upload, {}, "upload"))
      const nothing: Reported = { traffic: [], peakMemoryBytes: {} }
      const left = yield* remembered(
        "left",
        logged<Reported>(),
        bringBack === undefined ? Effect.succeed(nothing) : collect(users, "upload")
      )
      if (bringBack !== undefined)
        yield* remembered("let-go", logged<object>(), Effect.as(letGo(users, "upload"), {}))
      const [, archive] = yield* through("transform", askAll(clouds, Transform, {}, "transform"))
      const [training] = yield* through("train", askAll(clouds, Train, {}, "train"))
      const output = yield* through(
        "output",
        Effect.gen(function* () {
          const [, sealed] = yield* askAll(clouds, SealModel, {}, "output")
          if (bringBack !== undefined) {
            yield* bringBack(users)
            yield* askAll(users, Begin, begin, "output")
          }
          return { sealed: sealed!, opened: yield* askAll(users, OpenModel, {}, "output") }
        })
      )
      const stayed = yield* remembered("reported", logged<Reported>(), collect(everyone, "output"))
      yield* letGo(everyone, "output")
      const traffic = [...left.traffic, ...stayed.traffic]
      for (const { direction, peer, tag, messages, bytes } of yield* party.traffic) {
        if (direction === "sent") traffic.push({ from: party.name, to: peer, tag, messages, bytes })
      }
      const peakMemoryBytes = Object.fromEntries(
        everyone.map((actor) => [
          actor,
          Math.max(left.peakMemoryBytes[actor] ?? 0, stayed.peakMemoryBytes[actor] ?? 0)
        ])
      )

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
