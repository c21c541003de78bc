/**
 * Training at a cloud (section 6 of docs/concepts/protocol.md): it opens the data set once, then makes the
 * plan's steps on shares, in rounds with the other cloud. Both clouds run this code; neither learns anything
 * but sizes. From time to time each stores its share of the weights, and can resume there: it then opens what
 * was opened before, under the same masks.
 */
import { Effect, Redacted } from "effect"
import { concatenate } from "../../../protocol/bytes.ts"
import { rowsOfLanes } from "../../../protocol/computation/lanes.ts"
import { layerWords, loadState, stateWords } from "../../../protocol/computation/layer-words.ts"
import { initialWeightsShare } from "../../../protocol/learning/initial.ts"
import { biasShape, weightShape } from "../../../protocol/learning/network.ts"
import type { Shape } from "../../../protocol/learning/operations.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { evaluates, type TrainingPlan } from "../../../protocol/learning/plan.ts"
import { atRest, type Layer } from "../../../protocol/learning/step.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import type { Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { seededKey } from "../../../protocol/seeding.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Agreement, computationName, planOf, roundDeadlines } from "../../party/agreement.ts"
import { drivenBy } from "../../party/driven.ts"
import type { Root } from "../../party/root.ts"
import { type Stretch, stretchesOf } from "../../party/stretches.ts"
import type { RandomnessProvider, Supply } from "../randomness/provider.ts"
import type { SharedTable } from "../transformation/joint-table.ts"
import { computationErrors, phaseOf } from "./lanes/rounds.ts"
import { openRows, type SliceShare } from "./lanes/slice.ts"
import { SessionProgress } from "./progress.ts"
import type { OfAllSessions, Session, TrainedShare, TrainIn } from "./session.ts"
import { stepsAlone, stepsWithLanes } from "./steps.ts"
import { type Validation, validating } from "./validation.ts"

/**
 * Least number of steps between two checkpoints: a crash loses some seconds, and a checkpoint costs some
 * milliseconds.
 */
const stepsACheckpoint = 64
/** Least number of steps between two reports of progress. */
const stepsAReport = 10

/** What a cloud brings to the training. */
interface TrainingInputs extends OfAllSessions {
  readonly agreement: Agreement
  readonly cloud: 0 | 1
  /** Opening overwrites it: it serves one session. */
  readonly table: SharedTable
  readonly randomness: RandomnessProvider
  readonly orderKey: Uint8Array
  readonly root: Root
}

/** What a cloud brings to its sessions. The table is assembled when one begins. */
interface SessionInputs<E, R>
  extends Pick<TrainingInputs, "agreement" | "cloud" | "randomness" | "orderKey" | "root"> {
  readonly table: Effect.Effect<SharedTable, E, R>
}

/** Trains on shares. */
export const onShares =
  <E, R>(inputs: SessionInputs<E, R>): TrainIn<TrainError | E, R | Party> =>
  (session, common) =>
    Effect.flatMap(inputs.table, (table) => train({ ...inputs, ...common, table }, session))

/** Trains to the end of the plan, or until more lanes are available than the session has. */
export const train = (inputs: TrainingInputs, session: Session = { epoch: 1, step: 0, lanes: [] }) =>
  Effect.gen(function* () {
    const { agreement, cloud, table, orderKey, checkpoints, randomness } = inputs
    const { ring } = table
    const party = yield* Party
    const plan = planOf(agreement, table.rows)
    const prgKey = Redacted.value(randomness.prgKey)
    const pairs = session.lanes
    const order = batchOrder(plan, orderKey)
    const rows = rowsOfLanes(plan.rows, pairs.length + 1)[0]!
    const stretches = stretchesOf(plan, session.step)
    const part = pairs.length === 0 ? undefined : { ...rows, update: true }
    const before = stretchesOf(plan, 0).length - stretches.length
    const dealt = Math.max(0, (session.dealt ?? 0) - before)
    const dealers = inputs.lanes.dealers({ ...session, pairs, of: table.rows, prgKey, orderKey, dealt })
    const asked = { session: session.epoch, plan, order, stretches, dealt, ...(part && { part, dealers }) }
    const supply = yield* randomness.supply(asked)
    const { ofLane } = supply
    const enlisting = { ...session, pairs, table, prgKey, orderKey, ...(ofLane && { ofLane }) }
    const enlisted = yield* inputs.lanes.enlist(enlisting)
    const peer = cloud === 0 ? "cloud1" : "cloud0"
    const { drive, done } = drivenBy(
      yield* party.rounds(peer, phaseOf(session.epoch), roundDeadlines(agreement)),
      computationErrors
    )

    const prg = Prg.ofRun(prgKey, computationName(agreement, party.run))
    const first = (x: Matrix): Matrix => ({ ...x, rows: rows.end })
    const own: SliceShare = {
      ...{ plan, cloud, prg, order, ring, rows },
      features: first(table.features),
      labels: first(table.labels)
    }
    const opened = yield* drive(openRows(own))
    const layers = initialLayers(ring, plan, initialKey(agreement, cloud, inputs.root))
    const parts = { own, opened, layers, drive }
    const { validation, evaluate } = evaluates(plan) ? yield* validating(parts, plan, table) : noValidation
    if (session.step > 0) resume(ring, layers, validation, yield* checkpoints.load(session.step))
    const makeSteps = part === undefined ? stepsAlone(parts) : stepsWithLanes(parts, part, enlisted)
    const state = () => concatenate([stateWords(ring, layers), ...(validation?.words() ?? [])])
    const progress = new SessionProgress({ ...inputs, plan, state, stepsACheckpoint, stepsAReport }, session)
    const training = Effect.gen(function* () {
      for (const stretch of stretches) {
        if (stretch.last <= plan.steps) {
          yield* makeStretch(makeSteps, stretch, supply)
          yield* progress.after(stretch.last)
          continue
        }
        yield* makeStretch(evaluate, stretch, supply)
        if (validation?.ended) break
      }
      yield* progress.stored
      const result = validation?.result ?? { words: layerWords(ring, layers), steps: plan.steps }
      if (result.steps < plan.steps) yield* enlisted.dismiss(result.steps + 1)
      const trained: TrainedShare = { ...result, rounds: done() }
      return trained
    })
    return yield* Effect.raceFirst(training, enlisted.lost)
  }).pipe(Effect.scoped, Effect.withSpan("cloud.train"))

export type TrainError = Effect.Effect.Error<ReturnType<typeof train>>

const noValidation = { validation: undefined, evaluate: () => Effect.void }

/** Resumes from a checkpoint: the layers, then what was found on validation rows. */
const resume = (
  ring: Ring,
  layers: ReadonlyArray<Layer<Matrix>>,
  validation: Validation | undefined,
  words: Uint8Array
): void => {
  const ofLayers = stateWords(ring, layers).length
  loadState(ring, layers, words.subarray(0, ofLayers))
  validation?.resume(words.subarray(ofLayers))
}

/** Makes the steps of the next stretch, with the corrections for them. */
const makeStretch = <E, R>(
  makeSteps: (stretch: Stretch, dealt: Uint8Array | undefined) => Effect.Effect<void, E, R>,
  stretch: Stretch,
  supply: Supply
) =>
  Effect.gen(function* () {
    const dealt = yield* supply.next
    const { first, last } = stretch
    yield* makeSteps(stretch, dealt).pipe(
      Effect.withSpan("steps", { attributes: { first, last }, captureStackTrace: false })
    )
    supply.release(dealt)
  })

/**
 * Each cloud draws its own share of the first weights; only in a reproducible run does the key follow from
 * the seed.
 */
export const initialKey = ({ seed }: Agreement, cloud: 0 | 1, root: Root): Uint8Array =>
  seed === undefined ? root("weights") : seededKey(seed, cloud === 0 ? "initial0" : "initial1")

const initialLayers = (ring: Ring, plan: TrainingPlan, key: Uint8Array): ReadonlyArray<Layer<Matrix>> =>
  plan.network.layers.map((_, i) => {
    const { rows, cols } = weightShape(plan.network, i + 1)
    const share = initialWeightsShare(plan.network, i + 1, key, plan.fractionalBits)
    const weights = ring.from(rows, cols, new Uint8Array(share.buffer, share.byteOffset, share.byteLength))
    const zeros = ({ rows, cols }: Shape) => ring.zeros(rows, cols)
    return atRest({ weights, bias: zeros(biasShape(plan.network, i + 1)) }, plan, zeros)
  })
