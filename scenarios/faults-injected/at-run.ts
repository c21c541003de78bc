/**
 * Faults in a run over a real broker, as whoever runs it has them in hand: signals to the processes of parties and broker, and what
 * all parties read of partitions, full disks and clocks. What happens to messages the parties do themselves (`faults-at-party.ts`).
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Phase } from "../../actors/party/phases.ts"
import type { LifeEvent } from "../../runtime/processes/supervision.ts"
import { type FaultsNow, faultCountsFile, faultsNowFile, type MomentCame } from "./at-party.ts"
import type { FaultPlan, PlannedEvent } from "./plan.ts"
import type { ProcessControl } from "./process-control.ts"

export interface FaultsAtRun {
  readonly up: (control: ProcessControl) => void
  readonly phase: (phase: Phase) => void
  readonly life: (event: LifeEvent) => void
  /** Takes a line of JSON from a party's standard output. */
  readonly said: (line: unknown) => void
  /** How many of each kind were injected. */
  readonly counts: () => Readonly<Record<string, number>>
}

/** Carries out the events of a plan until the scope ends. `folder` has the parties' own folders; `note` tells people. */
export const faultsAtRun = (
  plan: FaultPlan,
  folder: string,
  note: (text: string) => void
): Effect.Effect<FaultsAtRun, never, Scope.Scope> =>
  Effect.gen(function* () {
    const since = Date.now()
    let now: FaultsNow = { since, partitions: [], diskFull: [], clockOffsetMs: {} }
    const counts: Record<string, number> = {}
    const pending = new Map(plan.events.entries())
    /** Until when a killed party is killed again as soon as it is up. */
    const heldDown = new Map<string, number>()
    const timers = new Set<NodeJS.Timeout>()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const timer of timers) clearTimeout(timer)
      })
    )
    let control: ProcessControl | undefined
    const waiting: Array<() => void> = []

    const write = (change: Partial<FaultsNow>) => {
      now = { ...now, ...change }
      mkdirSync(folder, { recursive: true })
      const draft = `${faultsNowFile(folder)}.draft`
      writeFileSync(draft, JSON.stringify(now))
      renameSync(draft, faultsNowFile(folder))
    }
    const later = (ms: number, work: () => void) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        work()
      }, ms)
      timers.add(timer)
    }
    const happen = ({ kind, party = "", forMs, byMs, groups, returns }: PlannedEvent) => {
      if (control === undefined) return
      const { signal } = control
      const until = Date.now() + forMs
      counts[kind] = (counts[kind] ?? 0) + 1
      note(`fault: ${kind} ${party}${groups.map((group) => group.join(" ")).join(" | ")}`)
      switch (kind) {
        case "kill":
          heldDown.set(party, returns ? until : Number.POSITIVE_INFINITY)
          // It may have done so itself.
          signal(party, "SIGKILL")
          return
        case "restart":
          signal(party, "SIGTERM")
          return
        case "pause":
          signal(party, "SIGSTOP")
          later(forMs, () => signal(party, "SIGCONT"))
          return
        case "broker-restart":
          signal("broker", "SIGSTOP")
          later(forMs, () => signal("broker", "SIGKILL"))
          return
        case "partition":
          return write({ partitions: [...now.partitions, { groups, until }] })
        case "disk-full":
          return write({ diskFull: [...now.diskFull, { party, until }] })
        case "clock-jump": {
          const offset = (now.clockOffsetMs[party] ?? 0) + byMs
          return write({ clockOffsetMs: { ...now.clockOffsetMs, [party]: offset } })
        }
      }
    }
    const begin = (i: number, afterMs: number) => {
      const event = pending.get(i)
      if (event === undefined) return
      pending.delete(i)
      const work = () => later(afterMs, () => happen(event))
      if (control === undefined) waiting.push(work)
      else work()
    }

    write({})
    return {
      up: (given) => {
        control = given
        for (const [i, { moment }] of pending) if (moment.on === "time") begin(i, moment.afterMs)
        for (const work of waiting.splice(0)) work()
      },
      phase: (phase) => {
        for (const [i, { moment }] of pending)
          if (moment.on === "phase" && moment.phase === phase) begin(i, moment.afterMs)
      },
      life: (event) => {
        if (event._tag === "Up" && Date.now() < (heldDown.get(event.party) ?? 0))
          control?.signal(event.party, "SIGKILL")
      },
      said: (line) => {
        if (typeof line === "object" && line !== null && "fault" in line) begin((line as MomentCame).fault, 0)
      },
      counts: () => {
        const all = { ...counts }
        for (const actor of readdirSync(folder, { withFileTypes: true })) {
          if (!actor.isDirectory()) continue
          for (const name of readdirSync(join(folder, actor.name))) {
            if (!faultCountsFile.test(name)) continue
            const own = JSON.parse(readFileSync(join(folder, actor.name, name), "utf8")) as Record<
              string,
              number
            >
            for (const [kind, count] of Object.entries(own)) all[kind] = (all[kind] ?? 0) + count
          }
        }
        return all
      }
    }
  })
