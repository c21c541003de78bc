/** What processes do in a phase, as processor time: messages, ciphertexts, storage. */
import { pieceBytes } from "../../actors/party/bcp-pool.ts"
import type { Phase } from "../../actors/party/phases.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { type BcpCalibration, type Calibration, type Curve, onCurve } from "../description/calibration.ts"
import type { Scenario } from "../description/schema.ts"
import type { Deployment } from "./deployment.ts"
import { type Load, mega, type Part, type PredictedTime } from "./time.ts"
import type { PredictedCost } from "./traffic.ts"

/** What a prediction needs of a run, in addition to its hosts. */
export interface Predicted {
  readonly scenario: Pick<Scenario, "security" | "placement" | "decryption">
  readonly cost: Pick<
    PredictedCost,
    "plan" | "traffic" | "shares" | "modelCiphertexts" | "raisedIds" | "onCiphertexts"
  >
}

/** Predicts the time of one phase of a run. */
export type PredictPhase = (run: Predicted, deployment: Deployment) => PredictedTime

/** The clouds, which both do their part of most phases. */
export const clouds = ["cloud0", "cloud1"] as const
export type CloudName = (typeof clouds)[number]

/** Processor time of one end of a link for messages, and for their bytes together. */
export const endMs = ({ messages: { end } }: Calibration, messages: number, bytes: number): number =>
  messages * end.messageMs + (bytes / mega) * end.megabyteMs

export const brokerMs = ({ messages: { broker } }: Calibration, messages: number, bytes: number): number =>
  messages * broker.messageMs + (bytes / mega) * broker.megabyteMs

export const bcpOf = ({ scenario }: Predicted, { calibration }: Deployment): BcpCalibration => {
  const { modulusBits } = scenario.security
  const known = calibration.bcp[modulusBits]
  if (known === undefined) throw new RangeError(`the calibration has no modulus of ${modulusBits} bits`)
  return known
}

/** The time in which a cloud writes entries to stable storage, one after the other. */
export const stored = ({ calibration }: Deployment, who: string, entries: number, bytes: number): Part => ({
  seconds: (entries * calibration.store.entryMs + (bytes / mega) * calibration.store.megabyteMs) / 1000,
  by: `the storage of ${who}`
})

/** All messages of a phase and their bytes, by tag where one is given. */
export const trafficOf = ({ cost: { traffic } }: Predicted, phase: Phase, tags?: ReadonlyArray<string>) => {
  const own = traffic.filter((entry) => entry.phase === phase && (tags?.includes(entry.tag) ?? true))
  return {
    messages: own.reduce((sum, { messages }) => sum + messages, 0),
    bytes: own.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

export const brokerLoad = (
  { calibration, placement }: Deployment,
  { messages, bytes }: { messages: number; bytes: number }
): Load => ({
  who: "the broker",
  host: placement.broker,
  ms: brokerMs(calibration, messages, bytes),
  threads: 1
})

export const total = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, each) => sum + each, 0)

/**
 * Deals things out in turn to holders, none of which takes more than it has places. Returns how many each
 * got.
 */
const inTurn = (things: number, places: ReadonlyArray<number>): ReadonlyArray<number> => {
  const taken = places.map(() => 0)
  let left = Math.min(things, total(places))
  while (left > 0)
    for (const [k, most] of places.entries())
      if (left > 0 && taken[k]! < most) {
        taken[k]!++
        left--
      }
  return taken
}

/** A number of ciphertexts, after others (`before`) for which the same tables were made. */
export type Work = readonly [curve: Curve, count: number, before?: number]

/** The threads of a party and of its workers. */
interface Threads {
  readonly who: string
  readonly main: string
  readonly workers?: ReadonlyArray<string>
  /** The most pieces under way at a time. */
  readonly atOnce?: number
  /** Whether the threads run already. */
  readonly started?: boolean
}

/**
 * Work on ciphertexts by the threads of a party and of its workers. Each thread that gets a piece makes its
 * own tables.
 */
export const ciphertextLoads = (
  { scenario }: Predicted,
  deployment: Deployment,
  { who, main, workers = [], atOnce = Number.POSITIVE_INFINITY, started = false }: Threads,
  work: ReadonlyArray<Work>
): ReadonlyArray<Load> => {
  const most = Math.max(...work.map(([, count]) => count))
  if (most === 0) return []
  const pieces = Math.ceil(
    most / Math.floor(pieceBytes / ciphertextBytes({ bits: scenario.security.modulusBits }))
  )
  const hosts = [main, ...workers]
  const threads = hosts.map((host) => deployment.threads(host))
  const takers = Math.min(pieces, total(threads), atOnce)
  const threadMs = started ? 0 : deployment.calibration.threadMs
  const spent = ([curve, count, before = 0]: Work) =>
    onCurve(curve, (before + count) / takers) - onCurve(curve, before / takers)
  const each = threadMs + total(work.map(spent))
  return inTurn(takers, threads).map((own, i) => ({
    who: i === 0 ? who : `a worker of ${who}`,
    host: hosts[i]!,
    ms: own * each,
    threads: Math.max(1, own)
  }))
}
