/** Both clouds of a training on ciphertexts in one process, with real transfers and the work done at once. */
import { toBytes } from "../../../protocol/bcp/integers.ts"
import { elementBytes } from "../../../protocol/bcp/wire.ts"
import { blinded0, cloud0Operations, type Value0 } from "../../../protocol/ciphertexts/cloud0.ts"
import { Cloud1, cloud1Operations } from "../../../protocol/ciphertexts/cloud1.ts"
import { directWork } from "../../../protocol/ciphertexts/direct.ts"
import { Draws } from "../../../protocol/ciphertexts/draws.ts"
import { gatheredRows, type IntegerMatrix } from "../../../protocol/ciphertexts/matrices.ts"
import { CiphertextParty, type CiphertextStep } from "../../../protocol/ciphertexts/party.ts"
import { type CiphertextSizes, sizesOf } from "../../../protocol/ciphertexts/plan.ts"
import { outputAtC0, outputAtC1, sealAtC0, sealAtC1 } from "../../../protocol/ciphertexts/state.ts"
import { ciphertextStep } from "../../../protocol/ciphertexts/step.ts"
import { blinded1, type Value1 } from "../../../protocol/ciphertexts/values1.ts"
import type { CiphertextWork } from "../../../protocol/ciphertexts/work.ts"
import { TransferringParty } from "../../../protocol/dealing/party.ts"
import { operation, type Round, together } from "../../../protocol/learning/operations.ts"
import { planOfStep, type TrainingPlan } from "../../../protocol/learning/plan.ts"
import { type PreparedRun, runPrepared } from "../../../protocol/learning/run.ts"
import type { Layer } from "../../../protocol/learning/step.ts"
import { TransferReceiver } from "../../../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../../../protocol/oblivious-transfer/sender.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { knownAnswers } from "../bcp/known-answers.ts"
import { bytesOf } from "../oblivious-transfer/parties.ts"

/** Small extensions, so that a test reaches the next one. */
export const extension = { fieldBits: 4, transfers: 2 ** 12 }

/** A cloud of a session, without its step. */
export type Session = Omit<CiphertextStep, "step">

/** The transfers of both clouds. */
const transfersOf = async (seed: number) => {
  const rings = [await Ring.load(), await Ring.load()] as const
  const instance = (ring: Ring, direction: 0 | 1, randomness: number) => ({
    ...{ ring, direction, shape: extension },
    randomness: bytesOf(seed + randomness)
  })
  const open = await runPrepared(
    together(TransferSender.open(instance(rings[0], 0, 1)), TransferReceiver.open(instance(rings[0], 1, 2))),
    together(TransferReceiver.open(instance(rings[1], 0, 3)), TransferSender.open(instance(rings[1], 1, 4)))
  )
  const [[sender, receiver], [other, otherSender]] = open.results
  const parties = [
    new TransferringParty({ ring: rings[0], cloud: 0, sender, receiver }),
    new TransferringParty({ ring: rings[1], cloud: 1, sender: otherSender, receiver: other })
  ] as const
  return { parties, opened: { rounds: open.rounds, bytes: open.bytes } }
}

/** Keys of a length for which there are vectors. */
export const keysOf = (bits: 512 | 2048) => {
  const { parameters, masterKey, unifiedPublicKey } = knownAnswers(bits)
  const publicKey = toBytes(unifiedPublicKey, elementBytes(parameters))
  return { parameters, masterKey, publicKey, mode: "short" as const }
}

export interface Training {
  readonly plan: TrainingPlan
  readonly sizes: CiphertextSizes
  readonly draws: Draws
  readonly sessions: readonly [Session, Session]
  /** What it took to make the transfers. */
  readonly opened: { readonly rounds: number; readonly bytes: readonly [number, number] }
}

/** A training with new sessions. What C1 draws is the same each time. */
export const trainingOf = async (
  plan: TrainingPlan,
  {
    seed = 1,
    seedOfC1 = seed,
    bits = 512,
    wrap = (work) => work
  }: {
    readonly seed?: number
    readonly seedOfC1?: number
    readonly bits?: 512 | 2048
    readonly wrap?: (work: CiphertextWork, cloud: 0 | 1) => CiphertextWork
  } = {}
): Promise<Training> => {
  const keys = keysOf(bits)
  const { parameters } = keys
  const sizes = sizesOf(plan, bits, "short")
  const { parties, opened } = await transfersOf(100 * seed)
  const session = (cloud: 0 | 1): Session => {
    const { masterKey, ...rest } = keys
    const work = wrap(directWork(cloud === 0 ? keys : rest), cloud)
    return {
      parameters,
      sizes,
      work,
      transfers: parties[cloud],
      randomness: bytesOf(100 * (cloud === 0 ? seed : seedOfC1) + 10 + cloud)
    }
  }
  return {
    plan,
    sizes,
    draws: new Draws(new Uint8Array(16).fill(7)),
    sessions: [session(0), session(1)],
    opened
  }
}

/** Parts of a matrix: C1's are blinds of as many bits as the plan says. */
export const split = ({ draws, sizes }: Training, x: IntegerMatrix, place: number) => {
  const blinds = draws.matrix(0, operation("openInput", place), "blind", x, sizes.blindBits)
  const values = x.values.map((value, i) => value - blinds.values[i]!)
  return [{ rows: x.rows, cols: x.cols, values }, blinds] as const
}

/** The data set in parts, and what both clouds have of the layers. */
export interface State {
  readonly features: readonly [IntegerMatrix, IntegerMatrix]
  readonly labels: readonly [IntegerMatrix, IntegerMatrix]
  readonly layers: readonly [ReadonlyArray<Layer<Value0>>, ReadonlyArray<Layer<Value1>>]
}

/** Layers sealed from the clouds' shares of them. */
export const sealed = async (
  { sessions }: Training,
  shares: readonly [ReadonlyArray<Layer<IntegerMatrix>>, ReadonlyArray<Layer<IntegerMatrix>>]
): Promise<State["layers"]> => {
  const [one, other] = sessions.map((session) => new CiphertextParty({ ...session, step: 0 }))
  return (await runPrepared(sealAtC0(one!, shares[0]), sealAtC1(other!, shares[1]))).results
}

/** A step's computations at both clouds. */
export const stepRounds = (
  { plan, draws, sessions }: Training,
  step: number,
  state: State,
  rows: Uint32Array
): readonly [Round<ReadonlyArray<Layer<Value0>>>, Round<ReadonlyArray<Layer<Value1>>>] => {
  const batch = <A>(cloud: 0 | 1, of: (x: IntegerMatrix) => A) => ({
    features: of(gatheredRows(state.features[cloud], rows)),
    labels: of(gatheredRows(state.labels[cloud], rows))
  })
  const planned = planOfStep(plan, step)
  return [
    ciphertextStep(cloud0Operations({ ...sessions[0], step }), planned, state.layers[0], batch(0, blinded0)),
    ciphertextStep(
      cloud1Operations({ ...sessions[1], step }, draws),
      planned,
      state.layers[1],
      batch(1, blinded1)
    )
  ]
}

export type StepRun = PreparedRun<ReadonlyArray<Layer<Value0>>, ReadonlyArray<Layer<Value1>>>

/** Runs a step. */
export const stepped = async (training: Training, step: number, state: State, rows: Uint32Array) => {
  const ran: StepRun = await runPrepared(...stepRounds(training, step, state, rows))
  return { ran, state: { ...state, layers: ran.results } }
}

/** The model as signed words, from both shares. */
export const modelOf = async ({ plan, draws, sessions }: Training, { layers }: Pick<State, "layers">) => {
  const step = plan.steps + 1
  const { results } = await runPrepared(
    outputAtC0(new CiphertextParty({ ...sessions[0], step }), plan.network),
    outputAtC1(new Cloud1({ ...sessions[1], step }, draws), plan.network, layers[1])
  )
  return Array.from(results[0], (word, i) => BigInt.asIntN(64, word + results[1][i]!))
}
