/**
 * Faults in a run over a real broker, from the side that controls the run: signals to the processes of
 * parties and broker, and a file that tells all parties of partitions, full disks and clocks. Each party does
 * the faults of its messages itself (`at-party.ts`).
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Phase } from "../../actors/party/phases.ts"
import type { LifeEvent } from "../../runtime/processes/supervision.ts"
import { type FaultsNow, faultCountsFile, faultsNowFile, type MomentCame } from "./at-party.ts"
import type { FaultPlan, PlannedEvent } from "./plan.ts"
import type { ProcessControl } from "./process-control.ts"

/**
 * Carries out the events of a plan until the scope ends. `folder` holds the parties' folders; `note` tells
 * people.
 */
export const faultsAtRun = (
  plan: FaultPlan,
  folder: string,
  note: (text: string) => void
): Effect.Effect<FaultsAtRun, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new FaultsAtRun(plan, folder, note)),
    (faults) => Effect.sync(() => faults.end())
  )

export class FaultsAtRun {
  readonly #folder: string
  readonly #note: (text: string) => void
  readonly #counts: Record<string, number> = {}
  /** Events whose moment has not come, by their place in the plan. */
  readonly #pending: Map<number, PlannedEvent>
  /** Until when a killed party is killed again as soon as it is up. */
  readonly #heldDown = new Map<string, number>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** What to do once the processes are up. */
  readonly #waiting: Array<() => void> = []
  #now: FaultsNow = { since: Date.now(), partitions: [], diskFull: [], clockOffsetMs: {} }
  #control: ProcessControl | undefined

  constructor(plan: FaultPlan, folder: string, note: (text: string) => void) {
    this.#folder = folder
    this.#note = note
    this.#pending = new Map(plan.events.entries())
    this.#write({})
  }

  /** The processes are up. */
  up(control: ProcessControl): void {
    this.#control = control
    for (const [i, { moment }] of this.#pending) if (moment.on === "time") this.#begin(i, moment.afterMs)
    for (const work of this.#waiting.splice(0)) work()
  }

  /** A phase begins. */
  phase(phase: Phase): void {
    for (const [i, { moment }] of this.#pending)
      if (moment.on === "phase" && moment.phase === phase) this.#begin(i, moment.afterMs)
  }

  /** A process started or ended. */
  life(event: LifeEvent): void {
    if (event._tag === "Up" && this.isHeldDown(event.party)) this.#control?.signal(event.party, "SIGKILL")
  }

  /** Whether a party is to stay away: its process is killed as soon as it is up. */
  isHeldDown(party: string): boolean {
    return Date.now() < (this.#heldDown.get(party) ?? 0)
  }

  /** Takes a line of JSON from a party's standard output. */
  said(line: unknown): void {
    if (typeof line === "object" && line !== null && "fault" in line)
      this.#begin((line as MomentCame).fault, 0)
  }

  /** How many faults of each kind were injected, here and by the parties themselves. */
  counts(): Readonly<Record<string, number>> {
    const all = { ...this.#counts }
    for (const own of countsOfParties(this.#folder))
      for (const [kind, count] of Object.entries(own)) all[kind] = (all[kind] ?? 0) + count
    return all
  }

  /** Calls off what was to happen later. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #begin(i: number, afterMs: number): void {
    const event = this.#pending.get(i)
    if (event === undefined) return
    this.#pending.delete(i)
    const work = () => this.#later(afterMs, () => this.#happen(event))
    if (this.#control === undefined) this.#waiting.push(work)
    else work()
  }

  #happen(event: PlannedEvent): void {
    const { kind, party = "", groups } = event
    if (this.#control === undefined) return
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1
    this.#note(`fault: ${kind} ${party}${groups.map((group) => group.join(" ")).join(" | ")}`)
    this.#carryOut[kind](event, this.#control)
  }

  /** One function for each kind of event. */
  readonly #carryOut: Readonly<
    Record<PlannedEvent["kind"], (event: PlannedEvent, control: ProcessControl) => void>
  > = {
    kill: ({ party = "", forMs, returns }, { signal }) => {
      this.#heldDown.set(party, returns ? Date.now() + forMs : Number.POSITIVE_INFINITY)
      // The party may have killed itself.
      signal(party, "SIGKILL")
    },
    restart: ({ party = "" }, { signal }) => void signal(party, "SIGTERM"),
    pause: ({ party = "", forMs }, { signal }) => {
      signal(party, "SIGSTOP")
      this.#later(forMs, () => signal(party, "SIGCONT"))
    },
    "broker-restart": ({ forMs }, { signal }) => {
      signal("broker", "SIGSTOP")
      this.#later(forMs, () => signal("broker", "SIGKILL"))
    },
    partition: ({ groups, forMs }) =>
      this.#write({ partitions: [...this.#now.partitions, { groups, until: Date.now() + forMs }] }),
    "disk-full": ({ party = "", forMs }) =>
      this.#write({ diskFull: [...this.#now.diskFull, { party, until: Date.now() + forMs }] }),
    "clock-jump": ({ party = "", byMs }) => {
      const offset = (this.#now.clockOffsetMs[party] ?? 0) + byMs
      this.#write({ clockOffsetMs: { ...this.#now.clockOffsetMs, [party]: offset } })
    }
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, ms)
    this.#timers.add(timer)
  }

  /** Tells all parties what holds now. They read the file as a whole, so it is replaced as a whole. */
  #write(change: Partial<FaultsNow>): void {
    this.#now = { ...this.#now, ...change }
    mkdirSync(this.#folder, { recursive: true })
    const draft = `${faultsNowFile(this.#folder)}.draft`
    writeFileSync(draft, JSON.stringify(this.#now))
    renameSync(draft, faultsNowFile(this.#folder))
  }
}

/** What each process of a party has counted. */
const countsOfParties = (folder: string): ReadonlyArray<Readonly<Record<string, number>>> =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: actor }) =>
      readdirSync(join(folder, actor))
        .filter((name) => faultCountsFile.test(name))
        .map((name) => JSON.parse(readFileSync(join(folder, actor, name), "utf8")))
    )
