/** Times and what they are made of. Pure. */
import type { Phase } from "../../actors/party/phases.ts"

/**
 * A part of a time. The three parts of a phase add up: work, waits for sequential messages, and transfer over
 * links.
 */
export interface Part {
  readonly seconds: number
  /** What takes this time, for people. */
  readonly by: string
}

export interface PredictedTime {
  readonly phase: Phase
  readonly seconds: number
  readonly work: Part
  readonly waiting: Part
  readonly transfer: Part
  /** What the longest part is bounded by. */
  readonly binds: string
}

/** Processor time of a process, and the threads it is spread over. */
export interface Load {
  readonly who: string
  readonly host: string
  readonly ms: number
  readonly threads: number
}

/** Bytes of a megabyte, bits of a megabit. */
export const mega = 1e6
/** No time at all. */
export const nobody: Part = { seconds: 0, by: "" }

/** The longest of the parts: those that happen at the same time take as long as it. */
export const greatest = (parts: ReadonlyArray<Part>): Part =>
  parts.reduce((most, part) => (part.seconds > most.seconds ? part : most), nobody)

/** The time of a phase from its three parts. */
export const time = (phase: Phase, work: Part, waiting: Part, transfer: Part): PredictedTime => ({
  phase,
  work,
  waiting,
  transfer,
  seconds: work.seconds + waiting.seconds + transfer.seconds,
  binds: greatest([work, waiting, transfer]).by
})

/** The parts one after the other. */
export const sumOf = (parts: ReadonlyArray<Part>): Part => ({
  seconds: parts.reduce((sum, { seconds }) => sum + seconds, 0),
  by: greatest(parts).by
})
