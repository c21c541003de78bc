/**
 * Every bound of the actor runtime, in one place. What exceeds one is dropped and logged, or asked for again; none of it can
 * make a process grow without end.
 */
export interface Limits {
  /** Requests and tells that wait for a handler, and their bytes. More are dropped; a dropped request is sent again. */
  readonly mailboxMessages: number
  readonly mailboxBytes: number
  readonly handlersAtOnce: number
  /** Requests whose replies are remembered, so that one sent again is not acted on again. */
  readonly rememberedRequests: number
  readonly rememberedBytes: number
  readonly rememberedForMs: number
  /** Messages of which not every fragment has arrived. */
  readonly fragmentedMessages: number
  readonly fragmentedBytes: number
  /** Fragments that one message may have. */
  readonly fragmentsOfMessage: number
  readonly fragmentedForMs: number
  /** Phases whose rounds arrived before this party opened them, or that it has closed; and bytes of such rounds. */
  readonly unopenedPhases: number
  readonly unopenedBytes: number
  /** The pause before a request is sent again: the first, its growth, the longest, and the share by which it is jittered. */
  readonly resendFirstMs: number
  readonly resendGrowth: number
  readonly resendLongestMs: number
  readonly resendJitter: number
  /** A larger request is sent again only if the receiver says that it does not know it. */
  readonly resendWholeBytes: number
  /** Members of a group that are asked by name; and that of so many requests one goes to the group, where it may find new ones. */
  readonly rememberedMembers: number
  readonly groupAskedEvery: number
  /** A member that was asked and has said nothing for so long is taken for dead; one at work may be deaf for the length of a step. */
  readonly memberSilentMs: number
  /** A reply or round is not sent again before it can have arrived at this rate; each time it gets twice as long. */
  readonly assumedBytesPerMs: number
  /** The pause before a round that stays out is asked for again; it grows as that of requests. */
  readonly roundResendMs: number
  /** How long a round may stay out. */
  readonly roundDeadlineMs: number
}

/** The bounds of work that the processes of a house share. */
export interface WorkLimits {
  /** Pieces of ciphertexts, of 64 KiB, that a cloud has under way at most, however many there are to work on them. */
  readonly mostPieces: number
  /** Jobs that may be at work elsewhere for one process; more workers are refused. */
  readonly mostTakers: number
  /** A worker says that it is alive so often; of one that is silent for the time of a lease, others get the jobs. */
  readonly aliveEveryMs: number
  readonly leaseMs: number
  /** A worker's wish for a job is answered after so long, with or without one. */
  readonly longPollMs: number
  /** How long a worker seeks its main process before it ends. */
  readonly patienceMs: number
}

export const workLimits: WorkLimits = {
  mostPieces: 1024,
  mostTakers: 4096,
  aliveEveryMs: 1_000,
  leaseMs: 5_000,
  longPollMs: 20_000,
  patienceMs: 60_000
}

const MiB = 2 ** 20

export const defaultLimits: Limits = {
  mailboxMessages: 1024,
  mailboxBytes: 512 * MiB,
  handlersAtOnce: 128,
  rememberedRequests: 4096,
  rememberedBytes: 64 * MiB,
  rememberedForMs: 15 * 60_000,
  fragmentedMessages: 256,
  fragmentedBytes: 1024 * MiB,
  fragmentsOfMessage: 16_384,
  fragmentedForMs: 120_000,
  unopenedPhases: 32,
  unopenedBytes: 256 * MiB,
  resendFirstMs: 500,
  resendGrowth: 1.7,
  resendLongestMs: 8_000,
  resendJitter: 0.2,
  resendWholeBytes: 8 * 1024,
  rememberedMembers: 64,
  groupAskedEvery: 8,
  memberSilentMs: 5_000,
  assumedBytesPerMs: 20_000,
  roundResendMs: 1_000,
  roundDeadlineMs: 60_000
}
