/**
 * All bounds of the actor runtime. What exceeds a bound is dropped and logged, or requested again; nothing
 * makes a process grow without end.
 */
export interface Limits {
  /**
   * Requests and tells that wait for a handler, and their bytes. Further ones are dropped; a dropped request
   * is repeated by its sender.
   */
  readonly mailboxMessages: number
  readonly mailboxBytes: number
  readonly handlersAtOnce: number
  /** Requests whose replies are remembered, so that a repeated request is not handled twice. */
  readonly rememberedRequests: number
  readonly rememberedBytes: number
  readonly rememberedForMs: number
  /** Messages of which some fragments are missing. */
  readonly fragmentedMessages: number
  readonly fragmentedBytes: number
  /** Fragments of one message. */
  readonly fragmentsOfMessage: number
  readonly fragmentedForMs: number
  /** Phases with rounds that this party has not opened or has closed; and bytes of such rounds. */
  readonly unopenedPhases: number
  readonly unopenedBytes: number
  /** The pause before a request is repeated: the first, its growth, the longest, and the share of jitter. */
  readonly resendFirstMs: number
  readonly resendGrowth: number
  readonly resendLongestMs: number
  readonly resendJitter: number
  /** A larger request is repeated only if the receiver says that it does not know it. */
  readonly resendWholeBytes: number
  /**
   * Members of a group that are asked by name; and one in how many requests goes to the group, to find new
   * members.
   */
  readonly rememberedMembers: number
  readonly groupAskedEvery: number
  /**
   * A member that was asked and is silent for this long is taken for dead. A member at work may not respond
   * for the length of a step.
   */
  readonly memberSilentMs: number
  /**
   * A reply or round is not repeated before it can have arrived at this rate; the time doubles with each
   * repetition.
   */
  readonly assumedBytesPerMs: number
  /** The pause before a missing round is requested again; it grows like that of requests. */
  readonly roundResendMs: number
  /** How long a round may take. */
  readonly roundDeadlineMs: number
}

/** The bounds of work that the processes of a process group share. */
export interface WorkLimits {
  /**
   * Pieces of ciphertexts, of 64 KiB, that a cloud has in progress at most, however many processes work on
   * them.
   */
  readonly mostPieces: number
  /** Jobs that may run in other processes for one process; further workers are refused. */
  readonly mostTakers: number
  /**
   * How often a worker reports that it is alive. Others get the jobs of a worker that is silent for the time
   * of a lease.
   */
  readonly aliveEveryMs: number
  readonly leaseMs: number
  /** A worker's request for work is answered after this time, with or without a job. */
  readonly longPollMs: number
  /** How long a worker looks for its main process before it ends. */
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
