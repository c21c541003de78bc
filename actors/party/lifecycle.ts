/**
 * What every party but the director answers alike: Begin (are we talking about the same scenario?), Report (what was
 * sent) and Finish.
 */
import { Data, Deferred, Duration, Effect } from "effect"
import { Begin, Finish, Report } from "../../protocol/messages/control.ts"
import { actorOf } from "../../protocol/messages/subjects.ts"
import { within } from "../../runtime/deadline.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import type { WorkLimits } from "../../runtime/messaging/limits.ts"
import { peakMemoryBytes } from "../../runtime/processes/memory.ts"
import { Alive, type Household, nobody } from "../group/members.ts"
import { askHouse } from "../group/process-group.ts"
import { type Agreement, actorsOf, agreementDigest } from "./agreement.ts"

/** The party was started with another scenario than the director. */
export class OtherScenario extends Data.TaggedError("OtherScenario")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} was started with another scenario or version of bicameral than the director; give all parties the same`
  }
}

/** Told to begin, or to finish, by somebody who is not the director. */
export class NotTheDirector extends Data.TaggedError("NotTheDirector")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} is not the director and cannot direct a run`
  }
}

/** Refuses what only the director may ask. */
export const directorOnly = (from: string): Effect.Effect<void, NotTheDirector> =>
  from === "director" ? Effect.void : new NotTheDirector({ party: from })

/** The director has not let the party go in the time that all phases together may take. */
export class Abandoned extends Data.TaggedError("Abandoned")<{
  readonly party: string
  readonly waitedMs: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} was not let go within ${this.waitedMs} ms, the longest that a run may take; see what became of the director and start a new run`
  }
}

/** A run has five phases; the sixth is for the time before it begins. */
const phasesOfLife = 6

/** What this process has sent since it started, and the most memory that it had. */
export const ownReport = Effect.gen(function* () {
  const { traffic } = yield* Party
  return {
    sent: (yield* traffic)
      .filter((entry) => entry.direction === "sent")
      .map(({ peer, tag, messages, bytes }) => ({ peer, tag, messages, bytes })),
    peakMemoryBytes: peakMemoryBytes()
  }
})

/** A member says that it is there, and has places for so many jobs, until its main process lets it go. */
export const attending = (places: number, { aliveEveryMs, patienceMs }: WorkLimits) =>
  Effect.gen(function* () {
    const main = actorOf((yield* Party).name)
    const alive = Effect.gen(function* () {
      const report = yield* ownReport
      const { over } = yield* askHouse(main, Alive, { places, report }, { deadlineMs: patienceMs })
      if (!over) yield* Effect.sleep(Duration.millis(aliveEveryMs))
      return over
    })
    yield* Effect.repeat(alive, { until: (over) => over })
  })

/** The answer to Finish has to leave before the party does. */
const lingerMs = 100

/**
 * The handlers of the common messages, `announced`, to be run when they are served, and `finished`, which waits until the director has let the
 * party go, and then lets its members go. What they have sent is told with what this process has.
 */
export const lifecycle = (
  agreement: Agreement,
  { dismissed, told }: Pick<Household, "dismissed" | "told"> = nobody
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const finished = yield* Deferred.make<void>()
    const digest = agreementDigest(agreement)
    const handlers = [
      on(Begin, (begin, from) =>
        Effect.zipRight(
          directorOnly(from),
          begin.agreement === digest ? Effect.succeed({}) : new OtherScenario({ party: party.name })
        )
      ),
      on(Report, (_, from) =>
        Effect.zipRight(
          directorOnly(from),
          Effect.map(ownReport, (own) => ({
            sent: [own, ...told()].flatMap(({ sent }) => sent),
            peakMemoryBytes: Math.max(...[own, ...told()].map((each) => each.peakMemoryBytes))
          }))
        )
      ),
      on(Finish, (_, from) =>
        Effect.zipRight(directorOnly(from), Effect.as(Deferred.succeed(finished, undefined), {}))
      )
    ]
    const lifeMs = phasesOfLife * agreement.deadlines.phaseTimeoutMs
    const letGo = Deferred.await(finished).pipe(
      within(lifeMs, () => new Abandoned({ party: party.name, waitedMs: lifeMs }))
    )
    // Whoever waits for this party's last process learns that it is back.
    const peers = ["director", ...actorsOf(agreement)].filter((peer) => peer !== party.name)
    return {
      handlers,
      announced: party.announce(peers),
      finished: letGo.pipe(Effect.zipRight(dismissed), Effect.zipRight(Effect.sleep(lingerMs)))
    }
  })
