/**
 * A data owner (U_i of the paper): agrees with the other users on the rows, splits its cells, encrypts both shares under
 * its own key and uploads one to each cloud; may leave then. At the end the users open the model together, and test it
 * on the rows that they held out. Cells and keys leave this actor only encrypted or sealed.
 */
import { Deferred, Effect, Option, Redacted } from "effect"
import type { EncodedTable } from "../protocol/data/encoding.ts"
import { type FilledBlock, MalformedRows } from "../protocol/data/rows.ts"
import { Enrol, OpenModel, Upload } from "../protocol/messages/control.ts"
import { UserSecrets } from "../protocol/messages/enrolment.ts"
import {
  HeldOutCells,
  HeldOutSecret,
  PartialDecryptions,
  PartialsSecret
} from "../protocol/messages/output.ts"
import { Declaration, DeclaredCells, RowSalt, RowSaltSecret } from "../protocol/messages/upload.ts"
import { on, Party } from "../runtime/actor.ts"
import { gather, NotExpected } from "./gathering.ts"
import { directorOnly, lifecycle } from "./lifecycle.ts"
import { enrol, type MemberOptions, openFrom, sealTo } from "./membership.ts"
import { awaited, reached } from "./phase.ts"
import { raised } from "./raised.ts"
import { openModel, testModel } from "./user-output.ts"
import { agreeOnRows, type Declared, drawRowSalt } from "./user-rows.ts"
import { blocksFromWire, keepUserState, restoreUserState, type UserState } from "./user-state.ts"
import { upload } from "./user-upload.ts"

export interface UserOptions extends MemberOptions {
  /** The cells this user holds, encoded; checked before the actor starts. */
  readonly tables: ReadonlyArray<EncodedTable>
}

/** Serves as one user of one run, until it is told to finish. */
export const user = (options: UserOptions) =>
  Effect.gen(function* () {
    const { agreement, tables } = options
    const party = yield* Party
    const others = agreement.users.map(({ actor }) => actor).filter((actor) => actor !== party.name)

    const enrolled = yield* Deferred.make<Pick<UserState, "membership" | "secretKey">>()
    const ready = yield* Deferred.make<UserState>()
    const restored = yield* restoreUserState(options)
    if (Option.isSome(restored)) {
      yield* Deferred.succeed(enrolled, restored.value)
      yield* Deferred.succeed(ready, restored.value)
    }

    const ownSalt = party.name === agreement.users[0]!.actor ? drawRowSalt(agreement) : undefined
    const declarations = yield* gather<Declared>("a declaration of its cells", others)
    const partials = yield* gather<Uint8Array>("its partial decryptions", others)
    const pooled = yield* gather<ReadonlyArray<FilledBlock>>("its held-out cells", others)

    const standing = awaited(enrolled, "take part", "it had enrolled", agreement.deadlines.replyTimeoutMs)
    const life = yield* lifecycle(agreement)
    yield* party.serve([
      ...life.handlers,
      on(Enrol, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { membership, secrets } = yield* enrol(options, UserSecrets)
          const secretKey = Redacted.make(Redacted.value(secrets).secretKey)
          yield* Deferred.succeed(enrolled, { membership, secretKey })
          return {}
        })
      ),
      on(RowSalt, (_, from) =>
        Effect.gen(function* () {
          if (!others.includes(from)) {
            return yield* new NotExpected({ what: "a request for the row salt", party: from })
          }
          if (ownSalt === undefined) {
            return yield* new NotExpected({
              what: "a request that is the first user's to answer",
              party: from
            })
          }
          const { membership } = yield* standing
          return { sealed: yield* sealTo(membership, from, RowSalt.tag, RowSaltSecret, { salt: ownSalt }) }
        })
      ),
      on(Declaration, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing
          yield* declarations.put(
            from,
            yield* openFrom(membership, from, Declaration.tag, DeclaredCells, sealed)
          )
          return {}
        })
      ),
      on(Upload, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { membership, secretKey } = yield* reached(enrolled, "upload", "it had enrolled")
          const agreed = yield* agreeOnRows(agreement, membership, tables, ownSalt, declarations)
          const sizes = yield* upload(agreement, membership, agreed)
          const { total, training } = agreed.joint
          const state: UserState = {
            membership,
            secretKey,
            rows: { total, training },
            heldOut: agreed.placed.heldOut,
            tester: agreed.tester
          }
          yield* keepUserState(state)
          yield* Deferred.succeed(ready, state)
          return { rows: training, ...sizes }
        })
      ),
      on(PartialDecryptions, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing
          const secret = yield* openFrom(membership, from, PartialDecryptions.tag, PartialsSecret, sealed)
          yield* partials.put(from, secret.partials)
          return {}
        })
      ),
      on(HeldOutCells, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing
          const { blocks } = yield* openFrom(membership, from, HeldOutCells.tag, HeldOutSecret, sealed)
          yield* pooled.put(from, yield* raised([MalformedRows], () => blocksFromWire(blocks)))
          return {}
        })
      ),
      on(OpenModel, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const state = yield* reached(ready, "open the model", "it had uploaded")
          const model = yield* openModel(agreement, state, partials)
          const tested = yield* testModel(agreement, state, model, pooled)
          return tested === undefined ? {} : { tested }
        })
      )
    ])
    yield* life.finished
  })
