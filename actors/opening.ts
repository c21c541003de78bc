/**
 * How the director has the model opened where fewer than all users need to decrypt it: it finds out who is
 * there, has them open it among themselves, and ends the run once enough of them have. A user that does not
 * answer for as long as the scenario allows, has lost what it had stored, or fails, is absent: the run ends
 * without it, and says so.
 */
import { Data, Deferred, Duration, Effect, Either } from "effect"
import { OpenModel, RollCall } from "../protocol/messages/control.ts"
import { Party, type RemoteFailure } from "../runtime/messaging/contract.ts"
import { type Agreement, agreementDigest, displayName, partTimeoutMs } from "./party/agreement.ts"

/** A user that did not open the model, and why. */
export interface Absent {
  readonly user: string
  readonly reason: string
}

/** Who opened a model that not all users need to open; by their names as actors. */
export interface Openers {
  readonly threshold: number
  readonly opened: ReadonlyArray<string>
  readonly absent: ReadonlyArray<Absent>
  /** Users whose partial decryptions one of the others rejected. */
  readonly rejected: ReadonlyArray<string>
}

/** Fewer users are there than it takes to decrypt the model, or fewer have decrypted it. */
export class TooFewUsers extends Data.TaggedError("TooFewUsers")<{
  readonly threshold: number
  /** The users that are there, and the others, by their own names. */
  readonly there: ReadonlyArray<string>
  readonly missing: ReadonlyArray<Absent>
}> {
  readonly retryable = true
  override get message(): string {
    const there = this.there.length === 0 ? "none" : this.there.join(", ")
    const missing = this.missing.map(({ user, reason }) => `${user} (${reason})`).join(", ")
    return `it takes ${this.threshold} users to decrypt the model; there: ${there}; missing: ${missing}. Start the processes of those that are missing again, with what they had stored, and resume the run`
  }
}

type Reply = Effect.Effect.Success<ReturnType<typeof OpenModel.reply.decode>>

/** What is known of users that did not answer, or answered that they fail. */
type Reasons = Map<string, string>

/**
 * Asks all users whether they can take part, until all have answered, or enough can and the others had their time.
 * Where too few can, it waits for the others as long as any part of a phase may take.
 */
const callRoll = (agreement: Agreement) =>
  Effect.gen(function* () {
    const { threshold, absenceTimeoutMs } = agreement.decryption!
    const party = yield* Party
    const enough = yield* Deferred.make<void>()
    const able: Array<string> = []
    const reasons: Reasons = new Map()
    const ask = { deadlineMs: partTimeoutMs(agreement), phase: "output" }
    const missing = (actor: string) => (error: Error) =>
      Effect.sync(() => void reasons.set(actor, error.message))
    const asking = Effect.forEach(
      agreement.users,
      ({ actor }) =>
        party.ask(actor, RollCall, { agreement: agreementDigest(agreement) }, ask).pipe(
          Effect.tap((answer) => {
            if (answer.able) able.push(actor)
            else reasons.set(actor, "it is there without what it had stored")
            return able.length >= threshold ? Deferred.succeed(enough, undefined) : Effect.void
          }),
          Effect.catchTags({ DeadlineExceeded: missing(actor), RemoteFailure: missing(actor) })
        ),
      { concurrency: "unbounded", discard: true }
    )
    const patience = Effect.sleep(Duration.millis(absenceTimeoutMs))
    yield* Effect.raceFirst(asking, Effect.zipRight(patience, Deferred.await(enough)))
    for (const { actor } of agreement.users)
      if (!able.includes(actor) && !reasons.has(actor))
        reasons.set(actor, `it did not answer within ${absenceTimeoutMs} ms`)
    return reasons
  })

/** Has the users among these open the model, until all have, or enough have and the others had their time. */
const openAll = (agreement: Agreement, among: ReadonlyArray<string>, reasons: Reasons) =>
  Effect.gen(function* () {
    const { threshold, absenceTimeoutMs } = agreement.decryption!
    const party = yield* Party
    const enough = yield* Deferred.make<void>()
    const replies = new Map<string, Reply>()
    const failures: Array<RemoteFailure> = []
    const ask = { deadlineMs: agreement.deadlines.phaseTimeoutMs, phase: "output" }
    const asking = Effect.forEach(
      among,
      (actor) =>
        Effect.gen(function* () {
          const answer = yield* Effect.either(party.ask(actor, OpenModel, { among }, ask))
          if (Either.isRight(answer)) replies.set(actor, answer.right)
          else if (answer.left._tag === "RemoteFailure") failures.push(answer.left)
          else if (answer.left._tag !== "DeadlineExceeded") return yield* Effect.fail(answer.left)
          if (Either.isLeft(answer)) reasons.set(actor, answer.left.message)
          if (replies.size >= threshold) yield* Deferred.succeed(enough, undefined)
        }),
      { concurrency: "unbounded", discard: true }
    )
    const patience = Effect.sleep(Duration.millis(absenceTimeoutMs))
    yield* Effect.raceFirst(asking, Effect.zipRight(Deferred.await(enough), patience))
    for (const actor of among)
      if (!replies.has(actor) && !reasons.has(actor))
        reasons.set(actor, `it had not opened the model ${absenceTimeoutMs} ms after ${threshold} others had`)
    return { replies, failures }
  })

/** Has the model opened by the users that are there. Fails where they are, or become, too few. */
export const openByQuorum = (agreement: Agreement) =>
  Effect.gen(function* () {
    const { threshold } = agreement.decryption!
    const users = agreement.users.map(({ actor }) => actor)
    const reasons = yield* callRoll(agreement)
    const tooFew = (there: ReadonlyArray<string>) =>
      new TooFewUsers({
        threshold,
        there: there.map((actor) => displayName(agreement, actor)),
        missing: agreement.users.flatMap(({ actor, name: user }) => {
          const reason = reasons.get(actor)
          return reason === undefined ? [] : [{ user, reason }]
        })
      })
    const among = users.filter((actor) => !reasons.has(actor))
    if (among.length < threshold) return yield* tooFew(among)
    const { failures, replies } = yield* openAll(agreement, among, reasons)
    const opened = users.filter((actor) => replies.has(actor))
    if (opened.length < threshold)
      return yield* failures.find(({ retryable }) => !retryable) ?? tooFew(opened)
    const rejected = [...replies.values()].flatMap((reply) => reply.rejected ?? [])
    const openers: Openers = {
      threshold,
      opened,
      absent: users.flatMap((user) => (replies.has(user) ? [] : [{ user, reason: reasons.get(user)! }])),
      rejected: users.filter((user) => rejected.includes(user))
    }
    return { replies: opened.map((actor) => replies.get(actor)!), openers }
  }).pipe(Effect.withSpan("open by quorum"))

/** What an absent user still has: it was not there to erase anything. */
export const keptByAbsent = ({ archive }: Agreement) => {
  const what = "what it had stored: it was absent and has erased nothing"
  return archive === "keep" ? { kept: [], sealed: [what] } : { kept: [what], sealed: [] }
}
