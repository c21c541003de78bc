/**
 * The director takes a run through its phases. It knows the scenario and holds no secret. A phase is a
 * request to every party that has work in it; all of them must answer before the next phase begins. If a
 * party fails, the run ends with an error that names it. Results are stored in the director's log, so that a
 * director that crashed resumes with the current phase.
 */
import { Duration, Effect } from "effect"
import type { Curve } from "../protocol/learning/evaluations.ts"
import type { MalformedMessage } from "../protocol/messages/codec.ts"
import {
  Begin,
  DealAhead,
  Enrol,
  Erase,
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
import { MalformedTally } from "../protocol/metrics/tally.ts"
import { type AskError, on, Party } from "../runtime/messaging/contract.ts"
import type { Stable, StoreError } from "../runtime/storage/store.ts"
import { keptByAbsent, type Openers, openByQuorum, type TooFewUsers } from "./opening.ts"
import {
  type Agreement,
  actorsOf,
  agreementDigest,
  leaveBeforeTraining,
  opensModel,
  reopens
} from "./party/agreement.ts"
import type { Erased } from "./party/erasure.ts"
import { remembered, type StorageFormat } from "./party/once.ts"
import type { Phase } from "./party/phases.ts"
import { raised } from "./party/typed-throws.ts"
import { type Opened, type Tested, testedBy } from "./tested.ts"

export interface SentTraffic {
  readonly from: string
  readonly to: string
  readonly tag: string
  readonly messages: number
  readonly bytes: number
}

/** What the director knows at the end: sizes, times, and what the scenario reveals. */
export interface RunOutcome extends Tested {
  readonly rows: number
  readonly steps: number
  /** Exchanges between the clouds in training, including those that open the data set. */
  readonly rounds: number
  /** How the model did on the validation rows, epoch by epoch; absent unless revealed. */
  readonly curve?: Curve
  readonly ciphertexts: { readonly upload: number; readonly archive: number; readonly model: number }
  readonly seconds: Readonly<Record<Phase, number>>
  readonly traffic: ReadonlyArray<SentTraffic>
  /**
   * The most memory that each actor's process needed; for users who left, the larger of their two processes.
   */
  readonly peakMemoryBytes: Readonly<Record<string, number>>
  /** What each actor still has, in words: in its folder as it is, and under its state key. */
  readonly kept: Readonly<Record<string, Kept>>
  /** Who opened the model, where not all users need to. */
  readonly openers?: Openers
}

type Kept = Pick<Erased, "kept" | "sealed">

export interface DirectorOptions<E> {
  readonly agreement: Agreement
  /**
   * If users end their process after the upload, or come for the output alone: starts those that are not running, with
   * the state that they stored.
   */
  readonly bringBack?: (users: ReadonlyArray<string>) => Effect.Effect<void, E>
  readonly onPhase: (phase: Phase) => Effect.Effect<void>
  readonly onProgress: (actor: string, phase: string, done: number, total: number) => Effect.Effect<void>
}

/**
 * Directs a whole run. Fails with the first error of a party; once it succeeds, all parties have been
 * released.
 */
export const direct = <E = never>(
  options: DirectorOptions<E>
): Effect.Effect<
  RunOutcome,
  E | AskError | StoreError | MalformedMessage | MalformedTally | TooFewUsers,
  Party | Stable
> =>
  Effect.gen(function* () {
    const { agreement, bringBack } = options
    const before = yield* upToTraining(options)
    const { archive, askAll, clouds, dealsAhead, everyone, gone, left, seconds, through, uploads, users } =
      before
    const usersLeave = bringBack !== undefined
    const dealt = dealsAhead ? dealtAhead(agreement, gone) : Effect.void
    const [training] = yield* through("train", Effect.zipRight(dealt, askAll(clouds, Train, {}, "train")))
    const departed = yield* departure(agreement, gone, "train")
    const tested = (actors: ReadonlyArray<string>, replies: ReadonlyArray<Opened>) =>
      raised([MalformedTally], () =>
        testedBy(
          agreement,
          actors.map((actor, i) => [actor, replies[i]!])
        )
      )
    const output = yield* through(
      "output",
      Effect.gen(function* () {
        const sealed = opensModel(agreement)
          ? (yield* askAll(clouds, SealModel, {}, "output"))[1]
          : { ciphertexts: 0 }
        if (usersLeave) yield* bringBack(users)
        if (agreement.decryption !== undefined) {
          const { openers, replies } = yield* openByQuorum(agreement)
          return { sealed: sealed!, openers, ...(yield* tested(openers.opened, replies)) }
        }
        if (usersLeave || reopens(agreement)) yield* askAll(users, Begin, before.begin, "output")
        const replies = yield* askAll(users, OpenModel, {}, "output")
        return { sealed: sealed!, ...(yield* tested(users, replies)) }
      })
    )
    const absent = "openers" in output ? output.openers.absent.map(({ user }) => user) : []
    const present = everyone.filter((actor) => !absent.includes(actor) && !gone.includes(actor))
    const stayed = yield* remembered("stayed", logged<Departed>(), takeLeave(agreement, present, "output"))
    yield* release(present, "output")
    const { sealed, ...opened } = output
    const outcome: RunOutcome = {
      rows: archive!.rows,
      steps: training!.steps,
      rounds: training!.rounds,
      ...(training!.curve && { curve: training!.curve }),
      ciphertexts: {
        upload: sum(uploads.map(({ ciphertexts }) => ciphertexts)),
        archive: archive!.ciphertexts,
        model: sealed.ciphertexts
      },
      seconds,
      traffic: [departed, left, stayed].flatMap(({ traffic }) => traffic).concat(yield* ownTraffic),
      peakMemoryBytes: Object.fromEntries(
        [...gone, ...present].map((actor) => [
          actor,
          Math.max(...[departed, left, stayed].map(({ peakMemoryBytes }) => peakMemoryBytes[actor] ?? 0))
        ])
      ),
      kept: {
        ...departed.kept,
        ...stayed.kept,
        ...Object.fromEntries(absent.map((actor) => [actor, keptByAbsent(agreement)]))
      },
      ...opened
    }
    return outcome
  }).pipe(Effect.scoped)

/**
 * Directs a run until all its steps are dealt ahead, and leaves the parties as they are: a later director resumes from
 * there. What is left of it is the training.
 */
export const directDealing = <E = never>(
  options: DirectorOptions<E>
): Effect.Effect<void, E | AskError | StoreError | MalformedMessage, Party | Stable> =>
  Effect.gen(function* () {
    const { gone } = yield* upToTraining(options)
    yield* options.onPhase("train")
    yield* dealtAhead(options.agreement, gone)
  }).pipe(Effect.scoped)

/** Takes a run to where the clouds can train. */
const upToTraining = <E>(options: DirectorOptions<E>) =>
  Effect.gen(function* () {
    const { agreement, bringBack } = options
    const party = yield* Party
    yield* party.serve([
      on(Progress, ({ phase, done, total }, from) => options.onProgress(from, phase, done, total))
    ])
    const users = agreement.users.map((user) => user.actor)
    const clouds = ["cloud0", "cloud1"]
    const everyone = actorsOf(agreement)
    const begin = { agreement: agreementDigest(agreement) }
    const askAll = <A, R>(actors: ReadonlyArray<string>, message: Ask<A, R>, payload: A, phase: Phase) =>
      askEach(agreement, actors, message, payload, phase)
    const seconds: Record<Phase, number> = { setup: 0, upload: 0, transform: 0, train: 0, output: 0 }
    const through = <A, F, R>(phase: Phase, work: Effect.Effect<A, F, R>) =>
      Effect.map(recorded(phase, options.onPhase(phase), work), (entry) => {
        seconds[phase] = entry.seconds
        return entry.result
      })

    // From an archive users come for the output alone.
    const early = reopens(agreement) ? [] : users
    const enrolled = askAll([...clouds, ...early], Enrol, {}, "setup")
    const there = everyone.filter((actor) => early.includes(actor) || !users.includes(actor))
    yield* through("setup", Effect.zipRight(askAll(there, Begin, begin, "setup"), enrolled))
    const dealsAhead = agreement.security.dealing === "kgc-ahead"
    const gone = leaveBeforeTraining(agreement)
    // All have its keys in their stable storage, and nobody asks it again.
    if (!dealsAhead && gone.length > 0) yield* departure(agreement, gone, "setup")
    const uploads = reopens(agreement) ? [] : yield* through("upload", askAll(users, Upload, {}, "upload"))
    const usersLeave = bringBack !== undefined && !reopens(agreement)
    const left = yield* remembered(
      "left",
      logged<Reported>(),
      usersLeave ? collect(agreement, users, "upload") : Effect.succeed({ traffic: [], peakMemoryBytes: {} })
    )
    if (usersLeave) yield* remembered("let-go", logged<object>(), Effect.as(release(users, "upload"), {}))
    const [, archive] = yield* through("transform", askAll(clouds, Transform, {}, "transform"))
    return {
      archive,
      askAll,
      begin,
      clouds,
      dealsAhead,
      everyone,
      gone,
      left,
      seconds,
      through,
      uploads,
      users
    }
  })

/** Sends a request to several parties at once; the replies are in their order. */
const askEach = <A, R>(
  { deadlines }: Agreement,
  actors: ReadonlyArray<string>,
  message: Ask<A, R>,
  payload: A,
  phase: Phase
) =>
  Effect.flatMap(Party, (party) =>
    Effect.forEach(
      actors,
      (actor) => party.ask(actor, message, payload, { deadlineMs: deadlines.phaseTimeoutMs, phase }),
      { concurrency: "unbounded" }
    )
  )

/** What parties report of themselves. */
interface Reported {
  readonly traffic: ReadonlyArray<SentTraffic>
  readonly peakMemoryBytes: Readonly<Record<string, number>>
}

const collect = (agreement: Agreement, actors: ReadonlyArray<string>, phase: Phase) =>
  Effect.map(askEach(agreement, actors, Report, {}, phase), (reports): Reported => {
    const from = (i: number) => actors[i]!
    return {
      traffic: reports.flatMap(({ sent }, i) =>
        sent.map(({ peer, ...rest }) => ({ from: from(i), to: peer, ...rest }))
      ),
      peakMemoryBytes: Object.fromEntries(reports.map((report, i) => [from(i), report.peakMemoryBytes]))
    }
  })

/** What parties report, and what they keep, before they are let go. */
interface Departed extends Reported {
  readonly kept: Readonly<Record<string, Kept>>
}

/** Collects the reports of parties that are not needed any more, and has them erase what they stored. */
const takeLeave = (agreement: Agreement, actors: ReadonlyArray<string>, phase: Phase) =>
  Effect.gen(function* () {
    const reported = yield* collect(agreement, actors, phase)
    const ends = yield* askEach(agreement, actors, Erase, {}, phase)
    const kept = ends.map(({ kept, sealed }, i): [string, Kept] => [actors[i]!, { kept, sealed }])
    const departed: Departed = { ...reported, kept: Object.fromEntries(kept) }
    return departed
  })

/** Lets parties go before the end, once. The KGC goes when all have its keys, and C1 what it deals ahead. */
const departure = (agreement: Agreement, gone: ReadonlyArray<string>, phase: Phase) =>
  Effect.gen(function* () {
    const departed = yield* remembered("departed", logged<Departed>(), takeLeave(agreement, gone, phase))
    if (gone.length > 0) yield* remembered("kgc-gone", logged<object>(), Effect.as(release(gone, phase), {}))
    return departed
  })

/** Has both clouds deal all steps, or C1 fetch all that the KGC deals, and lets the KGC go if it is still there. */
const dealtAhead = (agreement: Agreement, gone: ReadonlyArray<string>) => {
  const asked = agreement.security.dealing === "clouds" ? ["cloud0", "cloud1"] : ["cloud1"]
  return Effect.zipRight(
    askEach(agreement, asked, DealAhead, {}, "train"),
    departure(agreement, gone, "train")
  )
}

/** What the director itself has sent. */
const ownTraffic = Effect.gen(function* () {
  const party = yield* Party
  return (yield* party.traffic)
    .filter(({ direction }) => direction === "sent")
    .map(
      ({ peer, tag, messages, bytes }): SentTraffic => ({ from: party.name, to: peer, tag, messages, bytes })
    )
})

/** How long a party may take to answer that it ends. */
const farewellMs = 5_000

/**
 * Lets parties end. A party ends as soon as it has answered, so one whose answer was lost has ended all the
 * same.
 */
const release = (actors: ReadonlyArray<string>, phase: Phase) =>
  Effect.flatMap(Party, (party) =>
    Effect.forEach(
      actors,
      (actor) =>
        party
          .ask(actor, Finish, {}, { deadlineMs: farewellMs, phase })
          .pipe(Effect.catchTag("DeadlineExceeded", () => Effect.void)),
      { concurrency: "unbounded", discard: true }
    )
  )

/** An entry of the director's own log. */
const logged = <A>(): StorageFormat<A, never, never> => ({
  encode: (value) => Effect.sync(() => new TextEncoder().encode(JSON.stringify(value))),
  decode: (bytes) => Effect.sync(() => JSON.parse(new TextDecoder().decode(bytes)) as A)
})

/** The result of a phase and its time: from the log if an earlier director went through it. */
const recorded = <A, E, R>(phase: Phase, announced: Effect.Effect<void>, work: Effect.Effect<A, E, R>) =>
  remembered(
    `phase-${phase}`,
    logged<{ readonly result: A; readonly seconds: number }>(),
    Effect.gen(function* () {
      yield* announced
      const [lasted, result] = yield* Effect.timed(work)
      return { result, seconds: Math.round(Duration.toMillis(lasted)) / 1000 }
    }).pipe(Effect.withSpan(`phase ${phase}`))
  )

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)
