/** What both clouds do in the same way, each with its own parts. */
import { Deferred, Effect } from "effect"
import { DealAhead, Enrol, Train, Transform } from "../../protocol/messages/control.ts"
import type { Cloud1Keys } from "../../protocol/sharing/transformation.ts"
import type { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, servesModel, trainsOnCiphertexts } from "../party/agreement.ts"
import type { Remains } from "../party/erasure.ts"
import { onDirector } from "../party/handlers.ts"
import { type Once, once } from "../party/once.ts"
import { reached } from "../party/prerequisites.ts"
import type { Root } from "../party/root.ts"
import { dealtAheadEntry, dealtAheadFormat } from "./ahead.ts"
import { type Supplied, type SuppliedFor, suppliedByClouds } from "./randomness/by-clouds-ahead.ts"
import { randomnessFromKgc } from "./randomness/from-kgc.ts"
import type { CredentialsFor } from "./setup/credentials.ts"
import type { CiphertextInputs } from "./training/ciphertexts/session.ts"
import { type TrainedShare, type TrainIn, type Trains, trainedEntry } from "./training/session.ts"
import { onShares, type TrainError } from "./training/training.ts"
import type { SharedTable, TableOutline } from "./transformation/joint-table.ts"
import { type Intake, onAnnouncement } from "./upload/intake.ts"

/** The transformation at either cloud. */
interface Transformation<E, R, E1, R1, E2, R2> extends Once<TableOutline, E, R> {
  /** Removes from stable storage what it no longer needs. */
  readonly forget: Effect.Effect<void, E1, R1>
  /** The joint table: assembled ahead, and handed over. */
  readonly tables: {
    readonly prepare: Effect.Effect<void, E2, R2>
    readonly take: Effect.Effect<SharedTable, E2, R2>
  }
}

/** What stays of the model at a cloud, in stable storage. */
export const keptShare = (agreement: Agreement): Remains["sealed"] =>
  servesModel(agreement) ? { [trainedEntry]: "its share of the model" } : {}

/** Randomness that is dealt while the clouds train. Where the KGC deals ahead, C0 needs nothing of it but its key either way. */
export const dealtMeanwhile = (agreement: Agreement, cloud: 0 | 1, root: Root, own: SuppliedFor) =>
  Effect.gen(function* () {
    if (agreement.security.dealing === "clouds") return yield* suppliedByClouds(agreement, cloud, root, own)
    return { randomness: randomnessFromKgc(agreement, cloud, own.prgKey) }
  })

/** How a cloud trains; fails if it is too early. `onCiphertexts` is where it does not train on shares. */
export const trainingOf = <K, E, R, E1, R1, E2, R2, E3, R3, E4, R4>(from: {
  readonly agreement: Agreement
  readonly cloud: 0 | 1
  readonly credentials: CredentialsFor<K>
  readonly transformation: Transformation<E, R, E1, R1, E2, R2>
  readonly root: Root
  readonly supplied: (own: SuppliedFor) => Effect.Effect<Supplied, E4, R4>
  readonly onCiphertexts: (inputs: CiphertextInputs<Cloud1Keys & K>) => TrainIn<E3, R3>
}) =>
  Effect.gen(function* () {
    const { agreement, cloud, transformation, root } = from
    const { keys, membership, prgKey } = yield* from.credentials("train")
    const outline = yield* reached(transformation.outcome, "train", "the data were transformed")
    const { orderKey } = membership
    type Found = Trains<TrainError | E2 | E3, R2 | R3 | Party>
    if (trainsOnCiphertexts(agreement)) {
      const found: Found = { train: from.onCiphertexts({ agreement, keys, orderKey, root, outline }) }
      return found
    }
    const { ahead, randomness } = yield* from.supplied({ prgKey, orderKey, rows: outline.rows })
    const table = transformation.tables.take
    const found: Found = {
      train: onShares({ ...{ agreement, cloud, orderKey, root }, table, randomness }),
      ...(ahead && { ahead })
    }
    return found
  })

/** The director's request to deal ahead, where both clouds do, and whether that is done. */
export const dealingByBoth = <E, R>(agreement: Agreement, dealt: Effect.Effect<void, E, R>) =>
  Effect.map(once(dealtAheadEntry, dealtAheadFormat, Effect.as(dealt, {})), ({ done, outcome }) => ({
    handlers: agreement.security.dealing === "clouds" ? [onDirector(DealAhead, () => done)] : [],
    ended: Deferred.isDone(outcome)
  }))

/**
 * What a process that comes back does for the other cloud, to be run once it serves: an earlier process may have ended the
 * dealing, or the training, with its last rounds on their way, which are lost with it.
 */
export const forTheOther = <E, R>(
  rejoin: (dealing: boolean) => Effect.Effect<void, E, R>,
  ended: Readonly<Record<"dealing" | "training" | "sealing", Effect.Effect<boolean>>>
) =>
  Effect.gen(function* () {
    const { dealing: dealt, sealing: sealed, training: trained } = yield* Effect.all(ended)
    const last = trained ? !sealed : dealt
    return last ? Effect.asVoid(Effect.forkScoped(Effect.ignore(rejoin(!trained)))) : Effect.void
  })

/** The handlers of the director's requests up to the training, and of the users' announcements. */
export const commonHandlers = <E0, R0, E1, R1, E2, R2, E3, R3, E4, R4>(parts: {
  readonly agreement: Agreement
  readonly enrolling: { readonly done: Effect.Effect<unknown, E0, R0> }
  readonly intake: Intake
  readonly transformation: Transformation<E1, R1, E2, R2, E3, R3>
  readonly training: Once<TrainedShare, E4, R4>
}) => {
  const { agreement, enrolling, intake, transformation, training } = parts
  return [
    onDirector(Enrol, () => Effect.as(enrolling.done, {})),
    onAnnouncement(intake, Deferred.isDone(transformation.outcome)),
    onDirector(Transform, () =>
      Effect.gen(function* () {
        const { rows, ciphertexts } = yield* transformation.done
        yield* transformation.forget
        yield* intake.forget
        if (!trainsOnCiphertexts(agreement)) yield* transformation.tables.prepare
        return { rows, ciphertexts }
      })
    ),
    onDirector(Train, () => Effect.map(training.done, ({ words: _, ...told }) => told))
  ]
}
