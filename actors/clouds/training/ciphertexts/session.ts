/**
 * A session of the training on ciphertexts, as both clouds take part in it (section 8 of docs/concepts/protocol.md): C1 has the data
 * set opened under blinds, then both make the plan's steps, and in the end C1 has the model opened under blinds. Whatever
 * lasts longer than a step is at C1.
 */
import { Effect } from "effect"
import type { ByteSource } from "../../../../protocol/bytes.ts"
import { ciphertextErrors } from "../../../../protocol/ciphertexts/errors.ts"
import { gatheredRows, type IntegerMatrix } from "../../../../protocol/ciphertexts/matrices.ts"
import type { CiphertextStep } from "../../../../protocol/ciphertexts/party.ts"
import { sizesOf } from "../../../../protocol/ciphertexts/plan.ts"
import { ciphertextStep, type Rows } from "../../../../protocol/ciphertexts/step.ts"
import type { CiphertextWork } from "../../../../protocol/ciphertexts/work.ts"
import { countCells } from "../../../../protocol/data/rows.ts"
import { TransferringParty } from "../../../../protocol/dealing/party.ts"
import { type Operations, type Round, together } from "../../../../protocol/learning/operations.ts"
import { batchOrder } from "../../../../protocol/learning/order.ts"
import { planOfStep, type TrainingPlan } from "../../../../protocol/learning/plan.ts"
import type { Layer } from "../../../../protocol/learning/step.ts"
import { TransferReceiver } from "../../../../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../../../../protocol/oblivious-transfer/sender.ts"
import { defaultExtension } from "../../../../protocol/oblivious-transfer/sizes.ts"
import { Ring } from "../../../../protocol/ring/ring.ts"
import type { Cloud1Keys } from "../../../../protocol/sharing/transformation.ts"
import { Party } from "../../../../runtime/messaging/contract.ts"
import { StoreFailed } from "../../../../runtime/storage/store.ts"
import { JobFailed } from "../../../../runtime/work/pool.ts"
import { type Agreement, planOf, roundDeadlines } from "../../../party/agreement.ts"
import { drawnNow } from "../../../party/drawn-now.ts"
import { drivenBy } from "../../../party/driven.ts"
import type { Root } from "../../../party/root.ts"
import type { TableOutline } from "../../transformation/joint-table.ts"
import { phaseOf } from "../lanes/rounds.ts"
import type { Session, TrainedShare } from "../session.ts"
import { jointMatrices } from "./places.ts"

/** What a cloud brings to its sessions. */
export interface CiphertextInputs<K extends Cloud1Keys = Cloud1Keys> {
  readonly agreement: Agreement
  readonly keys: K
  readonly orderKey: Uint8Array
  readonly root: Root
  readonly outline: TableOutline
}

/** What a cloud computes in a session, each part in rounds with the other. */
export interface CloudProgram<V, O, G> {
  /** This cloud's parts of a user's cells, whose number is the user's. */
  readonly cells: (user: number, cells: number) => Round<IntegerMatrix>
  readonly layers: () => Round<ReadonlyArray<Layer<V>>>
  readonly value: (part: IntegerMatrix) => V
  readonly operations: (step: number) => Operations<V, O, G, never>
  /** This cloud's share of the model. */
  readonly output: (layers: ReadonlyArray<Layer<V>>) => Round<BigUint64Array>
}

/** What a step is given in a session. */
export interface SessionParts {
  readonly plan: TrainingPlan
  readonly stepOf: (step: number) => CiphertextStep
}

export const sessionErrors = [...ciphertextErrors, JobFailed, StoreFailed] as const

/** Both directions of transfers, by direction, so that both clouds have the messages of a round in the same order. */
function* beginTransfers(ring: Ring, cloud: 0 | 1, randomness: ByteSource): Round<TransferringParty> {
  const instance = (direction: 0 | 1) => ({ ring, direction, shape: defaultExtension, randomness })
  if (cloud === 0) {
    const [sender, receiver] = yield* together(
      TransferSender.open(instance(0)),
      TransferReceiver.open(instance(1))
    )
    return new TransferringParty({ ring, cloud, sender, receiver })
  }
  const [receiver, sender] = yield* together(
    TransferReceiver.open(instance(0)),
    TransferSender.open(instance(1))
  )
  return new TransferringParty({ ring, cloud, sender, receiver })
}

/** Takes part in a session to its end. `after` runs after each step. */
export const trainInSession = <V, O, G, E, R>(
  { agreement, keys, orderKey, outline }: CiphertextInputs,
  cloud: 0 | 1,
  work: CiphertextWork,
  session: Session,
  programOf: (parts: SessionParts) => CloudProgram<V, O, G>,
  after: (plan: TrainingPlan, step: number, layers: ReadonlyArray<Layer<V>>) => Effect.Effect<void, E, R>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const plan = planOf(agreement, outline.rows)
    const { modulusBits, exponents } = agreement.security
    const sizes = sizesOf(plan, modulusBits, exponents)
    const order = batchOrder(plan, orderKey)
    const { drive, done } = drivenBy(
      yield* party.rounds(
        cloud === 0 ? "cloud1" : "cloud0",
        phaseOf(session.epoch),
        roundDeadlines(agreement)
      ),
      sessionErrors
    )
    // C0 sees randomness that follows from some of it.
    const randomness = drawnNow()
    const ring = yield* Effect.promise(() => Ring.load())
    const transfers = yield* drive(beginTransfers(ring, cloud, randomness))
    const stepOf = (step: number) => ({
      ...{ parameters: keys.parameters, sizes, work, transfers, randomness, step }
    })
    const { cells, layers, operations, output, value } = programOf({ plan, stepOf })
    const uploaded: Array<IntegerMatrix> = []
    for (const [user, { blocks }] of outline.uploads.entries())
      uploaded.push(yield* drive(cells(user, countCells(blocks))))
    const { features, labels } = jointMatrices(agreement, outline, uploaded)
    let current = yield* drive(layers())
    for (let step = session.step + 1; step <= plan.steps; step++) {
      const rows = order(step)
      const some = (x: IntegerMatrix) => value(gatheredRows(x, rows))
      const batch: Rows<V> = { features: some(features), labels: some(labels) }
      current = yield* drive(ciphertextStep(operations(step), planOfStep(plan, step), current, batch)).pipe(
        Effect.withSpan("steps", { attributes: { first: step, last: step }, captureStackTrace: false })
      )
      yield* after(plan, step, current)
    }
    const words = yield* drive(output(current))
    const trained: TrainedShare = {
      words: new Uint8Array(words.buffer),
      steps: plan.steps,
      rounds: done()
    }
    return trained
  })
