/** The planned events of a simulated run: which are still to come, and what each does to the world. */
import { Effect } from "effect"
import type { Phase } from "../../actors/party/phases.ts"
import type { decodeEnvelope } from "../../protocol/messages/envelope.ts"
import { hasCome, SentCounts, type StepRounds } from "../faults-injected/moments.ts"
import type { PlannedEvent } from "../faults-injected/plan.ts"
import type { Parties } from "./parties.ts"
import type { World } from "./world.ts"

/** How long a supervisor takes to start a process that died. */
const startMs = 100

/** Events whose moment has not come yet. Each is taken once. */
export class PendingEvents {
  readonly #stepRounds: StepRounds
  readonly #events: Set<PlannedEvent>
  readonly #sent = new SentCounts()

  constructor({ plan, stepRounds }: World) {
    this.#stepRounds = stepRounds
    this.#events = new Set(plan.events)
  }

  /** Takes the events whose moment is a frame that a party sends now. */
  takeSent(from: string, envelope: ReturnType<typeof decodeEnvelope>): ReadonlyArray<PlannedEvent> {
    if (this.#events.size === 0 || envelope._tag === "Left") return []
    this.#sent.add(from, envelope.right)
    return this.#take(({ moment, party }) => {
      // A round or a step is a moment of both clouds, whichever party the event is about.
      const ofParty = moment.on === "round" || moment.on === "step" || party === undefined || party === from
      return ofParty && hasCome(moment, from, envelope.right, this.#sent, this.#stepRounds)
    })
  }

  /** Takes the events of a phase that begins now, each with its delay. */
  takePhase(phase: Phase): ReadonlyArray<readonly [PlannedEvent, number]> {
    return this.#takeDelayed((moment) =>
      moment.on === "phase" && moment.phase === phase ? moment.afterMs : undefined
    )
  }

  /** Takes the events of a time after the start, each with its delay. */
  takeTimed(): ReadonlyArray<readonly [PlannedEvent, number]> {
    return this.#takeDelayed((moment) => (moment.on === "time" ? moment.afterMs : undefined))
  }

  #takeDelayed(
    delayOf: (moment: PlannedEvent["moment"]) => number | undefined
  ): ReadonlyArray<readonly [PlannedEvent, number]> {
    return this.#take(({ moment }) => delayOf(moment) !== undefined).map(
      (event) => [event, delayOf(event.moment)!] as const
    )
  }

  #take(fits: (event: PlannedEvent) => boolean): ReadonlyArray<PlannedEvent> {
    const taken = [...this.#events].filter(fits)
    for (const event of taken) this.#events.delete(event)
    return taken
  }
}

/** Runs work after a delay of virtual time, in milliseconds. */
export type Later = (delayMs: number, work: Effect.Effect<unknown, unknown>) => void

/** Carries out an event, unless the faults have ended. */
export const happen = (
  world: World,
  parties: Parties,
  later: Later,
  event: PlannedEvent
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { time, conditions, record, hub } = world
    if (conditions.healed) return Effect.void
    const { kind, party: actor = "", forMs, byMs, groups } = event
    const untilMs = Math.min(time.nowMs() + forMs, conditions.healAtMs)
    const restartMs = untilMs - time.nowMs() + startMs
    switch (kind) {
      case "kill":
      case "restart":
        return endParty(world, parties, event, (again) => later(restartMs, again))
      case "pause":
        conditions.pause(actor, untilMs)
        break
      case "partition":
        conditions.partition(groups, untilMs)
        break
      case "broker-restart":
        hub.down()
        time.after(restartMs, hub.up)
        break
      case "disk-full":
        conditions.fillDisk(actor, untilMs)
        break
      case "clock-jump":
        conditions.shiftClock(actor, byMs)
    }
    record.note(`${kind} ${actor} ${groups.map((group) => group.join(" ")).join(" | ")}`)
    record.countFault(kind)
    return Effect.void
  })

/** Ends a party's process if it is alive, and has it started again where it returns. */
const endParty = (
  { record }: World,
  parties: Parties,
  { kind, party: actor = "", returns }: PlannedEvent,
  restart: (again: Effect.Effect<void>) => void
): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (!parties.isAlive(actor)) return
    record.note(`${kind} ${actor}${returns ? "" : ", for good"}`)
    record.countFault(kind)
    yield* parties.end(actor, kind === "restart")
    if (!returns) return
    restart(
      Effect.suspend(() => {
        record.note(`${actor} is started again`)
        return parties.start(actor)
      })
    )
  })
