/**
 * C1 in the training on ciphertexts: it has the data set and the weights under pk, and does the products of powers. After each step
 * it stores the ciphertexts of the weights, from which a session resumes. All blinds follow from its root, or from the seed
 * of a reproducible run, so a step that is made again shows C0 the same numbers.
 */
import { Effect } from "effect"
import { decodeArchive } from "../../../../protocol/archive/archive.ts"
import { addShares } from "../../../../protocol/archive/reopening.ts"
import { Cloud1, cloud1Operations } from "../../../../protocol/ciphertexts/cloud1.ts"
import { openCellsAtC1 } from "../../../../protocol/ciphertexts/data.ts"
import { Draws } from "../../../../protocol/ciphertexts/draws.ts"
import {
  initialShares,
  layerBytes,
  layersOf,
  outputAtC1,
  sealAtC1
} from "../../../../protocol/ciphertexts/state.ts"
import { blinded1 } from "../../../../protocol/ciphertexts/values1.ts"
import { seededKey } from "../../../../protocol/seeding.ts"
import { Party } from "../../../../runtime/messaging/contract.ts"
import { Store, StoreFailed } from "../../../../runtime/storage/store.ts"
import { computationName } from "../../../party/agreement.ts"
import { BcpPool } from "../../../party/bcp-pool.ts"
import { existing } from "../../../party/once.ts"
import { raisedWithin } from "../../../party/typed-throws.ts"
import { archiveEntry } from "../../transformation/at-cloud1.ts"
import { SessionProgress } from "../progress.ts"
import type { TrainIn } from "../session.ts"
import { initialKey } from "../training.ts"
import { type CiphertextInputs, sessionErrors, trainInSession } from "./session.ts"
import { workOf } from "./work.ts"

/** A step takes a second; its ciphertexts, a thousandth. */
const stepsACheckpoint = 1
const stepsAReport = 1

/** The key of all blinds: only in a reproducible run does it follow from the seed. */
const blindsKey = ({ agreement: { seed }, root }: CiphertextInputs): Uint8Array =>
  seed === undefined ? root("ciphertexts") : seededKey(seed, "blinds")

/** The paper's Add: each user's cells under pk, from both shares in the archive. */
const uploadedCells = ({ keys, outline }: CiphertextInputs) =>
  Effect.gen(function* () {
    const pool = yield* BcpPool
    const { uploads } = yield* decodeArchive(yield* existing(yield* Store, archiveEntry))
    return yield* Effect.forEach(outline.uploads, ({ user }) => {
      const { share0, share1 } = uploads.find((upload) => upload.user === user)!
      return addShares(pool, keys.parameters, share0, share1)
    })
  })

/** Trains on ciphertexts at C1. */
export const onCiphertextsAtCloud1 =
  (inputs: CiphertextInputs) =>
  (...[session, { available, checkpoints }]: Parameters<TrainIn<never, never>>) =>
    Effect.gen(function* () {
      const { agreement, keys, root } = inputs
      const { run } = yield* Party
      const draws = Draws.ofRun(blindsKey(inputs), computationName(agreement, run))
      const uploaded = yield* uploadedCells(inputs)
      const stored = session.step === 0 ? undefined : yield* checkpoints.load(session.step)
      const work = yield* workOf(keys)
      let state: Uint8Array = new Uint8Array(0)
      let progress: SessionProgress | undefined
      const trained = yield* trainInSession(
        ...([inputs, 1, work, session] as const),
        ({ plan, stepOf }) => {
          const cloud = new Cloud1(stepOf(0), draws)
          return {
            cells: (user, cells) => openCellsAtC1(cloud, { user, cells }, uploaded[user]!),
            layers: function* () {
              if (stored === undefined)
                return yield* sealAtC1(cloud, initialShares(plan, initialKey(agreement, 1, root)))
              return layersOf(cloud, plan, stored) ?? otherCheckpoint(session.step)
            },
            value: blinded1,
            operations: (step) => cloud1Operations(stepOf(step), draws),
            output: (layers) => outputAtC1(cloud, plan.network, layers)
          }
        },
        (plan, step, layers) =>
          Effect.gen(function* () {
            state = yield* raisedWithin(sessionErrors)(Effect.promise(() => layerBytes(layers)))
            const every = { stepsACheckpoint, stepsAReport }
            const of = { agreement, checkpoints, available, plan, state: () => state, ...every }
            progress ??= new SessionProgress(of, session)
            yield* progress.after(step)
          })
      )
      yield* progress?.stored ?? Effect.void
      return trained
    }).pipe(Effect.scoped, Effect.withSpan("cloud.train"))

const otherCheckpoint = (step: number): never => {
  throw new StoreFailed({
    operation: "resume from",
    place: `weights-${step}`,
    reason: "its ciphertexts are not those of this network",
    remedy: "start a new run"
  })
}
