/**
 * The requests that every party but the director answers in the same way: Begin (do both have the same
 * scenario?), Report (what was sent), Erase and Finish.
 */
import { Data, Deferred, Effect } from "effect"
import { Begin, Erase, Finish, Report } from "../../protocol/messages/control.ts"
import { within } from "../../runtime/deadline.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { peakMemoryBytes } from "../../runtime/processes/memory.ts"
import { type Agreement, actorsOf, agreementDigest } from "./agreement.ts"
import { type Erased, erasing, type Remains, recordFinish } from "./erasure.ts"
import { onDirector } from "./handlers.ts"

/** The party was started with another scenario than the director. */
export class OtherScenario extends Data.TaggedError("OtherScenario")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} was started with another scenario or version of bicameral than the director; give all parties the same`
  }
}

/** The director has not released the party within the longest time that all phases may take together. */
export class Abandoned extends Data.TaggedError("Abandoned")<{
  readonly party: string
  readonly waitedMs: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} was not released within ${this.waitedMs} ms, the longest that a run may take; find out why the director stopped, and start a new run`
  }
}

/** A run has five phases, and may deal ahead of the training; the seventh is for the time before it begins. */
const phasesOfLife = 7

/** What a process has sent since it started, and the most memory that it needed. */
export type ProcessReport = Effect.Effect.Success<ReturnType<typeof Report.reply.decode>>

/** The report of this process. */
export const ownReport = Effect.gen(function* () {
  const { traffic } = yield* Party
  const report: ProcessReport = {
    sent: (yield* traffic)
      .filter((entry) => entry.direction === "sent")
      .map(({ peer, tag, messages, bytes }) => ({ peer, tag, messages, bytes })),
    peakMemoryBytes: peakMemoryBytes()
  }
  return report
})

/** The other processes of a party. */
export interface OtherProcesses {
  /** Releases them. */
  readonly dismissed: Effect.Effect<void>
  /** The latest report of each. */
  readonly reports: () => ReadonlyArray<ProcessReport>
}

const noOthers: OtherProcesses = { dismissed: Effect.void, reports: () => [] }

/** The answer to Finish has to leave before the party does. */
const lingerMs = 100

/**
 * The handlers of the common requests; `announced`, to be run once they are served; and `finished`, which
 * waits until the director has released the party and then releases its other processes. The party's report
 * includes theirs. `erase` is what the party does once no result needs what it stores (`erasure.ts`).
 */
export const lifecycle = <E, R>(
  agreement: Agreement,
  erase: Effect.Effect<Erased, E, R>,
  others: OtherProcesses = noOthers
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const released = yield* Deferred.make<void>()
    const digest = agreementDigest(agreement)
    const handlers = [
      onDirector(Begin, (begin) =>
        begin.agreement === digest ? Effect.succeed({}) : new OtherScenario({ party: party.name })
      ),
      onDirector(Report, () =>
        Effect.map(ownReport, (own) => {
          const all = [own, ...others.reports()]
          return {
            sent: all.flatMap(({ sent }) => sent),
            peakMemoryBytes: Math.max(...all.map((each) => each.peakMemoryBytes))
          }
        })
      ),
      onDirector(Erase, () => erase),
      onDirector(Finish, () =>
        Effect.as(Effect.zipRight(recordFinish, Deferred.succeed(released, undefined)), {})
      )
    ]
    const lifeMs = phasesOfLife * agreement.deadlines.phaseTimeoutMs
    const release = Deferred.await(released).pipe(
      within(lifeMs, () => new Abandoned({ party: party.name, waitedMs: lifeMs }))
    )
    // A party that waits for this one's last process learns that it is back.
    const peers = ["director", ...actorsOf(agreement)].filter((peer) => peer !== party.name)
    return {
      handlers,
      announced: party.announce(peers),
      finished: release.pipe(Effect.zipRight(others.dismissed), Effect.zipRight(Effect.sleep(lingerMs)))
    }
  })

/** Serves as a party whose run has ended: finishes what it was erasing, and answers the director to the end. */
export const serveEnded = (agreement: Agreement, remains: Remains) =>
  Effect.gen(function* () {
    const party = yield* Party
    const erase = erasing(remains, Effect.void)
    yield* erase
    const life = yield* lifecycle(agreement, erase)
    yield* party.serve(life.handlers)
    yield* life.announced
    yield* life.finished
  })
