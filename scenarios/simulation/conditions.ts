/**
 * What is wrong with which party of a simulated run at the moment. Times are milliseconds of virtual time.
 */
import { type PlannedEvent, separates } from "../faults-injected/plan.ts"

export class Conditions {
  readonly #nowMs: () => number
  /** When the faults end. */
  readonly healAtMs: number
  readonly #clockOffsetMs = new Map<string, number>()
  readonly #pausedUntilMs = new Map<string, number>()
  readonly #diskFullUntilMs = new Map<string, number>()
  readonly #partitions: Array<{ readonly groups: PlannedEvent["groups"]; readonly untilMs: number }> = []

  constructor(nowMs: () => number, healAtMs = Number.POSITIVE_INFINITY) {
    this.#nowMs = nowMs
    this.healAtMs = healAtMs
  }

  /** Whether the faults have ended. */
  get healed(): boolean {
    return this.#nowMs() >= this.healAtMs
  }

  pausedUntilMs(actor: string): number {
    return this.#pausedUntilMs.get(actor) ?? 0
  }

  clockOffsetMs(actor: string): number {
    return this.#clockOffsetMs.get(actor) ?? 0
  }

  isDiskFull(actor: string): boolean {
    return (this.#diskFullUntilMs.get(actor) ?? 0) > this.#nowMs()
  }

  /** Whether a partition cuts the link between two parties. */
  isCut(from: string, to: string): boolean {
    return this.#partitions.some(
      ({ groups, untilMs }) => this.#nowMs() < untilMs && separates(groups, from, to)
    )
  }

  pause(actor: string, untilMs: number): void {
    this.#pausedUntilMs.set(actor, Math.max(untilMs, this.pausedUntilMs(actor)))
  }

  shiftClock(actor: string, byMs: number): void {
    this.#clockOffsetMs.set(actor, this.clockOffsetMs(actor) + byMs)
  }

  fillDisk(actor: string, untilMs: number): void {
    this.#diskFullUntilMs.set(actor, untilMs)
  }

  partition(groups: PlannedEvent["groups"], untilMs: number): void {
    this.#partitions.push({ groups, untilMs })
  }
}
