/**
 * The transformation to the joint key, as both clouds go through it, each with its own work on the uploads.
 */
import { Effect, Unify } from "effect"
import { Progress } from "../../../protocol/messages/control.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
import { once } from "../../party/once.ts"
import { reached } from "../../party/prerequisites.ts"
import type { ShareReader, Uploaded } from "../../sharing/sharing.ts"
import type { Credentials, CredentialsFor } from "../setup/credentials.ts"
import type { Intake } from "../upload/intake.ts"
import { jointTables, outlineFormat } from "./joint-table.ts"

/** A cloud's own part. */
interface OwnPart<K, E, R, E1, R1> {
  /** Bytes of the uploads that count as one item of progress. */
  readonly itemBytes: number
  /** Transforms the uploads, and returns the number of resulting ciphertexts. May be repeated. */
  readonly transform: (
    credentials: Credentials<K>,
    uploads: ReadonlyArray<Uploaded>,
    onItems: (count: number) => Effect.Effect<void>
  ) => Effect.Effect<number, E, R>
  /** This cloud's share of a user's cells, once transformed. */
  readonly shareOf: (user: string) => Effect.Effect<ShareReader, E1, R1>
}

export const transformation = <K, E, R, E1, R1>(
  agreement: Agreement,
  credentials: CredentialsFor<K>,
  intake: Intake,
  { itemBytes, transform, shareOf }: OwnPart<K, E, R, E1, R1>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { done, outcome } = yield* once(
      "transformed",
      outlineFormat,
      Effect.gen(function* () {
        const own = yield* credentials("transform")
        const { rows, uploads } = yield* intake.whole
        const total = uploads.reduce((sum, { bytes }) => sum + bytes.length, 0) / itemBytes
        let progress = 0
        const onItems = (count: number) => {
          progress += count
          return Effect.ignore(
            party.tell("director", Progress, { phase: "transform", done: progress, total })
          )
        }
        const ciphertexts = yield* transform(own, uploads, onItems)
        return { rows, ciphertexts, uploads: uploads.map(({ user, blocks }) => ({ user, blocks })) }
      })
    )
    const outline = reached(outcome, "train", "the data were transformed")
    return { done, outcome, tables: jointTables(agreement, outline, shareOf) }
  })

/** Two ways to the joint table, by a transformation or from an archive: whichever it is, with the types of both. */
export const eitherWay = <
  W extends {
    readonly done: unknown
    readonly outcome: unknown
    readonly forget: unknown
    readonly handlers: unknown
    readonly tables: { readonly prepare: unknown; readonly take: unknown }
  }
>({
  done,
  outcome,
  forget,
  handlers,
  tables: { prepare, take }
}: W) => ({
  done: Unify.unify(done as W["done"]),
  outcome: outcome as W["outcome"],
  forget: Unify.unify(forget as W["forget"]),
  handlers: handlers as W["handlers"],
  tables: {
    prepare: Unify.unify(prepare as W["tables"]["prepare"]),
    take: Unify.unify(take as W["tables"]["take"])
  }
})
