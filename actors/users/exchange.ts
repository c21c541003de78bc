/**
 * The exchange of partial decryptions among the users. Without a threshold all of them take part: one that is
 * missing, or whose proof does not hold, ends the run. With a threshold those take part that the director has
 * found to be there. A user that falls silent, or sends what it can't prove, is left out, as long as so
 * many are left as the threshold asks for.
 */
import { Effect, Redacted } from "effect"
import type { UserSecrets } from "../../protocol/messages/enrolment.ts"
import { PartialDecryptions } from "../../protocol/messages/output.ts"
import type { PartialsRejected } from "../../protocol/sharing/model-output.ts"
import {
  decryptPartially,
  type JointlyDecrypted,
  verifyPartials
} from "../../protocol/sharing/partial-proofs.ts"
import { type AskError, Party } from "../../runtime/messaging/contract.ts"
import { Stable } from "../../runtime/storage/store.ts"
import type { Agreement } from "../party/agreement.ts"
import { BcpPool } from "../party/bcp-pool.ts"
import { type Gathering, StillMissing } from "../party/gathering.ts"
import { recalled } from "../party/once.ts"

/** What users send each other. */
export type Partials = Effect.Effect.Success<ReturnType<typeof PartialDecryptions.payload.decode>>
export type Secrets = Effect.Effect.Success<ReturnType<typeof UserSecrets.decode>>

/** What a user sends to another at the output waits as long as that one may be away. */
export const askAtOutput = ({ deadlines, decryption }: Agreement) => ({
  deadlineMs: decryption?.absenceTimeoutMs ?? deadlines.replyTimeoutMs,
  phase: "output"
})

/**
 * Where a run need not have all users, one that does not answer, or answers that it fails, is done without.
 */
export const doingWithout =
  ({ decryption }: Agreement) =>
  <A, R>(asking: Effect.Effect<A, AskError, R>): Effect.Effect<void, AskError, R> =>
    Effect.catchAll(Effect.asVoid(asking), (error) =>
      decryption !== undefined && (error._tag === "DeadlineExceeded" || error._tag === "RemoteFailure")
        ? Effect.logWarning("a user is done without").pipe(Effect.annotateLogs({ reason: error.message }))
        : Effect.fail(error)
    )

/** The entry of a user's own partial decryptions in its stable storage, beside those of the others. */
const ownEntry = (actor: string): string => `partials-${actor}`

/** Fails where fewer are valid than it takes: with what was rejected, or else with who is missing. */
const requireEnough = (
  { decryption, users }: Agreement,
  valid: ReadonlyMap<string, Uint8Array>,
  rejected: ReadonlyMap<string, PartialsRejected>
) =>
  Effect.gen(function* () {
    for (const error of rejected.values()) yield* Effect.logWarning(error.message)
    if (decryption === undefined || valid.size >= decryption.threshold) return
    for (const error of rejected.values()) return yield* error
    const parties = users.map(({ actor }) => actor).filter((actor) => !valid.has(actor))
    const waitedMs = decryption.absenceTimeoutMs
    return yield* new StillMissing({ what: "its partial decryptions", parties, waitedMs })
  })

/** The exchange at one user; `received` gathers what the others send. */
export const exchangeOfPartials = (agreement: Agreement, received: Gathering<Partials>) => {
  const { deadlines, decryption } = agreement
  /** To which users this process has tried to send its own, and which of them have it. */
  const tried = new Set<string>()
  const confirmed = new Set<string>()

  const handOver = (own: Partials, actors: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const party = yield* Party
      yield* Effect.forEach(
        actors,
        (actor) => {
          tried.add(actor)
          return party.ask(actor, PartialDecryptions, own, askAtOutput(agreement)).pipe(
            Effect.tap(() => Effect.sync(() => confirmed.add(actor))),
            doingWithout(agreement)
          )
        },
        { concurrency: "unbounded", discard: true }
      )
    })

  const others = (among: ReadonlyArray<string>, self: string) =>
    agreement.users.filter(({ actor }) => actor !== self && among.includes(actor))

  /**
   * Exchanges partial decryptions with the other users among these, and verifies theirs: the valid ones by
   * user, this user's own among them, and the users whose were rejected.
   */
  const exchange = (
    decrypted: JointlyDecrypted,
    secrets: Redacted.Redacted<Secrets>,
    among: ReadonlyArray<string>
  ) =>
    Effect.gen(function* () {
      const { name } = yield* Party
      const pool = yield* BcpPool
      const { keyShare, secretKey } = Redacted.value(secrets)
      const own = yield* decryptPartially(pool, decrypted, name, Redacted.make(keyShare ?? secretKey))
      const peers = others(among, name)
      const actors = peers.map(({ actor }) => actor)
      if (decryption !== undefined)
        yield* (yield* Stable).put(ownEntry(name), yield* PartialDecryptions.payload.encode(own))
      const arriving =
        decryption === undefined
          ? Effect.map(
              received.all(deadlines.phaseTimeoutMs),
              (all) => new Map(actors.map((actor, i) => [actor, all[i]!]))
            )
          : received.arrived(actors, decryption.absenceTimeoutMs)
      const [, arrived] = yield* Effect.all(
        [handOver(own, actors), arriving],
        // With a threshold both may wait for somebody who is gone.
        { concurrency: decryption === undefined ? 1 : "unbounded" }
      )
      const there = peers.filter(({ actor }) => arrived.has(actor))
      const verified = yield* Effect.forEach(
        there,
        (peer) => Effect.either(verifyPartials(pool, decrypted, peer, arrived.get(peer.actor)!)),
        { concurrency: "unbounded" }
      )
      const valid = new Map([[name, own.partials]])
      const rejected = new Map<string, PartialsRejected>()
      for (const [i, { actor }] of there.entries()) {
        const result = verified[i]!
        if (result._tag === "Right") valid.set(actor, arrived.get(actor)!.partials)
        else if (decryption === undefined || result.left._tag !== "PartialsRejected")
          return yield* Effect.fail(result.left)
        else rejected.set(actor, result.left)
      }
      yield* requireEnough(agreement, valid, rejected)
      return { valid, rejected: [...rejected.keys()] }
    })

  /**
   * Sends what this user has sent the others to those that have come since. If it had opened the model before
   * it was asked, these may have been tried in vain.
   */
  const handOverLate = (among: ReadonlyArray<string>, openedBefore: boolean) =>
    Effect.gen(function* () {
      const { name } = yield* Party
      const served = openedBefore ? confirmed : tried
      const late = others(among, name).flatMap(({ actor }) => (served.has(actor) ? [] : [actor]))
      if (decryption === undefined || late.length === 0) return
      yield* handOver(yield* recalled(ownEntry(name), PartialDecryptions.payload), late)
    })

  return { exchange, handOverLate }
}

export type ExchangeOfPartials = ReturnType<typeof exchangeOfPartials>
