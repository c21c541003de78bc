/** What both clouds do in the same way, each with its own parts. */
import { Deferred, Effect } from "effect"
import { DealAhead, Enrol, Train, Transform } from "../../protocol/messages/control.ts"
import type { Agreement } from "../party/agreement.ts"
import { onDirector } from "../party/handlers.ts"
import { type Once, once } from "../party/once.ts"
import { reached } from "../party/prerequisites.ts"
import type { Root } from "../party/root.ts"
import { dealtAheadEntry, dealtAheadFormat } from "./ahead.ts"
import { type SuppliedFor, suppliedByClouds } from "./randomness/by-clouds-ahead.ts"
import { randomnessFromKgc } from "./randomness/from-kgc.ts"
import type { CredentialsFor } from "./setup/credentials.ts"
import type { SessionInputs } from "./training/sessions.ts"
import type { TrainedShare } from "./training/training.ts"
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

/** Randomness that is dealt while the clouds train. Where the KGC deals ahead, C0 needs nothing of it but its key either way. */
export const dealtMeanwhile = (agreement: Agreement, cloud: 0 | 1, root: Root, own: SuppliedFor) =>
  Effect.gen(function* () {
    if (agreement.security.dealing === "clouds") return yield* suppliedByClouds(agreement, cloud, root, own)
    return { randomness: randomnessFromKgc(agreement, cloud, own.prgKey) }
  })

/** What a cloud brings to a training session. */
export const sessionInputs = <E, R, E1, R1, E2, R2, E3, R3>(from: {
  readonly cloud: 0 | 1
  readonly credentials: CredentialsFor
  readonly transformation: Transformation<E, R, E1, R1, E2, R2>
  readonly root: Root
  readonly supplied: (
    own: SuppliedFor
  ) => Effect.Effect<Pick<SessionInputs<E2, R2>, "randomness" | "ahead">, E3, R3>
}) =>
  Effect.gen(function* () {
    const { cloud, transformation, root } = from
    const { membership, prgKey } = yield* from.credentials("train")
    const { rows } = yield* reached(transformation.outcome, "train", "the data were transformed")
    const { orderKey } = membership
    const inputs: SessionInputs<E2, R2> = {
      cloud,
      table: transformation.tables.take,
      ...(yield* from.supplied({ prgKey, orderKey, rows })),
      orderKey,
      root
    }
    return inputs
  })

/** The director's request to deal ahead, where both clouds do. */
export const dealingByBoth = <E, R>(agreement: Agreement, dealt: Effect.Effect<void, E, R>) =>
  Effect.map(once(dealtAheadEntry, dealtAheadFormat, Effect.as(dealt, {})), ({ done }) =>
    agreement.security.dealing === "clouds" ? [onDirector(DealAhead, () => done)] : []
  )

/** The handlers of the director's requests up to the training, and of the users' announcements. */
export const commonHandlers = <E0, R0, E1, R1, E2, R2, E3, R3, E4, R4>(parts: {
  readonly enrolling: { readonly done: Effect.Effect<unknown, E0, R0> }
  readonly intake: Intake
  readonly transformation: Transformation<E1, R1, E2, R2, E3, R3>
  readonly training: Once<TrainedShare, E4, R4>
}) => {
  const { enrolling, intake, transformation, training } = parts
  return [
    onDirector(Enrol, () => Effect.as(enrolling.done, {})),
    onAnnouncement(intake, Deferred.isDone(transformation.outcome)),
    onDirector(Transform, () =>
      Effect.gen(function* () {
        const { ciphertexts } = yield* transformation.done
        yield* transformation.forget
        yield* intake.forget
        yield* transformation.tables.prepare
        return { ciphertexts }
      })
    ),
    onDirector(Train, () => Effect.map(training.done, ({ words: _, ...told }) => told))
  ]
}
